//! The example's HTTP/1.1 clients in a pool, against hyper's server.

#[path = "../../examples/http1.rs"]
#[allow(dead_code, reason = "it is a program, too")]
mod example;
mod http;

use std::collections::BTreeSet;

use example::HttpPool;
use example::http_server::{HttpServer, Record};
use futures_util::future::join_all;
use http::{
    Response, Result, assert_answered, at_a_time, body_of, lost_of_held, pool_of, spawn_call, start,
    start_with,
};
use http_body_util::Empty;
use hyper::Request;
use hyper::body::Bytes;
use pool_tests::{Gate, all_up, assert_unharmed, connections_to, until};

fn request(path: &str) -> Request<Empty<Bytes>> {
    example::request(path).expect("it is well-formed")
}

async fn call(pool: &HttpPool, path: &str) -> Result<Response> {
    pool.call(request(path)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_caller_gets_its_own_response_and_each_connection_has_one_request_at_a_time() {
    let servers = start::<2>(&Gate::new()).await;
    let pool = pool_of(&servers, 3).await;
    let calls = (0..1000).map(|number| {
        let pool = pool.clone();
        tokio::spawn(async move {
            let path = format!("/{number}");
            let response = call(&pool, &path).await.expect("it is answered");
            assert_eq!(body_of(response).await, path);
        })
    });
    join_all(calls).await.into_iter().for_each(|call| call.expect("no panic"));
    let records: Vec<Record> = servers.iter().flat_map(HttpServer::records).collect();
    assert_eq!(records.len(), 6, "nobody connected again");
    assert_eq!(records.iter().map(|record| record.answered).sum::<usize>(), 1000);
    assert!(records.iter().all(|record| record.at_a_time_max == 1), "{records:?}");
    assert_unharmed(&pool);
}

#[tokio::test]
async fn addresses_have_equal_shares() {
    let servers = start::<3>(&Gate::new()).await;
    let pool = pool_of(&servers, 2).await;
    for _ in 0..60 {
        let response = call(&pool, "/").await.expect("it is answered");
        body_of(response).await;
    }
    assert!(servers.iter().all(|server| server.answered() == 20));
}

#[tokio::test]
async fn a_call_that_is_given_up_costs_its_connection_and_no_other() {
    let gate = Gate::new();
    let servers = start::<1>(&gate).await;
    let pool = pool_of(&servers, 2).await;
    let [kept, given_up] = [0, 1].map(|number| spawn_call(&pool, format!("/held/{number}")));
    until(|| at_a_time(&servers[0]) == 2).await;

    given_up.abort();
    let closed = || servers[0].records().into_iter().filter(|record| record.is_closed).collect::<Vec<_>>();
    until(|| closed().len() == 1 && servers[0].records().len() == 3).await;
    let record = Record { answered: 0, cancelled: 1, at_a_time_max: 1, at_a_time: 0, is_closed: true };
    assert_eq!(closed(), [record]);
    gate.open();
    assert_answered(kept, "/held/0").await;
    all_up(&pool, 2).await;
    assert_unharmed(&pool);
}

#[tokio::test]
async fn a_connection_takes_no_request_until_its_last_response_has_been_read() {
    let answer = |path| async move { if path == "/large" { "large".repeat(1_000_000) } else { path } };
    let server = start_with::<1, _>(answer).await;
    let pool = pool_of(&server, 2).await;
    let answered = || server[0].records().iter().map(|record| record.answered).collect::<BTreeSet<_>>();
    let large = call(&pool, "/large").await.expect("it is answered");
    for _ in 0..10 {
        let small = call(&pool, "/small").await.expect("the other connection answers");
        body_of(small).await;
    }
    assert_eq!(answered(), [1, 10].into());

    assert_eq!(body_of(large).await.len(), 5_000_000);
    until(|| pool.snapshot().addresses[0].status.slots.ready == 2).await;
    for _ in 0..10 {
        let small = call(&pool, "/small").await.expect("it is answered");
        body_of(small).await;
    }
    assert_eq!(answered(), [6, 15].into());
    assert_unharmed(&pool);
}

#[tokio::test]
async fn what_is_under_way_at_a_goodbye_is_answered_and_new_connections_take_over() {
    let gate = Gate::new();
    let servers = start::<1>(&gate).await;
    let pool = pool_of(&servers, 3).await;
    for _ in 0..3 {
        body_of(call(&pool, "/").await.expect("it is answered")).await;
    }
    let held = spawn_call(&pool, "/held/0".to_owned());
    until(|| at_a_time(&servers[0]) == 1).await;

    servers[0].say_goodbye();
    // Two were idle.
    until(|| servers[0].records().len() == 5).await;
    gate.open();
    assert_answered(held, "/held/0").await;
    until(|| servers[0].records().len() == 6).await;
    assert!(servers[0].records()[..3].iter().all(|record| record.is_closed));
    all_up(&pool, 3).await;
    body_of(call(&pool, "/").await.expect("it is answered")).await;
    assert_unharmed(&pool);
}

#[tokio::test]
async fn when_a_server_dies_only_what_it_had_fails() {
    let gate = Gate::new();
    let mut servers = start::<2>(&gate).await;
    let pool = pool_of(&servers, 2).await;
    let calls: Vec<_> = (0..4).map(|number| spawn_call(&pool, format!("/held/{number}"))).collect();
    until(|| servers.iter().all(|server| at_a_time(server) == 2)).await;
    // It waits for the first connection that is free.
    let waiting = spawn_call(&pool, "/waiting".to_owned());
    until(|| pool.snapshot().counts.accepted == 5).await;

    let [victim, survivor] = &mut servers;
    victim.die().await;
    until(|| connections_to(&pool, victim.address()) == 0).await;
    gate.open();
    assert_eq!(lost_of_held(calls).await, 2);
    assert_answered(waiting, "/waiting").await;
    assert_eq!((survivor.answered(), survivor.records().len()), (3, 2));
}
