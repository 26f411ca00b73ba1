//! Every address in turn, by weight.

use crate::balance::{Balance, PickArgs, TurnOrder};
use crate::ids::AddressId;
use crate::instant::Instant;
use crate::rings::Ring;

/// Every ready address in turn, and turns in proportion to weights.
///
/// For servers of different size, also over connections that report no outcomes. With equal weights it is
/// [`RoundRobin`](crate::RoundRobin) to the item, at the same cost. Not where servers become slow: it goes by what the
/// name service says, not by what happens.
///
/// Each turn has a virtual deadline, and the earliest is next; an address of weight `w` has a new one `1 / w` later. So
/// turns are as evenly spread as can be: with weights of 1, 2 and 7 any ten turns in a row are 1, 2 and 7, or one more or
/// less. Weights are shares of *turns*: where [turns](crate::Sharing::items_per_turn) are of one length, they are shares of
/// items, too. An address that comes or returns has its first turn after as long as it would wait between two.
///
/// The algorithm is earliest deadline first, as in Envoy (`edf_scheduler.h`) and nginx's smooth weighted round-robin.
/// Addresses of equal weight are kept together, so a turn costs the same however many addresses there are, and grows with
/// the logarithm of the number of different weights.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct WeightedRoundRobin;

impl WeightedRoundRobin {
    /// It has no settings of its own.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Balance for WeightedRoundRobin {
    #[inline]
    fn pick(&self, ring: &Ring<'_>, args: &PickArgs, _: Instant) -> Option<AddressId> {
        let first = ring.first()?;
        if args.avoid == Some(first) { ring.next_after(first) } else { Some(first) }
    }

    #[inline]
    fn keeps_turn(&self, _: AddressId) -> bool {
        true
    }

    #[inline]
    fn turn_order(&self) -> TurnOrder {
        TurnOrder::ByWeight
    }
}
