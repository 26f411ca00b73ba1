//! What a pool told its observer, with the time, and sums of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use pool_driver::{Event, FailureKind, Instant, Observer, SlotEnd, SlotId, SlotState};

use super::ledger::Calls;
use crate::observed::Stamp;

/// Keeps what the pool tells, for all who have a clone.
#[derive(Clone, Debug, Default)]
pub struct EventLog {
    state: Arc<Mutex<State>>,
    panics: Arc<AtomicBool>,
    calls: Calls,
    stamp: Stamp,
}

#[derive(Debug, Default)]
struct State {
    events: Vec<(Instant, Event<u16>)>,
    tallies: BTreeMap<u16, Tally>,
    /// Dials in flight to all addresses.
    dialling: Level,
}

/// What the events add up to, for one address or for all.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Tally {
    /// When dials started.
    pub dials: Vec<Instant>,
    /// Dials in flight now, and at most.
    pub dialling: Level,
    /// Connections that are up and don't drain.
    pub connected: Level,
    /// Connections that drain.
    pub draining: Level,
    /// Connections that were ever up.
    pub connections: usize,
    /// Why connections drained.
    pub drain_reasons: Vec<String>,
    /// How long each of those that are over has drained.
    pub drains: Vec<Duration>,
    /// How dials and connections ended.
    pub ends: Vec<String>,
    /// How long after its latest dial the address was to be left alone, each time that it failed.
    pub backoffs: Vec<Duration>,
    /// How often its failures were forgotten.
    pub recovered: usize,
    /// How often it joined the set.
    pub added: usize,
    /// How often it left the set.
    pub removed: usize,
    /// Items that its connections were sent.
    pub sent: u64,
    /// Items that its connections may have taken with them.
    pub in_flight_at_end: u64,
    /// The most dials and connections, draining ones apart, that there ever were.
    pub slots_max: usize,
    draining_since: BTreeMap<SlotId, Instant>,
}

/// Something that rises and falls.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Level {
    /// What it is now.
    pub now: usize,
    /// The most that it ever was.
    pub max: usize,
    /// It fell when there was nothing.
    is_wrong: bool,
}

impl Level {
    fn rise(&mut self) {
        self.now += 1;
        self.max = self.max.max(self.now);
    }

    fn fall(&mut self) {
        match self.now.checked_sub(1) {
            Some(now) => self.now = now,
            None => self.is_wrong = true,
        }
    }
}

impl EventLog {
    /// An empty one that reads the time from `stamp`, and whose calls count as user code.
    pub fn new(calls: &Calls, stamp: &Stamp) -> Self {
        Self { calls: calls.clone(), stamp: stamp.clone(), ..Self::default() }
    }

    /// From now on the observer panics.
    pub fn spoil(&self) {
        self.panics.store(true, Ordering::Relaxed);
    }

    /// All events, which are forgotten.
    pub fn take(&self) -> Vec<Event<u16>> {
        let events = std::mem::take(&mut self.state.lock().events);
        events.into_iter().map(|(_, event)| event).collect()
    }

    /// How many events are like this.
    pub fn count(&self, is_meant: impl Fn(&Event<u16>) -> bool) -> usize {
        self.state.lock().events.iter().filter(|(_, event)| is_meant(event)).count()
    }

    /// The first event that this finds something in.
    pub fn find<R>(&self, look: impl FnMut(&Event<u16>) -> Option<R>) -> Option<R> {
        self.state.lock().events.iter().map(|(_, event)| event).find_map(look)
    }

    /// Dials in flight to all addresses.
    pub fn dialling(&self) -> Level {
        self.state.lock().dialling
    }

    /// All events with their times, a line each.
    pub fn transcript(&self) -> String {
        let state = self.state.lock();
        let lines = state.events.iter().map(|(at, event)| format!("{at:?} {event:?}"));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// A look at what the events of one address add up to.
    pub fn tally<R>(&self, address: u16, look: impl FnOnce(&Tally) -> R) -> R {
        let none = Tally::default();
        look(self.state.lock().tallies.get(&address).unwrap_or(&none))
    }
}

impl Observer<u16> for EventLog {
    fn on_event(&mut self, event: &Event<u16>) {
        let now = self.stamp.now();
        {
            let mut state = self.state.lock();
            state.events.push((now, event.clone()));
            if let Some(address) = address_of(event) {
                let tally = state.tallies.entry(address).or_default();
                let before = tally.dialling.now;
                tally.add(event, now);
                let (after, is_wrong) = (tally.dialling.now, tally.is_wrong());
                state.dialling.now = state.dialling.now + after - before;
                state.dialling.max = state.dialling.max.max(state.dialling.now);
                if is_wrong {
                    self.calls.contradict(&format!("{event:?} does not follow from the events before it"));
                }
            }
        }
        let _entered = self.calls.enter();
        if self.panics.load(Ordering::Relaxed) {
            self.calls.panic("of the observer");
        }
    }
}

impl Tally {
    fn is_wrong(&self) -> bool {
        [self.dialling, self.connected, self.draining].iter().any(|level| level.is_wrong)
    }

    fn add(&mut self, event: &Event<u16>, now: Instant) {
        match event {
            Event::AddressAdded { .. } => self.added += 1,
            Event::AddressRemoved { .. } => self.removed += 1,
            Event::Dialling { .. } => {
                self.dials.push(now);
                self.dialling.rise();
            }
            Event::Connected { .. } => {
                self.dialling.fall();
                self.connections += 1;
                self.connected.rise();
            }
            Event::Draining { slot, reason, .. } => {
                self.connected.fall();
                self.draining.rise();
                self.drain_reasons.push(format!("{reason:?}"));
                self.draining_since.insert(*slot, now);
            }
            Event::SlotEnded { slot, state, end, sent, in_flight, .. } => {
                self.end_slot(*slot, *state, *end, now);
                self.sent += sent;
                self.in_flight_at_end += u64::from(*in_flight);
            }
            Event::BackedOff { retry_after, .. } => {
                let dialled_at = self.dials.last().copied().unwrap_or(now);
                self.backoffs.push((now + *retry_after).saturating_duration_since(dialled_at));
            }
            Event::Recovered { .. } => self.recovered += 1,
            _ => {}
        }
        self.slots_max = self.slots_max.max(self.dialling.now + self.connected.now);
    }

    fn end_slot(&mut self, slot: SlotId, state: SlotState, end: SlotEnd, now: Instant) {
        match state {
            SlotState::Dialling => self.dialling.fall(),
            SlotState::Draining => self.draining.fall(),
            SlotState::Busy | SlotState::Ready => self.connected.fall(),
            SlotState::Dropping => unreachable!("the state before the drop is told"),
        }
        if let Some(since) = self.draining_since.remove(&slot) {
            self.drains.push(now.saturating_duration_since(since));
        }
        self.ends.push(match end {
            SlotEnd::Failed(FailureKind::Error) => "Failed".into(),
            SlotEnd::Failed(kind) => format!("{kind:?}"),
            other => format!("{other:?}"),
        });
    }
}

fn address_of(event: &Event<u16>) -> Option<u16> {
    match event {
        Event::AddressAdded { address }
        | Event::AddressRemoved { address }
        | Event::Dialling { address, .. }
        | Event::Connected { address, .. }
        | Event::Draining { address, .. }
        | Event::SlotEnded { address, .. }
        | Event::BackedOff { address, .. }
        | Event::Recovered { address } => Some(*address),
        _ => None,
    }
}
