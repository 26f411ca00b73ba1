//! The addresses under one prefix, followed.

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
use super::latest::{Receiver, latest};
use super::prefix::EtcdPrefix;
use crate::threads::{Task, TokioThread};

/// Follows one prefix of an [`Etcd`](super::Etcd). Dropping it ends the watch.
pub struct EtcdSubscription {
    prefix: EtcdPrefix,
    updates: Receiver<SocketAddr>,
    refresh: Arc<Notify>,
    follower: FollowerState,
}

/// The follower starts with the first poll.
enum FollowerState {
    Unpolled(Option<Box<(TokioThread, Follower)>>),
    Running { _task: Task },
}

impl EtcdSubscription {
    pub(super) fn new(thread: TokioThread, cluster: Arc<Cluster>, prefix: EtcdPrefix) -> Self {
        let (sender, updates) = latest();
        let refresh = Arc::new(Notify::new());
        let follower = Follower::new(cluster, prefix.clone(), sender, refresh.clone());
        let follower = FollowerState::Unpolled(Some(Box::new((thread, follower))));
        Self { prefix, updates, refresh, follower }
    }
}

impl Stream for EtcdSubscription {
    type Item = AddressUpdate<SocketAddr>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let FollowerState::Unpolled(parts) = &mut self.follower
            && let Some((thread, follower)) = parts.take().map(|parts| *parts)
        {
            self.follower = FollowerState::Running { _task: thread.spawn(follower.run()) };
        }
        self.updates.poll_next(cx).map(Some)
    }
}

impl AddressStream for EtcdSubscription {
    type Address = SocketAddr;

    /// Reads all keys again, from another endpoint if this one has failed. The watch alone is no proof:
    /// watches do get lost.
    fn refresh(self: Pin<&mut Self>) {
        self.refresh.notify_one();
    }
}

impl fmt::Debug for EtcdSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdSubscription").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}
