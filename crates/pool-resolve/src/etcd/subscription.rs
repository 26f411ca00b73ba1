//! What is said of one prefix.

use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use pool_driver::{AddressStream, AddressUpdate};
use tokio::sync::Notify;

use super::cluster::Cluster;
use super::follower::Follower;
use super::prefix::EtcdPrefix;
use crate::background::{Background, Task};
use crate::latest::{Receiver, latest};

/// Follows one prefix of an [`Etcd`](super::Etcd). When it is dropped, etcd is no longer asked.
pub struct EtcdSubscription {
    prefix: EtcdPrefix,
    updates: Receiver<SocketAddr>,
    refresh: Arc<Notify>,
    life: Life,
}

enum Life {
    Unpolled(Option<Box<(Background, Follower)>>),
    Polled { _task: Task },
}

impl EtcdSubscription {
    pub(super) fn new(background: Background, cluster: Arc<Cluster>, prefix: EtcdPrefix) -> Self {
        let (sender, updates) = latest();
        let refresh = Arc::new(Notify::new());
        let follower = Follower::new(cluster, prefix.clone(), sender, refresh.clone());
        Self { prefix, updates, refresh, life: Life::Unpolled(Some(Box::new((background, follower)))) }
    }
}

impl Stream for EtcdSubscription {
    type Item = AddressUpdate<SocketAddr>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Life::Unpolled(parts) = &mut self.life
            && let Some((background, follower)) = parts.take().map(|parts| *parts)
        {
            self.life = Life::Polled { _task: background.spawn(follower.run()) };
        }
        self.updates.poll_next(cx).map(Some)
    }
}

impl AddressStream for EtcdSubscription {
    type Address = SocketAddr;

    /// Reads all keys again, from another endpoint if this one failed; what was told of changes is
    /// no reason not to: watches have been lost before.
    fn refresh(self: Pin<&mut Self>) {
        self.refresh.notify_one();
    }
}

impl fmt::Debug for EtcdSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdSubscription").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}
