//! What events add up to, address by address.

use std::collections::BTreeMap;
use std::time::Duration;

use pool_driver::{Event, FailureKind, Instant, SlotEnd, SlotId, SlotState};

/// What the events of one address add up to.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Tally {
    /// When each dial started.
    pub dials: Vec<Instant>,
    /// Dials in flight.
    pub dialling: Level,
    /// Connections that are up and don't drain.
    pub connected: Level,
    /// Connections that drain.
    pub drains: Drains,
    /// Connections that were ever up.
    pub connections: usize,
    /// How dials and connections ended.
    pub ends: Vec<String>,
    /// The length of each backoff, from the start of the latest dial.
    pub backoffs: Vec<Duration>,
    /// How often the address's failures were forgotten.
    pub recovered: usize,
    /// Its rests and suspects.
    pub health: HealthTally,
    /// How often the address joined the set.
    pub added: usize,
    /// How often the address left the set.
    pub removed: usize,
    /// Items that its connections were sent, of those that ended.
    pub sent: u64,
    /// Items that were in flight when their connections ended.
    pub in_flight_at_end: u64,
    /// The most slots at once: dials and connections that don't drain.
    pub slots_max: usize,
}

/// How often an address, or a connection of it, got less than its share.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct HealthTally {
    /// How long the address was to rest, each time.
    pub rests: Vec<Duration>,
    /// How often the address returned from a rest.
    pub returned: usize,
    /// How often a connection became a suspect.
    pub suspected: usize,
    /// How often a suspect was cleared.
    pub cleared: usize,
}

/// The drains of one address.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Drains {
    /// Connections that drain.
    pub level: Level,
    /// Why connections drained.
    pub reasons: Vec<String>,
    /// How long each drain took that is over.
    pub durations: Vec<Duration>,
    since: BTreeMap<SlotId, Instant>,
}

/// A count that rises and falls.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Level {
    /// Its value.
    pub now: usize,
    /// The highest value that it ever had.
    pub max: usize,
    /// It fell when it was zero.
    is_wrong: bool,
}

impl Level {
    fn rise(&mut self) {
        self.set(self.now + 1);
    }

    fn fall(&mut self) {
        match self.now.checked_sub(1) {
            Some(now) => self.now = now,
            None => self.is_wrong = true,
        }
    }

    pub(super) fn set(&mut self, now: usize) {
        self.now = now;
        self.max = self.max.max(now);
    }
}

impl Tally {
    /// Whether an event came that does not follow from those before it.
    pub(super) fn is_wrong(&self) -> bool {
        [self.dialling, self.connected, self.drains.level].iter().any(|level| level.is_wrong)
    }

    pub(super) fn add(&mut self, event: &Event<u16>, now: Instant) {
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
                self.drains.start(*slot, format!("{reason:?}"), now);
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
            Event::Suspected { .. } => self.health.suspected += 1,
            Event::Cleared { .. } => self.health.cleared += 1,
            Event::Rested { retry_after, .. } => self.health.rests.push(*retry_after),
            Event::Returned { .. } => self.health.returned += 1,
            _ => {}
        }
        self.slots_max = self.slots_max.max(self.dialling.now + self.connected.now);
    }

    fn end_slot(&mut self, slot: SlotId, state: SlotState, end: SlotEnd, now: Instant) {
        match state {
            SlotState::Dialling => self.dialling.fall(),
            SlotState::Draining => self.drains.level.fall(),
            SlotState::Busy | SlotState::Ready | SlotState::Suspect => self.connected.fall(),
            SlotState::Dropping => unreachable!("the state before the drop is told"),
        }
        self.drains.end(slot, now);
        self.ends.push(match end {
            SlotEnd::Failed(FailureKind::Error) => "Failed".into(),
            SlotEnd::Failed(kind) => format!("{kind:?}"),
            other => format!("{other:?}"),
        });
    }
}

impl Drains {
    fn start(&mut self, slot: SlotId, reason: String, now: Instant) {
        self.level.rise();
        self.reasons.push(reason);
        self.since.insert(slot, now);
    }

    /// The slot ended. It may never have drained.
    fn end(&mut self, slot: SlotId, now: Instant) {
        if let Some(since) = self.since.remove(&slot) {
            self.durations.push(now.saturating_duration_since(since));
        }
    }
}
