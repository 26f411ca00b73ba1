//! DNS: hosts and services, with the times to live of their records.

mod ask;
mod name;
mod servers;

use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_channel::oneshot;
use pool_core::ConfigError;
use pool_driver::{BoxError, Runtime};

use crate::background::{Background, Task};
use crate::lookup::{Lookup, LookupAnswer, LookupError};
use crate::polling::Polling;
use crate::resolve::Resolve;
use crate::schedule::PollConfig;

use ask::Client;
use servers::Transport;

pub use name::{DnsName, DnsNameError};

/// Which of a host's addresses are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are two versions")]
pub enum IpVersion {
    /// A and AAAA records. There is an answer when both questions are answered.
    #[default]
    Both,
    /// A records alone.
    V4,
    /// AAAA records alone.
    V6,
}

/// Follows hosts and services in DNS, and asks again when their records' time to live is over.
///
/// # Which name to write
///
/// | where | name | what comes of it |
/// |---|---|---|
/// | a host | `redis.example.com:6379` | all its A and AAAA records, at that port |
/// | a service | `_redis._tcp.example.com` | its SRV records: ports, priorities, weights |
/// | Kubernetes, headless service | `_port._proto.service.namespace.svc.cluster.local` | every ready pod, at the named port |
/// | Kubernetes, without named ports | `service.namespace.svc.cluster.local:6379` | every ready pod |
/// | Consul, on its own port ([`with_servers_over_tcp`](Self::with_servers_over_tcp), 8600) | `_service._tcp.service.consul` | every healthy instance with its port |
/// | Consul, where all have one port | `service.service.consul:6379` | every healthy instance |
///
/// Both publish in DNS who is ready, within seconds, so no client of theirs is needed. A plain service of
/// Kubernetes has one address that stands for all its pods, so there a pool sees one server: make the
/// service headless (`clusterIP: None`). Consul cuts long answers over UDP, and says so only where
/// `enable_truncate` is set: it is asked over TCP.
///
/// A name that ends with a dot is taken as it is; others are also searched for in the domains of
/// `resolv.conf`, by [`system`](Self::system) alone.
///
/// # What its records mean
///
/// - **Validity:** the answer is asked for again when the shortest time to live of all its records is
///   over, within the bounds of [`PollConfig`]. Nothing is cached here, so a pool whose connections
///   fail has the servers asked long before.
/// - **No such name:** the name doesn't exist, or has no such records, or its service has the target `.`.
///   A pool keeps the addresses that it has.
/// - **All or nothing:** where one of several questions has no answer (A or AAAA, or the address of one of
///   a service's targets), there is no answer at all, and the pool keeps what it has. A target of which
///   it is known that it has no address is left out. Where servers answer AAAA with errors, ask for
///   [one version](Self::ip_version). That also recycler a question for every target of a service, for
///   servers send only the addresses along that there are.
/// - **Weights:** each address of a target has the weight of its record. Weight 0 means next to nothing
///   beside others and becomes 1, the smallest there is.
///
/// # Where it runs
///
/// It asks on a thread of its own, which ends with the last subscription. So it serves pools on every
/// runtime, also on those whose tasks stay on one thread.
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
    background: Background,
    runtime: R,
    config: PollConfig,
    versions: IpVersion,
}

impl<R: Runtime + Clone> Dns<R> {
    /// Asks the servers of this machine (`/etc/resolv.conf`, read once), after its hosts file.
    ///
    /// # Errors
    ///
    /// When it is not known which these are, or there is no thread for it.
    pub fn system(runtime: R) -> Result<Self, BoxError> {
        Self::new(Client::system()?, runtime)
    }

    /// Asks these servers, the next when one doesn't answer.
    ///
    /// # Errors
    ///
    /// When there are none, or there is no thread for it.
    pub fn with_servers(servers: impl IntoIterator<Item = SocketAddr>, runtime: R) -> Result<Self, BoxError> {
        Self::new(Client::with_servers(servers, Transport::UdpFirst)?, runtime)
    }

    /// As [`with_servers`](Self::with_servers), over TCP alone: for servers that cut what doesn't fit into
    /// a packet without saying so.
    ///
    /// # Errors
    ///
    /// As for [`with_servers`](Self::with_servers).
    pub fn with_servers_over_tcp(
        servers: impl IntoIterator<Item = SocketAddr>,
        runtime: R,
    ) -> Result<Self, BoxError> {
        Self::new(Client::with_servers(servers, Transport::Tcp)?, runtime)
    }

    fn new(client: Client, runtime: R) -> Result<Self, BoxError> {
        let background = Background::start("pool-dns")?;
        let (config, versions) = (PollConfig::default(), IpVersion::default());
        Ok(Self { client: Arc::new(client), background, runtime, config, versions })
    }

    /// How often to ask: the bounds of times to live, and what follows a failure.
    ///
    /// # Errors
    ///
    /// Names the setting that makes no sense.
    pub fn with_config(self, config: PollConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self { config, ..self })
    }

    /// Asks for a name, without following it.
    #[must_use]
    pub fn lookup(&self, name: &DnsName) -> DnsLookup {
        DnsLookup {
            client: self.client.clone(),
            background: self.background.clone(),
            name: name.clone(),
            versions: self.versions,
            timeout: self.config.timeout,
        }
    }

    /// Which addresses to ask for; both versions by default.
    pub fn ip_version(self, versions: IpVersion) -> Self {
        Self { versions, ..self }
    }
}

/// The servers' own time limit comes first, for it knows who was asked for what.
const SLACK: Duration = Duration::from_secs(1);

impl<R: Runtime + Clone> Resolve for Dns<R> {
    type Name = DnsName;
    type Subscription = Polling<DnsLookup, R>;

    fn subscribe(&self, name: &DnsName) -> Self::Subscription {
        let mut config = self.config.clone();
        config.timeout = config.timeout.saturating_add(SLACK);
        Polling::with_valid_config(self.lookup(name), self.runtime.clone(), config)
    }
}

/// Asks DNS for one name; made by [`Dns::lookup`].
#[derive(Clone, Debug)]
pub struct DnsLookup {
    client: Arc<Client>,
    background: Background,
    name: DnsName,
    versions: IpVersion,
    timeout: Duration,
}

impl Lookup for DnsLookup {
    type Address = SocketAddr;
    type Future = DnsFuture;

    fn lookup(&mut self) -> DnsFuture {
        let Self { client, background, name, versions, timeout } = self.clone();
        let (tell, answer) = oneshot::channel();
        let task = background.spawn(async move {
            let asked = client.ask(&name, versions);
            let answer = match tokio::time::timeout(timeout, asked).await {
                Ok(answer) => answer,
                Err(_) => Err(client.timed_out(&name, timeout)),
            };
            // Who no longer wants to know has dropped this task with its answer.
            let _ = tell.send(answer);
        });
        DnsFuture { answer, _task: task }
    }
}

/// The answer to one question. Dropping it ends the asking.
pub struct DnsFuture {
    answer: oneshot::Receiver<Result<LookupAnswer<SocketAddr>, LookupError>>,
    _task: Task,
}

impl Future for DnsFuture {
    type Output = Result<LookupAnswer<SocketAddr>, LookupError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = Pin::new(&mut self.answer).poll(cx);
        answer.map(|answer| answer.unwrap_or_else(|_| Err("the question panicked".into())))
    }
}

impl fmt::Debug for DnsFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DnsFuture").finish_non_exhaustive()
    }
}
