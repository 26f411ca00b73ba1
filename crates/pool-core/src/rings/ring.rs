//! What a balancer sees: the connected addresses, and whose turn it is.

use super::{Rings, Tier};
use crate::ids::AddressId;
use crate::links::{NONE, ring};
use crate::random::Random;
use crate::slab::SlabKey;

/// The connected addresses of the priority that the next item goes to, as a balancer sees them.
///
/// Each of the [`members`](Self::members) is connected. Those that can take an item now come first,
/// [`ready_len`](Self::ready_len) of them, and only they have turns ([`first`](Self::first),
/// [`next_after`](Self::next_after), [`turns`](Self::turns)).
///
/// An address that rests for what its replies said is here as one that can't take an item. Where no other can take
/// one, those can that rest for an overload, and the ring shows them as ready.
#[derive(Clone, Copy, Debug)]
pub struct Ring<'a> {
    rings: &'a Rings,
    tier: &'a Tier,
}

/// An address in a [`Ring`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Member {
    /// Which.
    pub id: AddressId,
    /// What the name service says of its share.
    pub weight: u32,
    /// The stable hash of its name, from [`Endpoint::hash`](crate::Endpoint::hash).
    pub hash: u64,
    /// Items sent to its connections and not yet reported on. Connections that never report
    /// look ever busier: a policy that goes by this needs some that do.
    pub in_flight: u32,
    /// Whether it can take an item now. An item that is to go to one that can't has to wait.
    pub is_ready: bool,
}

impl<'a> Ring<'a> {
    #[inline]
    pub(super) const fn new(rings: &'a Rings, tier: &'a Tier) -> Self {
        Self { rings, tier }
    }

    /// The ready slot that gets the next item of an address, if the address is one of these that can take one.
    #[inline]
    pub(crate) fn slot_in_turn(self, address: u32) -> Option<SlabKey> {
        let node = self.rings.node(address);
        (node.position < self.tier.round.len).then_some(node.ready_slot)
    }

    /// The priority of all these addresses.
    #[must_use]
    #[inline]
    pub fn priority(&self) -> u16 {
        self.tier.priority
    }

    /// The same by id, if that is one of these.
    #[inline]
    pub(crate) fn slot_of(self, id: AddressId) -> Option<SlabKey> {
        let node = self.rings.nodes.get(id.0.index as usize)?;
        let is_one = node.generation == id.0.generation && node.priority == self.tier.priority;
        (is_one && node.position < self.tier.round.len).then_some(node.ready_slot)
    }

    /// How many addresses are connected.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tier.members.len()
    }

    /// Whether no address is connected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many of them can take an item now: those at the positions below this.
    #[must_use]
    #[inline]
    pub fn ready_len(&self) -> usize {
        self.tier.round.len as usize
    }

    /// The address at a position below [`len`](Self::len), for drawing lots. Those below
    /// [`ready_len`](Self::ready_len) can take an item now; beyond that there is no particular order.
    /// Positions change with every change of the ring.
    #[must_use]
    #[inline]
    pub fn get(&self, position: usize) -> Option<Member> {
        self.tier.members.get(position).map(|&address| self.member(address))
    }

    /// An address, if it is one of these.
    #[must_use]
    #[inline]
    pub fn find(&self, id: AddressId) -> Option<Member> {
        self.contains(id).then(|| self.member(id.0.index))
    }

    /// All connected addresses, by position.
    #[must_use]
    pub fn members(&self) -> impl ExactSizeIterator<Item = Member> {
        self.tier.members.iter().map(|&address| self.member(address))
    }

    /// The address whose turn it is.
    #[must_use]
    #[inline]
    pub fn first(&self) -> Option<AddressId> {
        let index = self.tier.round.head;
        // `NONE` is beyond the end.
        let node = self.rings.nodes.get(index as usize)?;
        Some(AddressId(SlabKey { index, generation: node.generation }))
    }

    /// The address whose turn comes after that of `id` (itself, if it is alone); the first one if
    /// `id` has no turn.
    #[must_use]
    pub fn next_after(&self, id: AddressId) -> Option<AddressId> {
        if self.find(id).is_some_and(|member| member.is_ready) {
            Some(self.id(self.after(id.0.index)))
        } else {
            self.first()
        }
    }

    /// The addresses that can take an item now, in the order of their turns.
    pub fn turns(&self) -> impl Iterator<Item = Member> {
        ring(self.tier.round.head, |address| self.after(address)).map(|address| self.member(address))
    }

    /// The drawn number of the next item: uniform over all numbers, the same until an item is sent, then another.
    /// It depends on the pool's seed and on how many items were sent. A policy that needs several numbers makes
    /// a [`Random`] of it.
    #[must_use]
    #[inline]
    pub fn draw(&self) -> u64 {
        Random::nth(self.rings.seed, self.rings.sends)
    }

    #[inline]
    pub(crate) fn contains(self, id: AddressId) -> bool {
        self.rings.nodes.get(id.0.index as usize).is_some_and(|node| {
            node.generation == id.0.generation && node.position != NONE && node.priority == self.tier.priority
        })
    }

    /// Whose turn comes after that of an address that has one.
    fn after(self, address: u32) -> u32 {
        if self.rings.turn_deadlines.weighs_turns {
            return self.rings.next_by_weight(&self.tier.round.lanes, address);
        }
        self.rings.node(address).links.next
    }

    #[inline]
    fn id(self, address: u32) -> AddressId {
        AddressId(SlabKey { index: address, generation: self.rings.node(address).generation })
    }

    #[inline]
    fn member(self, address: u32) -> Member {
        let node = self.rings.node(address);
        Member {
            id: self.id(address),
            weight: node.weight,
            hash: self.rings.hashes.of(address),
            in_flight: node.unreported,
            is_ready: node.position < self.tier.round.len,
        }
    }
}
