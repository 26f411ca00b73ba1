//! The observer: what a pool told it, with the time, and sums of that.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use pool_driver::{Event, Instant, Observer};

use super::tally::{Level, Tally};
use super::user_calls::Calls;
use crate::observed_runtime::ClockWatch;

/// All events of a pool. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct EventLog {
    state: Arc<Mutex<LogState>>,
    panics: Arc<AtomicBool>,
    calls: Calls,
    clock: ClockWatch,
}

#[derive(Debug, Default)]
struct LogState {
    events: Vec<TimedEvent>,
    tallies: BTreeMap<u16, Tally>,
    /// Dials in flight to all addresses.
    dialling: Level,
}

#[derive(Debug)]
struct TimedEvent {
    at: Instant,
    event: Event<u16>,
}

impl EventLog {
    /// An empty log. It reads the time from `clock`. Calls into it count as user code.
    pub fn new(calls: &Calls, clock: &ClockWatch) -> Self {
        Self { calls: calls.clone(), clock: clock.clone(), ..Self::default() }
    }

    /// From now on the observer panics.
    pub fn spoil(&self) {
        self.panics.store(true, Ordering::Relaxed);
    }

    /// Takes all events out of the log. The tallies stay.
    pub fn take(&self) -> Vec<Event<u16>> {
        let events = std::mem::take(&mut self.state.lock().events);
        events.into_iter().map(|timed| timed.event).collect()
    }

    /// How many events are like this.
    pub fn count(&self, is_meant: impl Fn(&Event<u16>) -> bool) -> usize {
        self.state.lock().events.iter().filter(|timed| is_meant(&timed.event)).count()
    }

    /// The first thing that `look` finds in an event.
    pub fn find<R>(&self, look: impl FnMut(&Event<u16>) -> Option<R>) -> Option<R> {
        self.state.lock().events.iter().map(|timed| &timed.event).find_map(look)
    }

    /// The last thing that `look` finds in an event.
    pub fn find_last<R>(&self, look: impl FnMut(&Event<u16>) -> Option<R>) -> Option<R> {
        self.state.lock().events.iter().rev().map(|timed| &timed.event).find_map(look)
    }

    /// Dials in flight to all addresses.
    pub fn dialling(&self) -> Level {
        self.state.lock().dialling
    }

    /// All events with their times, one on each line.
    pub fn transcript(&self) -> String {
        let state = self.state.lock();
        let lines = state.events.iter().map(|TimedEvent { at, event }| format!("{at:?} {event:?}"));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Looks at what the events of one address add up to.
    pub fn tally<R>(&self, address: u16, look: impl FnOnce(&Tally) -> R) -> R {
        let none = Tally::default();
        look(self.state.lock().tallies.get(&address).unwrap_or(&none))
    }
}

impl Observer<u16> for EventLog {
    fn on_event(&mut self, event: &Event<u16>) {
        let is_wrong = self.state.lock().add(event, self.clock.now());
        if is_wrong {
            self.calls.contradict(&format!("{event:?} does not follow from the events before it"));
        }
        let _entered = self.calls.enter();
        if self.panics.load(Ordering::Relaxed) {
            self.calls.panic("of the observer");
        }
    }
}

impl LogState {
    /// Returns whether the event does not follow from those before it.
    fn add(&mut self, event: &Event<u16>, at: Instant) -> bool {
        self.events.push(TimedEvent { at, event: event.clone() });
        let Some(address) = address_of(event) else { return false };
        let tally = self.tallies.entry(address).or_default();
        let before = tally.dialling.now;
        tally.add(event, at);
        self.dialling.set(self.dialling.now + tally.dialling.now - before);
        tally.is_wrong()
    }
}

fn address_of(event: &Event<u16>) -> Option<u16> {
    match event {
        Event::AddressAdded { address, .. }
        | Event::AddressRemoved { address, .. }
        | Event::Dialling { address, .. }
        | Event::Connected { address, .. }
        | Event::Draining { address, .. }
        | Event::Suspected { address, .. }
        | Event::Cleared { address, .. }
        | Event::SlotEnded { address, .. }
        | Event::BackedOff { address, .. }
        | Event::Paced { address, .. }
        | Event::Recovered { address, .. }
        | Event::Rested { address, .. }
        | Event::Returned { address, .. } => Some(*address),
        _ => None,
    }
}
