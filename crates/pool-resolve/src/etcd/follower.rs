//! The task behind a subscription.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use etcd_client::{WatchResponse, WatchStream};
use futures_util::FutureExt;
use pool_core::{Backoff, Random};
use pool_driver::AddressUpdate;
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

use super::cluster::Cluster;
use super::error::EtcdError;
use super::history::{History, Point};
use super::keys::Keys;
use super::latest::Sender;
use super::member::Member;
use super::prefix::EtcdPrefix;
use crate::jitter;

/// A watch is silent while nothing changes, and also when it is dead.
const CHECK_INTERVAL: Duration = Duration::from_secs(10);
/// How long a member has to work before its next failure counts as the first.
const STEADY_AFTER: Duration = Duration::from_secs(10);
const BACKOFF_CAP: Duration = Duration::from_secs(5);
/// The most messages of a watch that make one set.
const MESSAGES_PER_SET_MAX: usize = 1000;

/// Reads, watches, and tries the next endpoint when that fails.
pub(super) struct Follower {
    cluster: Arc<Cluster>,
    prefix: EtcdPrefix,
    updates: Sender<SocketAddr>,
    refresh: Arc<Notify>,
    keys: Keys,
    history: History,
    random: Random,
}

/// What a message or a check says of the keys. The last one outweighs the others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum KeysStatus {
    /// It says nothing of them.
    Unchanged,
    /// They are current, and may have changed.
    Current,
    /// They may be wrong: they have to be read again.
    Outdated,
}

impl Follower {
    pub(super) fn new(
        cluster: Arc<Cluster>,
        prefix: EtcdPrefix,
        updates: Sender<SocketAddr>,
        refresh: Arc<Notify>,
    ) -> Self {
        let (keys, history, random) = (Keys::default(), History::default(), jitter::random(None));
        Self { cluster, prefix, updates, refresh, keys, history, random }
    }

    /// Runs until it is cancelled.
    pub(super) async fn run(mut self) {
        let mut endpoint = self.first_endpoint();
        let mut failures = 0;
        loop {
            let start = Instant::now();
            let Err(error) = self.follow(endpoint).await;
            self.updates.send(AddressUpdate::failed(error));
            failures = if start.elapsed() < STEADY_AFTER { failures + 1 } else { 1 };
            endpoint = (endpoint + 1) % self.cluster.len();
            tokio::select! {
                () = sleep(self.delay(failures)) => {}
                () = self.refresh.notified() => {}
            }
        }
    }

    /// A random one, so that many programs don't all begin with the same member.
    fn first_endpoint(&mut self) -> usize {
        let last = u64::try_from(self.cluster.len().saturating_sub(1)).unwrap_or(u64::MAX);
        usize::try_from(self.random.up_to(last)).unwrap_or(0)
    }

    /// How long to wait after this many failures in a row.
    fn delay(&mut self, failures: u32) -> Duration {
        let mut backoff = Backoff::default();
        backoff.cap = BACKOFF_CAP;
        backoff.jittered(failures, &mut self.random)
    }

    /// Returns when the endpoint fails.
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
            self.watch(member, watch).await?;
        }
    }

    /// Returns when the keys have to be read again.
    async fn watch(&mut self, member: &Member<'_>, mut watch: WatchStream) -> Result<(), EtcdError> {
        let mut check = interval_at(Instant::now() + CHECK_INTERVAL, CHECK_INTERVAL);
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let status = tokio::select! {
                message = watch.message() => {
                    let first = message.map_err(|error| member.failed(error))?;
                    self.on_messages(member, first, &mut watch)?
                }
                () = self.refresh.notified() => KeysStatus::Outdated,
                _ = check.tick() => self.on_check(member.check(&self.prefix).await?),
            };
            match status {
                KeysStatus::Unchanged => {}
                KeysStatus::Current => self.publish(),
                KeysStatus::Outdated => return Ok(()),
            }
        }
    }

    fn on_check(&self, (now, keys): (Point, i64)) -> KeysStatus {
        let is_complete = usize::try_from(keys).is_ok_and(|keys| keys == self.keys.len());
        if self.history.contradicts(now) || !is_complete { KeysStatus::Outdated } else { KeysStatus::Current }
    }

    /// Takes all messages that have come, so that they make one set.
    fn on_messages(
        &mut self,
        member: &Member<'_>,
        first: Option<WatchResponse>,
        watch: &mut WatchStream,
    ) -> Result<KeysStatus, EtcdError> {
        let mut status = self.on_message(member, first)?;
        for _ in 1..MESSAGES_PER_SET_MAX {
            if status == KeysStatus::Outdated {
                break;
            }
            let Some(message) = watch.message().now_or_never() else { break };
            let message = message.map_err(|error| member.failed(error))?;
            status = status.max(self.on_message(member, message)?);
        }
        Ok(status)
    }

    fn on_message(
        &mut self,
        member: &Member<'_>,
        message: Option<WatchResponse>,
    ) -> Result<KeysStatus, EtcdError> {
        let Some(message) = message else { return Err(member.watch_ended("")) };
        if message.compact_revision() > 0 {
            return Ok(KeysStatus::Outdated);
        }
        if message.canceled() {
            return Err(member.watch_ended(message.cancel_reason()));
        }
        let now = message.header().map(Point::from);
        if message.created() && now.is_some_and(|now| self.history.contradicts(now)) {
            // The watch would wait for a revision that is years away.
            return Err(member.watch_ended("its history is another one than that of the keys"));
        }
        message.events().iter().try_for_each(|event| self.keys.apply(event))?;
        self.history.advance(now.map_or(0, |now| now.revision));
        Ok(if message.events().is_empty() { KeysStatus::Unchanged } else { KeysStatus::Current })
    }

    /// Sends the addresses, also unchanged ones: the pool shows the age of the last answer.
    fn publish(&mut self) {
        let update = match (self.keys.addresses(self.cluster.skip_bad_values()), self.history.lost()) {
            (Err(error), _) => AddressUpdate::failed(error),
            (Ok(set), Some(lost)) if set.is_empty() => AddressUpdate::failed(lost),
            (Ok(set), _) => {
                self.history.accept();
                AddressUpdate::Addresses(set)
            }
        };
        self.updates.send(update);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::future::poll_fn;

    use super::*;
    use crate::etcd::config::EtcdConfig;
    use crate::etcd::latest::latest;
    use crate::without_threads::without_threads;

    async fn follow_localhost() {
        let cluster = Cluster::new(vec!["localhost:2379".to_owned()], EtcdConfig::default());
        let cluster = Arc::new(cluster.expect("an endpoint"));
        let (sender, mut updates) = latest();
        let prefix = "/services/redis/".parse().expect("a prefix");
        let follower = Follower::new(cluster, prefix, sender, Arc::default());
        tokio::spawn(follower.run());
        for _ in 0..2 {
            let update = poll_fn(|cx| updates.poll_next(cx)).await;
            let AddressUpdate::Failed(error) = update else { panic!("{update:?}") };
            assert!(!error.to_string().contains("the task that follows etcd has ended"), "{error}");
        }
    }

    #[test]
    fn a_host_that_no_thread_can_be_had_to_resolve_has_failed_and_is_tried_again() {
        const NAME: &str = "etcd::follower::tests::a_host_that_no_thread_can_be_had_to_resolve_has_failed_and_is_tried_again";
        without_threads(NAME, || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("it needs no thread").block_on(follow_localhost());
        });
    }
}
