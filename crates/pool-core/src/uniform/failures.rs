//! When an address has failed, how long it is left alone, and when its failures are forgotten.
//!
//! All connections of an address share one backoff. What dies in one go counts once: each counted
//! failure opens a new episode, and the failure of a slot whose dial belongs to an earlier episode
//! doesn't raise the delay.

use core::time::Duration;

use super::Uniform;
use crate::balance::Balance;
use crate::evidence::{Reported, Trust};
use crate::ids::AddressId;
use crate::instant::Instant;
use crate::known_address::Replacement;
use crate::output::{Event, Output};
use crate::slab::SlabKey;
use crate::slot::{Slot, SlotState};

/// A connection that ends in good order before this age, without a success, was hung up on.
const HANG_UP_AGE: Duration = Duration::from_secs(1);

/// How a connection goes, by its peer's doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Departure {
    /// By an error.
    Broken,
    /// It is closed in good order.
    Closed,
    /// The peer asks for no more items.
    Goodbye,
}

impl<A: Clone + Ord, B: Balance> Uniform<A, B> {
    /// Whether the end of a slot, or its wish to go, is held against its address.
    ///
    /// A failed dial always is, and so is an end by error. An orderly end is, if the peer owed replies, or has hung
    /// up: on a connection that was young and had no success. So is an early goodbye, but what is in flight may
    /// still be done: then the end of the drain decides. What callers did is no evidence: a connection may have to
    /// end because one of them has gone.
    pub(super) fn is_failure(&self, slot: &Slot, departure: Departure) -> bool {
        match slot.state {
            SlotState::Dialling => true,
            SlotState::Busy | SlotState::Ready | SlotState::Suspect => match departure {
                Departure::Broken => true,
                Departure::Closed => slot.owes_outcomes(&self.config) || self.is_hang_up(slot),
                Departure::Goodbye => self.is_hang_up(slot) && slot.in_flight() == 0,
            },
            SlotState::Draining => {
                slot.evidence.hung_up && !slot.evidence.has_succeeded && slot.owes_outcomes(&self.config)
            }
            SlotState::Dropping => false,
        }
    }

    /// Whether a connection that goes in good order goes so early that it looks like a peer that accepts and hangs
    /// up.
    pub(super) fn is_hang_up(&self, slot: &Slot) -> bool {
        let young = HANG_UP_AGE.min(self.config.stable_after);
        let shows_nothing = slot.evidence.has_succeeded || slot.evidence.reported == Reported::Cancelled;
        !shows_nothing && self.now.saturating_duration_since(slot.since) < young
    }

    /// Whether a connection can still show that its address works again: it came up after the last failure.
    pub(super) fn may_clear(&self, slot: &Slot) -> bool {
        let known = self.addresses.get(slot.address);
        let is_later = known.episode == slot.evidence.connected_episode;
        slot.evidence.trust < Trust::Works && known.is_failing() && is_later
    }

    /// Counts the failure of a slot that was dialled in `episode`.
    pub(super) fn count_failure(&mut self, index: u32, episode: u16) {
        let known = self.addresses.get_mut(index);
        if episode != known.episode {
            return;
        }
        known.episode = known.episode.wrapping_add(1);
        known.failures = known.failures.saturating_add(1);
        let (failures, is_first) = (known.failures.into(), known.failures == 1);
        let until = known.last_dial + self.config.backoff.jittered(failures, &mut self.random);
        self.postpone_dials(index, until);
        let known = self.addresses.get_mut(index);
        let address = known.address.clone();
        let is_present = known.present;
        let id = AddressId(SlabKey { index, generation: known.generation });
        if is_first && is_present {
            known.since = self.now;
            self.addresses.failing += 1;
        }
        self.outputs.push_back(Output::Event(Event::BackedOff { address, id, failures, until }));
        if is_present {
            self.count_towards_re_resolution();
        }
    }

    /// A connection has shown that its address works. Only one that came up after the last failure
    /// can: an older one says nothing of whether new ones are let in.
    pub(super) fn prove(&mut self, slot: u32) {
        let Slot { address: index, evidence, .. } = &mut self.slots[slot];
        if evidence.trust >= Trust::Works {
            return;
        }
        evidence.trust = Trust::Works;
        let (index, episode) = (*index, evidence.connected_episode);
        let known = self.addresses.get_mut(index);
        if episode == known.episode && known.is_failing() {
            known.failures = 0;
            let address = known.address.clone();
            let id = AddressId(SlabKey { index, generation: known.generation });
            if known.present {
                known.since = self.now;
                self.addresses.failing -= 1;
            }
            self.free_dials(index);
            self.keep_pace(index);
            self.outputs.push_back(Output::Event(Event::Recovered { address, id }));
        }
        self.update_deadline(slot);
    }

    /// No dial before this time, or before what is set already.
    pub(super) fn postpone_dials(&mut self, index: u32, until: Instant) {
        if until > self.dials.postponed_beyond(index, self.now).unwrap_or(self.now) {
            self.set_earliest_dial(index, until);
            self.update_dialling(index);
        }
    }

    /// Lets an address be dialled at once, whatever it waits for. Returns whether it was in backoff.
    pub(super) fn retry(&mut self, index: u32) -> bool {
        self.stop_draining_first(index);
        self.end_backoff(index)
    }

    /// Lets an address be dialled at once, unless a drain comes first.
    pub(super) fn free_dials(&mut self, index: u32) {
        if self.addresses.get(index).replacement != Replacement::AfterDrain {
            self.end_backoff(index);
        }
    }

    /// Lets an address be dialled at once. Returns whether it was in backoff.
    pub(super) fn end_backoff(&mut self, index: u32) -> bool {
        let was_in_backoff = self.dials.postponed_beyond(index, self.now).is_some();
        self.clear_earliest_dial(index);
        self.update_dialling(index);
        self.forget_if_done(index);
        was_in_backoff
    }
}
