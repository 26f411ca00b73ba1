//! Who knows where names are.

use pool_driver::AddressStream;

/// A name service: for every name, a stream of what it says of it.
///
/// A subscription asks, watches and asks again by itself, for as long as it is polled; a pool
/// [follows](pool_driver::PoolBuilder::follow) it. Subscriptions to different names don't disturb
/// each other, and outlive the resolver that made them.
pub trait Resolve {
    /// What can be asked for. It has been parsed already, so that a name that makes no sense is refused
    /// where it is written, not by a pool that waits for ever.
    type Name: ?Sized;
    /// What is said of a name.
    type Subscription: AddressStream;

    /// Starts to follow a name. Nothing happens before the first poll.
    fn subscribe(&self, name: &Self::Name) -> Self::Subscription;
}
