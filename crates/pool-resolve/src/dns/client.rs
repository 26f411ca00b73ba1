//! Everything there is at one name.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::proto::rr::Name;
use pool_core::{AddressSet, Endpoint};
use pool_driver::BoxError;

use super::host::{Host, KnownHosts};
use super::search::Search;
use super::servers::Servers;
use super::{DnsName, IpVersion};
use crate::lookup::{LookupAnswer, LookupError};

/// Looks names up, on the Tokio thread.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) servers: Servers,
}

impl Client {
    pub(super) fn new(search: Search) -> Result<Self, BoxError> {
        Ok(Self { servers: Servers::new(search)? })
    }

    pub(super) fn timed_out(&self, name: &DnsName, timeout: Duration) -> LookupError {
        self.servers.timed_out(name, timeout)
    }

    /// The addresses of a host or of a service's targets.
    pub(super) async fn look_up(
        &self,
        name: &DnsName,
        versions: IpVersion,
    ) -> Result<LookupAnswer<SocketAddr>, LookupError> {
        let Some(port) = name.port() else {
            return self.look_up_service(Name::from_utf8(name.name())?, versions).await;
        };
        if let Ok(ip) = name.name().parse::<IpAddr>() {
            return Ok(LookupAnswer::new([SocketAddr::new(ip, port)].into()));
        }
        let host = Name::from_utf8(name.name())?;
        let Host { ips, valid_for } = self.look_up_host(&host, versions, &KnownHosts::default()).await?;
        let endpoint = |ip| Endpoint::new(SocketAddr::new(ip, port));
        answer(ips.into_iter().map(endpoint).collect(), valid_for)
    }
}

/// An answer without addresses is "no such name".
pub(super) fn answer(
    addresses: AddressSet<SocketAddr>,
    valid_for: Option<Duration>,
) -> Result<LookupAnswer<SocketAddr>, LookupError> {
    if addresses.is_empty() {
        return Err(LookupError::NoSuchName { valid_for });
    }
    Ok(LookupAnswer { addresses, valid_for })
}
