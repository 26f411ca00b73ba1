//! The connected addresses of each priority, and the turns of those that are ready.
//!
//! An address is in the dense list of its priority while it is connected, which gives balancers random
//! access. Those with a ready slot come first in that list, and only they have turns, in a ring. To join either,
//! to leave it and to pass the turn cost the same at any size ([`Links`]). Priorities are looked up only when
//! addresses come, go or change theirs.
//!
//! Addresses that rest for an overload are in a ring of their own, which is used while the other is empty. Those that
//! are unfit are in none, and their connections don't count ([`Standing`]).

mod hashes;
mod lanes;
mod ring;
mod shares;
mod standing;
mod tier;
mod turns;
mod weighing;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use hashes::Hashes;
pub use ring::{Member, Ring};
pub(crate) use standing::{Allowance, Place, Standing};
use tier::Tier;
use turns::TurnLength;
use weighing::TurnDeadlines;

use crate::balance::Attributes;
use crate::ids::AddressId;
use crate::instant::Instant;
use crate::links::{Linked, Links, NONE};
use crate::random::Random;
use crate::slab::SlabKey;

/// The part of an address that choosing needs, small and apart from the rest.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    generation: u32,
    pub(crate) weight: u32,
    /// Sent less outcomes, modulo 2^32.
    unreported: u32,
    links: Links,
    /// In the dense list; `NONE` while the address is not connected.
    position: u32,
    /// The ready slot whose turn it is; `NO_SLOT` while the address is not in the ring.
    pub(crate) ready_slot: SlabKey,
    pub(crate) priority: u16,
    pub(crate) standing: Standing,
}

/// In the place of a ready slot where there is none.
const NO_SLOT: SlabKey = SlabKey { index: NONE, generation: 0 };

impl Linked for Vec<Node> {
    fn links(&mut self, address: u32) -> &mut Links {
        &mut self[address as usize].links
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Rings {
    nodes: Vec<Node>,
    hashes: Hashes,
    /// The tier that items go to: the best one with a connected slot. While none has one, any.
    active: Tier,
    /// The other tiers, by priority.
    others: BTreeMap<u16, Tier>,
    /// The priorities that have a connected slot.
    connected: BTreeSet<u16>,
    /// Which of several priorities get how many items: for each the sum of its percents and of those before it. Empty
    /// while all go to the active tier.
    shares: Vec<(u16, u32)>,
    /// Whether a priority is used as far as it is counted upon, not as soon as it is connected.
    is_ruled: bool,
    /// When more of a priority will be counted upon, and its timer is set.
    pub(crate) failback_at: Option<Instant>,
    /// Connected slots of addresses that don't rest as unfit.
    fit_slots: u32,
    turns: TurnLength,
    turn_deadlines: TurnDeadlines,
    /// Items sent, modulo 2^64: each has a drawn number of its own.
    sends: u64,
    /// Items that have come to their end, modulo 2^64.
    ends: u64,
    /// Of the drawn numbers.
    seed: u64,
}

impl Rings {
    pub(crate) fn new(items_per_turn_max: u32, weighs_turns: bool, seed: u64) -> Self {
        Self {
            nodes: Vec::new(),
            hashes: Hashes::default(),
            active: Tier::new(0),
            others: BTreeMap::new(),
            connected: BTreeSet::new(),
            shares: Vec::new(),
            is_ruled: false,
            failback_at: None,
            fit_slots: 0,
            turns: TurnLength::new(items_per_turn_max),
            turn_deadlines: TurnDeadlines::new(weighs_turns),
            sends: 0,
            ends: 0,
            seed,
        }
    }

    /// Items sent whose end is not known.
    pub(crate) fn in_flight(&self) -> u64 {
        self.sends.wrapping_sub(self.ends)
    }

    pub(crate) fn reserve_total(&mut self, count: usize) {
        self.nodes.reserve_exact(count.saturating_sub(self.nodes.len()));
        self.turn_deadlines.reserve_total(count);
    }

    pub(crate) fn node(&self, address: u32) -> &Node {
        &self.nodes[address as usize]
    }

    /// The ready slot of an address whose turn it is, while the address has one.
    #[inline]
    pub(crate) fn ready_slot(&self, address: u32) -> Option<SlabKey> {
        let ready_slot = self.node(address).ready_slot;
        (ready_slot != NO_SLOT).then_some(ready_slot)
    }

    /// Whether the name service says the same of an address as before.
    pub(crate) fn is_as_before(&self, address: u32, attributes: &Attributes) -> bool {
        let Node { weight, priority, .. } = *self.node(address);
        *attributes == Attributes { weight, priority, hash: self.hashes.of(address) }
    }

    fn set_attributes(&mut self, address: u32, attributes: &Attributes) {
        let Attributes { weight, priority, hash } = *attributes;
        let node = self.node_mut(address);
        (node.weight, node.priority) = (weight, priority);
        self.hashes.set(address, hash);
    }

    fn node_mut(&mut self, address: u32) -> &mut Node {
        &mut self.nodes[address as usize]
    }

    /// The ring of the best priority that items go to now.
    #[inline]
    pub(crate) fn active(&self) -> Ring<'_> {
        Ring::new(self, &self.active)
    }

    /// The best priority that has a connected slot.
    pub(crate) fn active_priority(&self) -> Option<u16> {
        (self.active.connected_slots > 0).then_some(self.active.priority)
    }

    /// How many slots of that priority are connected.
    pub(crate) fn active_connections(&self) -> usize {
        self.active.connected_slots as usize
    }

    /// How many addresses of the active priority can take an item, those apart that rest for an overload.
    pub(crate) fn regular_len(&self) -> u32 {
        self.active.regular_len()
    }

    /// Whether items go to addresses that rest for an overload, as no other can take them.
    pub(crate) fn uses_spares(&self) -> bool {
        self.active.uses_spares
    }

    /// Whether an address is connected that doesn't rest as unfit.
    pub(crate) fn is_any_fit(&self) -> bool {
        self.fit_slots > 0
    }

    pub(crate) fn add_address(&mut self, key: SlabKey, attributes: &Attributes) {
        let Attributes { weight, priority, hash } = *attributes;
        self.enter_tier(priority, 0);
        self.hashes.set(key.index, hash);
        let node = Node {
            generation: key.generation,
            weight,
            unreported: 0,
            links: Links::NONE,
            position: NONE,
            ready_slot: NO_SLOT,
            priority,
            standing: Standing::of_new(weight),
        };
        self.turn_deadlines.add(key.index);
        match self.nodes.get_mut(key.index as usize) {
            Some(place) => *place = node,
            None => self.nodes.push(node),
        }
    }

    /// The address is back before it was forgotten: it may still have draining slots.
    pub(crate) fn return_address(&mut self, address: u32, attributes: &Attributes) {
        self.enter_tier(attributes.priority, 0);
        self.set_attributes(address, attributes);
    }

    /// The address has left the set, and none of its slots is connected any more.
    pub(crate) fn remove_address(&mut self, address: u32) {
        self.leave_tier(self.node(address).priority, 0);
    }

    /// The name service says something else of an address. Another priority gets it with all its slots.
    pub(crate) fn change_address(
        &mut self,
        address: u32,
        attributes: &Attributes,
        connected_slots: u32,
        random: &mut Random,
    ) {
        let Node { ready_slot, position, priority: before, standing, .. } = *self.node(address);
        let connected_slots = if standing.is_there() { connected_slots } else { 0 };
        if before == attributes.priority {
            self.reweigh(address, attributes);
            return self.set_attributes(address, attributes);
        }
        if ready_slot != NO_SLOT {
            self.unlink(address);
        }
        if position != NONE {
            self.leave_members(address);
        }
        self.leave_tier(before, connected_slots);
        self.enter_tier(attributes.priority, connected_slots);
        self.set_attributes(address, attributes);
        if position != NONE {
            self.join_members(address);
        }
        if ready_slot != NO_SLOT {
            self.link(address, ready_slot, random);
        }
    }

    pub(crate) fn slot_connected(&mut self, address: u32) {
        let Node { priority, position, standing, .. } = *self.node(address);
        if position == NONE {
            self.join_members(address);
        }
        self.fit_slots += u32::from(standing.is_fit());
        let tier = self.tier_mut(priority);
        tier.connected_slots += u32::from(standing.is_there());
        tier.there += u32::from(standing.is_there() && position == NONE);
        self.update_active(priority);
    }

    /// The slot is ready no more. It may be the last that the address has connected.
    pub(crate) fn slot_disconnected(&mut self, address: u32, is_last: bool) {
        if is_last {
            self.leave_members(address);
        }
        let Node { priority, standing, .. } = *self.node(address);
        self.fit_slots -= u32::from(standing.is_fit());
        let tier = self.tier_mut(priority);
        tier.connected_slots -= u32::from(standing.is_there());
        tier.there -= u32::from(standing.is_there() && is_last);
        self.update_active(priority);
    }

    /// An address begins to rest, is to be tried, or returns. So many of its slots are connected.
    pub(crate) fn set_standing(
        &mut self,
        address: u32,
        standing: Standing,
        connected_slots: u32,
        random: &mut Random,
    ) {
        let Node { ready_slot, priority, standing: before, .. } = *self.node(address);
        let changes_round = ready_slot != NO_SLOT && before.place() != standing.place();
        if changes_round {
            self.leave_round(address);
        }
        self.node_mut(address).standing = standing;
        if connected_slots == 0 {
            return;
        }
        match (before.is_fit(), standing.is_fit()) {
            (false, true) => self.fit_slots += connected_slots,
            (true, false) => self.fit_slots -= connected_slots,
            _ => {}
        }
        match (before.is_there(), standing.is_there()) {
            (false, true) => self.tier_mut(priority).gain(connected_slots),
            (true, false) => self.tier_mut(priority).lose(connected_slots),
            _ => {}
        }
        self.update_active(priority);
        if changes_round {
            self.enter_round(address, random);
        }
    }

    fn join_members(&mut self, address: u32) {
        let tier = self.tier_mut(self.node(address).priority);
        let position = tier.members.len();
        tier.members.push(address);
        self.node_mut(address).position = u32::try_from(position).unwrap_or(NONE);
    }

    /// Of the addresses that are not ready; those come last, so the gap is closed by one of them.
    fn leave_members(&mut self, address: u32) {
        let Node { position, priority, .. } = *self.node(address);
        let tier = self.tier_mut(priority);
        tier.members.swap_remove(position as usize);
        let moved = tier.members.get(position as usize).copied();
        self.node_mut(address).position = NONE;
        if let Some(moved) = moved {
            self.node_mut(moved).position = position;
        }
    }

    /// Puts an address in another place of the dense list, and the one that is there in its place.
    fn swap_member(&mut self, address: u32, position: u32) {
        let Node { position: before, priority, .. } = *self.node(address);
        let members = &mut self.tier_mut(priority).members;
        let displaced = members[position as usize];
        members.swap(before as usize, position as usize);
        self.node_mut(displaced).position = before;
        self.node_mut(address).position = position;
    }

    /// The address has its first ready slot.
    pub(crate) fn link(&mut self, address: u32, ready_slot: SlabKey, random: &mut Random) {
        self.node_mut(address).ready_slot = ready_slot;
        self.enter_round(address, random);
    }

    /// The address has no ready slot any more.
    pub(crate) fn unlink(&mut self, address: u32) {
        self.leave_round(address);
        self.node_mut(address).ready_slot = NO_SLOT;
    }

    /// An address with a ready slot joins its round at the end, if its standing gives it one. Before the first
    /// item has gone out, each that joins is as likely as any to have the first turn.
    fn enter_round(&mut self, address: u32, random: &mut Random) {
        let Node { priority, standing, .. } = *self.node(address);
        let Some(place) = standing.place() else { return };
        let (items_per_turn, weighs_turns) = (self.turns.length(), self.turn_deadlines.weighs_turns);
        let tier = self.tier_mut(priority);
        let (first_other, first_spare) = (tier.ready_len(), tier.regular_len());
        let has_started = tier.has_started;
        let round = tier.round_of(place);
        let head = round.head;
        let is_first = head == NONE || (!has_started && random.up_to(round.len.into()) == 0);
        round.len += 1;
        if is_first && !weighs_turns {
            round.head = address;
            round.turn_left = items_per_turn;
        }
        tier.choose_round();
        self.swap_member(address, first_other);
        if place == Place::Regular {
            self.swap_member(address, first_spare);
        }
        if weighs_turns {
            self.join_lane(address, place, is_first);
        } else {
            self.nodes.join_ring(head, address);
        }
    }

    fn leave_round(&mut self, address: u32) {
        let Node { priority, standing, .. } = *self.node(address);
        let Some(place) = standing.place() else { return };
        let items_per_turn = self.turns.length();
        let next = if self.turn_deadlines.weighs_turns {
            self.leave_lane(address, place);
            NONE
        } else {
            self.nodes.leave_ring(address)
        };
        let tier = self.tier_mut(priority);
        let (last_ready, last_regular) = (tier.ready_len() - 1, tier.regular_len().wrapping_sub(1));
        let round = tier.round_of(place);
        round.len -= 1;
        if round.head == address {
            round.head = next;
            round.turn_left = items_per_turn;
        }
        tier.choose_round();
        if place == Place::Regular {
            self.swap_member(address, last_regular);
        }
        self.swap_member(address, last_ready);
    }

    pub(crate) fn set_ready_slot(&mut self, address: u32, slot: SlabKey) {
        self.node_mut(address).ready_slot = slot;
    }

    pub(crate) fn count_outcomes(&mut self, address: u32, items: u32) -> AddressId {
        self.ends = self.ends.wrapping_add(items.into());
        let node = self.node_mut(address);
        node.unreported = node.unreported.wrapping_sub(items);
        AddressId(SlabKey { index: address, generation: node.generation })
    }

    /// An item went to a slot of the address that was not ready, whose turn it can't have been.
    pub(crate) fn count_sent(&mut self, address: u32) -> AddressId {
        self.sends = self.sends.wrapping_add(1);
        let node = self.node_mut(address);
        node.unreported = node.unreported.wrapping_add(1);
        AddressId(SlabKey { index: address, generation: node.generation })
    }

    fn tier_mut(&mut self, priority: u16) -> &mut Tier {
        if priority == self.active.priority {
            &mut self.active
        } else {
            self.others.get_mut(&priority).expect("a tier for each priority in use")
        }
    }

    fn enter_tier(&mut self, priority: u16, connected_slots: u32) {
        if priority != self.active.priority {
            self.others.entry(priority).or_insert_with(|| Tier::new(priority));
        }
        let tier = self.tier_mut(priority);
        tier.addresses += 1;
        tier.gain(connected_slots);
        self.update_active(priority);
    }

    fn leave_tier(&mut self, priority: u16, connected_slots: u32) {
        let tier = self.tier_mut(priority);
        tier.addresses -= 1;
        tier.lose(connected_slots);
        self.update_active(priority);
        if self.others.get(&priority).is_some_and(|tier| tier.addresses == 0) {
            self.others.remove(&priority);
        }
    }

    /// Call after the connected slots of a tier have changed.
    fn update_active(&mut self, changed: u16) {
        let is_change = if self.tier_mut(changed).connected_slots > 0 {
            self.connected.insert(changed)
        } else {
            self.connected.remove(&changed)
        };
        if !is_change {
            return;
        }
        self.choose_active();
    }

    /// Of those that have a connected slot the best, if it is counted upon. If none is, the best.
    fn choose_active(&mut self) {
        let is_counted = |of: &&u16| self.tier(**of).is_some_and(Tier::is_counted_upon);
        let counted = if self.is_ruled { self.connected.iter().find(is_counted) } else { None };
        let best = counted.or_else(|| self.connected.first());
        if let Some(best) = best.and_then(|best| self.others.remove(best)) {
            let before = core::mem::replace(&mut self.active, best);
            if before.addresses > 0 {
                self.others.insert(before.priority, before);
            }
        }
    }
}
