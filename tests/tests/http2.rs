//! The example's HTTP/2 clients in a pool, against hyper's server.

#[path = "../../examples/http2.rs"]
#[allow(dead_code, reason = "it is a program, too")]
mod example;
mod http;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use example::http_server::{HttpServer, Record};
use futures_util::future::join_all;
use http::{assert_answered, at_a_time, body_of, lost_of_held, pool_of, spawn_call, start, start_with};
use http_body_util::Empty;
use hyper::Request;
use hyper::body::Bytes;
use pool_tests::{Gate, all_up, assert_unharmed, connections_to, until};
use pool_tokio::{Retry, call::RetryBudget};
use tokio::task::{JoinHandle, yield_now};
use tower::timeout::error::Elapsed;
use tower::{Service, ServiceBuilder, ServiceExt};

fn request(path: &str) -> Request<Empty<Bytes>> {
    Request::get(format!("http://test.example{path}")).body(Empty::new()).expect("it is well-formed")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_caller_gets_its_own_response_however_many_call_at_a_time() {
    let slow_by_turns = |path: String| async move {
        let number: usize = path[1..].parse().expect("a number");
        for _ in 0..number % 7 {
            yield_now().await;
        }
        path
    };
    let servers = start_with::<2, _>(slow_by_turns).await;
    let pool = pool_of(&servers, 2).await;

    let calls: Vec<_> = (0..2000).map(|number| spawn_call(&pool, format!("/{number}"))).collect();
    for (number, call) in calls.into_iter().enumerate() {
        assert_answered(call, &format!("/{number}")).await;
    }
    assert_eq!(servers.iter().map(HttpServer::answered).sum::<usize>(), 2000);
    assert!(servers.iter().all(|server| server.records().len() == 2), "nobody connected again");
    assert_unharmed(&pool);
}

#[tokio::test]
async fn addresses_and_their_connections_have_equal_shares() {
    let gate = Gate::new();
    let servers = start::<3>(&gate).await;
    let pool = pool_of(&servers, 2).await;
    for _ in 0..60 {
        pool.call(request("/")).await.expect("it is answered");
    }
    for server in &servers {
        let answered: Vec<_> = server.records().iter().map(|record| record.answered).collect();
        assert_eq!(answered, [10, 10]);
    }
}

#[tokio::test]
async fn a_call_that_is_given_up_resets_its_stream_and_the_connection_lives_on() {
    let gate = Gate::new();
    let servers = start::<1>(&gate).await;
    let pool = pool_of(&servers, 1).await;
    let mut calls: Vec<_> = (0..3).map(|number| spawn_call(&pool, format!("/held/{number}"))).collect();
    until(|| at_a_time(&servers[0]) == 3).await;

    calls.remove(1).abort();
    until(|| servers[0].records()[0].cancelled == 1).await;
    gate.open();
    assert_answered(calls.remove(0), "/held/0").await;
    assert_answered(calls.remove(0), "/held/2").await;
    let record = Record { answered: 2, cancelled: 1, at_a_time_max: 3, at_a_time: 0, is_closed: false };
    assert_eq!(servers[0].records(), [record]);
    assert_unharmed(&pool);
}

/// A reset has no answer. The server's next word, here to a ping, says that it has the next request before it and not
/// those that were given up.
#[tokio::test]
async fn the_places_of_calls_that_were_given_up_are_free_when_a_quiet_server_is_heard_again() {
    let gate = Gate::new();
    let servers = start::<1>(&gate).await;
    let pool = pool_of(&servers, 1).await;
    let calls: Vec<_> = (0..100).map(|number| spawn_call(&pool, format!("/held/{number}"))).collect();
    until(|| at_a_time(&servers[0]) == 100).await;

    calls.iter().for_each(JoinHandle::abort);
    until(|| servers[0].records()[0].cancelled == 100).await;
    pool.call(request("/")).await.expect("it is answered");
    let record = Record { answered: 1, cancelled: 100, at_a_time_max: 100, at_a_time: 0, is_closed: false };
    assert_eq!(servers[0].records(), [record]);
    assert_unharmed(&pool);
}

#[tokio::test]
async fn what_is_under_way_at_a_goodbye_is_answered_and_a_new_connection_takes_over() {
    let gate = Gate::new();
    let servers = start::<2>(&gate).await;
    let pool = pool_of(&servers, 1).await;
    let calls: Vec<_> = (0..4).map(|number| spawn_call(&pool, format!("/held/{number}"))).collect();
    until(|| servers.iter().all(|server| at_a_time(server) == 2)).await;

    servers[0].say_goodbye();
    while servers[0].records().len() < 2 {
        // It may be on its way when the goodbye comes; it never fails.
        pool.call(request("/")).idempotent().await.expect("it is answered");
    }
    assert!(!servers[0].records()[0].is_closed, "it owes answers");
    gate.open();
    for (number, call) in calls.into_iter().enumerate() {
        assert_answered(call, &format!("/held/{number}")).await;
    }
    until(|| servers[0].records()[0].is_closed).await;
    assert!(!servers[1].records()[0].is_closed);
    assert_unharmed(&pool);
}

#[tokio::test]
async fn idle_connections_whose_server_says_goodbye_are_replaced_without_traffic() {
    let gate = Gate::new();
    let servers = start::<1>(&gate).await;
    let pool = pool_of(&servers, 2).await;
    for _ in 0..2 {
        pool.call(request("/")).await.expect("it is answered");
    }
    servers[0].say_goodbye();
    until(|| servers[0].records().len() == 4).await;
    assert!(servers[0].records()[..2].iter().all(|record| record.is_closed));
    all_up(&pool, 2).await;
    assert_unharmed(&pool);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_idempotent_call_fails_however_often_servers_say_goodbye() {
    let gate = Gate::new();
    let servers = start::<3>(&gate).await;
    let retry = Retry::new().attempts_max(20).budget(RetryBudget::new(100, 1000));
    let pool = pool_of(&servers, 2).await.with_retry(retry);
    let callers = (0..50).map(|caller| {
        let (pool, servers) = (pool.clone(), &servers);
        async move {
            for number in 0..40 {
                let path = format!("/{caller}/{number}");
                let response = pool.call(request(&path)).idempotent().await.expect("it is answered");
                assert_eq!(body_of(response).await, path);
                if number % 10 == 9 {
                    servers[caller % servers.len()].say_goodbye();
                }
            }
        }
    });
    join_all(callers).await;
}

#[tokio::test]
async fn when_a_server_dies_only_what_it_had_fails() {
    let gate = Gate::new();
    let mut servers = start::<2>(&gate).await;
    let pool = pool_of(&servers, 2).await;
    let calls: Vec<_> = (0..8).map(|number| spawn_call(&pool, format!("/held/{number}"))).collect();
    until(|| servers.iter().all(|server| at_a_time(server) == 4)).await;

    let [victim, survivor] = &mut servers;
    victim.die().await;
    until(|| victim.records().iter().all(|record| record.is_closed)).await;
    gate.open();
    assert_eq!(lost_of_held(calls).await, 4);
    until(|| connections_to(&pool, victim.address()) == 0).await;
    for _ in 0..10 {
        pool.call(request("/")).await.expect("the survivor answers");
    }
    assert_eq!(survivor.answered(), 14);
    assert_eq!(survivor.records().len(), 2);
}

#[tokio::test]
async fn a_concurrency_limit_of_tower_holds_over_a_pool() {
    let gate = Gate::new();
    let (now, max) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (max_seen, answer) = (Arc::clone(&max), gate.answer());
    let counted = move |path| {
        max.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let (now, answered) = (Arc::clone(&now), answer(path));
        async move {
            let answer = answered.await;
            now.fetch_sub(1, Ordering::SeqCst);
            answer
        }
    };
    let servers = start_with::<2, _>(counted).await;
    let pool = pool_of(&servers, 2).await;
    let limited = ServiceBuilder::new().concurrency_limit(3).service(pool.clone());
    let calls: Vec<_> = (0..12)
        .map(|number| tokio::spawn(limited.clone().oneshot(request(&format!("/held/{number}")))))
        .collect();
    until(|| max_seen.load(Ordering::SeqCst) == 3).await;
    gate.open();
    for (number, call) in calls.into_iter().enumerate() {
        assert_answered(call, &format!("/held/{number}")).await;
    }
    assert_eq!(max_seen.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_timeout_of_tower_gives_up_the_call_and_nothing_else() {
    let gate = Gate::new();
    let servers = start::<1>(&gate).await;
    let pool = pool_of(&servers, 1).await;
    let held = spawn_call(&pool, "/held/0".to_owned());
    until(|| at_a_time(&servers[0]) == 1).await;

    let builder = ServiceBuilder::new().timeout(Duration::from_millis(1));
    let mut impatient = builder.service(pool.clone());
    let late = impatient.ready().await.expect("there is room").call(request("/held/late")).await;
    assert!(late.expect_err("nobody answers").is::<Elapsed>());
    gate.open();
    assert_answered(held, "/held/0").await;
    assert_eq!(servers[0].records().len(), 1);
    assert_unharmed(&pool);
}
