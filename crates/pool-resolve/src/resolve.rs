//! The seam of name services.

use pool_driver::AddressStream;

/// A name service: it makes a stream of addresses for each name.
///
/// A subscription asks, watches and asks again by itself, for as long as it is polled. A pool
/// [follows](pool_driver::PoolBuilder::follow) it. Subscriptions to different names don't disturb each
/// other, and outlive the resolver that made them.
///
/// ```
/// use pool_driver::{AddressSet, FixedAddresses};
/// use pool_resolve::Resolve;
///
/// /// Every name has one address: its length.
/// struct Lengths;
///
/// impl Resolve for Lengths {
///     type Name = str;
///     type Subscription = FixedAddresses<usize>;
///
///     fn subscribe(&self, name: &str) -> FixedAddresses<usize> {
///         FixedAddresses::new(AddressSet::from([name.len()]))
///     }
/// }
///
/// let addresses = Lengths.subscribe("redis"); // for `.follow(addresses)`
/// ```
pub trait Resolve {
    /// What can be subscribed to. It is parsed already, so that a malformed name is refused where it is
    /// written, not by a pool that waits for ever.
    type Name: ?Sized;
    /// The addresses of one name.
    type Subscription: AddressStream;

    /// Follows a name. Nothing happens before the first poll.
    fn subscribe(&self, name: &Self::Name) -> Self::Subscription;
}
