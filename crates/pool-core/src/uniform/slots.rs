//! What happens to slots, and the counts that follow from their states.

use super::Uniform;
use crate::balance::Balance;
use crate::known_address::LastOutcome;
use crate::output::{DrainReason, Event, Output, SlotEnd};
use crate::slab::Key;
use crate::slot::{
    Dropped, Handled, Input, NONE, Slot, SlotEvent, SlotId, SlotState, Transition, transition,
};
use crate::timers::Timer;

impl<A: Clone + Ord, B: Balance> Uniform<A, B> {
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the half of the hot path that must not be a call")]
    pub(super) fn on_sent(&mut self, slot: SlotId) -> Handled {
        if self.config.outcome_timeout.is_some() {
            return self.on_sent_watched(slot);
        }
        self.commit_sent(slot)
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as above")]
    fn commit_sent(&mut self, slot: SlotId) -> Handled {
        let Some(tenant) = self.slots.get_mut(slot.0) else { return Handled::Stale };
        if tenant.state != SlotState::Ready {
            return self.commit_sent_out_of_turn(slot);
        }
        tenant.count_sent(self.now);
        let (address, next) = (tenant.address, tenant.ready_next);
        let next = if next == slot.0.index { slot.0 } else { self.slots.key(next) };
        let address = self.rings.commit_turn(address, next);
        self.balancer.on_sent(address, self.now);
        Handled::Applied
    }

    /// To a slot that is not in the round.
    #[cold]
    fn commit_sent_out_of_turn(&mut self, slot: SlotId) -> Handled {
        let Some(tenant) = self.slots.get_mut(slot.0) else { return Handled::Stale };
        if transition(tenant.state, Input::Sent) == Transition::Invalid {
            return Handled::Invalid;
        }
        tenant.count_sent(self.now);
        let address = self.rings.count_sent(tenant.address);
        self.balancer.on_sent(address, self.now);
        Handled::Applied
    }

    /// Whoever owes outcomes is as silent as before, for all that it is given; whoever didn't has to
    /// report before long.
    #[inline(never)]
    fn on_sent_watched(&mut self, slot: SlotId) -> Handled {
        let owing = self.slots.get(slot.0).filter(|tenant| tenant.unreported > 0);
        let silent_since = owing.map(|tenant| tenant.quiet_since);
        let handled = self.commit_sent(slot);
        let Some(tenant) = self.slots.get_mut(slot.0) else { return handled };
        if let Some(since) = silent_since {
            tenant.quiet_since = since;
        } else if tenant.is_due_sooner(self.config.outcome_timeout) {
            self.update_deadline(slot.0.index);
        }
        handled
    }

    pub(super) fn on_event(&mut self, index: u32, event: SlotEvent, state: SlotState) {
        match event {
            SlotEvent::Connected => self.on_connected(index),
            SlotEvent::GoingAway => self.on_going_away(index),
            _ => {
                self.flip_ready(index, state);
                // Only a lazy pool acts on the difference between busy and ready.
                if self.is_lazy() {
                    self.settle();
                }
            }
        }
    }

    fn on_connected(&mut self, index: u32) {
        let address = self.slots[index].address;
        let known = self.addresses.get_mut(address);
        known.answered = true;
        known.last_outcome = Some(LastOutcome::Connected);
        self.slots[index].connected_episode = known.episode;
        self.change_state(index, SlotState::Busy);
        self.slots[index].fresh = true;
        self.dials.fresh += 1;
        self.replace_retiring(address);
        self.settle();
    }

    /// A new connection can't take the item it was made for.
    pub(super) fn on_still_busy(&mut self, index: u32) {
        if self.slots[index].fresh {
            self.clear_fresh(index);
            self.settle();
        }
    }

    fn clear_fresh(&mut self, index: u32) {
        self.dials.fresh -= usize::from(core::mem::take(&mut self.slots[index].fresh));
    }

    /// A connection that is sent away as soon as it is made has failed: else it would be replaced
    /// in a hot loop.
    fn on_going_away(&mut self, index: u32) {
        let tenant = &self.slots[index];
        let (address, episode) = (tenant.address, tenant.episode);
        let is_failure = self.is_failure(tenant, true);
        self.drain_slot(index, DrainReason::GoingAway);
        if is_failure {
            self.count_failure(address, episode);
            self.update_dialling(address);
        }
        self.settle();
    }

    pub(super) fn on_end(&mut self, index: u32, event: SlotEvent) {
        let dropped = self.slots[index].dropped;
        let end = match event {
            SlotEvent::Failed(kind) => SlotEnd::Failed(kind),
            _ => dropped.map_or(SlotEnd::Closed, |dropped| dropped.end),
        };
        self.end_slot(index, end);
        self.settle();
    }

    /// Abandons a slot and tells its owner. It ends when the owner reports that it is dropped; until then its
    /// last outcomes count.
    pub(super) fn drop_slot(&mut self, index: u32, end: SlotEnd) {
        let Slot { address, state: from, .. } = self.slots[index];
        debug_assert_eq!(transition(from, Input::Drop), Transition::To(SlotState::Dropping));
        self.outputs.push_back(Output::Drop { slot: SlotId(self.slots.key(index)) });
        self.slots[index].dropped = Some(Dropped { from, end });
        self.change_state(index, SlotState::Dropping);
        self.check_retiring(address);
        self.update_dialling(address);
    }

    /// Makes a connection drain. An address keeps at most as many draining connections as it may
    /// have open ones; beyond that the oldest is dropped.
    pub(super) fn drain_slot(&mut self, index: u32, reason: DrainReason) {
        let address = self.slots[index].address;
        if self.addresses.get(address).draining >= self.connections_per_address()
            && let Some(oldest) = self.oldest_draining(address)
        {
            self.drop_slot(oldest, SlotEnd::DrainDisplaced);
        }
        self.start_drain(index, reason);
    }

    /// The same, and nothing is dropped for it.
    pub(super) fn start_drain(&mut self, index: u32, reason: DrainReason) {
        debug_assert_eq!(
            transition(self.slots[index].state, Input::Drain),
            Transition::To(SlotState::Draining)
        );
        let address = self.slots[index].address;
        let slot = SlotId(self.slots.key(index));
        self.change_state(index, SlotState::Draining);
        self.check_retiring(address);
        let name = self.addresses.get(address).address.clone();
        self.outputs.push_back(Output::Drain { slot });
        self.outputs.push_back(Output::Event(Event::Draining { slot, address: name, reason }));
        self.update_dialling(address);
    }

    fn oldest_draining(&self, address: u32) -> Option<u32> {
        self.siblings(address)
            .filter(|&slot| self.slots[slot].state == SlotState::Draining)
            .min_by_key(|&slot| self.slots[slot].since)
    }

    pub(super) fn siblings(&self, address: u32) -> impl Iterator<Item = u32> {
        let some = |slot: u32| (slot != NONE).then_some(slot);
        let first = some(self.addresses.get(address).slots);
        core::iter::successors(first, move |&slot| some(self.slots[slot].sibling_next))
    }

    /// The end of a tenant, whatever the reason.
    fn end_slot(&mut self, index: u32, end: SlotEnd) {
        self.count_exit(index);
        let slot = SlotId(self.slots.key(index));
        self.unlink_sibling(index);
        let tenant = self.slots.remove(index);
        let known = self.addresses.get_mut(tenant.address);
        let address = known.address.clone();
        known.last_outcome = match end {
            SlotEnd::Failed(kind) => Some(LastOutcome::Failed(kind)),
            SlotEnd::Closed => Some(LastOutcome::Closed),
            _ => known.last_outcome,
        };
        self.rings.count_outcomes(tenant.address, tenant.unreported);
        self.outputs.push_back(Output::Event(Event::SlotEnded {
            slot,
            address,
            state: tenant.dropped.map_or(tenant.state, |dropped| dropped.from),
            end,
            sent: tenant.sent,
            in_flight: tenant.in_flight(),
        }));
        let is_failure = match tenant.dropped {
            Some(dropped) => dropped.is_failure(),
            None => self.is_failure(&tenant, end == SlotEnd::Closed),
        };
        if is_failure {
            self.count_failure(tenant.address, tenant.episode);
        }
        self.check_retiring(tenant.address);
        self.update_dialling(tenant.address);
        self.forget_if_done(tenant.address);
    }

    pub(super) fn link_sibling(&mut self, index: u32) {
        let address = self.slots[index].address;
        let first = core::mem::replace(&mut self.addresses.get_mut(address).slots, index);
        self.slots[index].sibling_next = first;
        if first != NONE {
            self.slots[first].sibling_previous = index;
        }
    }

    fn unlink_sibling(&mut self, index: u32) {
        let Slot { address, sibling_next: next, sibling_previous: previous, .. } = self.slots[index];
        match previous {
            NONE => self.addresses.get_mut(address).slots = next,
            _ => self.slots[previous].sibling_next = next,
        }
        if next != NONE {
            self.slots[next].sibling_previous = previous;
        }
    }

    /// A slot enters another stage of its life: all that is counted by state is counted here.
    fn change_state(&mut self, index: u32, state: SlotState) {
        self.count_exit(index);
        let tenant = &mut self.slots[index];
        tenant.state = state;
        tenant.since = self.now;
        self.count_entry(index);
    }

    /// Between `Busy` and `Ready`, which happens often: of the counts only those two change.
    fn flip_ready(&mut self, index: u32, state: SlotState) {
        self.clear_fresh(index);
        let tenant = &mut self.slots[index];
        tenant.state = state;
        let known = self.addresses.get_mut(tenant.address);
        if state == SlotState::Ready {
            known.busy -= 1;
            known.ready += 1;
            self.join_turns(index);
        } else {
            known.ready -= 1;
            known.busy += 1;
            self.leave_turns(index);
        }
    }

    /// Counts a slot in, in its present state.
    pub(super) fn count_entry(&mut self, index: u32) {
        let tenant = &self.slots[index];
        let (address, state, probe) = (tenant.address, tenant.state, tenant.probe);
        let timed_out = u16::from(tenant.dropped.is_some_and(Dropped::is_failure));
        let known = self.addresses.get_mut(address);
        match state {
            SlotState::Dialling => {
                known.dialling += 1;
                self.dials.in_flight += 1;
                self.dials.probes += usize::from(probe);
            }
            SlotState::Busy => known.busy += 1,
            SlotState::Ready => known.ready += 1,
            SlotState::Draining => known.draining += 1,
            SlotState::Dropping => known.timed_out += timed_out,
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
    fn count_exit(&mut self, index: u32) {
        let tenant = &self.slots[index];
        let (address, state, probe) = (tenant.address, tenant.state, tenant.probe);
        let timed_out = u16::from(tenant.dropped.is_some_and(Dropped::is_failure));
        if tenant.armed {
            self.timers.disarm(tenant.deadline, Timer::Slot(index));
            self.slots[index].armed = false;
        }
        self.clear_fresh(index);
        if state == SlotState::Ready {
            self.leave_turns(index);
        }
        if state.is_connected() {
            self.rings.slot_disconnected(address);
        }
        let known = self.addresses.get_mut(address);
        match state {
            SlotState::Dialling => {
                known.dialling -= 1;
                self.dials.in_flight -= 1;
                self.dials.probes -= usize::from(probe);
            }
            SlotState::Busy => known.busy -= 1,
            SlotState::Ready => known.ready -= 1,
            SlotState::Draining => known.draining -= 1,
            SlotState::Dropping => known.timed_out -= timed_out,
        }
    }

    /// A ready slot joins the round of its address's ready slots, at the end.
    fn join_turns(&mut self, index: u32) {
        let address = self.slots[index].address;
        let Some(Key { index: turn, .. }) = self.rings.ready_slot(address) else {
            self.slots[index].ready_next = index;
            self.slots[index].ready_previous = index;
            return self.rings.link(address, self.slots.key(index), &mut self.random);
        };
        let last = self.slots[turn].ready_previous;
        self.slots[last].ready_next = index;
        self.slots[turn].ready_previous = index;
        self.slots[index].ready_previous = last;
        self.slots[index].ready_next = turn;
    }

    fn leave_turns(&mut self, index: u32) {
        let tenant = &self.slots[index];
        let (address, next, previous) = (tenant.address, tenant.ready_next, tenant.ready_previous);
        if next == index {
            self.rings.unlink(address);
        } else {
            self.slots[previous].ready_next = next;
            self.slots[next].ready_previous = previous;
            if self.rings.ready_slot(address).is_some_and(|turn| turn.index == index) {
                self.rings.set_ready_slot(address, self.slots.key(next));
            }
        }
        self.slots[index].ready_next = NONE;
        self.slots[index].ready_previous = NONE;
    }
}
