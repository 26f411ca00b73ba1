//! Follows a prefix of etcd, and shows what a pool makes of it: addresses, their connections, and how it
//! stands with etcd, whenever any of that has changed.
//!
//! ```sh
//! etcd & # apt-get install etcd-server etcd-client
//! cargo run -p pool-examples --features etcd --example etcd -- http://127.0.0.1:2379 /services/redis/
//! ETCDCTL_API=3 etcdctl put /services/redis/a 127.0.0.1:6379
//! ETCDCTL_API=3 etcdctl put /services/redis/b '{"address": "127.0.0.1:6380", "weight": 2, "priority": 1}'
//! ```
//!
//! Several endpoints are separated by commas. Without arguments it starts an etcd of its own, puts two
//! addresses there, and ends when the pool has seen them come and one of them leave.

use std::net::SocketAddr;
use std::time::Duration;

use etcd_client::Client;
use pool_driver::{AddressSnapshot, Snapshot, SourceState};
use pool_examples::{Ledger, LineServer};
use pool_resolve::{Etcd, EtcdConfig, Resolve};
use pool_servers::EtcdCluster;
use pool_tokio::{BoxError, Pool, tcp};
use tokio::time::sleep;
use tokio_util::codec::LinesCodec;

const LOOK_EVERY: Duration = Duration::from_millis(50);

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [] => demonstrate().await,
        [endpoints, prefix] => {
            show_until(&follow(endpoints.split(','), prefix)?, &mut String::new(), |_| false).await;
            Ok(())
        }
        _ => Err("usage: etcd [ENDPOINTS PREFIX]".into()),
    }
}

/// A pool that nothing is sent to: it connects all the same.
fn follow<'a>(endpoints: impl Iterator<Item = &'a str>, prefix: &str) -> Result<Pool<String>, BoxError> {
    let etcd = Etcd::connect(endpoints, EtcdConfig::default())?;
    let addresses = etcd.subscribe(&prefix.parse()?);
    let connector = tcp(LinesCodec::new_with_max_length(8192)).on_item(|line: String| println!("{line}"));
    Ok(pool_tokio::pool_for(connector).follow(addresses).spawn::<String>()?)
}

/// Prints how things are whenever that has changed.
async fn show_until(
    pool: &Pool<String>,
    shown: &mut String,
    is_enough: impl Fn(&Snapshot<SocketAddr>) -> bool,
) {
    loop {
        let snapshot = pool.snapshot();
        let table = table(&snapshot);
        if table != *shown {
            println!("{table}");
            *shown = table;
        }
        if is_enough(&snapshot) {
            return;
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Like the snapshot's own table, but without what changes all the time.
fn table(snapshot: &Snapshot<SocketAddr>) -> String {
    let etcd = match &snapshot.source.state {
        SourceState::Failed(error) => format!("etcd failed: {error}\n"),
        state => format!("etcd: {state:?}\n").to_lowercase(),
    };
    let row = |AddressSnapshot { address, status, .. }: &AddressSnapshot<SocketAddr>| {
        let (address, state, open) = (address.to_string(), status.state, status.slots.connected());
        let (weight, priority) = (status.weight, status.priority);
        format!("  {address:<22} {state:<9} {open} open, weight {weight}, priority {priority}\n")
    };
    [etcd].into_iter().chain(snapshot.addresses.iter().map(row)).collect()
}

/// Two servers come, one leaves, and etcd dies, which changes nothing for the other.
async fn demonstrate() -> Result<(), BoxError> {
    let Some(mut cluster) = EtcdCluster::start_or_skip(1)? else { return Ok(()) };
    let endpoints = cluster.endpoints();
    let mut client = Client::connect(&endpoints, None).await?;
    let servers = [LineServer::start(&Ledger::default())?, LineServer::start(&Ledger::default())?];
    let pool = follow(endpoints.iter().map(String::as_str), "/services/lines/")?;
    let mut shown = String::new();
    let are_ready = |snapshot: &Snapshot<_>, count: usize| {
        snapshot.addresses.len() == count && snapshot.addresses.iter().all(|row| row.status.slots.ready > 0)
    };

    client.put("/services/lines/a", servers[0].address().to_string(), None).await?;
    let json = format!(r#"{{"address": "{}", "weight": 2, "priority": 1}}"#, servers[1].address());
    client.put("/services/lines/b", json, None).await?;
    show_until(&pool, &mut shown, |snapshot| are_ready(snapshot, 2)).await;
    client.delete("/services/lines/a", None).await?;
    show_until(&pool, &mut shown, |snapshot| are_ready(snapshot, 1)).await;
    cluster.kill(0)?;
    show_until(&pool, &mut shown, |snapshot| {
        snapshot.source.state.error().is_some() && are_ready(snapshot, 1)
    })
    .await;
    Ok(())
}
