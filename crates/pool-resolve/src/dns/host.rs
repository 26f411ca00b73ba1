//! The A and AAAA records of a host.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use futures_util::future::try_join;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

use super::IpVersion;
use super::client::Client;
use super::servers::{seconds, shorter};
use crate::lookup::LookupError;

/// The addresses of a host, if it has any, and how long they are valid.
#[derive(Clone, Debug, Default)]
pub(super) struct Host {
    /// Each counts once, however often a server repeats it: weights would add up.
    pub(super) ips: BTreeSet<IpAddr>,
    pub(super) valid_for: Option<Duration>,
}

impl Host {
    /// Both versions together. That one version has no address says nothing of the other.
    fn and(self, other: Self) -> Self {
        let valid_for = match (self.ips.is_empty(), other.ips.is_empty()) {
            (false, true) => self.valid_for,
            (true, false) => other.valid_for,
            _ => shorter(self.valid_for, other.valid_for),
        };
        Self { ips: self.ips.into_iter().chain(other.ips).collect(), valid_for }
    }
}

/// Hosts that a server sent along with another answer.
#[derive(Debug, Default)]
pub(super) struct KnownHosts {
    hosts: BTreeMap<(Name, RecordType), Host>,
}

impl KnownHosts {
    pub(super) fn new(additionals: &[Record]) -> Self {
        let mut known = Self::default();
        for record in additionals {
            let Some(ip) = as_address(record) else { continue };
            let host = known.hosts.entry((record.name.clone(), record.record_type())).or_default();
            host.ips.insert(ip);
            host.valid_for = shorter(host.valid_for, Some(seconds(record.ttl)));
        }
        known
    }

    fn find(&self, name: &Name, kind: RecordType) -> Option<Host> {
        self.hosts.get(&(name.clone(), kind)).cloned()
    }
}

impl Client {
    pub(super) async fn look_up_host(
        &self,
        name: &Name,
        versions: IpVersion,
        known: &KnownHosts,
    ) -> Result<Host, LookupError> {
        let look_up = |kind| self.look_up_records(name, kind, known);
        match versions {
            IpVersion::V4 => look_up(RecordType::A).await,
            IpVersion::V6 => look_up(RecordType::AAAA).await,
            IpVersion::Both => {
                let (v4, v6) = try_join(look_up(RecordType::A), look_up(RecordType::AAAA)).await?;
                Ok(v4.and(v6))
            }
        }
    }

    /// The addresses of one version. That there are none is an answer.
    async fn look_up_records(
        &self,
        name: &Name,
        kind: RecordType,
        known: &KnownHosts,
    ) -> Result<Host, LookupError> {
        if let Some(host) = known.find(name, kind) {
            return Ok(host);
        }
        match self.servers.ask(name, kind).await {
            Ok(records) => {
                let ips = records.answers.iter().filter_map(as_address).collect();
                Ok(Host { ips, valid_for: records.valid_for })
            }
            Err(LookupError::NoSuchName { valid_for }) => Ok(Host { ips: BTreeSet::new(), valid_for }),
            Err(error) => Err(error),
        }
    }
}

fn as_address(record: &Record) -> Option<IpAddr> {
    match &record.data {
        RData::A(ip) => Some(ip.0.into()),
        RData::AAAA(ip) => Some(ip.0.into()),
        _ => None,
    }
}
