//! The SRV records of a service, and the addresses of its targets.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use futures_util::stream::{self, StreamExt, TryStreamExt};
use hickory_resolver::proto::rr::rdata::SRV;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use pool_core::Endpoint;

use super::IpVersion;
use super::client::{Client, answer};
use super::host::{Host, KnownHosts};
use super::servers::shorter;
use crate::lookup::{LookupAnswer, LookupError};

/// The most targets of a service that are looked up at the same time.
const TARGETS_IN_FLIGHT_MAX: usize = 16;

impl Client {
    pub(super) async fn look_up_service(
        &self,
        name: Name,
        versions: IpVersion,
    ) -> Result<LookupAnswer<SocketAddr>, LookupError> {
        let records = self.servers.ask(&name, RecordType::SRV).await?;
        let services: Vec<&SRV> = records.answers.iter().filter_map(as_service).collect();
        let known = KnownHosts::new(&records.additionals);
        let targets: BTreeSet<Name> = services.iter().map(|service| service.target.clone()).collect();
        let hosts: BTreeMap<Name, Host> = stream::iter(targets)
            .map(|target| {
                let known = &known;
                async move {
                    let host = self.look_up_host(&target, versions, known).await?;
                    Ok::<_, LookupError>((target, host))
                }
            })
            .buffer_unordered(TARGETS_IN_FLIGHT_MAX)
            .try_collect()
            .await?;
        let valid_for = hosts.values().map(|host| host.valid_for).fold(records.valid_for, shorter);
        let endpoints = services.into_iter().flat_map(|service| {
            let ips = hosts.get(&service.target).into_iter().flat_map(|host| &host.ips);
            ips.map(|ip| endpoint(*ip, service))
        });
        answer(endpoints.collect(), valid_for)
    }
}

/// A record with the target `.` says that there is no such service.
fn as_service(record: &Record) -> Option<&SRV> {
    match &record.data {
        RData::SRV(service) if !service.target.is_root() => Some(service),
        _ => None,
    }
}

fn endpoint(ip: IpAddr, service: &SRV) -> Endpoint<SocketAddr> {
    Endpoint::new(SocketAddr::new(ip, service.port))
        .with_priority(service.priority)
        // In DNS 0 means hardly anything beside other weights, and an equal share among zeros.
        .with_weight(u32::from(service.weight).max(1))
}
