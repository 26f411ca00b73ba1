//! Calls that go where their like go.

mod support;

use std::time::Duration;

use pool_call::{CallPool, Calling, Retry, call_pool_builder};
use pool_conformance::simulated::{Clock, Executor};
use pool_driver::{AddressId, Balance, Instant, PickArgs, Ring, stable_hash};
use support::bench::Peers;
use support::{Reply, Request, request};

type Pool = CallPool<Request, Reply, u16>;
type Settings = fn(Calling<&Pool>) -> Calling<&Pool>;

/// Gives even keys to one address, and odd ones to another.
struct ByParity;

impl Balance for ByParity {
    fn pick(&self, ring: &Ring<'_>, args: &PickArgs, _: Instant) -> Option<AddressId> {
        let mut ids: Vec<_> = ring.turns().map(|member| member.id).collect();
        ids.sort_unstable();
        let index = args.key? % ids.len() as u64;
        ids.get(usize::try_from(index).ok()?).copied()
    }
}

/// How many calls with this key the two addresses get, if each is made with these settings besides.
fn shares(key: u32, settings: Settings) -> [usize; 2] {
    let (peers, mut executor) = (Peers::default(), Executor::default());
    let (pool, driver) = call_pool_builder(peers.connector(256), Clock::default())
        .connect_to_fixed([1, 2])
        .balancer(ByParity)
        .build()
        .expect("the settings make sense");
    let _driver = executor.spawn(driver);
    for number in 0..10 {
        let pool = pool.clone();
        executor.spawn(async move { settings(pool.call(request(number)).key(key)).await });
        executor.run();
    }
    [1, 2].map(|address| peers.at(address).iter().map(|peer| peer.received().len()).sum())
}

#[test]
fn equal_keys_are_equal_for_the_balancer_whatever_else_a_call_asks_for() {
    let settings: [Settings; 3] = [
        |call| call,
        |call| call.timeout(Duration::from_secs(1)),
        |call| call.idempotent().retry(&Retry::new()),
    ];
    for (key, settings) in (0..8).flat_map(|key| settings.map(|settings| (key, settings))) {
        let expected = if stable_hash(&key) % 2 == 0 { [10, 0] } else { [0, 10] };
        assert_eq!(shares(key, settings), expected, "key {key}");
    }
}
