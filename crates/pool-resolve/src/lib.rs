//! Name services as streams of addresses, for pools to follow.
//!
//! A pool [follows](pool_driver::PoolBuilder::follow) an [`AddressStream`](pool_driver::AddressStream). A
//! resolver makes such a stream for a name ([`Resolve`]). All resolvers run under any runtime that implements
//! `pool_driver::Runtime`:
//!
//! | source | feature | learns of changes | how soon | while it has no answer | runs on |
//! |---|---|---|---|---|---|
//! | `System`: `host:port` | `system` (default) | by asking the system's resolver | 30 s | the last addresses stay; it asks again after 1 s to 30 s | threads that end when idle |
//! | `File`: a path | `file` (default) | by a watch, and by reading the file every 30 s | 0.1 s | the same | threads that end when idle |
//! | `Dns`: `host:port`, `_service._tcp.name` | `dns` | by asking name servers | when the records' time to live is over, 1 s to 5 min | the last addresses stay, also while there is no such name; it asks again after 1 s to 30 s | one thread with Tokio |
//! | `Etcd`: a prefix | `etcd`, whose build needs protoc | by a watch, and by a check every 10 s | at once | the last addresses stay; it asks another endpoint after 0.1 s to 5 s | one thread with Tokio |
//!
//! Any other name service is a source too: [`Polling`] makes one of any [`Lookup`], and closures are lookups.
//! [`AddressStreamExt`] makes sources of other sources. Addresses that never change need nothing of this
//! crate (`connect_to_fixed` of the pool's builder).
//!
//! No source panics because it can't have a thread: it reports an error, and tries again.

mod bounded_poll;
mod combinators;
mod deadline_timer;
#[cfg(feature = "dns")]
mod dns;
#[cfg(feature = "etcd")]
mod etcd;
mod excerpt;
#[cfg(feature = "file")]
mod file;
mod host_port;
mod jitter;
mod lookup;
mod polling;
mod resolve;
#[cfg(feature = "system")]
mod system;
#[cfg(any(feature = "dns", feature = "etcd", feature = "file", feature = "system"))]
mod threads;
#[cfg(all(test, target_os = "linux", any(feature = "etcd", feature = "file")))]
#[path = "../tests/support/without_threads.rs"]
mod without_threads;

pub use combinators::{
    AddressStreamExt, ChangeSet, EachSet, FilterEndpoints, MapEndpoints, MapWeights, MergeWith,
    NoSuchNameIsEmpty, PreferOver, RemovalGrace, ThrottleSets,
};
#[cfg(feature = "dns")]
pub use dns::{Dns, DnsFuture, DnsLookup, DnsName, DnsNameError, IpVersion};
#[cfg(feature = "etcd")]
pub use etcd::{EmptyPrefix, Etcd, EtcdConfig, EtcdConnectError, EtcdError, EtcdPrefix, EtcdSubscription};
#[cfg(feature = "file")]
pub use file::{File, FileAddresses, FileError, Format};
pub use host_port::{HostPort, HostPortError};
pub use lookup::{Lookup, LookupAnswer, LookupError};
pub use polling::{LookupTimedOut, PollConfig, Polling};
pub use resolve::Resolve;
#[cfg(feature = "system")]
pub use system::{System, SystemLookup};
