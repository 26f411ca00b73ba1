//! Prefixes of etcd: every key under a prefix is an address.
//!
//! A key's value is `10.0.0.1:6379` or `{"address": "10.0.0.1:6379", "weight": 5, "priority": 1}`, where
//! weight (1) and priority (0) may be missing, and other fields belong to others. What a key is called doesn't
//! matter. A server that registers itself with a lease leaves when the lease expires.
//!
//! - **Changes** are told by a watch and get to the pool at once. All that has come by then makes one set.
//! - **Answers**: all keys are read at one revision, and the watch begins with the next, so nothing is missed.
//!   A revision that is compacted meanwhile is read again.
//! - **No keys** is an answer too: it drains everything.
//! - **A value that makes no sense** fails the whole answer, by name; what was last understood stays in
//!   force. With [`EtcdConfig::skip_bad_values`] the others count, if there are any.
//! - **An outage** is a failure, shown by the pool's snapshot, while the last addresses stay in force: when etcd
//!   can't be reached, when it has no leader, and when it doesn't answer the question it is asked every 10 s.
//!   Other endpoints are tried in turn, with jittered backoff; whichever answers is read anew.
//! - **Lost data**: an etcd whose history is another one than before (it has another cluster id, or its
//!   revision or raft term went back) is believed when it has keys under the prefix. While it has none, that
//!   is a failure: most likely nobody has put them back yet. So while servers register themselves anew, the
//!   pool knows those that have.

mod cluster;
mod error;
mod follower;
mod history;
mod keys;
mod prefix;
mod subscription;
mod value;

use std::fmt;
use std::sync::Arc;

pub use error::{EtcdConnectError, EtcdError};
pub use prefix::{EmptyPrefix, EtcdPrefix};
pub use subscription::EtcdSubscription;

use crate::background::Background;
use crate::resolve::Resolve;
use cluster::Cluster;

/// An etcd, of one or several members.
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
/// It has one thread, and one connection to a member, for all subscriptions.
#[derive(Clone, Debug)]
pub struct Etcd {
    background: Background,
    cluster: Arc<Cluster>,
}

impl Etcd {
    /// A client of the members with these URLs, which may also be `host:port`. It connects when the first
    /// subscription is polled.
    ///
    /// # Errors
    ///
    /// When there is no endpoint, when one makes no sense, or when the thread can't be started.
    pub fn connect<E: Into<String>>(
        endpoints: impl IntoIterator<Item = E>,
        options: EtcdConfig,
    ) -> Result<Self, EtcdConnectError> {
        let endpoints = endpoints.into_iter().map(Into::into).collect();
        let cluster = Arc::new(Cluster::new(endpoints, options)?);
        let background = Background::start("pool-etcd").map_err(EtcdConnectError::Thread)?;
        Ok(Self { background, cluster })
    }
}

impl Resolve for Etcd {
    type Name = EtcdPrefix;
    type Subscription = EtcdSubscription;

    fn subscribe(&self, prefix: &EtcdPrefix) -> EtcdSubscription {
        EtcdSubscription::new(self.background.clone(), self.cluster.clone(), prefix.clone())
    }
}

/// How etcd is talked to, and what is made of its values.
#[derive(Clone, Default)]
#[must_use]
pub struct EtcdConfig {
    user: Option<(String, String)>,
    skip_bad_values: bool,
}

impl EtcdConfig {
    /// For an etcd with authentication: who we are.
    pub fn user(self, name: impl Into<String>, password: impl Into<String>) -> Self {
        Self { user: Some((name.into(), password.into())), ..self }
    }

    /// Ignore keys whose values make no sense, as long as there are others. By default one such key
    /// fails the whole answer.
    pub fn skip_bad_values(self) -> Self {
        Self { skip_bad_values: true, ..self }
    }
}

impl fmt::Debug for EtcdConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Passwords don't belong into logs.
        let user = self.user.as_ref().map(|(name, _)| name);
        let mut options = f.debug_struct("EtcdConfig");
        options.field("user", &user).field("skip_bad_values", &self.skip_bad_values).finish()
    }
}
