//! One question to name servers: a name and a type.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError, NoRecords};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use pool_driver::BoxError;

use crate::lookup::LookupError;

/// So many names may stand for each other. hickory follows as many for addresses.
const ALIASES_MAX: usize = 8;

/// The next servers are asked after this.
const SERVER_TIMEOUT_MAX: Duration = Duration::from_millis(1500);

pub(super) struct Servers {
    resolver: TokioResolver,
    /// For messages.
    list: String,
}

/// What a server says.
pub(super) struct Records {
    pub(super) answers: Vec<Record>,
    pub(super) additionals: Vec<Record>,
    pub(super) valid_for: Option<Duration>,
}

impl Servers {
    pub(super) fn of_this_machine() -> Result<Self, BoxError> {
        let (config, options) = read_system_conf()?;
        Self::new(config, options)
    }

    pub(super) fn given(
        servers: impl IntoIterator<Item = SocketAddr>,
        transport: Transport,
    ) -> Result<Self, BoxError> {
        let servers = servers.into_iter().map(|address| transport.server(address)).collect();
        let config = ResolverConfig::from_name_servers(servers);
        // What this machine's files say has nothing to do with these servers.
        let mut options = ResolverOpts::default();
        options.use_hosts_file = ResolveHosts::Never;
        Self::new(config, options)
    }

    fn new(config: ResolverConfig, mut options: ResolverOpts) -> Result<Self, BoxError> {
        let address = |server: &NameServerConfig| {
            server
                .connections
                .first()
                .map(|connection| SocketAddr::new(server.ip, connection.port).to_string())
        };
        let list: Vec<String> = config.name_servers().iter().filter_map(address).collect();
        if list.is_empty() {
            return Err("there is no name server to ask".into());
        }
        // Two servers are asked at a time: a third must have its turn before whoever asks gives up.
        options.timeout = options.timeout.min(SERVER_TIMEOUT_MAX);
        // Whoever asks decides when; a cache would answer for the servers when it matters most.
        options.cache_size = 0;
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options;
        Ok(Self { resolver: builder.build()?, list: list.join(", ") })
    }

    /// Asks for the records of one type.
    pub(super) async fn ask(&self, name: &Name, kind: RecordType) -> Result<Records, LookupError> {
        let no_records = match self.ask_once(name, kind).await? {
            Ok(records) => return Ok(records),
            Err(no_records) => no_records,
        };
        let negative = LookupError::NoSuchName { valid_for: no_records.negative_ttl.map(seconds) };
        if kind == RecordType::SRV {
            return self.ask_behind_aliases(name, negative).await;
        }
        // hickory's last word on a chain of aliases without end: a denial that no server has signed for.
        let is_denied = no_records.response_code != ResponseCode::NoError || no_records.authorities.is_some();
        if !is_denied && self.alias(name).await?.is_some() {
            return Err(self.endless(name));
        }
        Err(negative)
    }

    /// hickory doesn't follow aliases to SRV records.
    async fn ask_behind_aliases(&self, name: &Name, negative: LookupError) -> Result<Records, LookupError> {
        let mut at = name.clone();
        let mut valid_for = None;
        for _ in 0..ALIASES_MAX {
            let Some((next, ttl)) = self.alias(&at).await? else { return Err(negative) };
            valid_for = shorter(valid_for, Some(ttl));
            if let Ok(records) = self.ask_once(&next, RecordType::SRV).await? {
                return Ok(Records { valid_for: shorter(records.valid_for, valid_for), ..records });
            }
            at = next;
        }
        Err(self.endless(name))
    }

    /// What a name stands for, and for how long.
    async fn alias(&self, name: &Name) -> Result<Option<(Name, Duration)>, LookupError> {
        let Ok(records) = self.ask_once(name, RecordType::CNAME).await? else { return Ok(None) };
        let target = records.answers.iter().find_map(|record| match &record.data {
            RData::CNAME(target) => Some((target.0.clone(), seconds(record.ttl))),
            _ => None,
        });
        Ok(target)
    }

    async fn ask_once(
        &self,
        name: &Name,
        kind: RecordType,
    ) -> Result<Result<Records, NoRecords>, LookupError> {
        match self.resolver.lookup(name.clone(), kind).await {
            Ok(lookup) => {
                let (answers, additionals) = (lookup.answers().to_vec(), lookup.additionals().to_vec());
                let valid_for = answers.iter().map(|record| seconds(record.ttl)).min();
                Ok(Ok(Records { answers, additionals, valid_for }))
            }
            Err(NetError::Dns(DnsError::NoRecordsFound(no_records))) => Ok(Err(no_records)),
            Err(error) => {
                let name = name.to_string();
                let question = format!("{kind} of {}", name.trim_end_matches('.'));
                Err(self.failed(question, Reason::Net(error)))
            }
        }
    }

    fn endless(&self, name: &Name) -> LookupError {
        self.failed(name, Reason::Text("its CNAME records lead in a circle, or too far".to_owned()))
    }

    pub(super) fn timed_out(&self, name: impl fmt::Display, timeout: Duration) -> LookupError {
        self.failed(name, Reason::Text(format!("no answer within {timeout:?}")))
    }

    fn failed(&self, question: impl fmt::Display, reason: Reason) -> LookupError {
        Unanswered { question: question.to_string(), servers: self.list.clone(), reason }.into()
    }
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Servers").field(&self.list).finish()
    }
}

/// How servers are asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Transport {
    /// Over UDP, and over TCP what doesn't fit.
    UdpFirst,
    Tcp,
}

impl Transport {
    fn server(self, address: SocketAddr) -> NameServerConfig {
        let mut connections = match self {
            Self::UdpFirst => vec![ConnectionConfig::udp(), ConnectionConfig::tcp()],
            Self::Tcp => vec![ConnectionConfig::tcp()],
        };
        for connection in &mut connections {
            connection.port = address.port();
        }
        NameServerConfig::new(address.ip(), true, connections)
    }
}

/// Why there is no answer, who was asked, and for what.
#[derive(Debug)]
struct Unanswered {
    question: String,
    servers: String,
    reason: Reason,
}

#[derive(Debug)]
enum Reason {
    Net(NetError),
    Text(String),
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { question, servers, reason } = self;
        match reason {
            Reason::Net(NetError::Dns(DnsError::ResponseCode(code))) => write!(f, "{question}: {code}")?,
            Reason::Net(error) => write!(f, "{question}: {error}")?,
            Reason::Text(text) => write!(f, "{question}: {text}")?,
        }
        write!(f, " (asked {servers})")
    }
}

impl std::error::Error for Unanswered {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.reason {
            // It is displayed already.
            Reason::Net(error) => error.source(),
            Reason::Text(_) => None,
        }
    }
}

pub(super) fn seconds(ttl: u32) -> Duration {
    Duration::from_secs(ttl.into())
}

/// The shorter of those that are known.
pub(super) fn shorter(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    one.into_iter().chain(other).min()
}
