//! The task behind a subscription.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use etcd_client::{WatchResponse, WatchStream};
use futures_util::FutureExt;
use pool_core::Backoff;
use pool_driver::AddressUpdate;
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

use super::cluster::{Cluster, Member};
use super::error::EtcdError;
use super::history::{History, Point};
use super::keys::Keys;
use super::prefix::EtcdPrefix;
use crate::latest::Sender;

/// A watch says nothing while nothing changes, and nothing when it is dead.
const CHECK_INTERVAL: Duration = Duration::from_secs(10);
/// How long a member has to be fine before its failure counts as a first one.
const STEADY_AFTER: Duration = Duration::from_secs(10);
const BACKOFF_CAP: Duration = Duration::from_secs(5);
/// Messages of a watch that are taken together; others are not kept waiting longer.
const MESSAGES_PER_SET_MAX: usize = 1000;

/// Reads, watches, and finds another endpoint when that fails.
pub(super) struct Follower {
    cluster: Arc<Cluster>,
    prefix: EtcdPrefix,
    updates: Sender<SocketAddr>,
    refresh: Arc<Notify>,
    keys: Keys,
    history: History,
}

/// Everything has to be read again.
struct ReadAgain;

/// What there is to make of what etcd said, the weightiest last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum WatchMessage {
    Nothing,
    /// What is known is so, and may be new.
    Answer,
    /// What is known may be wrong.
    Doubts,
}

impl Follower {
    pub(super) fn new(
        cluster: Arc<Cluster>,
        prefix: EtcdPrefix,
        updates: Sender<SocketAddr>,
        refresh: Arc<Notify>,
    ) -> Self {
        Self { cluster, prefix, updates, refresh, keys: Keys::default(), history: History::default() }
    }

    /// Until it is cancelled.
    pub(super) async fn run(mut self) {
        // So that many programs don't all begin with the same member.
        let mut endpoint = fastrand::usize(..self.cluster.len());
        let mut failures = 0;
        loop {
            let start = Instant::now();
            let Err(error) = self.follow(endpoint).await;
            self.updates.send(AddressUpdate::failed(error));
            failures = if start.elapsed() < STEADY_AFTER { failures + 1 } else { 1 };
            endpoint = (endpoint + 1) % self.cluster.len();
            tokio::select! {
                () = sleep(delay(failures)) => {}
                () = self.refresh.notified() => {}
            }
        }
    }

    /// Until one endpoint fails.
    async fn follow(&mut self, endpoint: usize) -> Result<Infallible, EtcdError> {
        let cluster = self.cluster.clone();
        let member = cluster.member(endpoint).await?;
        let Err(error) = self.read_and_watch(&member).await;
        member.forget().await;
        Err(error)
    }

    async fn read_and_watch(&mut self, member: &Member<'_>) -> Result<Infallible, EtcdError> {
        loop {
            let (at, keys) = member.read(&self.prefix).await?;
            self.history.see(at);
            self.keys = keys;
            self.publish();
            let watch = member.watch(&self.prefix, at.revision + 1).await?;
            let ReadAgain = self.watch(member, watch).await?;
        }
    }

    async fn watch(&mut self, member: &Member<'_>, mut watch: WatchStream) -> Result<ReadAgain, EtcdError> {
        let mut check = interval_at(Instant::now() + CHECK_INTERVAL, CHECK_INTERVAL);
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let heard = tokio::select! {
                message = watch.message() => {
                    let first = message.map_err(|error| member.failed(error))?;
                    self.on_messages(member, first, &mut watch)?
                }
                () = self.refresh.notified() => WatchMessage::Doubts,
                _ = check.tick() => self.on_check(member.check(&self.prefix).await?),
            };
            match heard {
                WatchMessage::Nothing => {}
                WatchMessage::Answer => self.publish(),
                WatchMessage::Doubts => return Ok(ReadAgain),
            }
        }
    }

    fn on_check(&self, (now, keys): (Point, i64)) -> WatchMessage {
        let is_complete = usize::try_from(keys).is_ok_and(|keys| keys == self.keys.len());
        if self.history.contradicts(now) || !is_complete {
            WatchMessage::Doubts
        } else {
            WatchMessage::Answer
        }
    }

    /// What has come meanwhile is taken with it: one set for all.
    fn on_messages(
        &mut self,
        member: &Member<'_>,
        first: Option<WatchResponse>,
        watch: &mut WatchStream,
    ) -> Result<WatchMessage, EtcdError> {
        let mut heard = self.on_message(member, first)?;
        for _ in 1..MESSAGES_PER_SET_MAX {
            if heard == WatchMessage::Doubts {
                break;
            }
            let Some(message) = watch.message().now_or_never() else { break };
            let message = message.map_err(|error| member.failed(error))?;
            heard = heard.max(self.on_message(member, message)?);
        }
        Ok(heard)
    }

    fn on_message(
        &mut self,
        member: &Member<'_>,
        message: Option<WatchResponse>,
    ) -> Result<WatchMessage, EtcdError> {
        let Some(message) = message else { return Err(member.watch_ended("")) };
        if message.compact_revision() > 0 {
            return Ok(WatchMessage::Doubts);
        }
        if message.canceled() {
            return Err(member.watch_ended(message.cancel_reason()));
        }
        let now = message.header().map(Point::from);
        if message.created() && now.is_some_and(|now| self.history.contradicts(now)) {
            // It would wait for a revision that is years away.
            return Err(member.watch_ended("it is not where it was read"));
        }
        message.events().iter().try_for_each(|event| self.keys.apply(event))?;
        self.history.advance(now.map_or(0, |now| now.revision));
        Ok(if message.events().is_empty() { WatchMessage::Nothing } else { WatchMessage::Answer })
    }

    /// Says what is known now, new or not: an answer is as old as the last word of etcd.
    fn publish(&mut self) {
        let update = match (self.keys.addresses(self.cluster.skip_bad_values()), self.history.lost()) {
            (Err(error), _) => AddressUpdate::failed(error),
            (Ok(set), Some(lost)) if set.is_empty() => AddressUpdate::failed(lost),
            (Ok(set), _) => {
                self.history.believe();
                AddressUpdate::Addresses(set)
            }
        };
        self.updates.send(update);
    }
}

/// How long to wait after so many failures in a row, a fifth more or less.
fn delay(failures: u32) -> Duration {
    let mut backoff = Backoff::default();
    backoff.cap = BACKOFF_CAP;
    backoff.delay(failures).mul_f64(0.8 + 0.4 * fastrand::f64())
}
