//! What is asked of one member of an etcd.

use std::sync::Arc;
use std::time::Duration;

use etcd_client::{Client, GetOptions, WatchOptions, WatchStream};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::error::EtcdError;
use super::history::Point;
use super::keys::Keys;
use super::prefix::EtcdPrefix;

/// Etcd itself gives up after seven seconds, when it has lost its quorum.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Keys in one answer, which must be shorter than 4 MiB.
const KEYS_PER_PAGE: i64 = 1000;

/// The connection to a member, once there is one.
pub(super) type SharedClient = Mutex<Option<Arc<Client>>>;

/// A member, connected.
pub(super) struct Member<'a> {
    endpoint: &'a str,
    shared: &'a SharedClient,
    client: Arc<Client>,
}

impl<'a> Member<'a> {
    pub(super) fn new(endpoint: &'a str, shared: &'a SharedClient, client: Arc<Client>) -> Self {
        Self { endpoint, shared, client }
    }

    /// Drops the shared connection, so that the next use connects anew: this one may be broken.
    pub(super) async fn forget(self) {
        let mut shared = self.shared.lock().await;
        if shared.as_ref().is_some_and(|shared| Arc::ptr_eq(shared, &self.client)) {
            *shared = None;
        }
    }

    /// All keys at one revision, page by page.
    pub(super) async fn read(&self, prefix: &EtcdPrefix) -> Result<(Point, Keys), EtcdError> {
        let (mut start, mut at, mut keys) = (prefix.start(), None::<Point>, Keys::default());
        loop {
            let revision = at.map_or(0, |at| at.revision);
            let page = GetOptions::new().with_range(prefix.end()).with_limit(KEYS_PER_PAGE);
            let mut client = self.client.kv_client();
            let get = client.get(start, Some(page.with_revision(revision)));
            let answer = within_timeout(self.endpoint, get).await?;
            let at = *at.get_or_insert(answer.header().map(Point::from).ok_or_else(|| self.no_header())?);
            answer.kvs().iter().try_for_each(|pair| keys.put(pair))?;
            match answer.kvs().last() {
                Some(last) if answer.more() => start = [last.key(), b"\0"].concat(),
                _ => return Ok((at, keys)),
            }
        }
    }

    /// Where etcd as a whole is in its history, and how many keys there are. A member alone can't tell, and a
    /// watch may be stuck.
    pub(super) async fn check(&self, prefix: &EtcdPrefix) -> Result<(Point, i64), EtcdError> {
        let mut client = self.client.kv_client();
        let get = client.get(prefix.start(), Some(GetOptions::new().with_count_only()));
        let answer = within_timeout(self.endpoint, get).await?;
        let at = answer.header().map(Point::from).ok_or_else(|| self.no_header())?;
        Ok((at, answer.count()))
    }

    /// All changes from a revision on.
    pub(super) async fn watch(&self, prefix: &EtcdPrefix, revision: i64) -> Result<WatchStream, EtcdError> {
        // Without fragments, a thousand revisions come in one message, which may be too long.
        let options = WatchOptions::new().with_range(prefix.end()).with_fragment();
        let mut client = self.client.watch_client();
        let watch = client.watch(prefix.start(), Some(options.with_start_revision(revision)));
        within_timeout(self.endpoint, watch).await
    }

    pub(super) fn failed(&self, error: etcd_client::Error) -> EtcdError {
        EtcdError::Endpoint { endpoint: self.endpoint.to_owned(), error }
    }

    pub(super) fn watch_ended(&self, reason: &str) -> EtcdError {
        EtcdError::WatchEnded { endpoint: self.endpoint.to_owned(), reason: reason.to_owned() }
    }

    fn no_header(&self) -> EtcdError {
        self.failed(etcd_client::Error::Internal("an answer has no header".to_owned()))
    }
}

/// The answer, or an error that names the endpoint.
pub(super) async fn within_timeout<T>(
    endpoint: &str,
    answer: impl Future<Output = Result<T, etcd_client::Error>>,
) -> Result<T, EtcdError> {
    match timeout(ANSWER_TIMEOUT, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(EtcdError::Endpoint { endpoint: endpoint.to_owned(), error }),
        Err(_) => Err(EtcdError::TimedOut { endpoint: endpoint.to_owned(), after: ANSWER_TIMEOUT }),
    }
}
