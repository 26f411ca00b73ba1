//! The example's fetcher, against hyper's servers.

#[path = "../../examples/poolmap.rs"]
#[allow(dead_code, reason = "it is a program, too")]
mod example;

use std::collections::BTreeMap;
use std::time::Duration;

use example::http1::http_server::HttpServer;
use example::{Pools, Settings, fetch, pools};
use futures_util::future::join_all;
use pool_tests::until;

async fn start<const N: usize>() -> [HttpServer; N] {
    let started = join_all((0..N).map(|_| HttpServer::start(|path| async { path }))).await;
    let servers: Vec<_> = started.into_iter().map(|server| server.expect("it starts")).collect();
    servers.try_into().ok().expect("there are as many")
}

fn host(server: &HttpServer) -> String {
    server.address().to_string()
}

async fn assert_fetched(pools: &Pools, server: &HttpServer, path: &str) {
    let fetched = fetch(pools, &format!("{}{path}", host(server))).await.expect("it is answered");
    assert_eq!(fetched, (200, path.to_owned().into()));
}

#[tokio::test]
async fn each_host_has_its_own_pool_with_its_own_settings() {
    let servers = start::<3>().await;
    let busy = BTreeMap::from([(host(&servers[0]), Settings { connections: 4 })]);
    let pools = pools(8, busy).expect("the settings make sense");
    for server in &servers {
        join_all((0..50).map(|number| {
            let pools = &pools;
            async move { assert_fetched(pools, server, &format!("/{number}")).await }
        }))
        .await;
    }
    assert!(servers[0].records().len() <= 4 && servers[1..].iter().all(|server| server.records().len() <= 2));
    assert!(servers.iter().all(|server| server.answered() == 50));
    assert_eq!(pools.len(), 3);
}

#[tokio::test]
async fn hosts_take_turns_when_there_are_too_few_places() {
    let servers = start::<5>().await;
    let pools = pools(2, BTreeMap::new()).expect("the settings make sense");
    join_all((0..100).map(|number| {
        let (pools, server) = (&pools, &servers[number % servers.len()]);
        async move { assert_fetched(pools, server, &format!("/{number}")).await }
    }))
    .await;
    assert!(pools.len() <= 2);
    let ended = pools.shutdown(Duration::from_secs(60)).await;
    assert_eq!(ended.counts.sent, 100);
    until(|| servers.iter().flat_map(HttpServer::records).all(|record| record.is_closed)).await;
}

#[tokio::test]
async fn a_host_that_is_down_is_no_concern_of_the_others() {
    let [up, mut down] = start::<2>().await;
    down.die().await;
    let pools = pools(8, BTreeMap::new()).expect("the settings make sense");
    let url = host(&down);
    tokio::select! {
        biased;
        result = fetch(&pools, &url) => panic!("nobody listens, and there was {result:?}"),
        () = assert_fetched(&pools, &up, "/1") => {}
    }
    assert_eq!(pools.snapshot().names.len(), 2);
}
