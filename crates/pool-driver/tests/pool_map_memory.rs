//! A burst of names leaves memory bounded, byte by byte.

use std::alloc::System;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_util::future::ready;
use futures_util::sink::drain;
use futures_util::stream::{FuturesUnordered, Stream};
use pool_conformance::simulated::Clock;
use pool_driver::{BoxError, Ended, Pool, PoolBuilder, PoolMapBuilder};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

type Running = Pin<Box<dyn Future<Output = Option<Ended>> + Send>>;

fn live_bytes() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// Checked and unoptimised code is too slow for the million.
const NAMES: u32 = if cfg!(debug_assertions) { 30_000 } else { 1_000_000 };
const NAMES_MAX: usize = 64;
/// Where names stand in the map's tree is up to chance, and so is how full its nodes are. A byte for
/// each name would be more than this.
const SLACK: usize = 16 * 1024;

#[test]
fn f3_a_million_names_through_a_map_of_64_leave_memory_where_it_was() {
    let (clock, made) = (Clock::default(), Arc::new(Mutex::new(Vec::<Running>::new())));
    let (runtime, drivers) = (clock.clone(), Arc::clone(&made));
    let create = move |name: &u32| -> Result<Pool<u32, u32>, BoxError> {
        let dial = |_: u32| ready(Ok::<_, String>(drain()));
        let builder = PoolBuilder::plain(dial, runtime.clone()).seed(1).connect_to_fixed([*name]);
        let (pool, driver) = builder.build()?;
        let driver = Box::pin(async move { Some(driver.await) });
        drivers.lock().unwrap_or_else(PoisonError::into_inner).push(driver);
        Ok(pool)
    };
    let (pools, driver) =
        PoolMapBuilder::new(create, clock).names_max(NAMES_MAX).build().expect("the settings make sense");
    let mut running: FuturesUnordered<Running> = FuturesUnordered::new();
    running.push(Box::pin(async move {
        driver.await;
        None
    }));
    let mut cx = Context::from_waker(Waker::noop());
    let (mut sent, mut most) = (0, 0);
    let mut after_a_while = 0;
    for name in 0..NAMES {
        let mut pool = pin(pools.get(&name));
        let pool = loop {
            if let Poll::Ready(pool) = pool.as_mut().poll(&mut cx) {
                break pool.expect("it is made");
            }
            sent += run(&mut running, &mut cx);
        };
        pool.try_send(name).expect("there is room");
        drop(pool);
        running.extend(made.lock().unwrap_or_else(PoisonError::into_inner).drain(..));
        sent += run(&mut running, &mut cx);
        assert!(running.len() <= NAMES_MAX + 1, "as many pools as there may be, and the map");
        match name {
            0..500 => {}
            500..2000 => after_a_while = after_a_while.max(live_bytes()),
            _ => most = most.max(live_bytes()),
        }
    }
    assert!(most <= after_a_while + SLACK, "{after_a_while} bytes after a while, {most} at most");
    let left = pools.snapshot().names;
    assert_eq!(sent + left.iter().map(|record| record.pool.counts.sent).sum::<u64>(), u64::from(NAMES));
}

fn pin<F: Future>(future: F) -> Pin<Box<F>> {
    Box::pin(future)
}

/// Runs until everybody sleeps. Returns how many items the pools that are over had sent on.
fn run(running: &mut FuturesUnordered<Running>, cx: &mut Context<'_>) -> u64 {
    let mut sent = 0;
    while let Poll::Ready(Some(ended)) = Pin::new(&mut *running).poll_next(cx) {
        sent += ended.map_or(0, |ended| ended.counts.sent);
    }
    sent
}
