//! What a pool keeps does not grow with time, byte by byte.

use std::alloc::System;
use std::time::Duration;

use futures_util::future::ready;
use futures_util::sink::drain;
use pool_conformance::simulated::{Clock, Executor};
use pool_conformance::world::{Calls, Feed};
use pool_driver::PoolBuilder;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn live_bytes() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

#[test]
fn f3_a_year_of_flapping_addresses_leaves_memory_where_it_was() {
    let (clock, feed, mut executor) = (Clock::default(), Feed::new(&Calls::default()), Executor::default());
    // Every third dial fails, so that backoffs outlive addresses.
    let mut dials = 0_u32;
    let connect = move |_: u16| {
        dials += 1;
        ready(if dials.is_multiple_of(3) { Err("connection refused") } else { Ok(drain()) })
    };
    let builder = PoolBuilder::plain(connect, clock.clone()).follow(feed.clone()).seed(1);
    let (pool, driver) = builder.build::<u32>().expect("the settings make sense");
    executor.spawn(driver);

    let mut pass_days = |days: u16| {
        for day in 0..days {
            feed.push_set((0..20).map(|address| (address * 7 + day) % 31));
            executor.run();
            pool.try_send(0).expect("there is room");
            clock.advance(Duration::from_secs(24 * 60 * 60), || executor.run());
        }
        live_bytes()
    };
    let after_a_month = pass_days(31);
    let after_a_year = pass_days(31 * 11);
    assert!(
        after_a_year <= after_a_month + 4096,
        "{after_a_month} bytes after a month, {after_a_year} after a year"
    );
}
