//! The states of slots, and every count and ring that follows from them.

use alloc::vec::Vec;

use super::Uniform;
use crate::balance::Balance;
use crate::evidence::Trust;
use crate::links::{Linked, NONE, ring};
use crate::rings::{Allowance, Place, Standing};
use crate::slot::{Dropped, SlotState};

impl<A: Clone + Ord, B: Balance> Uniform<A, B> {
    /// The slots of an address: first those that are not ready, the latest first, then the others in the order of
    /// their turns.
    pub(super) fn siblings(&self, address: u32) -> impl Iterator<Item = u32> {
        let [unready, ready] = self.sibling_rings(address);
        let next = |slot| self.slots[slot].links.next;
        ring(unready, next).chain(ring(ready, next))
    }

    /// The first slot of each ring of an address.
    pub(super) fn sibling_rings(&self, address: u32) -> [u32; 2] {
        let ready = self.rings.ready_slot(address).map_or(NONE, |first| first.index);
        [self.addresses.get(address).unready, ready]
    }

    /// The same, to change them meanwhile.
    pub(super) fn siblings_now(&self, address: u32) -> Vec<u32> {
        self.siblings(address).collect()
    }

    pub(super) fn join_unready(&mut self, index: u32) {
        let address = self.slots[index].address;
        let first = core::mem::replace(&mut self.addresses.get_mut(address).unready, index);
        self.slots.join_ring(first, index);
    }

    pub(super) fn leave_unready(&mut self, index: u32) {
        let next = self.slots.leave_ring(index);
        let known = self.addresses.get_mut(self.slots[index].address);
        if known.unready == index {
            known.unready = next;
        }
    }

    /// A slot enters another state: all that is counted by state is counted here.
    pub(super) fn change_state(&mut self, index: u32, state: SlotState) {
        self.count_exit(index);
        self.lifetimes.forget(index);
        let slot = &mut self.slots[index];
        slot.state = state;
        slot.since = self.now;
        self.count_entry(index);
    }

    /// Becomes a suspect, or what it was before: the connection is the same.
    pub(super) fn change_openness(&mut self, index: u32, state: SlotState) {
        self.count_exit(index);
        self.slots[index].state = state;
        self.count_entry(index);
    }

    /// Between `Busy` and `Ready`, which happens often: of the counts only those two change.
    pub(super) fn flip_ready(&mut self, index: u32, state: SlotState) {
        self.clear_fresh(index);
        let slot = &mut self.slots[index];
        slot.state = state;
        let count = &mut self.addresses.get_mut(slot.address).count;
        if state == SlotState::Ready {
            count.busy -= 1;
            count.ready += 1;
            self.join_turns(index);
        } else {
            count.ready -= 1;
            count.busy += 1;
            self.leave_turns(index);
        }
    }

    pub(super) fn clear_fresh(&mut self, index: u32) {
        self.dials.fresh -= usize::from(core::mem::take(&mut self.slots[index].fresh));
    }

    /// Counts a slot in, in its present state.
    pub(super) fn count_entry(&mut self, index: u32) {
        let slot = &self.slots[index];
        let (address, state, is_probe) = (slot.address, slot.state, slot.evidence.trust == Trust::Probe);
        let awaits_failure = slot.dropped.is_some_and(Dropped::is_failure);
        let known = self.addresses.get_mut(address);
        known.awaits_failure |= awaits_failure;
        let count = &mut known.count;
        match state {
            SlotState::Dialling => {
                count.dialling += 1;
                self.dials.in_flight += 1;
                self.dials.probes += usize::from(is_probe);
            }
            SlotState::Busy => count.busy += 1,
            SlotState::Ready => count.ready += 1,
            SlotState::Suspect => self.addresses.suspicions.count_in(address),
            SlotState::Draining => count.draining += 1,
            SlotState::Dropping => {}
        }
        if state.is_connected() {
            self.rings.slot_connected(address);
        }
        if state == SlotState::Ready {
            self.join_turns(index);
        }
        self.update_deadline(index);
        self.update_dialling(address);
    }

    /// Takes a slot out of all counts, before it changes.
    pub(super) fn count_exit(&mut self, index: u32) {
        let slot = &self.slots[index];
        let (address, state, is_probe) = (slot.address, slot.state, slot.evidence.trust == Trust::Probe);
        self.disarm_slot(index);
        self.clear_fresh(index);
        if state == SlotState::Ready {
            self.leave_turns(index);
        }
        if state.is_connected() {
            let is_last = self.addresses.get(address).count.connected() == 1;
            self.rings.slot_disconnected(address, is_last);
        }
        let count = &mut self.addresses.get_mut(address).count;
        match state {
            SlotState::Dialling => {
                count.dialling -= 1;
                self.dials.in_flight -= 1;
                self.dials.probes -= usize::from(is_probe);
            }
            SlotState::Busy => count.busy -= 1,
            SlotState::Ready => count.ready -= 1,
            SlotState::Suspect => self.addresses.suspicions.count_out(address),
            SlotState::Draining => count.draining -= 1,
            SlotState::Dropping => {}
        }
    }

    /// A slot whose failure was awaited has ended.
    pub(super) fn stop_awaiting_failure(&mut self, address: u32) {
        if self.addresses.get(address).awaits_failure {
            let is_failure = |slot: u32| self.slots[slot].dropped.is_some_and(Dropped::is_failure);
            let awaits_another = self.siblings(address).any(is_failure);
            self.addresses.get_mut(address).awaits_failure = awaits_another;
        }
    }

    /// A slot that has become ready joins the round of its address's ready slots, at the end.
    fn join_turns(&mut self, index: u32) {
        let address = self.slots[index].address;
        self.leave_unready(index);
        let first = self.rings.ready_slot(address).map_or(NONE, |first| first.index);
        self.slots.join_ring(first, index);
        if first == NONE {
            self.rings.link(address, self.slots.key(index), &mut self.random);
            self.tell_readiness(address, true);
        }
        self.slots[index].takes_turns = self.rings.node(address).standing.is_well();
    }

    fn leave_turns(&mut self, index: u32) {
        let address = self.slots[index].address;
        self.slots[index].takes_turns = false;
        let next = self.slots.leave_ring(index);
        if next == NONE {
            self.rings.unlink(address);
            self.tell_readiness(address, false);
        } else if self.rings.ready_slot(address).is_some_and(|first| first.index == index) {
            self.rings.set_ready_slot(address, self.slots.key(next));
        }
        self.join_unready(index);
    }

    /// An address that gets no share is busy for the balancer, whatever its connections are.
    fn tell_readiness(&mut self, address: u32, is_ready: bool) {
        if self.rings.node(address).standing.place() == Some(Place::Regular) {
            self.balancer.on_readiness(self.addresses.id(address), is_ready, self.now);
        }
    }

    /// What an address may get has changed, by what its replies said, by what its connections owe or by its weight.
    /// Returns whether it has.
    pub(super) fn update_standing(&mut self, address: u32) -> bool {
        self.update_standing_by(address, self.rings.node(address).weight)
    }

    /// The same, for an address that has this weight, or is about to have it.
    pub(super) fn update_standing_by(&mut self, address: u32, weight: u32) -> bool {
        let rest = self.addresses.rests.of_standing(address);
        let allowance = match (rest, self.allowance(address)) {
            _ if weight == 0 => Allowance::Drained,
            (_, Allowance::Nothing) | (Some((_, false)), Allowance::One) => Allowance::Nothing,
            (Some((_, true)), _) => Allowance::One,
            (_, allowance) => allowance,
        };
        let standing = Standing { rest: rest.map(|(reason, _)| reason), allowance };
        let is_change = standing != self.rings.node(address).standing;
        if is_change {
            self.set_standing(address, standing);
        }
        is_change
    }

    fn set_standing(&mut self, address: u32, standing: Standing) {
        let connected = self.addresses.get(address).count.connected();
        let is_ready = self.rings.ready_slot(address).is_some();
        let gets_share = |this: &Self| this.rings.node(address).standing.place() == Some(Place::Regular);
        let before = gets_share(self);
        self.rings.set_standing(address, standing, connected.into(), &mut self.random);
        if is_ready && before != gets_share(self) {
            self.balancer.on_readiness(self.addresses.id(address), !before, self.now);
        }
        for slot in self.siblings_now(address) {
            let slot = &mut self.slots[slot];
            slot.takes_turns = slot.state == SlotState::Ready && standing.is_well();
        }
        self.update_dialling(address);
    }
}
