//! All deadlines meet here, each with its reason. What each of them means has a file of its own:
//! `dialling`, `failures`, `pace`, `resting`, `suspects`, `lifetime`, `idle`, `fail_fast`, `closing`.

use core::mem;
use core::time::Duration;

use super::Uniform;
use crate::balance::Balance;
use crate::deadline_queue::DeadlineKind;
use crate::instant::{Instant, duration_nanos};
use crate::known_address::Replacement;
use crate::outcome::FailureKind;
use crate::random::Random;
use crate::reason::SlotEnd;
use crate::slab::SlabKey;
use crate::slot::SlotState;

/// Why a slot has a deadline; the earlier in this list wins when two fall together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Reason {
    DialTimeout,
    /// The connection has been up for long enough to end a row of short lives.
    Long,
    /// The connection has been up for long enough to clear its address of failures.
    Stable,
    /// It owes outcomes and has been silent for too long.
    Silent,
    /// It owes outcomes and has been silent for so long that it is a suspect.
    Suspect,
    Lifetime,
    Idle,
    DrainTimeout,
}

impl<A: Clone + Ord, B: Balance> Uniform<A, B> {
    /// The nearest deadline of a slot, at the end of time at the latest.
    fn slot_deadline(&self, index: u32) -> Option<(Instant, Reason)> {
        self.next_of_slot(index).map(|(at, reason)| (at.min(Instant::LAST), reason))
    }

    fn next_of_slot(&self, index: u32) -> Option<(Instant, Reason)> {
        let (slot, config) = (&self.slots[index], &self.config);
        match slot.state {
            SlotState::Dropping => None,
            SlotState::Dialling => Some((slot.since + config.dial_timeout, Reason::DialTimeout)),
            SlotState::Suspect => self.silence_deadline(index),
            SlotState::Draining => Some((slot.since + config.drain_timeout, Reason::DrainTimeout)),
            SlotState::Busy | SlotState::Ready => {
                let known = self.addresses.get(slot.address);
                let long = self.long_life_at(slot).map(|at| (at, Reason::Long));
                let stable = self.may_clear(slot).then(|| (slot.since + config.stable_after, Reason::Stable));
                let lifetime = self.lifetime_end(index).filter(|_| known.replacement == Replacement::None);
                let lifetime = lifetime.map(|at| (at, Reason::Lifetime));
                let quiet = if slot.owes_outcomes(config) {
                    self.silence_deadline(index).into_iter().chain(self.suspicion_deadline(index)).min()
                } else {
                    let idle_since = slot.quiet_since.max(slot.since);
                    let idle = config.idle_timeout;
                    idle.map(|timeout| (idle_since + self.shortened(timeout, index), Reason::Idle))
                };
                [long, stable, lifetime, quiet].into_iter().flatten().min()
            }
        }
    }

    fn silence_deadline(&self, index: u32) -> Option<(Instant, Reason)> {
        let timeout = self.config.silence.outcome_timeout?;
        Some((self.blame_at(index, timeout), Reason::Silent))
    }

    fn suspicion_deadline(&self, index: u32) -> Option<(Instant, Reason)> {
        let suspect_after = self.config.silence.suspect_after.filter(|_| self.may_be_suspected(index))?;
        Some((Self::silence_end(&self.slots[index], suspect_after), Reason::Suspect))
    }

    /// Sets a slot's timer to what its deadline is now.
    pub(super) fn update_deadline(&mut self, index: u32) {
        let due = self.slot_deadline(index).map_or(Instant::NEVER, |(at, _)| at);
        if due == self.slots[index].deadline {
            return;
        }
        self.disarm_slot(index);
        if due != Instant::NEVER {
            self.slots[index].deadline = due;
            self.deadlines.arm(due, DeadlineKind::Slot(index));
        }
    }

    /// Takes a slot's timer away, if it is set.
    pub(super) fn disarm_slot(&mut self, index: u32) {
        let deadline = mem::replace(&mut self.slots[index].deadline, Instant::NEVER);
        if deadline != Instant::NEVER {
            self.deadlines.disarm(deadline, DeadlineKind::Slot(index));
        }
    }

    /// Does everything that is due, in the order of time.
    pub(super) fn fire_timers(&mut self) {
        while let Some((_, timer)) = self.deadlines.pop_due(self.now) {
            match timer {
                DeadlineKind::Slot(index) => {
                    self.slots[index].deadline = Instant::NEVER;
                    self.on_slot_deadline(index);
                }
                DeadlineKind::Backoff(index) => self.on_earliest_dial(index),
                DeadlineKind::Rest(index) => self.on_rest_deadline(index),
                DeadlineKind::Surplus(index) => self.on_calm(index),
                DeadlineKind::Failback => self.on_failback(),
                DeadlineKind::FailFast => self.on_fail_fast(),
                DeadlineKind::Close => self.on_close_deadline(),
            }
        }
    }

    fn on_slot_deadline(&mut self, index: u32) {
        match self.slot_deadline(index) {
            // Something has been sent or reported since the timer was set.
            Some((at, _)) if at > self.now => self.update_deadline(index),
            Some((_, Reason::DialTimeout)) => {
                self.drop_slot(index, SlotEnd::Failed(FailureKind::TimedOut));
            }
            Some((_, Reason::Silent)) => self.on_silence(index),
            Some((_, Reason::Suspect)) => self.suspect(index),
            Some((_, Reason::Long)) => self.end_pace(index),
            Some((_, Reason::Stable)) => self.prove(index),
            Some((_, Reason::Lifetime)) => self.on_lifetime_end(index),
            Some((_, Reason::Idle)) => self.on_idle(index),
            Some((_, Reason::DrainTimeout)) => self.drop_slot(index, SlotEnd::DrainTimedOut),
            None => {}
        }
    }

    /// The duration less up to a tenth, which differs from slot to slot.
    pub(super) fn shortened(&self, duration: Duration, slot: u32) -> Duration {
        duration.saturating_sub(self.up_to_a_tenth(duration, slot))
    }

    /// The same for a slot's connection whenever it is asked.
    pub(super) fn up_to_a_tenth(&self, duration: Duration, slot: u32) -> Duration {
        let SlabKey { index, generation } = self.slots.key(slot);
        let connection = u64::from(generation) << 32 | u64::from(index);
        let mut random = Random::new(self.lifetimes.salt ^ connection);
        Duration::from_nanos(random.up_to(duration_nanos(duration) / 10))
    }
}
