//! What the tests of both HTTP examples share: servers, and calls to them. A test has the example as
//! `crate::example`, and its requests from `crate::request`.

use std::fmt::Debug;

use futures_util::future::join_all;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::{Bytes, Incoming};
use pool_tests::{Gate, all_up, assert_lost};
use pool_tokio::CallError;
use pool_tokio::balance::RoundRobin;
use tokio::task::JoinHandle;

use crate::example::http_server::HttpServer;
use crate::example::{HttpPool, connect};
use crate::request;

pub(crate) type Result<T> = std::result::Result<T, CallError<Request<Empty<Bytes>>>>;
pub(crate) type Response = hyper::Response<Incoming>;

pub(crate) async fn start<const N: usize>(gate: &Gate) -> [HttpServer; N] {
    start_with(gate.answer()).await
}

pub(crate) async fn start_with<const N: usize, F>(
    answer: impl Fn(String) -> F + Clone + Send + 'static,
) -> [HttpServer; N]
where
    F: Future<Output = String> + Send + 'static,
{
    let started = join_all((0..N).map(|_| HttpServer::start(answer.clone()))).await;
    let servers: Vec<_> = started.into_iter().map(|server| server.expect("it starts")).collect();
    servers.try_into().ok().expect("there are as many")
}

/// A pool that is connected. Addresses have turns, so it is known who gets a call.
pub(crate) async fn pool_of(servers: &[HttpServer], connections: u32) -> HttpPool {
    let pool = pool_tokio::call_pool_for(connect)
        .connect_to_fixed(servers.iter().map(HttpServer::address))
        .connections_per_address(connections)
        .balancer(RoundRobin::new())
        .spawn()
        .expect("the settings make sense");
    all_up(&pool, servers.len() * connections as usize).await;
    pool
}

/// Sends a request from a task of its own.
pub(crate) fn spawn_call(pool: &HttpPool, path: String) -> JoinHandle<Result<Response>> {
    let pool = pool.clone();
    tokio::spawn(async move { pool.call(request(&path)).await })
}

pub(crate) async fn body_of(response: Response) -> Bytes {
    response.into_body().collect().await.expect("it comes whole").to_bytes()
}

pub(crate) async fn assert_answered<E: Debug>(
    call: JoinHandle<std::result::Result<Response, E>>,
    path: &str,
) {
    let response = call.await.expect("no panic").expect("it is answered");
    assert_eq!(body_of(response).await, path);
}

/// How many of the calls to `/held/0`, `/held/1` … were lost with their connections. The others must be answered.
pub(crate) async fn lost_of_held(calls: Vec<JoinHandle<Result<Response>>>) -> usize {
    let mut lost = 0;
    for (number, call) in calls.into_iter().enumerate() {
        match call.await.expect("no panic") {
            Ok(response) => assert_eq!(body_of(response).await, format!("/held/{number}")),
            result => {
                assert_lost(result);
                lost += 1;
            }
        }
    }
    lost
}

pub(crate) fn at_a_time(server: &HttpServer) -> usize {
    server.records().iter().map(|record| record.at_a_time).sum()
}
