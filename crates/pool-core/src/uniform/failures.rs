//! When an address has failed, how long it is left alone, and when its failures are forgotten.
//!
//! All connections of an address share one backoff. What dies in one go counts once: each counted
//! failure opens a new episode, and the failure of a slot whose dial belongs to an earlier episode
//! doesn't raise the delay.

use super::Uniform;
use crate::balance::Balance;
use crate::deadline_queue::DeadlineKind;
use crate::ids::AddressId;
use crate::output::{Event, Output};
use crate::slab::SlabKey;
use crate::slot::{Slot, SlotState, Trust};

impl<A: Clone + Ord, B: Balance> Uniform<A, B> {
    /// Whether the end of a slot is held against its address. A failure always is. A close in
    /// good order is not, once the connection has sent something (what came back unsent doesn't
    /// count) or has been up for `stable_after`: before that it looks like a peer that accepts and
    /// hangs up.
    pub(super) fn is_failure(&self, slot: &Slot, in_good_order: bool) -> bool {
        match slot.state {
            SlotState::Dialling => true,
            SlotState::Busy | SlotState::Ready => {
                !(in_good_order && (slot.has_sent() || self.is_stable(slot)))
            }
            SlotState::Draining | SlotState::Dropping => false,
        }
    }

    fn is_stable(&self, slot: &Slot) -> bool {
        slot.trust == Trust::Proven
            || self.now.saturating_duration_since(slot.since) >= self.config.stable_after
    }

    /// Whether a connection can still show that its address works again: it came up after the last failure.
    pub(super) fn may_clear(&self, slot: &Slot) -> bool {
        let known = self.addresses.get(slot.address);
        let is_later = known.episode == slot.evidence.connected_episode;
        slot.trust != Trust::Proven && known.is_failing() && is_later
    }

    /// Counts the failure of a slot that was dialled in `episode`.
    pub(super) fn count_failure(&mut self, index: u32, episode: u16) {
        let known = self.addresses.get_mut(index);
        if episode != known.episode {
            return;
        }
        known.episode = known.episode.wrapping_add(1);
        known.failures = known.failures.saturating_add(1);
        let (failures, is_first) = (known.failures, known.failures == 1);
        let until = known.dials.last + self.config.backoff.jittered(failures, &mut self.random);
        self.clear_backoff(index);
        let known = self.addresses.get_mut(index);
        known.dials.earliest = until;
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
        let Slot { address: index, trust, evidence, .. } = &mut self.slots[slot];
        if *trust == Trust::Proven {
            return;
        }
        *trust = Trust::Proven;
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
            self.end_backoff(index);
            self.outputs.push_back(Output::Event(Event::Recovered { address, id }));
        }
        self.update_deadline(slot);
    }

    /// Lets an address be dialled at once. Returns whether it was in backoff.
    pub(super) fn end_backoff(&mut self, index: u32) -> bool {
        let was_in_backoff = self.addresses.get(index).dials.earliest > self.now;
        self.clear_backoff(index);
        self.update_dialling(index);
        self.forget_if_done(index);
        was_in_backoff
    }

    fn clear_backoff(&mut self, index: u32) {
        let known = self.addresses.get_mut(index);
        if known.backoff_armed {
            self.deadlines.disarm(known.dials.earliest, DeadlineKind::Backoff(index));
            known.backoff_armed = false;
        }
        known.dials.earliest = known.dials.earliest.min(self.now);
    }
}
