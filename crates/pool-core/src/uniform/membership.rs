//! Which addresses there are: the difference of two sets, and who is remembered after leaving.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::mem;

use super::Uniform;
use super::resting::Rests;
use super::suspects::Suspicions;
use crate::address_set::{AddressSet, Endpoint, SetIdentity};
use crate::balance::Balance;
use crate::config::Opening;
use crate::ids::AddressId;
use crate::known_address::{KnownAddress, Replacement};
use crate::links::NONE;
use crate::output::{Event, Output};
use crate::reason::{DrainReason, SlotEnd};
use crate::slab::{Slab, SlabKey};

/// More slots than this get their memory when they are needed: most of them may never be.
const SLOTS_RESERVED_MAX: usize = 1 << 20;

/// The addresses of the set, and those that left it and are not forgotten yet.
#[derive(Clone, Debug)]
pub(super) struct Addresses<A> {
    /// Which set is in force.
    set: SetIdentity<A>,
    /// Where its addresses are in `known`, in their order.
    members: Vec<u32>,
    known: Slab<KnownAddress<A>>,
    /// Those that left, while they drain, are in backoff or rest.
    departed: BTreeMap<A, u32>,
    pub(super) rests: Rests,
    pub(super) suspicions: Suspicions,
    /// How many addresses of the set have an unreset failure.
    pub(super) failing: usize,
}

impl<A: Clone + Ord> Addresses<A> {
    pub(super) fn new() -> Self {
        Self {
            set: SetIdentity::none(),
            members: Vec::new(),
            known: Slab::new(),
            departed: BTreeMap::new(),
            rests: Rests::default(),
            suspicions: Suspicions::default(),
            failing: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    pub(super) fn get(&self, index: u32) -> &KnownAddress<A> {
        &self.known[index]
    }

    pub(super) fn get_mut(&mut self, index: u32) -> &mut KnownAddress<A> {
        &mut self.known[index]
    }

    pub(super) fn id(&self, index: u32) -> AddressId {
        AddressId(self.known.key(index))
    }

    pub(super) fn by_id(&self, id: AddressId) -> Option<&KnownAddress<A>> {
        self.known.get(id.0)
    }

    pub(super) fn find(&self, address: &A) -> Option<u32> {
        let found = self.members.binary_search_by(|&index| self.known[index].address.cmp(address));
        found.map_or_else(|_| self.departed.get(address).copied(), |place| Some(self.members[place]))
    }

    /// The addresses of the set.
    pub(super) fn members(&self) -> &[u32] {
        &self.members
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (SlabKey, &KnownAddress<A>)> {
        self.known.iter()
    }
}

impl<A: Clone + Ord, B: Balance> Uniform<A, B> {
    /// Whether a set is small enough. One that isn't is told of.
    pub(super) fn admits(&mut self, len: usize) -> bool {
        let max = self.config.addresses_max;
        if len > max {
            self.outputs.push_back(Output::Event(Event::AddressesRefused { len, max }));
        }
        len <= max
    }

    /// One pass over the old and the new set, both sorted. Whether the set is taken.
    pub(super) fn apply_addresses(&mut self, set: &AddressSet<A>) -> bool {
        if self.addresses.set.is_of(set) {
            return true;
        }
        if !self.admits(set.len()) {
            return false;
        }
        self.reserve(set.len());
        self.addresses.set = set.identity();
        let members_before = mem::take(&mut self.addresses.members);
        let (mut old, mut new) = (&members_before[..], set.endpoints());
        let mut members = Vec::with_capacity(new.len());
        let may_return = !self.addresses.departed.is_empty();
        loop {
            let kept = self.count_unchanged(old, new);
            members.extend_from_slice(&old[..kept]);
            (old, new) = (&old[kept..], &new[kept..]);
            let order = match (old.first(), new.first()) {
                (Some(index), Some(endpoint)) => self.addresses.get(*index).address.cmp(&endpoint.address),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => break,
            };
            match order {
                Ordering::Less => {
                    self.depart(old[0]);
                    old = &old[1..];
                }
                Ordering::Equal => {
                    self.change_endpoint(old[0], &new[0]);
                    members.push(old[0]);
                    (old, new) = (&old[1..], &new[1..]);
                }
                Ordering::Greater => {
                    members.push(self.arrive(&new[0], may_return));
                    new = &new[1..];
                }
            }
        }
        self.addresses.members = members;
        self.rings.settle_weights();
        true
    }

    /// How many of the next addresses are in both sets, and as they were: nearly all, most of the time.
    fn count_unchanged(&self, old: &[u32], new: &[Endpoint<A>]) -> usize {
        let is_unchanged = |(index, endpoint): &(&u32, &Endpoint<A>)| {
            self.addresses.get(**index).address == endpoint.address
                && self.rings.is_as_before(**index, &endpoint.attributes())
        };
        old.iter().zip(new).take_while(is_unchanged).count()
    }

    /// Exactly as much as the set needs, so that a large one doesn't cost twice its size.
    pub(super) fn reserve(&mut self, addresses: usize) {
        self.addresses.known.reserve_total(addresses);
        self.rings.reserve_total(addresses);
        if self.config.opening == Opening::Eager {
            let slots = addresses.saturating_mul(self.config.connections_per_address as usize);
            self.slots.reserve_total(slots.min(SLOTS_RESERVED_MAX));
        }
    }

    /// `may_return` says whether any that left are remembered: to look for one costs something.
    fn arrive(&mut self, endpoint: &Endpoint<A>, may_return: bool) -> u32 {
        self.restart_re_resolution();
        let (address, attributes) = (&endpoint.address, endpoint.attributes());
        let returned = if may_return { self.addresses.departed.remove(address) } else { None };
        let index = if let Some(index) = returned {
            let known = self.addresses.get_mut(index);
            known.present = true;
            known.since = self.now;
            self.addresses.failing += usize::from(self.addresses.get(index).is_failing());
            self.rings.return_address(index, &attributes);
            self.update_standing(index);
            index
        } else {
            let make = |key| KnownAddress::new(key, address.clone(), self.now);
            let key = self.addresses.known.insert_with(make);
            self.rings.add_address(key, &attributes);
            key.index
        };
        let id = self.addresses.id(index);
        self.balancer.on_joined(id, &attributes, self.now);
        self.outputs.push_back(Output::Event(Event::AddressAdded { address: address.clone(), id }));
        self.update_dialling(index);
        index
    }

    #[cold]
    fn change_endpoint(&mut self, index: u32, endpoint: &Endpoint<A>) {
        let attributes = endpoint.attributes();
        let is_other_priority = self.rings.node(index).priority != endpoint.priority;
        let connected = self.addresses.get(index).count.connected();
        // Without a weight it has no turns, so it leaves them before, and joins them after.
        if attributes.weight == 0 {
            self.update_standing_by(index, 0);
        }
        self.rings.change_address(index, &attributes, connected.into(), &mut self.random);
        self.update_standing(index);
        let (address, id) = (endpoint.address.clone(), self.addresses.id(index));
        self.balancer.on_changed(id, &attributes, self.now);
        if is_other_priority {
            self.update_dialling(index);
        }
        self.outputs.push_back(Output::Event(Event::AddressChanged { address, id }));
    }

    fn depart(&mut self, index: u32) {
        self.restart_re_resolution();
        let key = self.addresses.known.key(index);
        let known = self.addresses.get_mut(index);
        known.present = false;
        known.replacement = Replacement::None;
        known.since = self.now;
        let address = known.address.clone();
        self.addresses.failing -= usize::from(self.addresses.get(index).is_failing());
        self.addresses.departed.insert(address.clone(), index);
        self.outputs.push_back(Output::Event(Event::AddressRemoved { address, id: AddressId(key) }));
        self.end_slots(index, DrainReason::AddressLeft, SlotEnd::AddressLeft);
        self.dials.ask_for(index, false);
        self.rings.remove_address(index);
        self.balancer.on_left(AddressId(key), self.now);
        self.keep_rest_only(index);
        self.watch_suspects(index);
        self.update_dialling(index);
        self.forget_if_done(index);
    }

    /// A departed address is remembered while it drains, while it is in backoff and while it rests.
    pub(super) fn forget_if_done(&mut self, index: u32) {
        let known = self.addresses.get(index);
        if known.present || self.sibling_rings(index) != [NONE; 2] {
            return;
        }
        let may_be_remembered = self.addresses.departed.len() <= self.config.addresses_max;
        let is_postponed = self.dials.postponed_beyond(index, self.now).is_some();
        let is_remembered = is_postponed || self.addresses.rests.of(index).is_some();
        if is_remembered && may_be_remembered {
            return;
        }
        self.clear_earliest_dial(index);
        self.forget_rest(index);
        let id = self.addresses.id(index);
        let address = self.addresses.known.remove(index).address;
        self.addresses.departed.remove(&address);
        self.outputs.push_back(Output::Event(Event::AddressForgotten { address, id }));
    }
}
