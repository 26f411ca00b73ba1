//! The less loaded of two.

use super::two_choices::{LatestTurns, draw_two};
use crate::balance::{Attributes, Balance, PickArgs, TurnOrder};
use crate::ids::AddressId;
use crate::instant::Instant;
use crate::rings::Ring;

/// The less loaded of two addresses that are drawn.
///
/// For calls: a server that becomes slow, or hangs, has more in flight than the others and gets less to do, from the
/// first call that is late. Not over connections that report no outcomes, where it is refused
/// ([`needs_outcomes`](Balance::needs_outcomes)); and not where failing is quick, as what fails at once is never loaded:
/// then [`PeakEwma`](crate::PeakEwma) is better.
///
/// Two **different** addresses are drawn uniformly among those that can take an item. The one with fewer items in flight
/// over its weight gets the item; of two equals that whose latest item is longer ago. Two choices are as good as looking
/// at all of them, nearly, and many clients don't fall upon the same address (Mitzenmacher 2001, The power of two choices
/// in randomized load balancing). That they are different keeps a busy address of two from a quarter of the items, as in
/// Finagle and linkerd.
///
/// Where [turns](crate::Sharing::items_per_turn) are longer than an item, so is said of whole turns: the address that the
/// first item of a turn is picked for has all of them. Up to five items under way each is a turn.
///
/// ```
/// use pool_core::{Config, LeastLoaded, Uniform};
///
/// let uniform: Uniform<u16, _> = Uniform::new(Config::default(), LeastLoaded::new(), 42)?;
/// # Ok::<(), pool_core::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct LeastLoaded {
    turns: LatestTurns,
}

impl LeastLoaded {
    /// It has no settings of its own.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Balance for LeastLoaded {
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "it is the half of a choice, and has two callers, of which one is rare"
    )]
    fn pick(&self, ring: &Ring<'_>, args: &PickArgs, _: Instant) -> Option<AddressId> {
        let (one, other) = draw_two(*ring)?;
        // By cross-multiplication instead of two divisions.
        let load = u64::from(one.in_flight) * u64::from(other.weight);
        let other_load = u64::from(other.in_flight) * u64::from(one.weight);
        let is_one =
            if load == other_load { self.turns.is_older(one.id, other.id) } else { load < other_load };
        let (picked, left) = if is_one { (one.id, other.id) } else { (other.id, one.id) };
        Some(if args.avoid == Some(picked) { left } else { picked })
    }

    #[inline]
    fn keeps_turn(&self, _: AddressId) -> bool {
        true
    }

    #[inline]
    fn turn_order(&self) -> TurnOrder {
        TurnOrder::Unordered
    }

    fn needs_outcomes(&self) -> bool {
        true
    }

    fn on_joined(&mut self, address: AddressId, _: &Attributes, _: Instant) {
        self.turns.join(address);
    }

    #[inline]
    fn on_sent(&mut self, address: AddressId, _: Instant) {
        self.turns.take(address);
    }
}
