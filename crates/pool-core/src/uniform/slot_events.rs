//! What events do to slots: items sent, connections made, drains, drops and ends.

use core::time::Duration;

use super::Uniform;
use super::failures::Departure;
use crate::balance::{Balance, TurnOrder};
use crate::ids::SlotId;
use crate::known_address::LastOutcome;
use crate::links::Linked;
use crate::output::{Event, Output};
use crate::reason::{DrainReason, SlotEnd};
use crate::slab::SlabKey;
use crate::slot::{Dropped, Handled, Input, Slot, SlotEvent, SlotState, Transition, transition};

impl<A: Clone + Ord, B: Balance> Uniform<A, B> {
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the half of the hot path that must not be a call")]
    pub(super) fn on_sent(&mut self, id: SlotId, items: u32) -> Handled {
        if self.config.silence.is_watched() {
            self.on_sent_watched(id, items)
        } else {
            self.commit_sent(id, items, None)
        }
    }

    #[inline(never)]
    fn on_sent_watched(&mut self, id: SlotId, items: u32) -> Handled {
        self.commit_sent(id, items, self.config.silence.shortest())
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "without a timeout much of it vanishes")]
    fn commit_sent(&mut self, id: SlotId, items: u32, shortest_silence: Option<Duration>) -> Handled {
        let Some(slot) = self.slots.get_mut(id.0) else { return Handled::Stale };
        if !slot.takes_turns {
            return self.commit_special_sent(id, items);
        }
        self.commit_ready_sent(id, items, shortest_silence)
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the rest of the hot path")]
    fn commit_ready_sent(&mut self, id: SlotId, items: u32, shortest_silence: Option<Duration>) -> Handled {
        let slot = &mut self.slots[id.0.index];
        let is_due_sooner = slot.count_sent(items, shortest_silence, self.now);
        let (address, next) = (slot.address, slot.links.next);
        let order = self.balancer.turn_order();
        let next = if next == id.0.index {
            id.0
        } else if order == TurnOrder::Unordered {
            self.move_to_end(address, id.0)
        } else {
            self.slots.key(next)
        };
        let address = self.rings.commit_turn(address, next, items, order);
        for _ in 0..items {
            self.balancer.on_sent(address, self.now);
        }
        if is_due_sooner {
            self.update_deadline(id.0.index);
        }
        Handled::Applied
    }

    /// A ready slot has had its turn, and is the last of its address. Returns the first.
    fn move_to_end(&mut self, address: u32, slot: SlabKey) -> SlabKey {
        let first = self.rings.ready_slot(address).filter(|first| *first != slot);
        let Some(first) = first else { return self.slots.key(self.slots[slot.index].links.next) };
        self.slots.leave_ring(slot.index);
        self.slots.join_ring(first.index, slot.index);
        first
    }

    /// To a slot that is not ready, or whose address rests or has suspects: each item by itself.
    #[cold]
    fn commit_special_sent(&mut self, id: SlotId, items: u32) -> Handled {
        let mut handled = Handled::Applied;
        for _ in 0..items {
            handled = self.commit_one_special(id);
        }
        handled
    }

    fn commit_one_special(&mut self, id: SlotId) -> Handled {
        let slot = &self.slots[id.0.index];
        let (address, state) = (slot.address, slot.state);
        let handled = if state == SlotState::Ready {
            self.commit_ready_sent(id, 1, self.config.silence.shortest())
        } else {
            self.commit_sent_out_of_turn(id)
        };
        if handled == Handled::Applied {
            if state.is_connected() {
                self.begin_trial(address, id);
            }
            self.begin_probe(address, id, state.is_connected());
        }
        handled
    }

    fn commit_sent_out_of_turn(&mut self, id: SlotId) -> Handled {
        let Some(slot) = self.slots.get_mut(id.0) else { return Handled::Stale };
        if transition(slot.state, Input::Sent) == Transition::Invalid {
            return Handled::Invalid;
        }
        let is_due_sooner = slot.count_sent(1, self.config.silence.shortest(), self.now);
        let address = self.rings.count_sent(slot.address);
        self.balancer.on_sent(address, self.now);
        if is_due_sooner {
            self.update_deadline(id.0.index);
        }
        Handled::Applied
    }

    pub(super) fn on_event(&mut self, index: u32, event: SlotEvent, state: SlotState) {
        match event {
            SlotEvent::Connected => self.on_connected(index),
            SlotEvent::GoingAway => self.on_going_away(index),
            SlotEvent::Progress => self.on_progress(index),
            SlotEvent::Unfit => self.on_unfit(index),
            _ => {
                self.flip_ready(index, state);
                // Only dials on demand depend on the difference between busy and ready.
                if self.is_lazy() || self.dials.is_any_waiting() {
                    self.settle();
                }
            }
        }
    }

    fn on_connected(&mut self, index: u32) {
        let address = self.slots[index].address;
        let known = self.addresses.get_mut(address);
        known.answered = true;
        known.dials.fail_slowly = false;
        known.last_outcome = Some(LastOutcome::Connected);
        self.slots[index].evidence.connected_episode = known.episode;
        self.change_state(index, SlotState::Busy);
        self.slots[index].fresh = true;
        self.dials.fresh += 1;
        let (slot, name) = (SlotId(self.slots.key(index)), self.addresses.get(address).address.clone());
        let id = self.addresses.id(address);
        self.outputs.push_back(Output::Event(Event::Connected { slot, address: name, id }));
        self.finish_replacement(address);
        self.watch_suspects(address);
        self.settle();
    }

    /// A new connection can't take the item it was made for.
    fn on_still_busy(&mut self, index: u32) {
        if self.slots[index].fresh {
            self.clear_fresh(index);
            self.settle();
        }
    }

    /// An event that changes no state.
    pub(super) fn on_same_state(&mut self, index: u32, event: SlotEvent) {
        let slot = &mut self.slots[index];
        match event {
            SlotEvent::Ready | SlotEvent::Busy if slot.state == SlotState::Suspect => {
                self.addresses.suspicions.set_ready(index, event == SlotEvent::Ready);
            }
            SlotEvent::Busy => self.on_still_busy(index),
            SlotEvent::Progress => self.on_progress(index),
            SlotEvent::Unfit if slot.state != SlotState::Dropping => self.on_unfit(index),
            _ => {}
        }
    }

    fn on_progress(&mut self, index: u32) {
        let slot = &mut self.slots[index];
        if slot.unreported > 0 {
            slot.quiet_since = self.now;
        }
        if slot.state == SlotState::Suspect {
            self.clear_suspect(index);
            self.settle();
        }
    }

    fn on_unfit(&mut self, index: u32) {
        // First it rests: a suspect that is unfit does not make its address usable for a moment.
        self.rest_as_unfit(self.slots[index].address);
        self.on_progress(index);
        self.settle();
    }

    /// A connection that is sent away as soon as it is made has failed: else it would be replaced
    /// in a hot loop.
    fn on_going_away(&mut self, index: u32) {
        let slot = &self.slots[index];
        let (address, episode) = (slot.address, slot.evidence.episode);
        let is_failure = self.is_failure(slot, Departure::Goodbye);
        self.slots[index].evidence.hung_up = self.is_hang_up(slot);
        self.drain_slot(index, DrainReason::GoingAway);
        if is_failure {
            self.count_failure(address, episode);
        }
        self.count_life(&self.slots[index].clone());
        self.update_dialling(address);
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
        self.lose_probe(address, SlotId(self.slots.key(index)));
        self.watch_suspects(address);
        self.cancel_replacement(address);
        self.update_dialling(address);
    }

    /// Drops the dials of an address and drains its connections: suspects first, as what drains later may displace
    /// them.
    pub(super) fn end_slots(&mut self, address: u32, reason: DrainReason, end: SlotEnd) {
        let mut slots = self.siblings_now(address);
        slots.sort_by_key(|&slot| self.slots[slot].state != SlotState::Suspect);
        for slot in slots {
            match self.slots[slot].state {
                SlotState::Dialling => self.drop_slot(slot, end),
                SlotState::Busy | SlotState::Ready | SlotState::Suspect => self.drain_slot(slot, reason),
                SlotState::Draining | SlotState::Dropping => {}
            }
        }
    }

    /// Makes a connection drain. At most as many drain at an address as it may have open ones, and another
    /// displaces the oldest: a peer whose connections come and go faster than they close must not be left
    /// with ever more of them.
    pub(super) fn drain_slot(&mut self, index: u32, reason: DrainReason) {
        let (address, connections) = (self.slots[index].address, self.connections_per_address());
        // A pool that closes opens nothing new: what drains already keeps its time.
        if reason != DrainReason::PoolClosing {
            self.make_room_to_drain(address, connections);
        }
        self.raise_draining_max(address, connections);
        self.start_drain(index, reason);
    }

    /// Makes a connection drain because there are too many, where there were to be `before`. A pool that
    /// becomes smaller, in one step or in several, drops none of those that it has told to drain: as many
    /// may drain as were allowed to be open when the first of them was told to, or later. A pool whose size goes
    /// up and down has no more than that, either.
    pub(super) fn drain_surplus(&mut self, index: u32, before: u16) {
        let address = self.slots[index].address;
        let max = self.raise_draining_max(address, before.max(self.connections_per_address()));
        self.make_room_to_drain(address, max);
        self.start_drain(index, DrainReason::Surplus);
    }

    /// Returns the most connections that were allowed since the address has had some that drain.
    fn raise_draining_max(&mut self, address: u32, connections: u16) -> u16 {
        let count = &mut self.addresses.get_mut(address).count;
        let max_before = if count.draining == 0 { 0 } else { count.draining_max };
        count.draining_max = connections.max(max_before);
        count.draining_max
    }

    fn make_room_to_drain(&mut self, address: u32, max: u16) {
        if self.addresses.get(address).count.draining >= max
            && let Some(oldest) = self.oldest_draining(address)
        {
            self.drop_slot(oldest, SlotEnd::DrainDisplaced);
        }
    }

    fn start_drain(&mut self, index: u32, reason: DrainReason) {
        debug_assert_eq!(
            transition(self.slots[index].state, Input::Drain),
            Transition::To(SlotState::Draining)
        );
        let address = self.slots[index].address;
        let slot = SlotId(self.slots.key(index));
        self.change_state(index, SlotState::Draining);
        self.lose_probe(address, slot);
        self.watch_suspects(address);
        self.cancel_replacement(address);
        let (name, id) = (self.addresses.get(address).address.clone(), self.addresses.id(address));
        self.outputs.push_back(Output::Drain { slot });
        self.outputs.push_back(Output::Event(Event::Draining { slot, address: name, id, reason }));
        self.update_dialling(address);
    }

    fn oldest_draining(&self, address: u32) -> Option<u32> {
        self.siblings(address)
            .filter(|&slot| self.slots[slot].state == SlotState::Draining)
            .min_by_key(|&slot| self.slots[slot].since)
    }

    /// A slot is vacant again, whatever the reason.
    fn end_slot(&mut self, index: u32, end: SlotEnd) {
        self.count_exit(index);
        self.lifetimes.forget(index);
        let id = SlotId(self.slots.key(index));
        self.leave_unready(index);
        let slot = self.slots.remove(index);
        let address = self.rings.count_outcomes(slot.address, slot.unreported);
        if slot.unreported > 0 {
            self.balancer.on_lost(address, slot.unreported, self.now);
        }
        let departure = if end == SlotEnd::Closed { Departure::Closed } else { Departure::Broken };
        let is_failure = match slot.dropped {
            Some(dropped) => dropped.is_failure(),
            None => self.is_failure(&slot, departure),
        };
        self.tell_end(id, &slot, end);
        let last = slot.dropped.map_or(slot.state, |dropped| dropped.from);
        let is_refused = last == SlotState::Dialling && self.is_replacement_refused(slot.address, end);
        self.forget_slot_in_rest(slot.address, id);
        self.forget_slot_in_suspicion(slot.address, id);
        if is_failure {
            self.stop_awaiting_failure(slot.address);
            if !is_refused {
                self.count_failure(slot.address, slot.evidence.episode);
            }
        }
        match last {
            SlotState::Dialling => {
                self.addresses.get_mut(slot.address).dials.fail_slowly = self.took_long(&slot);
            }
            SlotState::Draining => self.replace_after_drain(slot.address),
            SlotState::Busy | SlotState::Ready | SlotState::Suspect => self.count_life(&slot),
            SlotState::Dropping => {}
        }
        self.cancel_replacement(slot.address);
        self.update_dialling(slot.address);
        self.forget_if_done(slot.address);
    }

    fn tell_end(&mut self, id: SlotId, slot: &Slot, end: SlotEnd) {
        let address_id = self.addresses.id(slot.address);
        let known = self.addresses.get_mut(slot.address);
        known.last_outcome = match end {
            SlotEnd::Failed(kind) => Some(LastOutcome::Failed(kind)),
            SlotEnd::Closed => Some(LastOutcome::Closed),
            _ => known.last_outcome,
        };
        let ended = Output::Event(Event::SlotEnded {
            slot: id,
            address: known.address.clone(),
            id: address_id,
            state: slot.dropped.map_or(slot.state, |dropped| dropped.from),
            end,
            lived: self.now.saturating_duration_since(slot.dialled),
            sent: slot.sent,
            in_flight: slot.in_flight(),
        });
        // The owner has carried out the drop: its end comes before the orders that follow it, so that an observer
        // never counts more slots than there are.
        if slot.dropped.is_some() {
            self.outputs.push_front(ended);
        } else {
            self.outputs.push_back(ended);
        }
    }
}
