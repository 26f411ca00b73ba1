//! What the name service says now.

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::fmt;

use crate::balance::Attributes;

/// An address with what the name service says of it.
///
/// ```
/// use pool_core::Endpoint;
///
/// let backup = Endpoint::new("10.0.0.9:6379").with_priority(1).with_weight(20);
/// assert_eq!((backup.priority, backup.weight), (1, 20));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_structs,
    reason = "what a DNS SRV record says, and a hash of it; users build it field by field"
)]
pub struct Endpoint<A> {
    /// Where to connect.
    pub address: A,
    /// Its share among the addresses of the same priority; 1 by default. Kept for balancers
    /// that honour it; round-robin doesn't.
    pub weight: u32,
    /// 0 is best, as in DNS SRV (RFC 2782). Items go to the best priority that has a connection.
    pub priority: u16,
    /// A hash of the address that is the same in every process, for balancers that keep equal keys at
    /// equal addresses; 0 by default. The pool carries it, and makes none itself: only its owner knows what of an
    /// address is stable.
    pub hash: u64,
}

impl<A> Endpoint<A> {
    /// An endpoint of weight 1, priority 0 and hash 0.
    pub const fn new(address: A) -> Self {
        Self { address, weight: 1, priority: 0, hash: 0 }
    }

    /// The same endpoint with another weight.
    #[must_use]
    pub fn with_weight(self, weight: u32) -> Self {
        Self { weight, ..self }
    }

    /// The same endpoint with another priority.
    #[must_use]
    pub fn with_priority(self, priority: u16) -> Self {
        Self { priority, ..self }
    }

    /// The same endpoint with another stable hash.
    ///
    /// ```
    /// use pool_core::Endpoint;
    ///
    /// assert_eq!(Endpoint::new("10.0.0.9:6379").with_hash(0xcafe).hash, 0xcafe);
    /// ```
    #[must_use]
    pub fn with_hash(self, hash: u64) -> Self {
        Self { hash, ..self }
    }

    /// What a balancer is told of it.
    pub(crate) const fn attributes(&self) -> Attributes {
        Attributes { weight: self.weight, priority: self.priority, hash: self.hash }
    }
}

/// Everything the name service says at one time: sorted, without duplicates, cheap to clone.
///
/// It is built from addresses or from [`Endpoint`]s. An address that is named more than once
/// counts once, with the best of its priorities and the (saturating) sum of the weights it has
/// at that priority. It keeps the hash of the first of those.
///
/// ```
/// use pool_core::{AddressSet, Endpoint};
///
/// let plain: AddressSet<u16> = [7001, 7000, 7001].into();
/// assert_eq!(plain.addresses().copied().collect::<Vec<_>>(), [7000, 7001]);
///
/// let set: AddressSet<u16> = [
///     Endpoint::new(7000).with_priority(1).with_weight(50),
///     Endpoint::new(7000).with_weight(2),
///     Endpoint::new(7000).with_weight(3),
/// ]
/// .into_iter()
/// .collect();
/// assert_eq!(set.endpoints(), [Endpoint::new(7000).with_weight(5)]);
/// ```
pub struct AddressSet<A> {
    endpoints: Arc<Vec<Endpoint<A>>>,
}

impl<A> AddressSet<A> {
    /// The endpoints, sorted by address, each address once.
    #[must_use]
    pub fn endpoints(&self) -> &[Endpoint<A>] {
        &self.endpoints
    }

    /// Takes the endpoints out, sorted by address, without a clone.
    ///
    /// ```
    /// use pool_core::{AddressSet, Endpoint};
    ///
    /// let set: AddressSet<u16> = [7001, 7000].into();
    /// let clone = set.clone();
    /// let set = set.into_endpoints().expect_err("there is a clone");
    /// drop(clone);
    /// assert_eq!(set.into_endpoints(), Ok(vec![Endpoint::new(7000), Endpoint::new(7001)]));
    /// ```
    ///
    /// # Errors
    ///
    /// The set, while there is a clone of it.
    pub fn into_endpoints(self) -> Result<Vec<Endpoint<A>>, Self> {
        Arc::try_unwrap(self.endpoints).map_err(|endpoints| Self { endpoints })
    }

    /// The addresses in order.
    pub fn addresses(&self) -> impl Iterator<Item = &A> {
        self.endpoints.iter().map(|endpoint| &endpoint.address)
    }

    /// How many addresses there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.endpoints.len()
    }

    /// Whether there is none. An empty set is an instruction: it drains everything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.endpoints.is_empty()
    }

    /// Whether both are clones of one set, which needs no comparison of addresses.
    fn is_same_allocation(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.endpoints, &other.endpoints)
    }

    pub(crate) fn identity(&self) -> SetIdentity<A> {
        SetIdentity { endpoints: Arc::downgrade(&self.endpoints) }
    }
}

/// Which set it was, without the memory of its endpoints.
#[derive(Clone, Debug)]
pub(crate) struct SetIdentity<A> {
    endpoints: Weak<Vec<Endpoint<A>>>,
}

impl<A> SetIdentity<A> {
    /// Of no set at all.
    pub(crate) const fn none() -> Self {
        Self { endpoints: Weak::new() }
    }

    /// Whether it was a clone of this one.
    pub(crate) fn is_of(&self, set: &AddressSet<A>) -> bool {
        self.endpoints.as_ptr() == Arc::as_ptr(&set.endpoints)
    }
}

impl<A> Default for AddressSet<A> {
    fn default() -> Self {
        Self { endpoints: Arc::default() }
    }
}

impl<A> Clone for AddressSet<A> {
    fn clone(&self) -> Self {
        Self { endpoints: Arc::clone(&self.endpoints) }
    }
}

impl<A: fmt::Debug> fmt::Debug for AddressSet<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.endpoints.iter()).finish()
    }
}

impl<A: PartialEq> PartialEq for AddressSet<A> {
    fn eq(&self, other: &Self) -> bool {
        self.is_same_allocation(other) || self.endpoints == other.endpoints
    }
}

impl<A: Eq> Eq for AddressSet<A> {}

impl<A: Ord> FromIterator<Endpoint<A>> for AddressSet<A> {
    fn from_iter<I: IntoIterator<Item = Endpoint<A>>>(endpoints: I) -> Self {
        let mut sorted: Vec<Endpoint<A>> = endpoints.into_iter().collect();
        sorted.sort_by(|a, b| (&a.address, a.priority).cmp(&(&b.address, b.priority)));
        sorted.dedup_by(|later, kept| {
            if later.address != kept.address {
                return false;
            }
            if later.priority == kept.priority {
                kept.weight = kept.weight.saturating_add(later.weight);
            }
            true
        });
        // A set may be kept for long.
        sorted.shrink_to_fit();
        Self { endpoints: Arc::new(sorted) }
    }
}

impl<A: Ord> FromIterator<A> for AddressSet<A> {
    fn from_iter<I: IntoIterator<Item = A>>(addresses: I) -> Self {
        addresses.into_iter().map(Endpoint::new).collect()
    }
}

impl<A: Ord, const N: usize> From<[A; N]> for AddressSet<A> {
    fn from(addresses: [A; N]) -> Self {
        addresses.into_iter().collect()
    }
}

impl<A: Ord> From<Vec<A>> for AddressSet<A> {
    fn from(addresses: Vec<A>) -> Self {
        addresses.into_iter().collect()
    }
}
