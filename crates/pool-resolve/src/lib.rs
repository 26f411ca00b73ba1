//! Name services as streams of addresses: what a pool follows.
//!
//! A pool [follows](pool_driver::PoolBuilder::follow) an [`AddressStream`](pool_driver::AddressStream). A
//! resolver makes them of names ([`Resolve`]); all of these run under any runtime that
//! `pool_driver::Runtime` is implemented for:
//!
//! | source | feature | learns of changes | how soon | while it can't answer | runtimes |
//! |---|---|---|---|---|---|
//! | `System`: `host:port` | `system` (default) | asks the system's resolver | 30 s | the last addresses stay; asked again after 1 s to 30 s | any; blocking calls in the threads of `blocking` |
//! | `File`: a path | `file` (default) | is told by the system, and reads the file every 30 s | 0.1 s | the same | any; blocking calls in the threads of `blocking` |
//! | `Dns`: `host:port`, `_service._tcp.name` | `dns` | asks name servers | when the records' time to live is over, 1 s to 5 min | the last addresses stay, also while there is no such name; asked again after 1 s to 30 s | any; a thread of its own with a small Tokio |
//! | `Etcd`: a prefix | `etcd`, whose build needs protoc | is told, by a watch; asks every 10 s whether etcd is alive | at once | the last addresses stay; asked again after 0.1 s to 5 s, at another endpoint | any; a thread of its own with a small Tokio |
//!
//! Whatever can be asked for addresses is a source too: [`Polling`] makes one of any [`Lookup`], which
//! closures are. Addresses that never change need nothing of this crate
//! (`connect_to_fixed` of the pool's builder).

mod alarm;
#[cfg(any(feature = "dns", feature = "etcd"))]
mod background;
#[cfg(any(feature = "file", feature = "system"))]
mod blocking_lookup;
mod combinators;
#[cfg(feature = "dns")]
mod dns;
#[cfg(feature = "etcd")]
mod etcd;
#[cfg(feature = "file")]
mod file;
mod host_port;
#[cfg(feature = "etcd")]
mod latest;
mod lookup;
mod polling;
mod resolve;
mod schedule;
#[cfg(feature = "system")]
mod system;

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
pub use polling::{LookupTimedOut, Polling};
pub use resolve::Resolve;
pub use schedule::PollConfig;
#[cfg(feature = "system")]
pub use system::{System, SystemLookup};
