//! What passing an item on costs with other pools: producers -> X -> 8 connections in memory. The same load as that of
//! `tests/benches/dispatch`, whose floor and pool these are held against.

mod checkout;
mod load;
mod tk_pool;
mod tower;

use std::time::Instant;

use pool_tokio::BoxError;
use tokio::runtime::{Builder, Runtime};

use crate::usage;
use load::{Arrivals, Load};

/// Connections that items are spread over.
const CONNECTIONS: usize = 8;
/// Items that may wait.
const QUEUE: usize = 128;

/// `SUBJECT PRODUCERS IN_FLIGHT THREADS ITEMS`; prints the nanoseconds that it took to pass them on.
pub(crate) fn run(arguments: &[String]) -> Result<(), BoxError> {
    let [subject, producers, in_flight, threads, items] = arguments else { return Err(usage()) };
    let load = Load::parse(producers, in_flight, items)?;
    let arrivals = Arrivals::default();
    let begun = Instant::now();
    match (subject.as_str(), load.in_flight, threads.as_str()) {
        ("tk-pool", 0, "ct") => tk_pool::one_way(load, &arrivals)?,
        ("tk-pool", _, "ct") => tk_pool::request_reply(load, &arrivals)?,
        ("tower", 1.., _) => runtime(threads)?.block_on(tower::balance(load, &arrivals)),
        ("tower-buffer", 1.., _) => runtime(threads)?.block_on(tower::buffer(load, &arrivals)),
        ("bb8", 1, _) => runtime(threads)?.block_on(checkout::bb8(load, &arrivals)),
        ("deadpool", 1, _) => runtime(threads)?.block_on(checkout::deadpool(load, &arrivals)),
        _ => return Err(usage()),
    }
    let took = begun.elapsed();
    assert_eq!(arrivals.items(), load.items(), "every item arrives once");
    assert_eq!(arrivals.connections(), CONNECTIONS as u64, "all connections are used");
    println!("{}", took.as_nanos());
    Ok(())
}

fn runtime(threads: &str) -> Result<Runtime, BoxError> {
    match threads {
        "ct" => Ok(Builder::new_current_thread().enable_all().build()?),
        "mt" => Ok(Builder::new_multi_thread().worker_threads(2).enable_all().build()?),
        _ => Err(usage()),
    }
}
