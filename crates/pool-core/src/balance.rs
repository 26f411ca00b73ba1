//! Who gets the next item: the public seam, and round-robin.

use crate::ids::AddressId;
use crate::instant::Instant;
use crate::outcome::Outcome;
use crate::rings::Ring;

/// What the sender of an item asks of the balancer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct PickArgs {
    /// For balancers that keep equal keys on equal addresses; round-robin ignores it.
    pub key: Option<u64>,
    /// An address to avoid if there is another: the one that has just failed the same item.
    pub avoid: Option<AddressId>,
}

impl PickArgs {
    /// Nothing is asked: any address will do.
    #[must_use]
    pub const fn any() -> Self {
        Self { key: None, avoid: None }
    }

    /// The address that the balancer keeps for this key, if it goes by keys.
    #[must_use]
    pub const fn with_key(key: u64) -> Self {
        Self { key: Some(key), avoid: None }
    }

    /// Rather another address than this one.
    #[must_use]
    pub const fn avoiding(address: AddressId) -> Self {
        Self { key: None, avoid: Some(address) }
    }
}

/// A policy that picks an address among those that have a ready slot.
///
/// The ring holds the addresses of the best connected priority. The address with the oldest last turn comes
/// first. A pick is a peek: it may be asked any number of times, and counts only when
/// [`on_sent`](Self::on_sent) follows. Ids stay good only as long as the address is in the ring,
/// so keep ids, never positions.
///
/// ```
/// use pool_core::{AddressId, Balance, Instant, PickArgs, Ring};
///
/// /// The address with the fewest items in flight; round-robin among equals.
/// struct LeastInFlight;
///
/// impl Balance for LeastInFlight {
///     fn pick(&self, ring: &Ring<'_>, _: &PickArgs, _: Instant) -> Option<AddressId> {
///         ring.iter().min_by_key(|member| member.in_flight).map(|member| member.id)
///     }
/// }
/// ```
pub trait Balance {
    /// The address that shall have the next item, out of a ring that is not empty. An id that is not
    /// in the ring counts as the one whose turn it is; `None` means that the item has to wait, and with it
    /// all behind it. The ring has only those that can take an item now; a lazy pool dials no others while
    /// there are some.
    fn pick(&self, ring: &Ring<'_>, args: &PickArgs, now: Instant) -> Option<AddressId>;

    /// An item was sent to a connection of this address.
    fn on_sent(&mut self, address: AddressId, now: Instant) {
        let _ = (address, now);
    }

    /// What became of an item that this address was sent.
    fn on_outcome(&mut self, address: AddressId, outcome: &Outcome, now: Instant) {
        let _ = (address, outcome, now);
    }
}

/// Every ready address in turn, exactly.
///
/// The turns themselves are kept by the ring, so that they survive updates of the address set;
/// who has the first of them is drawn by the seed, so that many clients don't march in step.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct RoundRobin;

impl RoundRobin {
    /// Round-robin has no settings of its own; see
    /// [`items_per_turn`](crate::Config::items_per_turn).
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
}
