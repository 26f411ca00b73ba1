//! What addresses and slots are called.

use core::fmt;

use crate::slab::SlabKey;

/// Identifies an address of one pool as long as that remembers it; one that returns much later gets another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressId(pub(crate) SlabKey);

impl AddressId {
    /// The number of the address: small, and used again once the address is forgotten. Good for
    /// indexing a table beside the pool's; compare whole ids to tell addresses apart.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0.index as usize
    }

    /// The whole id as a number, to be kept where there is only room for one, such as an atomic.
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

    /// The address that [`to_bits`](Self::to_bits) was asked of; from any other number an id that
    /// may identify nothing.
    #[must_use]
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "two halves")]
    pub const fn from_bits(bits: u64) -> Self {
        Self(SlabKey { index: bits as u32, generation: (bits >> u32::BITS) as u32 })
    }
}

impl fmt::Debug for AddressId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "address {}.{}", self.0.index, self.0.generation)
    }
}

/// Identifies one connection's stay in one slot, from its dial to its end. The slot's next connection has
/// another id, so that a late event for the earlier one is recognised.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotId(pub(crate) SlabKey);

impl SlotId {
    /// The number of the slot: small, and used again by later connections. Good for indexing a table
    /// beside the pool's; compare whole ids to tell connections apart.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0.index as usize
    }
}

impl fmt::Debug for SlotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "slot {}.{}", self.0.index, self.0.generation)
    }
}
