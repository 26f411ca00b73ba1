//! The members of an etcd, and the connections that subscriptions share.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use etcd_client::{Client, ConnectOptions};
use http::Uri;

use super::config::EtcdConfig;
use super::error::{EtcdConnectError, EtcdError};
use super::member::{ANSWER_TIMEOUT, Member, SharedClient, within_timeout};

/// All endpoints, with the connections that subscriptions share.
pub(super) struct Cluster {
    config: EtcdConfig,
    endpoints: Vec<Endpoint>,
}

struct Endpoint {
    /// As it was given.
    url: String,
    client: SharedClient,
}

/// The clients are used on the Tokio thread alone, whose tasks catch panics.
impl UnwindSafe for Cluster {}
impl RefUnwindSafe for Cluster {}

impl Cluster {
    pub(super) fn new(endpoints: Vec<String>, config: EtcdConfig) -> Result<Self, EtcdConnectError> {
        if endpoints.is_empty() {
            return Err(EtcdConnectError::NoEndpoints);
        }
        for endpoint in &endpoints {
            check(endpoint)
                .map_err(|reason| EtcdConnectError::BadEndpoint { endpoint: endpoint.clone(), reason })?;
        }
        let endpoint = |url| Endpoint { url, client: SharedClient::default() };
        Ok(Self { config, endpoints: endpoints.into_iter().map(endpoint).collect() })
    }

    pub(super) fn len(&self) -> usize {
        self.endpoints.len()
    }

    pub(super) fn skip_bad_values(&self) -> bool {
        self.config.skip_bad_values
    }

    /// The member at an endpoint, by the shared connection.
    pub(super) async fn member(&self, index: usize) -> Result<Member<'_>, EtcdError> {
        let Endpoint { url, client: shared } = &self.endpoints[index];
        let connect = async {
            let mut shared = shared.lock().await;
            if let Some(client) = &*shared {
                return Ok(client.clone());
            }
            let client = Arc::new(Client::connect([url], Some(self.connect_options())).await?);
            Ok(shared.insert(client).clone())
        };
        let client = within_timeout(url, connect).await?;
        Ok(Member::new(url, shared, client))
    }

    fn connect_options(&self) -> ConnectOptions {
        // A watch without a leader would stay silent.
        let options = ConnectOptions::new().with_require_leader(true).with_auto_token_refresh(true);
        let options = options.with_connect_timeout(ANSWER_TIMEOUT);
        match &self.config.user {
            Some((name, password)) => options.with_user(name, password),
            None => options,
        }
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoints: Vec<_> = self.endpoints.iter().map(|endpoint| &endpoint.url).collect();
        f.debug_struct("Cluster").field("config", &self.config).field("endpoints", &endpoints).finish()
    }
}

/// What is wrong with an endpoint. The client itself would report it only when it connects.
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
    fn malformed_endpoints_are_refused_at_once() {
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
