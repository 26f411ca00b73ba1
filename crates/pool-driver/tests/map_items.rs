//! Connections whose items are mapped. That the time and the end of patience are passed on is in
//! `connection_time.rs`.

mod support;

use std::time::Duration;

use pool_core::Outcome;
use pool_driver::{Ended, FixedAddresses, Pool, PoolBuilder, Wrapped, map_items};
use support::{A, B, Call, Executor, Fault, Item, Outside, SEED, Task};

/// A pool of numbers as text, over connections that take items of the ledger. An item that comes back does so
/// as a number that is larger by 10.
struct Bench {
    outside: Outside,
    executor: Executor,
    pool: Pool<String, u16>,
    _driver: Task<Ended>,
}

impl Bench {
    fn up(outside: Outside, addresses: &[u16]) -> Self {
        let ledger = outside.ledger.clone();
        let connector = Wrapped::new(outside.world.clone(), move |connection| {
            let ledger = ledger.clone();
            let into = move |number: String| ledger.item(number.parse().expect("it is a number"));
            map_items(connection, into, |item: Item| (item.id + 10).to_string())
        });
        let builder = PoolBuilder::new(connector, outside.clock.clone()).seed(SEED);
        let builder = builder.follow(FixedAddresses::new(addresses.iter().copied().collect()));
        let (pool, driver) = builder.build::<String>().expect("the settings make sense");
        let mut executor = Executor::default();
        let driver = executor.spawn(driver);
        executor.run();
        Self { outside, executor, pool, _driver: driver }
    }

    fn send(&mut self, number: u32) {
        self.pool.try_send(number.to_string()).expect("there is room");
        self.executor.run();
    }

    fn in_flight(&self) -> u32 {
        self.pool.snapshot().addresses[0].status.in_flight
    }
}

#[test]
fn items_are_mapped_on_their_way_to_the_connection() {
    let mut bench = Bench::up(Outside::new(), &[A]);
    bench.send(1);
    bench.send(2);
    assert_eq!(bench.outside.world.received(A), [1, 2]);
}

#[test]
fn an_item_that_comes_back_unsent_is_mapped_back_before_another_connection_gets_it() {
    let outside = Outside::new();
    outside.world.behave(A, |behaviour| {
        (behaviour.returns_refused, behaviour.fault) = (true, Some((Call::Send, Fault::Error)));
    });
    let mut bench = Bench::up(outside, &[A, B]);
    bench.send(1);
    bench.send(2);
    let mut received = bench.outside.world.received(B);
    received.sort_unstable();
    assert_eq!(received, [2, 11], "the first or the second went to A");
}

#[test]
fn outcomes_are_passed_on() {
    let mut bench = Bench::up(Outside::new(), &[A]);
    bench.outside.world.link(A).change(|behaviour| behaviour.keeps_items = true);
    bench.send(1);
    assert_eq!(bench.in_flight(), 1);
    bench.outside.world.link(A).finish(1, Outcome::Success { latency: Some(Duration::ZERO) });
    bench.executor.run();
    assert_eq!(bench.in_flight(), 0);
}

#[test]
fn a_goodbye_and_an_end_are_passed_on() {
    let mut bench = Bench::up(Outside::new(), &[A]);
    let first = bench.outside.world.link(A);
    first.go_away();
    bench.executor.run();
    assert!(!first.is_open(), "it was asked to drain, and had nothing to do");
    let second = bench.outside.world.link(A);
    second.hang_up();
    bench.executor.run();
    assert!(!second.is_open());
}
