//! Every address in turn.

use crate::balance::{Balance, PickArgs};
use crate::ids::AddressId;
use crate::instant::Instant;
use crate::rings::Ring;

/// Every ready address in turn, exactly. Weights don't count, except 0.
///
/// For servers that are alike, and for connections that report no outcomes. Not where one of the servers may become slow:
/// it gets as many items as the others, and all who wait for it stand still. Then [`LeastLoaded`](crate::LeastLoaded) or
/// [`PeakEwma`](crate::PeakEwma) is better.
///
/// The turns themselves are kept by the ring, so that they survive updates of the address set;
/// who has the first of them is drawn by the seed, so that many clients don't march in step.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct RoundRobin;

impl RoundRobin {
    /// Round-robin has no settings of its own; see
    /// [`items_per_turn`](crate::Sharing::items_per_turn).
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Balance for RoundRobin {
    fn pick(&self, ring: &Ring<'_>, args: &PickArgs, _: Instant) -> Option<AddressId> {
        let first = ring.first()?;
        if args.avoid == Some(first) { ring.next_after(first) } else { Some(first) }
    }

    #[inline]
    fn keeps_turn(&self, _: AddressId) -> bool {
        true
    }
}
