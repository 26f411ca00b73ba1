//! What a burst of items leaves behind, byte by byte. Apart from other tests, which allocate too.

use std::alloc::System;

use futures_util::future::ready;
use futures_util::sink::drain;
use pool_conformance::simulated::{Clock, Executor};
use pool_driver::PoolBuilder;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn live_bytes() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

#[test]
fn f3_a_burst_of_large_items_leaves_little_behind_once_it_is_delivered() {
    const BURST: usize = 8192;
    let (clock, mut executor) = (Clock::default(), Executor::default());
    let connect = |_: u16| ready(Ok::<_, String>(drain()));
    let builder = PoolBuilder::plain(connect, clock).connect_to_fixed([1]).queue_size(BURST);
    let (pool, driver) = builder.build::<[u8; 4096]>().expect("the settings make sense");
    executor.spawn(driver);
    executor.run();
    pool.try_send([0; 4096]).expect("there is room");
    executor.run();
    let before = live_bytes();
    for _ in 0..BURST {
        pool.try_send([0; 4096]).expect("there is room");
    }
    let full = live_bytes();
    assert!(full > before + BURST * 4000, "{full} bytes while the queue is full, {before} before");
    executor.run();
    assert_eq!(pool.snapshot().counts.sent, 1 + BURST as u64);
    let after = live_bytes();
    assert!(after <= before + (64 << 10), "{before} bytes before, {after} after");
}
