//! Turns: how many items an address takes before the next has its turn, and who is next.

use core::mem;

use super::{Node, Rings, Tier};
use crate::balance::TurnOrder;
use crate::ids::AddressId;
use crate::links::Linked;
use crate::slab::SlabKey;

/// How many items a turn is long.
#[derive(Clone, Debug)]
pub(super) struct TurnLength {
    max: u32,
    /// Items under way, as the owner of the machine has told.
    load: usize,
    length: u32,
}

impl TurnLength {
    /// No load is known, and each item is a turn.
    pub(super) const fn new(max: u32) -> Self {
        Self { max, load: 0, length: 1 }
    }

    pub(super) const fn length(&self) -> u32 {
        self.length
    }

    /// Returns the length before, if it is another now.
    fn update(&mut self) -> Option<u32> {
        let length = allowed(self.load).min(self.max);
        let before = mem::replace(&mut self.length, length);
        (before != length).then_some(before)
    }
}

/// How many items a turn may have where so many are under way.
///
/// A turn is a write. A third of all that is under way keeps three connections at work, so that none waits for another's
/// replies; and the more there is, the more a write may carry before the others want for work. Measured with Redis
/// servers: from 8 to 1,000 callers no fixed length does better.
fn allowed(load: usize) -> u32 {
    let load = u32::try_from(load).unwrap_or(u32::MAX);
    (load / 3).min(load.saturating_mul(2).isqrt()).max(1)
}

impl Rings {
    #[inline]
    pub(crate) fn set_load(&mut self, items: usize) {
        if items != self.turns.load {
            self.turns.load = items;
            self.update_turns();
        }
    }

    pub(crate) fn set_items_per_turn_max(&mut self, items: u32) {
        self.turns.max = items;
        self.update_turns();
    }

    /// Turns that have begun are as long as the others: what was taken in them counts.
    fn update_turns(&mut self) {
        let Some(before) = self.turns.update() else { return };
        let tiers = core::iter::once(&mut self.active).chain(self.others.values_mut());
        for round in tiers.flat_map(Tier::rounds_mut) {
            let taken = before.saturating_sub(round.turn_left);
            // One that has had its fill, and more, is over after its next item.
            round.turn_left = self.turns.length.saturating_sub(taken).max(1);
        }
    }

    /// How many items an address may have before the turn passes on; and its id.
    #[inline]
    pub(crate) fn turn_left(&self, address: u32, order: TurnOrder) -> (u32, AddressId) {
        let node = self.node(address);
        let turn = match order {
            TurnOrder::Unordered => self.turns.length(),
            _ if self.active.round.head == address => self.active.round.turn_left,
            _ if self.shares.is_empty() => 1,
            _ => self.turn_left_of_share(address),
        };
        (turn, AddressId(SlabKey { index: address, generation: node.generation }))
    }

    /// The same in a priority that has a share of the items, and is not the best.
    #[cold]
    fn turn_left_of_share(&self, address: u32) -> u32 {
        let round = self.tier(self.node(address).priority).map(|tier| &tier.round);
        round.filter(|round| round.head == address).map_or(1, |round| round.turn_left)
    }

    /// So many items went to a ready slot of the address, no more than its turn has left; `next_slot` follows in the
    /// round of its ready slots.
    #[inline]
    pub(crate) fn commit_turn(
        &mut self,
        address: u32,
        next_slot: SlabKey,
        items: u32,
        order: TurnOrder,
    ) -> AddressId {
        self.sends = self.sends.wrapping_add(items.into());
        let node = &mut self.nodes[address as usize];
        node.unreported = node.unreported.wrapping_add(items);
        let id = AddressId(SlabKey { index: address, generation: node.generation });
        if order == TurnOrder::Unordered {
            node.ready_slot = next_slot;
            return id;
        }
        if self.active.round.head != address {
            self.commit_turn_out_of_order(address, next_slot);
            return id;
        }
        self.active.has_started = true;
        let round = &mut self.active.round;
        round.turn_left = round.turn_left.saturating_sub(items);
        if round.turn_left == 0 {
            round.turn_left = self.turns.length();
            node.ready_slot = next_slot;
            let next = node.links.next;
            if order == TurnOrder::ByWeight {
                self.turn_deadlines.pass(address, node.weight, next, round);
            } else {
                round.head = next;
            }
        }
        id
    }

    /// Picked out of turn: that was its turn in this round, and it moves to the end. An address that gets nothing has
    /// no turn, but its slots do.
    #[cold]
    fn commit_turn_out_of_order(&mut self, address: u32, next_slot: SlabKey) {
        let items_per_turn = self.turns.length();
        let weighs_turns = self.turn_deadlines.weighs_turns;
        let node = self.node_mut(address);
        node.ready_slot = next_slot;
        let Node { links, priority, standing, .. } = *node;
        let tier = self.tier_mut(priority);
        tier.has_started = true;
        let Some(place) = standing.place() else { return };
        let round = tier.round_of(place);
        let head = round.head;
        if weighs_turns {
            self.leave_lane(address, place);
            self.join_lane(address, place, false);
        } else if head == address {
            round.head = links.next;
            round.turn_left = items_per_turn;
        } else {
            self.nodes.leave_ring(address);
            self.nodes.join_ring(head, address);
        }
    }
}
