//! The example's Postgres clients in a pool, against a real Postgres.

#[path = "../../examples/postgres.rs"]
#[allow(dead_code, reason = "it is a program, too")]
mod example;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, Weak};

use example::{Pool, Query, QueryResult, connect};
use futures_util::future::join_all;
use pool_servers::PostgresServer;
use pool_tests::{WATCHDOG, all_up, assert_lost, assert_unharmed, until};
use pool_tokio::CallError;
use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

type Result<T> = std::result::Result<T, CallError<Query>>;

/// `None` where there is no Postgres and need be none.
fn start() -> Option<PostgresServer> {
    PostgresServer::start_or_skip().expect("it starts")
}

/// One for all tests that leave it as it was; it ends with the last of them.
fn shared() -> Option<Arc<PostgresServer>> {
    static SERVER: Mutex<Weak<PostgresServer>> = Mutex::new(Weak::new());
    let mut server = SERVER.lock().expect("it starts");
    server.upgrade().or_else(|| {
        let started = start().map(Arc::new)?;
        *server = Arc::downgrade(&started);
        Some(started)
    })
}

/// A pool that is connected.
async fn pool_of(server: &PostgresServer, connections: u32, in_flight_max: usize) -> Pool {
    let pool = pool_tokio::call_pool_for(move |address| connect(address, in_flight_max))
        .connect_to_fixed([server.address()])
        .connections_per_address(connections)
        .fail_fast_after(WATCHDOG)
        .spawn()
        .expect("the settings make sense");
    all_up(&pool, connections as usize).await;
    pool
}

async fn query(pool: &Pool, sql: &'static str, numbers: &[i64]) -> Result<QueryResult> {
    let parameters = numbers.iter().map(|number| (Box::new(*number) as _, Type::INT8)).collect();
    pool.call(Query { sql, parameters }).await
}

/// Sends a query from a task of its own.
fn spawn_query(pool: &Pool, sql: &'static str, numbers: &[i64]) -> JoinHandle<Result<QueryResult>> {
    let (pool, numbers) = (pool.clone(), numbers.to_vec());
    tokio::spawn(async move { query(&pool, sql, &numbers).await })
}

/// What a query that succeeds says in its only row: the backend, which is the connection, and a number.
async fn answer_to(call: JoinHandle<Result<QueryResult>>) -> (i32, i64) {
    let rows = call.await.expect("no panic").expect("it is answered").expect("it is right");
    (rows[0].get(0), rows[0].get(1))
}

async fn backend(pool: &Pool) -> i32 {
    let rows =
        query(pool, "SELECT pg_backend_pid()", &[]).await.expect("it is answered").expect("it is right");
    rows[0].get(0)
}

/// Waits until so many queries sleep.
async fn until_asleep(pool: &Pool, sleepers: i64) {
    let asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    loop {
        let rows = query(pool, asleep, &[]).await.expect("it is answered").expect("it is right");
        if rows[0].get::<_, i64>(0) == sleepers {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_caller_gets_its_own_rows_however_many_ask_at_a_time() {
    let Some(server) = shared() else { return };
    let pool = pool_of(&server, 3, 32).await;
    let calls: Vec<_> =
        (0..2000).map(|number| spawn_query(&pool, "SELECT pg_backend_pid(), $1 * 2", &[number])).collect();
    let mut backends = BTreeSet::new();
    for (call, number) in calls.into_iter().zip(0..) {
        let (backend, twice) = answer_to(call).await;
        assert_eq!(twice, number * 2);
        backends.insert(backend);
    }
    assert_eq!(backends.len(), 3);
    assert_unharmed(&pool);
}

#[tokio::test]
async fn connections_have_equal_shares() {
    let Some(server) = shared() else { return };
    let pool = pool_of(&server, 3, 32).await;
    let mut shares = BTreeMap::new();
    for _ in 0..30 {
        *shares.entry(backend(&pool).await).or_insert(0) += 1;
    }
    assert_eq!(shares.into_values().collect::<Vec<_>>(), [10, 10, 10]);
}

#[tokio::test]
async fn a_query_that_fails_leaves_its_connection_and_its_neighbours_alone() {
    let Some(server) = shared() else { return };
    let pool = pool_of(&server, 1, 100).await;
    let only = backend(&pool).await;
    // One behind the other, on one connection.
    let quotients = (0..99).map(|number| {
        query(&pool, "SELECT pg_backend_pid(), 12 / $1", if number % 3 == 0 { &[0] } else { &[4] })
    });
    for (number, result) in join_all(quotients).await.into_iter().enumerate() {
        let result = result.expect("the server has answered");
        if number % 3 == 0 {
            let error = result.expect_err("nobody divides by zero");
            assert_eq!(error.code(), Some(&SqlState::DIVISION_BY_ZERO));
        } else {
            let rows = result.expect("its neighbours do it no harm");
            assert_eq!((rows[0].get(0), rows[0].get(1)), (only, 3_i64));
        }
    }
    for sql in ["SELEKT", "SELECT * FROM nowhere", "SELECT $1"] {
        query(&pool, sql, &[]).await.expect("the server has answered").expect_err("it is wrong");
    }
    let mistyped = Query { sql: "SELECT $1", parameters: vec![(Box::new("text"), Type::INT8)] };
    pool.call(mistyped).await.expect("its connection works").expect_err("it is wrong");
    assert_eq!(backend(&pool).await, only, "it has never connected again");
    assert_unharmed(&pool);
}

#[tokio::test]
async fn rows_that_nobody_waits_for_any_more_are_nobody_elses() {
    let Some(server) = shared() else { return };
    let pool = pool_of(&server, 1, 100).await;
    let only = backend(&pool).await;
    let calls: Vec<_> =
        (0..50).map(|number| spawn_query(&pool, "SELECT pg_backend_pid(), $1", &[number])).collect();
    until(|| pool.snapshot().counts.sent > 1).await;
    for call in calls.iter().step_by(2) {
        call.abort();
    }
    for (number, call) in (0..).zip(calls).filter(|(number, _)| number % 2 == 1) {
        assert_eq!(answer_to(call).await, (only, number));
    }
    assert_eq!(backend(&pool).await, only, "it has never connected again");
    assert_unharmed(&pool);
}

#[tokio::test]
async fn a_connection_that_is_stuck_in_queries_that_nobody_waits_for_is_replaced() {
    let Some(server) = start() else { return };
    let (pool, watcher) = (pool_of(&server, 1, 2).await, pool_of(&server, 1, 1).await);
    let stuck = backend(&pool).await;
    let sleepers = [(); 2].map(|()| spawn_query(&pool, "SELECT pg_sleep(3600)", &[]));
    until_asleep(&watcher, 1).await;
    until(|| pool.snapshot().counts.sent == 3).await;
    let waiting = spawn_query(&pool, "SELECT pg_backend_pid(), 1::int8", &[]);
    for sleeper in sleepers {
        sleeper.abort();
    }
    let (answered_by, _) = answer_to(waiting).await;
    assert_ne!(answered_by, stuck);
    assert_unharmed(&pool);
}

#[tokio::test]
async fn a_session_that_is_ended_takes_its_query_with_it_and_no_other() {
    let Some(server) = start() else { return };
    let pool = pool_of(&server, 2, 1).await;
    let backends = BTreeSet::from([backend(&pool).await, backend(&pool).await]);
    let sleeper = spawn_query(&pool, "SELECT pg_sleep(3600)", &[]);
    until_asleep(&pool, 1).await;

    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    query(&pool, end, &[]).await.expect("it is answered").expect("it is right");
    assert_lost(sleeper.await.expect("no panic"));
    // The server says first that it will close, and then closes.
    until(|| pool.snapshot().addresses[0].status.failures > 0).await;
    all_up(&pool, 2).await;
    let after = BTreeSet::from([backend(&pool).await, backend(&pool).await]);
    assert_eq!(after.intersection(&backends).count(), 1, "{backends:?} {after:?}");
}

#[tokio::test]
async fn when_a_server_dies_only_what_it_had_fails() {
    let Some(mut server) = start() else { return };
    let pool = pool_of(&server, 2, 2).await;
    let sleepers = [(); 2].map(|()| spawn_query(&pool, "SELECT pg_sleep(3600)", &[]));
    let watcher = pool_of(&server, 1, 1).await;
    until_asleep(&watcher, 2).await;
    let behind = [(); 2].map(|()| spawn_query(&pool, "SELECT pg_backend_pid(), 1::int8", &[]));
    until(|| pool.snapshot().counts.sent == 4).await;
    let waiting = spawn_query(&pool, "SELECT pg_backend_pid(), 2::int8", &[]);
    until(|| pool.snapshot().counts.accepted == 5).await;

    server.kill().expect("it ends");
    for lost in sleepers.into_iter().chain(behind) {
        assert_lost(lost.await.expect("no panic"));
    }
    server.restart().expect("it starts");
    // It was never with a connection.
    answer_to(waiting).await;
    all_up(&pool, 2).await;
    assert_eq!(pool.snapshot().counts.sent, 5);
}
