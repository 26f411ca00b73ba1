//! Re-resolution: when the name service is to be asked again.

mod support;

use pool_core::Output;
use support::{A, B, Bench, C, Peer, config, eager, millis, secs};

fn refreshes(bench: &mut Bench) -> usize {
    bench.take().iter().filter(|output| **output == Output::Refresh).count()
}

#[test]
fn a_pool_that_has_counted_as_many_failures_as_it_has_addresses_asks_again() {
    let mut bench = Bench::up(eager(1), [A, B, C]);
    for address in [A, B] {
        bench.fail(bench.open(address)[0]);
    }
    assert_eq!(refreshes(&mut bench), 0);
    bench.fail(bench.open(C)[0]);
    assert_eq!(refreshes(&mut bench), 1);
}

#[test]
fn one_address_that_fails_often_is_reason_enough() {
    let mut bench = Bench::up(eager(1), [A, B, C]);
    bench.peer(A, Peer::Refuses);
    bench.fail(bench.open(A)[0]);
    bench.wait_out_backoff(A);
    assert_eq!(refreshes(&mut bench), 0);
    bench.wait_out_backoff(A);
    assert_eq!(refreshes(&mut bench), 1);
}

#[test]
fn a_restart_that_ends_many_connections_is_one_failure() {
    let mut bench = Bench::up(eager(4), [A, B]);
    for slot in bench.open(A) {
        bench.fail(slot);
    }
    assert_eq!(refreshes(&mut bench), 0);
}

#[test]
fn it_asks_no_more_often_than_it_may() {
    let mut bench = Bench::new(config(|config| {
        config.backoff.cap = millis(100);
        config.refresh_interval_min = secs(10);
    }));
    bench.peer(A, Peer::Refuses);
    bench.set([A]);
    assert_eq!(refreshes(&mut bench), 1);
    bench.advance(secs(9));
    assert_eq!(refreshes(&mut bench), 0);
    bench.advance(secs(2));
    assert_eq!(refreshes(&mut bench), 1);
}

#[test]
fn a_set_that_has_changed_is_believed_at_first() {
    let mut bench = Bench::up(eager(1), [A, B]);
    bench.fail(bench.open(A)[0]);
    bench.set([B, C]);
    bench.connect(bench.dial(C));
    bench.fail(bench.open(B)[0]);
    assert_eq!(refreshes(&mut bench), 0);
    bench.fail(bench.open(C)[0]);
    assert_eq!(refreshes(&mut bench), 1);
}

#[test]
fn the_same_set_again_forgets_no_failures() {
    let mut bench = Bench::up(eager(1), [A, B]);
    bench.fail(bench.open(A)[0]);
    bench.set([A, B]);
    bench.fail(bench.open(B)[0]);
    assert_eq!(refreshes(&mut bench), 1);
}

#[test]
fn a_pool_that_closes_asks_nobody() {
    let mut bench = Bench::up(eager(1), [A]);
    bench.demand(1);
    bench.close(secs(10));
    bench.fail(bench.open(A)[0]);
    assert_eq!(refreshes(&mut bench), 0);
}
