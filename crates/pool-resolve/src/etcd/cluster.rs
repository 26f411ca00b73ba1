//! The members of an etcd, and what is asked of one of them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use etcd_client::{Client, ConnectOptions, GetOptions, WatchOptions, WatchStream};
use http::Uri;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::EtcdConfig;
use super::error::{EtcdConnectError, EtcdError};
use super::history::Point;
use super::keys::Keys;
use super::prefix::EtcdPrefix;

/// Etcd itself gives up after seven seconds, when it has lost its quorum.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Keys in one answer, which must be shorter than 4 MiB.
const KEYS_PER_PAGE: i64 = 1000;

/// All endpoints, with the connections that subscriptions share.
pub(super) struct Cluster {
    options: EtcdConfig,
    endpoints: Vec<(String, Mutex<Option<Arc<Client>>>)>,
}

impl Cluster {
    pub(super) fn new(endpoints: Vec<String>, options: EtcdConfig) -> Result<Self, EtcdConnectError> {
        if endpoints.is_empty() {
            return Err(EtcdConnectError::NoEndpoints);
        }
        for endpoint in &endpoints {
            check(endpoint)
                .map_err(|reason| EtcdConnectError::BadEndpoint { endpoint: endpoint.clone(), reason })?;
        }
        Ok(Self { options, endpoints: endpoints.into_iter().map(|url| (url, Mutex::default())).collect() })
    }

    pub(super) fn len(&self) -> usize {
        self.endpoints.len()
    }

    pub(super) fn skip_bad_values(&self) -> bool {
        self.options.skip_bad_values
    }

    /// The member at an endpoint, by the connection that others use too.
    pub(super) async fn member(&self, index: usize) -> Result<Member<'_>, EtcdError> {
        let (endpoint, shared) = &self.endpoints[index];
        let connect = async {
            let mut shared = shared.lock().await;
            if let Some(client) = &*shared {
                return Ok(client.clone());
            }
            let client = Arc::new(Client::connect([endpoint], Some(self.connect_options())).await?);
            Ok(shared.insert(client).clone())
        };
        let client = in_time(endpoint, connect).await?;
        Ok(Member { endpoint, shared, client })
    }

    fn connect_options(&self) -> ConnectOptions {
        // Without a leader a watch would just be silent.
        let options = ConnectOptions::new().with_require_leader(true).with_auto_token_refresh(true);
        let options = options.with_connect_timeout(ANSWER_TIMEOUT);
        match &self.options.user {
            Some((name, password)) => options.with_user(name, password),
            None => options,
        }
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoints: Vec<_> = self.endpoints.iter().map(|(endpoint, _)| endpoint).collect();
        f.debug_struct("Cluster").field("options", &self.options).field("endpoints", &endpoints).finish()
    }
}

/// One member, connected.
pub(super) struct Member<'a> {
    endpoint: &'a str,
    shared: &'a Mutex<Option<Arc<Client>>>,
    client: Arc<Client>,
}

impl Member<'_> {
    /// Has the next who wants this member connect anew: nobody knows what is wrong with this connection.
    pub(super) async fn forget(self) {
        let mut shared = self.shared.lock().await;
        if shared.as_ref().is_some_and(|shared| Arc::ptr_eq(shared, &self.client)) {
            *shared = None;
        }
    }

    /// All keys at one time, page by page.
    pub(super) async fn read(&self, prefix: &EtcdPrefix) -> Result<(Point, Keys), EtcdError> {
        let (mut start, mut at, mut keys) = (prefix.start(), None::<Point>, Keys::default());
        loop {
            let revision = at.map_or(0, |at| at.revision);
            let page = GetOptions::new().with_range(prefix.end()).with_limit(KEYS_PER_PAGE);
            let mut client = self.client.kv_client();
            let get = client.get(start, Some(page.with_revision(revision)));
            let answer = in_time(self.endpoint, get).await?;
            let at = *at.get_or_insert(answer.header().map(Point::from).ok_or_else(|| self.no_header())?);
            answer.kvs().iter().try_for_each(|pair| keys.put(pair))?;
            match answer.kvs().last() {
                Some(last) if answer.more() => start = [last.key(), b"\0"].concat(),
                _ => return Ok((at, keys)),
            }
        }
    }

    /// Whether etcd as a whole still answers, where in its history it is, and how many keys there are: a
    /// member alone can't tell, and a watch may be stuck.
    pub(super) async fn check(&self, prefix: &EtcdPrefix) -> Result<(Point, i64), EtcdError> {
        let mut client = self.client.kv_client();
        let get = client.get(prefix.start(), Some(GetOptions::new().with_count_only()));
        let answer = in_time(self.endpoint, get).await?;
        let at = answer.header().map(Point::from).ok_or_else(|| self.no_header())?;
        Ok((at, answer.count()))
    }

    /// All changes from a revision on.
    pub(super) async fn watch(&self, prefix: &EtcdPrefix, revision: i64) -> Result<WatchStream, EtcdError> {
        // Without fragments, a thousand revisions come in one message, which may be too long.
        let options = WatchOptions::new().with_range(prefix.end()).with_fragment();
        let mut client = self.client.watch_client();
        let watch = client.watch(prefix.start(), Some(options.with_start_revision(revision)));
        in_time(self.endpoint, watch).await
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

async fn in_time<T>(
    endpoint: &str,
    answer: impl Future<Output = Result<T, etcd_client::Error>>,
) -> Result<T, EtcdError> {
    match timeout(ANSWER_TIMEOUT, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(EtcdError::Endpoint { endpoint: endpoint.to_owned(), error }),
        Err(_) => Err(EtcdError::TimedOut { endpoint: endpoint.to_owned(), after: ANSWER_TIMEOUT }),
    }
}

/// Whether an endpoint can be one; the client itself would say so only when it connects.
fn check(endpoint: &str) -> Result<(), String> {
    let uri: Uri = endpoint.parse().map_err(|error: http::uri::InvalidUri| error.to_string())?;
    if uri.host().is_none_or(str::is_empty) {
        return Err("it has no host".to_owned());
    }
    match uri.scheme_str() {
        None | Some("http") => Ok(()),
        Some("https") => Err("TLS is not supported yet".to_owned()),
        Some(other) => Err(format!("`{other}` is not `http`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_that_make_no_sense_are_refused_at_once() {
        let new = |endpoints: &[&str]| {
            Cluster::new(endpoints.iter().map(|&endpoint| endpoint.into()).collect(), EtcdConfig::default())
        };
        for good in ["http://127.0.0.1:2379", "127.0.0.1:2379", "etcd-1:2379", "http://[::1]:2379/"] {
            assert!(new(&[good]).is_ok(), "{good}");
        }
        for bad in ["", "http://", "ftp://host:1", "https://host:2379", "a b", "/path"] {
            let refused = new(&["127.0.0.1:2379", bad]).map(|_| ());
            assert!(
                matches!(&refused, Err(EtcdConnectError::BadEndpoint { endpoint, .. }) if endpoint == bad),
                "{bad}: {refused:?}"
            );
        }
        assert!(matches!(new(&[]), Err(EtcdConnectError::NoEndpoints)));
    }
}
