//! What the policies have in common that compare two addresses.

use alloc::vec::Vec;

use crate::ids::AddressId;
use crate::rings::{Member, Ring};

/// Two different addresses that can take an item, each pair as likely as any other; twice the same where there is one.
#[inline]
pub(super) fn draw_two(ring: Ring<'_>) -> Option<(Member, Member)> {
    let ready = ring.ready_len() as u64;
    if ready < 2 {
        return ring.get(0).map(|member| (member, member));
    }
    // By multiplication instead of a division (Lemire 2019), with half of the drawn number each.
    let drawn = ring.draw();
    let first = ((drawn >> 32) * ready) >> 32;
    let second = ((drawn & u64::from(u32::MAX)) * (ready - 1)) >> 32;
    let second = second + u64::from(second >= first);
    let position = |drawn: u64| usize::try_from(drawn).unwrap_or(usize::MAX);
    Some((ring.get(position(first))?, ring.get(position(second))?))
}

/// When addresses had their latest items, as numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct LatestTurns {
    items: u64,
    /// By the index of the address; 0 for one that has had none.
    of: Vec<u64>,
}

impl LatestTurns {
    pub(super) fn join(&mut self, address: AddressId) {
        let index = address.index();
        if index >= self.of.len() {
            self.of.resize(index + 1, 0);
        }
        self.of[index] = 0;
    }

    #[inline]
    pub(super) fn take(&mut self, address: AddressId) {
        self.items += 1;
        if let Some(latest) = self.of.get_mut(address.index()) {
            *latest = self.items;
        }
    }

    /// Whether the latest turn of `one` is no later than that of `other`.
    #[inline]
    pub(super) fn is_older(&self, one: AddressId, other: AddressId) -> bool {
        let latest = |address: AddressId| self.of.get(address.index()).copied().unwrap_or(0);
        latest(one) <= latest(other)
    }
}
