//! An HTTP/1.1 fetcher with a pool for each host: `cargo run --example poolmap`.
//!
//! It starts six servers of its own, which have to share four places. Or it fetches what you name, with
//! the system's resolver: `cargo run --example poolmap -- example.org:80/ example.net:80/`. Look at
//! - `create`: how the pool of a host is made, with settings that are another host's, too;
//! - `fetch`: that a pool for each host is one more line;
//! - the table: of six hosts four have pools, the others had theirs closed to make room.

use std::collections::BTreeMap;
use std::env;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{join_all, try_join_all};
use futures_util::stream::{Stream, unfold};
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::HOST;
use pool_tokio::{AddressSet, BoxError, BuildError, call_pool_for, map::PoolMap, pool_map};
use tokio::net::lookup_host;
use tokio::time::sleep;

use http1::http_server::HttpServer;
use http1::{HttpPool, connect};

#[path = "http1.rs"]
#[allow(dead_code, reason = "it is a program, too")]
pub(crate) mod http1;

/// By `host:port`.
pub(crate) type Pools = PoolMap<String, HttpPool>;

/// What is different for some hosts.
#[derive(Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) connections: u32,
}

const TIMEOUT: Duration = Duration::from_secs(10);
/// Name services can't tell of changes: they are asked now and then.
const LOOKUP_EVERY: Duration = Duration::from_secs(30);
const NAMES_MAX: usize = 4;

/// What the system's resolver says of a host, now and every half minute.
fn addresses_of(host: &str) -> impl Stream<Item = std::io::Result<AddressSet<SocketAddr>>> + use<> {
    let host: Arc<str> = host.into();
    unfold(Duration::ZERO, move |pause| {
        let host = Arc::clone(&host);
        async move {
            sleep(pause).await;
            let found = lookup_host(&*host).await.map(AddressSet::from_iter);
            Some((found, LOOKUP_EVERY))
        }
    })
}

/// Makes the pool of a host, on first use.
fn create(host: &str, overrides: &BTreeMap<String, Settings>) -> Result<HttpPool, BuildError> {
    let settings = overrides.get(host).copied().unwrap_or(Settings { connections: 2 });
    call_pool_for(connect)
        .connect_to(addresses_of(host))
        .connections_per_address(settings.connections)
        .lazy()
        .dial_timeout(Duration::from_secs(3))
        .spawn()
}

pub(crate) fn pools(names_max: usize, overrides: BTreeMap<String, Settings>) -> Result<Pools, BuildError> {
    pool_map(move |host: &String| create(host, &overrides))
        .names_max(names_max)
        .idle_timeout(Duration::from_secs(60))
        .spawn()
}

/// Fetches `host:port/path`; returns the status and the body.
pub(crate) async fn fetch(pools: &Pools, url: &str) -> Result<(u16, Bytes), BoxError> {
    let (host, path) = url.split_once('/').unwrap_or((url, ""));
    let request = Request::get(format!("/{path}")).header(HOST, host).body(Empty::<Bytes>::new())?;
    let pool = pools.get(host).await?;
    let response = pool.call(request).timeout(TIMEOUT).await?;
    let status = response.status().as_u16();
    Ok((status, response.into_body().collect().await?.to_bytes()))
}

/// What somebody named on the command line.
async fn fetch_all(pools: &Pools, urls: &[String]) {
    let fetched = join_all(urls.iter().map(|url| fetch(pools, url))).await;
    for (url, result) in urls.iter().zip(fetched) {
        match result {
            Ok((status, body)) => println!("{url}: {status}, {} bytes", body.len()),
            Err(error) => println!("{url}: {error}{}", cause(&*error)),
        }
    }
}

fn cause(error: &dyn std::error::Error) -> String {
    error.source().map(|source| format!(": {source}{}", cause(source))).unwrap_or_default()
}

/// Many callers, each of whom wants something of all hosts; there are too few places for that.
async fn fetch_everything(pools: &Pools, hosts: &[String]) -> Result<usize, BoxError> {
    const CALLERS: usize = 30;
    let callers = (0..CALLERS).map(|caller| async move {
        for turn in 0..hosts.len() * 10 {
            let (host, path) = (&hosts[(caller + turn) / 10 % hosts.len()], format!("/{caller}/{turn}"));
            let (_, body) = fetch(pools, &format!("{host}{path}")).await?;
            if body != path {
                return Err(format!("{host}{path} is answered with {body:?}").into());
            }
        }
        Ok::<_, BoxError>(())
    });
    try_join_all(callers).await?;
    Ok(CALLERS * hosts.len() * 10)
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let urls: Vec<String> = env::args().skip(1).collect();
    let started = Instant::now();
    let pools = if urls.is_empty() {
        let servers = try_join_all((0..6).map(|_| HttpServer::start(|path| async { path }))).await?;
        let hosts: Vec<String> = servers.iter().map(|server| server.address().to_string()).collect();
        let busy = BTreeMap::from([(hosts[0].clone(), Settings { connections: 4 })]);
        let pools = pools(NAMES_MAX, busy)?;
        let requests = fetch_everything(&pools, &hosts).await?;
        println!("{requests} requests to {} hosts answered in {:.2?}\n", hosts.len(), started.elapsed());
        println!("{}", pools.snapshot());
        pools
    } else {
        let pools = pools(64, BTreeMap::new())?;
        fetch_all(&pools, &urls).await;
        println!("\n{}", pools.snapshot());
        pools
    };
    let ended = pools.shutdown(Duration::from_secs(5)).await;
    println!("{} pools were made, and {} requests sent to connections", ended.pools, ended.counts.sent);
    Ok(())
}
