//! Lifetimes: when a connection is too old, and how it is replaced.

use alloc::collections::BTreeMap;
use core::time::Duration;

use super::Uniform;
use crate::balance::Balance;
use crate::instant::Instant;
use crate::known_address::Replacement;
use crate::links::NONE;
use crate::outcome::FailureKind;
use crate::reason::{DrainReason, SlotEnd};

/// A connection that drains before its replacement is dialled has this long for it: while it drains, its peer lets
/// nobody else in, and the address may be the only one.
const DRAIN_FIRST_MAX: Duration = Duration::from_secs(1);

/// The ends of lifetimes that don't follow from the settings in force alone.
#[derive(Clone, Debug)]
pub(super) struct Lifetimes {
    /// Spreads lifetimes, and idle timeouts too.
    pub(super) salt: u64,
    /// The ends of connections that a change of the settings found too old. A change postpones none of them.
    ends: BTreeMap<u32, Instant>,
}

impl Lifetimes {
    pub(super) fn new(salt: u64) -> Self {
        Self { salt, ends: BTreeMap::new() }
    }

    /// The slot has no open connection any more.
    pub(super) fn forget(&mut self, slot: u32) {
        self.ends.remove(&slot);
    }
}

impl<A: Clone + Ord, B: Balance> Uniform<A, B> {
    /// When a connection is to go.
    pub(super) fn lifetime_end(&self, slot: u32) -> Option<Instant> {
        let max = self.config.lifetime_max?;
        Some(self.lifetimes.ends.get(&slot).copied().unwrap_or_else(|| self.end_by_age(slot, max)))
    }

    /// Whether a connection is older than its lifetime.
    pub(super) fn has_outlived(&self, slot: u32) -> bool {
        self.config.lifetime_max.is_some_and(|max| self.end_by_age(slot, max) <= self.now)
    }

    fn end_by_age(&self, slot: u32, lifetime: Duration) -> Instant {
        self.slots[slot].since + self.shortened(lifetime, slot)
    }

    /// The lifetime is another. Connections that are too old by it don't go all at once: their ends are
    /// spread over a tenth of it, and none of them is later than it was before.
    pub(super) fn change_lifetime(&mut self, before: Option<Duration>) {
        if self.config.lifetime_max == before {
            return;
        }
        let earlier_ends = core::mem::take(&mut self.lifetimes.ends);
        let Some(max) = self.config.lifetime_max else { return };
        let connected = self.slots.iter().filter(|(_, slot)| slot.state.is_connected());
        let too_old = connected.map(|(key, _)| key.index).filter(|&slot| self.has_outlived(slot));
        let ends = too_old.map(|slot| {
            let spread = self.now + self.up_to_a_tenth(max, slot);
            let latest = earlier_ends.get(&slot).copied();
            let latest = latest.or_else(|| before.map(|before| self.end_by_age(slot, before)));
            (slot, latest.map_or(spread, |end| end.min(spread)))
        });
        self.lifetimes.ends = ends.collect();
    }

    /// An eager pool replaces a connection before it drains, one at a time for each address; a
    /// lazy one opens another when it needs one.
    pub(super) fn on_lifetime_end(&mut self, index: u32) {
        let address = self.slots[index].address;
        // A connection that reaches its lifetime has shown enough.
        self.prove(index);
        if self.is_lazy() {
            return self.drain_slot(index, DrainReason::Lifetime);
        }
        self.addresses.get_mut(address).replacement = Replacement::Awaited;
        self.update_siblings_deadlines(address);
        // There may be one already, that was made beside a suspect.
        self.finish_replacement(address);
        self.update_dialling(address);
    }

    /// Returns whether a connection drained before its replacement.
    pub(super) fn stop_draining_first(&mut self, address: u32) -> bool {
        let drains_first = self.addresses.get(address).replacement == Replacement::AfterDrain;
        if drains_first {
            self.stop_replacing(address);
        }
        drains_first
    }

    /// A new connection is up: if it was made to replace one at the end of its life, that one drains now,
    /// or another whose end came before.
    pub(super) fn finish_replacement(&mut self, address: u32) {
        let known = self.addresses.get(address);
        if !known.is_replacing() || known.count.connected() <= self.connections_per_address() {
            return;
        }
        if let Some(first) = self.first_to_be_replaced(address) {
            self.stop_replacing(address);
            self.drain_slot(first, DrainReason::Lifetime);
        }
    }

    fn first_to_be_replaced(&self, address: u32) -> Option<u32> {
        let connected = self.siblings(address).filter(|&slot| self.slots[slot].state.is_connected());
        connected.min_by_key(|&slot| (self.lifetime_end(slot), self.slots[slot].since))
    }

    /// A dial has failed. If it was refused, and was to replace a connection that works, the peer may let no more
    /// connections in: then that one drains first, and this returns true. A dial that timed out says less, and is
    /// no reason to give up what works.
    pub(super) fn is_replacement_refused(&mut self, address: u32, end: SlotEnd) -> bool {
        let known = self.addresses.get(address);
        let is_whole = known.count.connected() >= self.connections_per_address();
        let is_refused = matches!(end, SlotEnd::Failed(kind) if kind != FailureKind::TimedOut);
        if !(known.is_replacing() && is_whole && is_refused) {
            return false;
        }
        let Some(first) = self.first_to_be_replaced(address) else { return false };
        self.addresses.get_mut(address).replacement = Replacement::AfterDrain;
        self.drain_slot(first, DrainReason::Lifetime);
        self.postpone_dials(address, self.now + DRAIN_FIRST_MAX);
        self.update_siblings_deadlines(address);
        true
    }

    /// A connection has drained, or has taken too long for it.
    pub(super) fn replace_after_drain(&mut self, address: u32) {
        if self.stop_draining_first(address) {
            if !self.addresses.get(address).is_failing() {
                self.end_backoff(address);
                self.keep_pace(address);
            }
            self.update_dialling(address);
        }
    }

    /// A connection is gone that made one too many with the replacement on its way: the pool is
    /// back to the usual number, and whatever has outlived its lifetime starts afresh.
    pub(super) fn cancel_replacement(&mut self, address: u32) {
        let (known, usual) = (self.addresses.get(address), self.connections_per_address());
        let is_usual = known.count.connected() < usual && known.count.held() <= usual;
        if known.is_replacing() && is_usual {
            self.stop_replacing(address);
        }
    }

    /// A connection takes no items for now, and needs no replacement: if no other has outlived its lifetime, none is
    /// replaced.
    pub(super) fn spare_the_young(&mut self, address: u32) {
        let is_old = |slot: u32| {
            self.slots[slot].state.is_connected()
                && self.lifetime_end(slot).is_some_and(|end| end <= self.now)
        };
        if self.addresses.get(address).replacement == Replacement::Awaited
            && !self.siblings(address).any(is_old)
        {
            self.stop_replacing(address);
        }
    }

    fn stop_replacing(&mut self, address: u32) {
        self.addresses.get_mut(address).replacement = Replacement::None;
        self.update_siblings_deadlines(address);
    }

    fn update_siblings_deadlines(&mut self, address: u32) {
        for first in self.sibling_rings(address) {
            let mut slot = first;
            while slot != NONE {
                self.update_deadline(slot);
                slot = Some(self.slots[slot].links.next).filter(|next| *next != first).unwrap_or(NONE);
            }
        }
    }
}
