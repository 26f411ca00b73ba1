//! DNS: hosts and services, with the times to live of their records.

mod client;
mod error;
mod host;
mod lookup;
mod name;
mod search;
mod servers;
mod service;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pool_core::ConfigError;
use pool_driver::{BoxError, Runtime};

use crate::polling::{PollConfig, Polling};
use crate::resolve::Resolve;
use crate::threads::TokioThread;
use client::Client;
use search::{Search, Transport};

pub use lookup::{DnsFuture, DnsLookup};
pub use name::{DnsName, DnsNameError};

/// Which addresses of a host are looked up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are two versions")]
pub enum IpVersion {
    /// A and AAAA records. There is an answer when both have one.
    #[default]
    Both,
    /// A records alone.
    V4,
    /// AAAA records alone.
    V6,
}

/// Follows hosts and services in DNS, and asks again when the time to live of their records is over.
///
/// # Which name to write
///
/// | where | name | addresses |
/// |---|---|---|
/// | a host | `redis.example.com:6379` | its A and AAAA records, at that port |
/// | a service | `_redis._tcp.example.com` | its SRV records: ports, priorities, weights |
/// | Kubernetes, headless service | `_port._proto.service.namespace.svc.cluster.local` | every ready pod, at the named port |
/// | Kubernetes, without named ports | `service.namespace.svc.cluster.local:6379` | every ready pod |
/// | Consul, on its own port ([`with_servers_over_tcp`](Self::with_servers_over_tcp), 8600) | `_service._tcp.service.consul` | every healthy instance with its port |
/// | Consul, where all have one port | `service.service.consul:6379` | every healthy instance |
///
/// Kubernetes and Consul publish in DNS who is ready, within seconds, so they need no client of their own. A
/// plain service of Kubernetes has one address for all its pods, so a pool sees one server: make the
/// service headless (`clusterIP: None`). Consul cuts long answers over UDP, and says so only if
/// `enable_truncate` is set: ask it over TCP.
///
/// A name that ends with a dot is looked up as it is. Other names are also searched for in the domains of
/// `resolv.conf`, by [`system`](Self::system) alone.
///
/// # What the records mean
///
/// - **Validity:** the name is looked up again when the shortest time to live of all its records is over,
///   within the bounds of [`PollConfig`]. Nothing is cached here, so a pool whose connections fail has the
///   servers asked at once.
/// - **No such name:** the name doesn't exist, or has no such records, or its service has the target `.`.
///   A pool keeps the addresses that it has.
/// - **All or nothing:** if one of several questions has no answer (A or AAAA, or the address of one of a
///   service's targets), the lookup has failed, and a pool keeps what it has. A target that is known to have
///   no address is left out. If servers answer AAAA with errors, look up [one version](Self::ip_version).
///   That also saves a question for every target of a service: servers send along only addresses that exist.
/// - **Weights:** each address of a target has the weight of its record. In DNS 0 means hardly anything
///   beside other weights. It becomes 1, the smallest weight with a share.
///
/// # Where it runs
///
/// Lookups run on one thread, which ends with the last subscription. So they serve pools on every runtime,
/// also on one whose tasks stay on one thread.
///
/// ```no_run
/// # use pool_conformance::simulated::Clock as MyRuntime;
/// use pool_resolve::{Dns, DnsName, Resolve};
///
/// # fn follow() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let dns = Dns::system(MyRuntime::default())?;
/// let name: DnsName = "_redis._tcp.example.com".parse()?;
/// let addresses = dns.subscribe(&name); // pool_for(…).follow(addresses)
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until something is subscribed to"]
pub struct Dns<R> {
    client: Arc<Client>,
    thread: TokioThread,
    runtime: R,
    config: PollConfig,
    versions: IpVersion,
}

impl<R: Runtime + Clone> Dns<R> {
    /// Asks the servers of this machine (`/etc/resolv.conf`, read once), after its hosts file.
    ///
    /// # Errors
    ///
    /// If the configuration can't be read or has no servers, or if the thread can't be started.
    pub fn system(runtime: R) -> Result<Self, BoxError> {
        Self::new(Search::of_this_machine()?, runtime)
    }

    /// Asks these servers, the next one when one doesn't answer.
    ///
    /// # Errors
    ///
    /// If there are no servers, or if the thread can't be started.
    pub fn with_servers(servers: impl IntoIterator<Item = SocketAddr>, runtime: R) -> Result<Self, BoxError> {
        Self::new(Search::of_servers(servers, Transport::UdpFirst), runtime)
    }

    /// As [`with_servers`](Self::with_servers), over TCP alone: for servers that cut long answers over UDP
    /// without a flag.
    ///
    /// ```no_run
    /// # use pool_conformance::simulated::Clock as MyRuntime;
    /// use pool_resolve::Dns;
    ///
    /// let consul = "127.0.0.1:8600".parse()?;
    /// let dns = Dns::with_servers_over_tcp([consul], MyRuntime::default())?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`with_servers`](Self::with_servers).
    pub fn with_servers_over_tcp(
        servers: impl IntoIterator<Item = SocketAddr>,
        runtime: R,
    ) -> Result<Self, BoxError> {
        Self::new(Search::of_servers(servers, Transport::Tcp), runtime)
    }

    fn new(search: Search, runtime: R) -> Result<Self, BoxError> {
        let client = Arc::new(Client::new(search)?);
        let thread = TokioThread::start("pool-dns")?;
        let (config, versions) = (PollConfig::default(), IpVersion::default());
        Ok(Self { client, thread, runtime, config, versions })
    }

    /// How often to ask: the bounds of times to live, and the delays after failures.
    ///
    /// # Errors
    ///
    /// If the config is not [valid](PollConfig::validate).
    pub fn with_config(self, config: PollConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self { config, ..self })
    }

    /// Looks up a name without following it. [`PollConfig::timeout`] is the timeout.
    ///
    /// ```no_run
    /// # use pool_conformance::simulated::Clock as MyRuntime;
    /// use pool_resolve::{Dns, Lookup, LookupError};
    ///
    /// # async fn look_up() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// let dns = Dns::system(MyRuntime::default())?;
    /// match dns.lookup(&"redis.example.com:6379".parse()?).lookup().await {
    ///     Ok(answer) => println!("{:?}, valid for {:?}", answer.addresses, answer.valid_for),
    ///     Err(LookupError::NoSuchName { .. }) => println!("there is no such name"),
    ///     Err(LookupError::Failed(error)) => println!("{error}"),
    ///     Err(other) => println!("{other:?}"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn lookup(&self, name: &DnsName) -> DnsLookup {
        let (client, thread) = (self.client.clone(), self.thread.clone());
        DnsLookup::new(client, thread, name.clone(), self.versions, self.config.timeout)
    }

    /// Which addresses to look up; both versions by default.
    ///
    /// ```no_run
    /// # use pool_conformance::simulated::Clock as MyRuntime;
    /// use pool_resolve::{Dns, IpVersion};
    ///
    /// let dns = Dns::system(MyRuntime::default())?.ip_version(IpVersion::V4);
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn ip_version(self, versions: IpVersion) -> Self {
        Self { versions, ..self }
    }
}

/// The lookup's own timeout comes first: its error has the question and the servers.
const POLL_TIMEOUT_EXTRA: Duration = Duration::from_secs(1);

impl<R: Runtime + Clone> Resolve for Dns<R> {
    type Name = DnsName;
    type Subscription = Polling<DnsLookup, R>;

    fn subscribe(&self, name: &DnsName) -> Self::Subscription {
        let mut config = self.config.clone();
        config.timeout = config.timeout.saturating_add(POLL_TIMEOUT_EXTRA);
        Polling::with_valid_config(self.lookup(name), self.runtime.clone(), config)
    }
}
