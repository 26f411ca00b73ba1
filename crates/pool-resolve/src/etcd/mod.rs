//! Prefixes of etcd: every key under a prefix is an address.
//!
//! A key's value is `10.0.0.1:6379` or `{"address": "10.0.0.1:6379", "weight": 5, "priority": 1}`. Weight (1) and
//! priority (0) may be missing, and other fields are ignored. The name of a key doesn't matter. A server that
//! registers itself with a lease leaves when the lease expires.
//!
//! - **Changes** come by a watch and reach the pool at once. All changes that have come by then make one set.
//! - **Answers**: all keys are read at one revision, and the watch starts at the next, so no change is missed.
//!   If the revision is compacted meanwhile, the keys are read again.
//! - **No keys** is an answer too: it drains everything.
//! - **A value that can't be parsed** fails the whole answer, with its key; the last answer stays in force. With
//!   [`EtcdConfig::skip_bad_values`] the other values count, if there are any.
//! - **An outage** is a failure, which the pool's snapshot shows; the last addresses stay in force. It is one
//!   when etcd can't be reached, has no leader, or does not answer the check every 10 s. The other endpoints
//!   are tried in turn, with jittered backoff, and the keys are read anew.
//! - **Lost data**: etcd has another history than before if it has another cluster id, or if its revision or raft
//!   term went back. It counts when it has keys under the prefix. While it has none, that is a failure: most
//!   likely the keys are not restored yet. While servers register themselves anew, the pool knows those that
//!   have.

mod cluster;
mod config;
mod error;
mod follower;
mod history;
mod keys;
mod latest;
mod member;
mod prefix;
mod subscription;
mod value;

use std::sync::Arc;

pub use config::EtcdConfig;
pub use error::{EtcdConnectError, EtcdError};
pub use prefix::{EmptyPrefix, EtcdPrefix};
pub use subscription::EtcdSubscription;

use crate::resolve::Resolve;
use crate::threads::TokioThread;
use cluster::Cluster;

/// An etcd, of one or several members. Every key under a prefix is an address.
///
/// A value is `10.0.0.1:6379` or `{"address": "10.0.0.1:6379", "weight": 5, "priority": 1}`.
///
/// ```no_run
/// use pool_resolve::{Etcd, EtcdConfig, Resolve};
///
/// let etcd = Etcd::connect(["http://10.0.0.1:2379", "http://10.0.0.2:2379"], EtcdConfig::default())?;
/// let addresses = etcd.subscribe(&"/services/redis/".parse()?);
/// // pool_tokio::pool_for(…).follow(addresses)
/// # drop(addresses);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// All subscriptions share one thread, and one connection to each member. While etcd can't be reached, the
/// last addresses stay in force.
#[derive(Clone, Debug)]
pub struct Etcd {
    thread: TokioThread,
    cluster: Arc<Cluster>,
}

impl Etcd {
    /// A client of the members at these endpoints: URLs, or `host:port`. It connects when the first
    /// subscription is polled.
    ///
    /// # Errors
    ///
    /// If there is no endpoint, if one is malformed, or if the thread can't be started.
    pub fn connect<E: Into<String>>(
        endpoints: impl IntoIterator<Item = E>,
        config: EtcdConfig,
    ) -> Result<Self, EtcdConnectError> {
        let endpoints = endpoints.into_iter().map(Into::into).collect();
        let cluster = Arc::new(Cluster::new(endpoints, config)?);
        let thread = TokioThread::start("pool-etcd");
        let thread = thread.map_err(|error| EtcdConnectError::Thread(error.into_io_error()))?;
        Ok(Self { thread, cluster })
    }
}

impl Resolve for Etcd {
    type Name = EtcdPrefix;
    type Subscription = EtcdSubscription;

    fn subscribe(&self, prefix: &EtcdPrefix) -> EtcdSubscription {
        EtcdSubscription::new(self.thread.clone(), self.cluster.clone(), prefix.clone())
    }
}
