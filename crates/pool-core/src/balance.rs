//! Who gets the next item: the public seam, and round-robin.

use crate::instant::Instant;
use crate::output::Outcome;
use crate::rings::Ring;
use crate::slab::Key;

/// Names an address of one pool as long as that remembers it; one that returns much later gets another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressId(pub(crate) Key);

impl AddressId {
    /// The number of the address: small, and used again once the address is forgotten. Good for
    /// indexing a table beside the pool's; compare whole ids to tell addresses apart.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0.index as usize
    }

    /// The whole name as a number, to be kept where there is only room for one, such as an atomic.
    /// Never [`u64::MAX`], which can stand for none.
    ///
    /// ```
    /// use pool_core::{AddressId, Config, Instant, RoundRobin, Uniform};
    ///
    /// let mut uniform = Uniform::new(Config::default(), RoundRobin::new(), 42)?;
    /// uniform.handle_addresses(&["a:1"].into(), Instant::ZERO);
    /// let id = uniform.addresses().next().map(|(_, status)| status.id).expect("one address");
    /// assert_eq!(AddressId::from_bits(id.to_bits()), id);
    /// # Ok::<(), pool_core::ConfigError>(())
    /// ```
    #[must_use]
    #[inline]
    pub const fn to_bits(self) -> u64 {
        (self.0.generation as u64) << u32::BITS | self.0.index as u64
    }

    /// The address that [`to_bits`](Self::to_bits) was asked of; from any other number a name that
    /// may name nothing.
    #[must_use]
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "two halves")]
    pub const fn from_bits(bits: u64) -> Self {
        Self(Key { index: bits as u32, generation: (bits >> u32::BITS) as u32 })
    }
}

impl core::fmt::Debug for AddressId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "address {}.{}", self.0.index, self.0.generation)
    }
}

/// What the sender of an item asks of the choice.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct PickArgs {
    /// For balancers that keep equal keys on equal addresses; round-robin ignores it.
    pub key: Option<u64>,
    /// An address to avoid if there is another: the one that has just failed the same item.
    pub avoid: Option<AddressId>,
}

impl PickArgs {
    /// No wishes.
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
/// The ring holds the addresses of the best connected priority, those whose last turn is the
/// longest ago first. A pick is a peek: it may be asked any number of times, and counts only when
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
    fn pick(&self, ring: &Ring<'_>, pick: &PickArgs, now: Instant) -> Option<AddressId>;

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
    fn pick(&self, ring: &Ring<'_>, pick: &PickArgs, _: Instant) -> Option<AddressId> {
        let first = ring.first()?;
        if pick.avoid == Some(first) { ring.next_after(first) } else { Some(first) }
    }
}
