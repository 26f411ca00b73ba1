//! Name services as streams of addresses: what a pool follows.
//!
//! | source | feature | learns of changes | how soon | while it can't answer |
//! |---|---|---|---|---|
//! | `Etcd`: a prefix | `etcd`, whose build needs protoc | is told, by a watch; asks every 10 s whether etcd is alive | at once | the last addresses stay; asked again after 0.1 s to 5 s, at another endpoint |

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
