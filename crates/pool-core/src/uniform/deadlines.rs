//! All deadlines meet here, each with its reason.

use core::time::Duration;

use super::Uniform;
use crate::balance::Balance;
use crate::instant::{Instant, duration_nanos};
use crate::output::{Availability, DrainReason, Output, SlotEnd};
use crate::random::Random;
use crate::slab::Key;
use crate::slot::{FailureKind, NONE, SlotState};
use crate::timers::Timer;

/// Why a slot has a deadline; the earlier in this list wins when two fall together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Reason {
    DialTimeout,
    /// The connection has been up for long enough to clear its address of failures.
    Stable,
    /// It owes outcomes and reports none.
    Silent,
    Lifetime,
    Idle,
    DrainTimeout,
}

/// The lifetime became shorter than it was, if it was any.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shortening {
    at: Instant,
    before: Option<Duration>,
}

impl<A: Clone + Ord, B: Balance> Uniform<A, B> {
    /// The nearest deadline of a slot.
    fn slot_deadline(&self, index: u32) -> Option<(Instant, Reason)> {
        let (slot, config) = (&self.slots[index], &self.config);
        match slot.state {
            SlotState::Dropping => None,
            SlotState::Dialling => Some((slot.since + config.dial_timeout, Reason::DialTimeout)),
            SlotState::Draining => Some((slot.since + config.drain_timeout, Reason::DrainTimeout)),
            SlotState::Busy | SlotState::Ready => {
                let known = self.addresses.get(slot.address);
                let may_clear = !slot.proven && known.is_failing() && known.episode == slot.connected_episode;
                let stable = may_clear.then(|| (slot.since + config.stable_after, Reason::Stable));
                let lifetime = self.lifetime_end(index).filter(|_| !known.retiring);
                let lifetime = lifetime.map(|at| (at, Reason::Lifetime));
                let quiet_since = slot.quiet_since.max(slot.since);
                let quiet = if slot.owes_outcomes(config) {
                    config.outcome_timeout.map(|max| (quiet_since + max, Reason::Silent))
                } else {
                    let idle = config.idle_timeout;
                    idle.map(|max| (quiet_since + self.shortened(max, index), Reason::Idle))
                };
                [stable, lifetime, quiet].into_iter().flatten().min()
            }
        }
    }

    /// Sets a slot's timer to what its deadline is now.
    pub(super) fn update_deadline(&mut self, index: u32) {
        let slot = &self.slots[index];
        let due = self.slot_deadline(index).map(|(at, _)| at);
        if slot.armed {
            if due == Some(slot.deadline) {
                return;
            }
            self.timers.disarm(slot.deadline, Timer::Slot(index));
        }
        let slot = &mut self.slots[index];
        slot.armed = due.is_some();
        if let Some(at) = due {
            slot.deadline = at;
            self.timers.arm(at, Timer::Slot(index));
        }
    }

    /// Does everything that is due, in the order of time.
    pub(super) fn fire_timers(&mut self) {
        while let Some((_, timer)) = self.timers.pop_due(self.now) {
            match timer {
                Timer::Slot(index) => {
                    self.slots[index].armed = false;
                    self.on_slot_deadline(index);
                }
                Timer::Backoff(index) => {
                    self.addresses.get_mut(index).backoff_armed = false;
                    self.update_dialling(index);
                    self.forget_if_done(index);
                }
                Timer::FailFast => {
                    self.fail_fast_at = None;
                    self.set_availability(Availability::FailingFast);
                }
                Timer::Close => self.on_close_deadline(),
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
            Some((_, Reason::Stable)) => self.prove(index),
            Some((_, Reason::Silent)) => self.drop_slot(index, SlotEnd::Failed(FailureKind::TimedOut)),
            Some((_, Reason::Lifetime)) => self.on_lifetime_end(index),
            Some((_, Reason::Idle)) => self.on_idle(index),
            Some((_, Reason::DrainTimeout)) => self.drop_slot(index, SlotEnd::DrainTimedOut),
            None => {}
        }
    }

    /// An eager pool replaces a connection before it drains, one at a time for each address; a
    /// lazy one opens another when it needs one.
    fn on_lifetime_end(&mut self, index: u32) {
        let address = self.slots[index].address;
        // Whoever reaches the age it may reach has shown enough.
        self.prove(index);
        if self.is_lazy() {
            return self.drain_slot(index, DrainReason::Lifetime);
        }
        self.addresses.get_mut(address).retiring = true;
        self.update_siblings_deadlines(address);
        self.update_dialling(address);
    }

    /// A new connection is up: if it was made to replace one at the end of its life, that one drains now,
    /// or another whose end came before.
    pub(super) fn replace_retiring(&mut self, address: u32) {
        let known = self.addresses.get(address);
        if !known.retiring || known.connected() <= self.connections_per_address() {
            return;
        }
        let connected = self.siblings(address).filter(|&slot| self.slots[slot].state.is_connected());
        let first = connected.min_by_key(|&slot| (self.lifetime_end(slot), self.slots[slot].since));
        if let Some(first) = first {
            self.stop_retiring(address);
            self.drain_slot(first, DrainReason::Lifetime);
        }
    }

    /// A connection is gone that made one too many with the replacement on its way: the pool is
    /// back to the usual number, and whatever has outlived its lifetime starts afresh.
    pub(super) fn check_retiring(&mut self, address: u32) {
        let (known, usual) = (self.addresses.get(address), self.connections_per_address());
        let is_usual = known.connected() < usual && known.connected() + known.dialling <= usual;
        if known.retiring && is_usual {
            self.stop_retiring(address);
        }
    }

    fn stop_retiring(&mut self, address: u32) {
        self.addresses.get_mut(address).retiring = false;
        self.update_siblings_deadlines(address);
    }

    fn update_siblings_deadlines(&mut self, address: u32) {
        let mut next = self.addresses.get(address).slots;
        while next != NONE {
            self.update_deadline(next);
            next = self.slots[next].sibling_next;
        }
    }

    /// A connection that pushes back is anything but idle.
    fn on_idle(&mut self, index: u32) {
        let slot = &mut self.slots[index];
        if slot.state == SlotState::Busy {
            slot.quiet_since = self.now;
            return self.update_deadline(index);
        }
        self.prove(index);
        self.drain_slot(index, DrainReason::Idle);
    }

    /// What is usable now, and when to start failing fast if nothing is.
    pub(super) fn update_availability(&mut self) {
        let is_usable = self.rings.active_priority().is_some();
        if is_usable {
            self.set_availability(Availability::Usable);
        } else if self.availability == Availability::Usable {
            self.set_availability(Availability::Waiting);
        }
        // A lazy pool without items has no connection because it needs none.
        let is_missed = !self.is_lazy() || self.demand > 0;
        let counts = self.availability == Availability::Waiting && is_missed && self.phase.is_open();
        if counts {
            self.missed_since.get_or_insert(self.now);
        } else if self.availability != Availability::FailingFast {
            self.missed_since = None;
        }
        let after = self.config.fail_fast_after.filter(|_| counts);
        let due = after.zip(self.missed_since).map(|(after, since)| since + after);
        if due != self.fail_fast_at {
            if let Some(at) = self.fail_fast_at {
                self.timers.disarm(at, Timer::FailFast);
            }
            if let Some(at) = due {
                self.timers.arm(at, Timer::FailFast);
            }
            self.fail_fast_at = due;
        }
    }

    pub(super) fn set_availability(&mut self, availability: Availability) {
        if self.availability != availability {
            self.availability = availability;
            self.outputs.push_back(Output::Availability(availability));
        }
    }

    /// Whether a connection is older than its lifetime.
    pub(super) fn has_outlived(&self, slot: u32) -> bool {
        self.config.lifetime_max.is_some_and(|max| self.end_by_age(slot, max) <= self.now)
    }

    fn end_by_age(&self, slot: u32, lifetime: Duration) -> Instant {
        self.slots[slot].since + self.shortened(lifetime, slot)
    }

    /// When a connection is to go. Those that a new lifetime finds too old don't go all at once, but spread
    /// over a tenth of it, and none later than it would have gone before.
    fn lifetime_end(&self, slot: u32) -> Option<Instant> {
        let max = self.config.lifetime_max?;
        let by_age = self.end_by_age(slot, max);
        let Some(Shortening { at, before }) = self.shortening.filter(|shortening| by_age <= shortening.at)
        else {
            return Some(by_age);
        };
        let spread = at + self.up_to_a_tenth(max, slot);
        Some(before.map_or(spread, |before| spread.min(self.end_by_age(slot, before))))
    }

    /// Where the lifetime is shorter than it was. While those that the one before found too old are still
    /// going, their time is left alone: changes that follow each other fast postpone nobody's end.
    pub(super) fn change_lifetime(&mut self, before: Option<Duration>) {
        let Some(max) = self.config.lifetime_max else { return };
        let tenth = before.unwrap_or(max) / 10;
        let are_going = self.shortening.is_some_and(|shortening| shortening.at + tenth > self.now);
        if before.is_none_or(|before| max < before) && !are_going {
            self.shortening = Some(Shortening { at: self.now, before });
        }
    }

    fn shortened(&self, duration: Duration, slot: u32) -> Duration {
        duration.saturating_sub(self.up_to_a_tenth(duration, slot))
    }

    /// The same for a slot's tenant whenever it is asked.
    fn up_to_a_tenth(&self, duration: Duration, slot: u32) -> Duration {
        let Key { index, generation } = self.slots.key(slot);
        let tenant = u64::from(generation) << 32 | u64::from(index);
        let mut random = Random::new(self.salt ^ tenant);
        Duration::from_nanos(random.up_to(duration_nanos(duration) / 10))
    }
}
