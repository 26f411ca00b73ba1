//! The ready addresses of each priority, in the order of their turns.
//!
//! An address is in the ring of its priority while it has a ready slot. The ring is a doubly
//! linked list by index, so that joining, leaving and passing the turn cost the same at any
//! size; beside it a dense list gives balancers random access. Priorities are looked up only when
//! addresses come, go or change theirs.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::balance::AddressId;
use crate::slab::Key;
use crate::slot::NONE;

/// The part of an address that choosing needs, small and apart from the rest.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    generation: u32,
    pub(crate) weight: u32,
    pub(crate) in_flight: u32,
    next: u32,
    previous: u32,
    /// In the dense list.
    position: u32,
    /// The ready slot whose turn it is; `NONE` while the address is not in the ring.
    pub(crate) ready_slot: u32,
    /// Priorities have 16 bits, so the places of their tiers do too.
    tier: u16,
    pub(crate) priority: u16,
}

/// All addresses of one priority.
#[derive(Clone, Debug)]
struct Tier {
    priority: u16,
    addresses: u32,
    connected_slots: u32,
    /// The address whose turn it is.
    head: u32,
    /// Items it has taken in this turn.
    taken: u32,
    members: Vec<u32>,
}

#[derive(Clone, Debug)]
pub(crate) struct Rings {
    nodes: Vec<Node>,
    tiers: Vec<Tier>,
    vacant_tiers: Vec<u16>,
    tier_by_priority: BTreeMap<u16, u16>,
    /// The priorities that have a connected slot.
    connected: BTreeSet<u16>,
    /// The tier of the best of them.
    active: Option<u16>,
    items_per_turn: u32,
}

impl Rings {
    pub(crate) fn new(items_per_turn: u32) -> Self {
        Self {
            nodes: Vec::new(),
            tiers: Vec::new(),
            vacant_tiers: Vec::new(),
            tier_by_priority: BTreeMap::new(),
            connected: BTreeSet::new(),
            active: None,
            items_per_turn,
        }
    }

    pub(crate) fn reserve_total(&mut self, count: usize) {
        self.nodes.reserve_exact(count.saturating_sub(self.nodes.len()));
    }

    pub(crate) fn node(&self, address: u32) -> &Node {
        &self.nodes[address as usize]
    }

    fn node_mut(&mut self, address: u32) -> &mut Node {
        &mut self.nodes[address as usize]
    }

    /// The ring that items go to now.
    pub(crate) fn active(&self) -> Option<Ring<'_>> {
        let tier = self.active?;
        Some(Ring { nodes: &self.nodes, tier: &self.tiers[usize::from(tier)], tier_index: tier })
    }

    /// The best priority that has a connected slot.
    pub(crate) fn active_priority(&self) -> Option<u16> {
        self.active.map(|tier| self.tiers[usize::from(tier)].priority)
    }

    pub(crate) fn add_address(&mut self, key: Key, weight: u32, priority: u16) {
        let tier = self.enter_tier(priority, 0);
        let node = Node {
            generation: key.generation,
            weight,
            in_flight: 0,
            next: NONE,
            previous: NONE,
            position: NONE,
            ready_slot: NONE,
            tier,
            priority,
        };
        match self.nodes.get_mut(key.index as usize) {
            Some(place) => *place = node,
            None => self.nodes.push(node),
        }
    }

    /// The address is back before it was forgotten: it may still have draining slots.
    pub(crate) fn return_address(&mut self, address: u32, weight: u32, priority: u16) {
        let tier = self.enter_tier(priority, 0);
        let node = self.node_mut(address);
        node.weight = weight;
        node.tier = tier;
        node.priority = priority;
    }

    /// The address has left the set, and none of its slots is connected any more.
    pub(crate) fn remove_address(&mut self, address: u32) {
        self.leave_tier(self.node(address).tier, 0);
    }

    pub(crate) fn set_weight(&mut self, address: u32, weight: u32) {
        self.node_mut(address).weight = weight;
    }

    /// Moves an address with all its slots to another priority.
    pub(crate) fn set_priority(&mut self, address: u32, priority: u16, connected_slots: u32) {
        let Node { ready_slot, tier, .. } = *self.node(address);
        if ready_slot != NONE {
            self.unlink(address);
        }
        self.leave_tier(tier, connected_slots);
        let tier = self.enter_tier(priority, connected_slots);
        let node = self.node_mut(address);
        node.tier = tier;
        node.priority = priority;
        if ready_slot != NONE {
            self.link(address, ready_slot);
        }
    }

    pub(crate) fn slot_connected(&mut self, address: u32) {
        let index = self.node(address).tier;
        let tier = &mut self.tiers[usize::from(index)];
        tier.connected_slots += 1;
        if tier.connected_slots == 1 {
            self.update_active(index);
        }
    }

    pub(crate) fn slot_disconnected(&mut self, address: u32) {
        let index = self.node(address).tier;
        let tier = &mut self.tiers[usize::from(index)];
        tier.connected_slots -= 1;
        if tier.connected_slots == 0 {
            self.update_active(index);
        }
    }

    /// The address has its first ready slot: it joins at the end of the round.
    pub(crate) fn link(&mut self, address: u32, ready_slot: u32) {
        let tier = &mut self.tiers[usize::from(self.nodes[address as usize].tier)];
        let head = tier.head;
        let node = &mut self.nodes[address as usize];
        node.position = u32::try_from(tier.members.len()).unwrap_or(NONE);
        node.ready_slot = ready_slot;
        tier.members.push(address);
        if head == NONE {
            tier.head = address;
            tier.taken = 0;
            self.splice(address, address, address);
        } else {
            self.splice(self.node(head).previous, address, head);
        }
    }

    /// The address has no ready slot any more.
    pub(crate) fn unlink(&mut self, address: u32) {
        let Node { next, previous, position, tier, .. } = *self.node(address);
        self.close_gap(previous, next);
        self.node_mut(address).ready_slot = NONE;
        let tier = &mut self.tiers[usize::from(tier)];
        tier.members.swap_remove(position as usize);
        if let Some(&moved) = tier.members.get(position as usize) {
            self.nodes[moved as usize].position = position;
        }
        if tier.head == address {
            tier.head = if next == address { NONE } else { next };
            tier.taken = 0;
        }
    }

    pub(crate) fn set_ready_slot(&mut self, address: u32, slot: u32) {
        self.node_mut(address).ready_slot = slot;
    }

    pub(crate) fn count_outcome(&mut self, address: u32, items: u32) {
        let node = self.node_mut(address);
        node.in_flight = node.in_flight.saturating_sub(items);
    }

    /// An item went to the address; `next_slot` follows in the round of its ready slots, and is
    /// `NONE` if the one that took the item was not ready.
    #[inline]
    pub(crate) fn commit_turn(&mut self, address: u32, next_slot: u32) -> AddressId {
        let node = &mut self.nodes[address as usize];
        node.in_flight = node.in_flight.saturating_add(1);
        let id = AddressId(Key { index: address, generation: node.generation });
        if next_slot == NONE {
            return id;
        }
        let tier = &mut self.tiers[usize::from(node.tier)];
        if tier.head != address {
            self.commit_turn_out_of_order(address, next_slot);
            return id;
        }
        tier.taken += 1;
        if tier.taken >= self.items_per_turn {
            tier.taken = 0;
            tier.head = node.next;
            node.ready_slot = next_slot;
        }
        id
    }

    /// Picked out of turn: that was its turn in this round, and it moves to the end.
    fn commit_turn_out_of_order(&mut self, address: u32, next_slot: u32) {
        let node = &mut self.nodes[address as usize];
        node.ready_slot = next_slot;
        let (next, previous, tier) = (node.next, node.previous, node.tier);
        let head = self.tiers[usize::from(tier)].head;
        self.close_gap(previous, next);
        self.splice(self.node(head).previous, address, head);
    }

    fn splice(&mut self, previous: u32, address: u32, next: u32) {
        let node = self.node_mut(address);
        node.previous = previous;
        node.next = next;
        self.node_mut(previous).next = address;
        self.node_mut(next).previous = address;
    }

    fn close_gap(&mut self, previous: u32, next: u32) {
        self.node_mut(previous).next = next;
        self.node_mut(next).previous = previous;
    }

    fn enter_tier(&mut self, priority: u16, connected_slots: u32) -> u16 {
        let index = match self.tier_by_priority.get(&priority) {
            Some(&index) => index,
            None => self.add_tier(priority),
        };
        let tier = &mut self.tiers[usize::from(index)];
        tier.addresses += 1;
        tier.connected_slots += connected_slots;
        self.update_active(index);
        index
    }

    fn add_tier(&mut self, priority: u16) -> u16 {
        let tier =
            Tier { priority, addresses: 0, connected_slots: 0, head: NONE, taken: 0, members: Vec::new() };
        let index = match self.vacant_tiers.pop() {
            Some(index) => {
                self.tiers[usize::from(index)] = tier;
                index
            }
            None => {
                self.tiers.push(tier);
                u16::try_from(self.tiers.len() - 1).expect("as many tiers as priorities at most")
            }
        };
        self.tier_by_priority.insert(priority, index);
        index
    }

    fn leave_tier(&mut self, index: u16, connected_slots: u32) {
        let tier = &mut self.tiers[usize::from(index)];
        tier.addresses -= 1;
        tier.connected_slots -= connected_slots;
        self.update_active(index);
        let tier = &self.tiers[usize::from(index)];
        if tier.addresses == 0 {
            self.tier_by_priority.remove(&tier.priority);
            self.vacant_tiers.push(index);
        }
    }

    /// Call after the connected slots of a tier have changed.
    fn update_active(&mut self, changed: u16) {
        let tier = &self.tiers[usize::from(changed)];
        let is_change = if tier.connected_slots > 0 {
            self.connected.insert(tier.priority)
        } else {
            self.connected.remove(&tier.priority)
        };
        if is_change {
            self.active = self.connected.first().map(|priority| self.tier_by_priority[priority]);
        }
    }
}

/// The addresses that have a ready slot, as a balancer sees them.
#[derive(Clone, Copy, Debug)]
pub struct Ring<'a> {
    nodes: &'a [Node],
    tier: &'a Tier,
    tier_index: u16,
}

/// An address in a [`Ring`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Member {
    /// Which.
    pub id: AddressId,
    /// What the name service says of its share.
    pub weight: u32,
    /// Items handed to its connections and not yet reported on.
    pub in_flight: u32,
}

impl Ring<'_> {
    /// How many addresses can be picked.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tier.members.len()
    }

    /// Whether there is nothing to pick.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tier.members.is_empty()
    }

    /// The address at a position below [`len`](Self::len), in no particular order; for drawing
    /// lots. Positions change with every change of the ring.
    #[must_use]
    pub fn get(&self, position: usize) -> Option<Member> {
        self.tier.members.get(position).map(|&address| self.member(address))
    }

    /// The address whose turn it is.
    #[must_use]
    pub fn first(&self) -> Option<AddressId> {
        let head = self.tier.head;
        (head != NONE).then(|| self.id(head))
    }

    /// The address whose turn comes after that of `id` (itself, if it is alone); the first one if
    /// `id` is not in the ring.
    #[must_use]
    pub fn next_after(&self, id: AddressId) -> Option<AddressId> {
        if self.contains(id) { Some(self.id(self.nodes[id.0.index as usize].next)) } else { self.first() }
    }

    /// The addresses in the order of their turns.
    pub fn iter(&self) -> impl Iterator<Item = Member> {
        let mut next = self.tier.head;
        (0..self.len()).map(move |_| {
            let member = self.member(next);
            next = self.nodes[next as usize].next;
            member
        })
    }

    pub(crate) fn contains(&self, id: AddressId) -> bool {
        self.nodes.get(id.0.index as usize).is_some_and(|node| {
            node.generation == id.0.generation && node.ready_slot != NONE && node.tier == self.tier_index
        })
    }

    fn id(&self, address: u32) -> AddressId {
        AddressId(Key { index: address, generation: self.nodes[address as usize].generation })
    }

    fn member(&self, address: u32) -> Member {
        let node = &self.nodes[address as usize];
        Member { id: self.id(address), weight: node.weight, in_flight: node.in_flight }
    }
}
