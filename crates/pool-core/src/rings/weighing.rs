//! Turns by weight: how addresses join the lanes of their round, leave them, and change between them.

use alloc::vec::Vec;

use super::lanes::{Lanes, is_before, stride};
use super::standing::Place;
use super::tier::Round;
use super::{NO_SLOT, Node, Rings};
use crate::balance::Attributes;
use crate::links::{Linked, Links, NONE};

/// When addresses have their next turns, where turns go by weight.
#[derive(Clone, Debug)]
pub(super) struct TurnDeadlines {
    pub(super) weighs_turns: bool,
    /// By place, of those that are in a lane. Nothing is kept where turns don't go by weight.
    of: Vec<u64>,
    /// Addresses that have another weight, and are in no lane until all of them are known.
    reweighed: Vec<Reweighed>,
}

/// In the order of the lanes that they join, and of the turns there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Reweighed {
    priority: u16,
    is_spare: bool,
    weight: u32,
    /// Until its turn.
    wait: u64,
    address: u32,
}

impl TurnDeadlines {
    pub(super) const fn new(weighs_turns: bool) -> Self {
        Self { weighs_turns, of: Vec::new(), reweighed: Vec::new() }
    }

    pub(super) fn reserve_total(&mut self, count: usize) {
        if self.weighs_turns {
            self.of.reserve_exact(count.saturating_sub(self.of.len()));
        }
    }

    /// An address is known.
    pub(super) fn add(&mut self, address: u32) {
        if self.weighs_turns && self.of.len() <= address as usize {
            self.of.resize(address as usize + 1, 0);
        }
    }

    fn set(&mut self, address: u32, deadline: u64) {
        self.of[address as usize] = deadline;
    }

    pub(super) fn of(&self, address: u32) -> u64 {
        self.of[address as usize]
    }

    /// The turn of the head of a round has passed; `next` follows in its lane.
    #[inline]
    pub(super) fn pass(&mut self, address: u32, weight: u32, next: u32, round: &mut Round) {
        let Some(deadline) = self.of.get_mut(address as usize) else { return };
        *deadline = round.lanes.earliest().wrapping_add(stride(weight));
        let next_deadline = self.of.get(next as usize).copied().unwrap_or_default();
        round.head = round.lanes.pass(next, next_deadline);
    }
}

impl Rings {
    /// An address joins the lane of its weight at the end, or before all others if it has drawn that before the first
    /// turn.
    pub(super) fn join_lane(&mut self, address: u32, place: Place, is_first: bool) {
        let (items_per_turn, seed) = (self.turns.length(), self.seed);
        let Node { weight, priority, .. } = *self.node(address);
        let tier = self.tier_mut(priority);
        let has_started = tier.has_started;
        let lanes = &tier.round_of(place).lanes;
        let head = lanes.head(weight);
        let deadline = if has_started { lanes.deadline(weight) } else { lanes.first_deadline(weight, seed) };
        self.turn_deadlines.set(address, deadline);
        self.nodes.join_ring(head, address);
        let round = self.tier_mut(priority).round_of(place);
        if head == NONE || is_first {
            round.lanes.set_head(weight, address, deadline);
        }
        round.follow_lanes(items_per_turn);
    }

    pub(super) fn leave_lane(&mut self, address: u32, place: Place) {
        let items_per_turn = self.turns.length();
        let Node { weight, priority, .. } = *self.node(address);
        let next = self.nodes.leave_ring(address);
        let next_deadline = if next == NONE { 0 } else { self.turn_deadlines.of(next) };
        let round = self.tier_mut(priority).round_of(place);
        if next == NONE {
            round.lanes.remove_lane(weight);
        } else if round.lanes.head(weight) == address {
            round.lanes.set_head(weight, next, next_deadline);
        }
        round.follow_lanes(items_per_turn);
    }

    /// An address that has turns is to have another weight. It joins the lane of that when all are known that are to
    /// have another one, and waits for its next turn in proportion.
    pub(super) fn reweigh(&mut self, address: u32, attributes: &Attributes) {
        let Node { weight: before, priority, standing, ready_slot, .. } = *self.node(address);
        let weight = attributes.weight;
        let place = standing.place().filter(|_| ready_slot != NO_SLOT && self.turn_deadlines.weighs_turns);
        let Some(place) = place.filter(|_| weight != before && weight > 0) else { return };
        let deadline = self.turn_deadlines.of(address);
        self.leave_lane(address, place);
        let wait = self.tier_mut(priority).round_of(place).lanes.wait(deadline, before, weight);
        let is_spare = place == Place::Spare;
        self.turn_deadlines.reweighed.push(Reweighed { priority, is_spare, weight, wait, address });
    }

    /// All addresses are known that have another weight.
    pub(crate) fn settle_weights(&mut self) {
        let mut reweighed = core::mem::take(&mut self.turn_deadlines.reweighed);
        reweighed.sort_unstable();
        for lane in reweighed.chunk_by(|one, next| {
            (one.priority, one.is_spare, one.weight) == (next.priority, next.is_spare, next.weight)
        }) {
            self.merge_into_lane(lane);
        }
    }

    /// In one pass over the lane and those that join it.
    fn merge_into_lane(&mut self, joining: &[Reweighed]) {
        let Some(&Reweighed { priority, is_spare, weight, .. }) = joining.first() else { return };
        let place = if is_spare { Place::Spare } else { Place::Regular };
        let items_per_turn = self.turns.length();
        let now = self.tier_mut(priority).round_of(place).lanes.now();
        let mut head = self.tier_mut(priority).round_of(place).lanes.head(weight);
        // The next in the lane that those who join are compared with; `NONE` at its end.
        let mut next = head;
        for &Reweighed { address, wait, .. } in joining {
            let deadline = now.wrapping_add(wait);
            while next != NONE && !is_before(deadline, self.turn_deadlines.of(next)) {
                let after = self.node(next).links.next;
                next = if after == head { NONE } else { after };
            }
            self.turn_deadlines.set(address, deadline);
            // The end of a ring is before its head.
            self.nodes.join_ring(if next == NONE { head } else { next }, address);
            if head == NONE || next == head {
                head = address;
            }
        }
        let deadline = self.turn_deadlines.of(head);
        let round = self.tier_mut(priority).round_of(place);
        round.lanes.set_head(weight, head, deadline);
        round.follow_lanes(items_per_turn);
    }

    /// The address whose turn comes after that of another, by weight.
    pub(super) fn next_by_weight(&self, lanes: &Lanes, address: u32) -> u32 {
        let rank = |address: u32| {
            let wait = self.turn_deadlines.of(address).wrapping_sub(lanes.now());
            (wait, u32::MAX - self.node(address).weight)
        };
        let own = rank(address);
        // Of its own lane the next, of each other lane the first that is not before it.
        let candidates = lanes.heads().filter_map(|head| {
            let own_lane = self.node(head).weight == self.node(address).weight;
            let start = if own_lane { address } else { head };
            let after = |place: u32| {
                let Links { next, .. } = self.node(place).links;
                (next != head).then_some(next)
            };
            if own_lane {
                return after(start);
            }
            core::iter::successors(Some(start), |place| after(*place)).find(|place| rank(*place) > own)
        });
        candidates.min_by_key(|place| rank(*place)).unwrap_or_else(|| lanes.first())
    }
}
