//! The questions that one name takes, and what their answers mean together.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::future::try_join;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use hickory_resolver::proto::rr::rdata::SRV;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use pool_core::{AddressSet, Endpoint};
use pool_driver::BoxError;

use super::servers::{Servers, Transport, seconds, shorter};
use super::{DnsName, IpVersion};
use crate::lookup::{LookupAnswer, LookupError};

/// So many of a service's targets are asked for at the same time.
const TARGETS_AT_ONCE: usize = 16;

/// Asks name servers, on the thread of [`Background`](crate::background::Background).
#[derive(Debug)]
pub(super) struct Client {
    servers: Servers,
}

/// The addresses of a host, if it has any, and how long that is so.
#[derive(Clone, Debug, Default)]
struct Found {
    /// Each once, whatever a server repeats: their weights would add up.
    ips: BTreeSet<IpAddr>,
    valid_for: Option<Duration>,
}

/// What servers have sent along, by host and type of record.
type Known = BTreeMap<(Name, RecordType), Found>;

impl Client {
    pub(super) fn system() -> Result<Self, BoxError> {
        Ok(Self { servers: Servers::of_this_machine()? })
    }

    pub(super) fn with_servers(
        servers: impl IntoIterator<Item = SocketAddr>,
        transport: Transport,
    ) -> Result<Self, BoxError> {
        Ok(Self { servers: Servers::given(servers, transport)? })
    }

    pub(super) fn timed_out(&self, name: &DnsName, timeout: Duration) -> LookupError {
        self.servers.timed_out(name, timeout)
    }

    /// Everything there is at a name.
    pub(super) async fn ask(
        &self,
        name: &DnsName,
        versions: IpVersion,
    ) -> Result<LookupAnswer<SocketAddr>, LookupError> {
        let Some(port) = name.port() else {
            return self.service(Name::from_utf8(name.name())?, versions).await;
        };
        if let Ok(ip) = name.name().parse::<IpAddr>() {
            return Ok(LookupAnswer::new([SocketAddr::new(ip, port)].into()));
        }
        let host = Name::from_utf8(name.name())?;
        let Found { ips, valid_for } = self.host(&host, versions, &Known::new()).await?;
        let endpoint = |ip| Endpoint::new(SocketAddr::new(ip, port));
        answer(ips.into_iter().map(endpoint).collect(), valid_for)
    }

    async fn service(
        &self,
        name: Name,
        versions: IpVersion,
    ) -> Result<LookupAnswer<SocketAddr>, LookupError> {
        let records = self.servers.ask(&name, RecordType::SRV).await?;
        let services: Vec<&SRV> = records.answers.iter().filter_map(as_service).collect();
        let known = known(&records.additionals);
        let targets: BTreeSet<Name> = services.iter().map(|service| service.target.clone()).collect();
        let found: BTreeMap<Name, Found> = stream::iter(targets)
            .map(|target| {
                let known = &known;
                async move {
                    let found = self.host(&target, versions, known).await?;
                    Ok::<_, LookupError>((target, found))
                }
            })
            .buffer_unordered(TARGETS_AT_ONCE)
            .try_collect()
            .await?;
        let valid_for = found.values().map(|found| found.valid_for).fold(records.valid_for, shorter);
        let endpoints = services.into_iter().flat_map(|service| {
            let ips = found.get(&service.target).into_iter().flat_map(|found| &found.ips);
            ips.map(|ip| endpoint(*ip, service))
        });
        answer(endpoints.collect(), valid_for)
    }

    async fn host(&self, host: &Name, versions: IpVersion, known: &Known) -> Result<Found, LookupError> {
        let ask = |kind| self.addresses(host, kind, known);
        match versions {
            IpVersion::V4 => ask(RecordType::A).await,
            IpVersion::V6 => ask(RecordType::AAAA).await,
            IpVersion::Both => {
                let (v4, v6) = try_join(ask(RecordType::A), ask(RecordType::AAAA)).await?;
                Ok(v4.and(v6))
            }
        }
    }

    async fn addresses(&self, host: &Name, kind: RecordType, known: &Known) -> Result<Found, LookupError> {
        if let Some(found) = known.get(&(host.clone(), kind)) {
            return Ok(found.clone());
        }
        match self.servers.ask(host, kind).await {
            Ok(records) => {
                let ips = records.answers.iter().filter_map(as_address).collect();
                Ok(Found { ips, valid_for: records.valid_for })
            }
            Err(LookupError::NoSuchName { valid_for }) => Ok(Found { ips: BTreeSet::new(), valid_for }),
            Err(error) => Err(error),
        }
    }
}

impl Found {
    /// Both together. That there is none of one kind says nothing of those of the other.
    fn and(self, other: Self) -> Self {
        let valid_for = match (self.ips.is_empty(), other.ips.is_empty()) {
            (false, true) => self.valid_for,
            (true, false) => other.valid_for,
            _ => shorter(self.valid_for, other.valid_for),
        };
        Self { ips: self.ips.into_iter().chain(other.ips).collect(), valid_for }
    }
}

fn answer(
    addresses: AddressSet<SocketAddr>,
    valid_for: Option<Duration>,
) -> Result<LookupAnswer<SocketAddr>, LookupError> {
    if addresses.is_empty() {
        return Err(LookupError::NoSuchName { valid_for });
    }
    Ok(LookupAnswer { addresses, valid_for })
}

/// With a target that is no host, a record says that there is no such service.
fn as_service(record: &Record) -> Option<&SRV> {
    match &record.data {
        RData::SRV(service) if !service.target.is_root() => Some(service),
        _ => None,
    }
}

fn as_address(record: &Record) -> Option<IpAddr> {
    match &record.data {
        RData::A(ip) => Some(ip.0.into()),
        RData::AAAA(ip) => Some(ip.0.into()),
        _ => None,
    }
}

fn known(additionals: &[Record]) -> Known {
    let mut known = Known::new();
    for record in additionals {
        let Some(ip) = as_address(record) else { continue };
        let found = known.entry((record.name.clone(), record.record_type())).or_default();
        found.ips.insert(ip);
        found.valid_for = shorter(found.valid_for, Some(seconds(record.ttl)));
    }
    known
}

fn endpoint(ip: IpAddr, service: &SRV) -> Endpoint<SocketAddr> {
    Endpoint::new(SocketAddr::new(ip, service.port))
        .with_priority(service.priority)
        // 0 is next to nothing beside others, but all there is where others are 0 too.
        .with_weight(u32::from(service.weight).max(1))
}
