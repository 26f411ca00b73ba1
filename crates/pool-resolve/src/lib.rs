//! Name services as streams of addresses: what a pool follows.

#[cfg(any(feature = "dns", feature = "etcd"))]
mod background;
#[cfg(feature = "etcd")]
mod etcd;
#[cfg(feature = "etcd")]
mod latest;
mod lookup;
mod resolve;

#[cfg(feature = "etcd")]
pub use etcd::{EmptyPrefix, Etcd, EtcdConnectError, EtcdError, EtcdOptions, EtcdPrefix, EtcdSubscription};
pub use lookup::{Answer, Lookup, LookupError};
pub use resolve::Resolve;
