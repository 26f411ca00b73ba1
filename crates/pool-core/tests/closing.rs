//! How the pool ends: demand, deadline, drains, and the last output (D2 as far as it is decided here).

mod support;

use pool_core::{DrainReason, Event, Output, SlotEnd, SlotState};
use support::{A, B, Bench, Peer, config, eager, lazy, millis, secs};

#[test]
fn d2_a_pool_with_nothing_to_do_drains_at_once() {
    let mut bench = Bench::up(eager(2), [A, B]);
    bench.take();
    bench.close(secs(30));
    let events = bench.take_events();
    let closing =
        |event: &&Event<u32>| matches!(event, Event::Draining { reason: DrainReason::PoolClosing, .. });
    assert_eq!(events.iter().filter(closing).count(), 4);
    assert_eq!((bench.select(), bench.is_closed), (None, false));
    for slot in bench.draining_all() {
        bench.closed(slot);
    }
    assert!(bench.is_closed);
}

#[test]
fn d2_items_that_wait_are_still_sent() {
    let mut bench = Bench::up(eager(1), [A]);
    bench.demand(3);
    bench.close(secs(30));
    assert_eq!(bench.sends(2), [A; 2]);
    bench.demand(1);
    assert_eq!(bench.draining_all().len(), 0);
    bench.send();
    bench.demand(0);
    assert_eq!(bench.draining(A).len(), 1);
}

#[test]
fn d2_lost_connections_are_redialled_while_items_wait() {
    let mut bench = Bench::up(eager(1), [A]);
    bench.advance(secs(20));
    bench.demand(1);
    bench.close(secs(30));
    bench.fail(bench.open(A)[0]);
    bench.fail(bench.dial(A));
    bench.advance(secs(1));
    bench.connect(bench.dial(A));
    assert_eq!(bench.send(), A);
}

#[test]
fn d2_a_lazy_pool_dials_for_the_items_that_wait_when_it_closes() {
    let mut bench = Bench::new(lazy(1));
    bench.set([A]);
    bench.close(secs(30));
    assert!(bench.is_closed, "nothing waits");
    let mut bench = Bench::new(lazy(1));
    bench.demand(1);
    bench.close(secs(30));
    bench.set([A]);
    bench.connect(bench.dial(A));
    assert_eq!(bench.send(), A);
}

#[test]
fn d2_addresses_may_change_while_items_wait() {
    let mut bench = Bench::up(eager(1), [A]);
    bench.demand(1);
    bench.close(secs(30));
    bench.set([B]);
    bench.connect(bench.dial(B));
    assert_eq!(bench.send(), B);
}

#[test]
fn d2_the_deadline_drains_what_demand_would_keep() {
    let mut bench = Bench::up(eager(1), [A]);
    bench.set([A, B]);
    let dial = bench.dial(B);
    bench.demand(5);
    bench.close(secs(3));
    bench.advance(millis(2_999));
    assert_eq!((bench.draining_all().len(), bench.dials().len()), (0, 1));
    bench.take();
    bench.advance(millis(1));
    assert_eq!((bench.draining(A).len(), bench.dials().len(), bench.select()), (1, 0, None));
    assert_eq!(bench.take_ends(), [(dial, SlotEnd::PoolClosing)]);
}

#[test]
fn d2_a_connection_that_does_not_finish_its_drain_is_dropped() {
    let mut bench = Bench::up(eager(1), [A, B]);
    bench.close(secs(0));
    let stuck = bench.draining(A)[0];
    bench.closed(bench.draining(B)[0]);
    bench.take();
    bench.advance(millis(29_999));
    assert!(!bench.is_closed);
    bench.advance(millis(1));
    assert_eq!(bench.take_ends(), [(stuck, SlotEnd::DrainTimedOut)]);
    assert!(bench.is_closed);
}

#[test]
fn d2_closed_comes_once_and_last_and_nothing_wakes_the_machine_again() {
    let mut bench = Bench::up(eager(2), [A, B]);
    bench.fail(bench.open(B)[0]);
    bench.close(secs(0));
    bench.set([]);
    for slot in bench.draining_all() {
        bench.closed(slot);
    }
    assert_eq!(bench.take().last(), Some(&Output::Closed));
    assert_eq!(bench.wake_at, None, "the backoff of B doesn't matter any more");
    bench.set([A, B]);
    bench.demand(7);
    bench.close(secs(1));
    bench.retry_now(B);
    bench.advance(secs(100));
    assert_eq!((bench.take(), bench.wake_at, bench.select()), (vec![], None, None));
}

#[test]
fn d2_an_address_that_is_remembered_at_the_end_is_not_spoken_of_after_it() {
    let mut bench = Bench::new(eager(1));
    bench.set([A]);
    bench.fail(bench.dial(A));
    bench.set([]);
    bench.close(secs(30));
    assert!(bench.is_closed);
    bench.oversleep(secs(60));
    assert_eq!(bench.take().last(), Some(&Output::Closed));
}

#[test]
fn d2_a_pool_without_connections_is_closed_at_once() {
    let mut bench = Bench::new(eager(1));
    bench.close(secs(30));
    assert_eq!(bench.take(), [Output::Closed]);
    let mut bench = Bench::new(eager(1));
    bench.set([A]);
    bench.close(secs(30));
    assert!(bench.is_closed, "its dials are dropped");
}

#[test]
fn d2_a_second_close_only_brings_the_deadline_forward() {
    let mut bench = Bench::up(eager(1), [A]);
    bench.demand(1);
    bench.close(secs(10));
    bench.close(secs(20));
    assert_eq!(bench.wake_at, Some(bench.now + secs(10)));
    bench.close(secs(5));
    bench.advance(millis(4_999));
    assert_eq!(bench.open(A).len(), 1);
    bench.advance(millis(1));
    assert_eq!(bench.draining(A).len(), 1);
    bench.close(secs(0));
    assert_eq!(bench.draining(A).len(), 1, "a drain has its own deadline");
}

#[test]
fn d2_a_deadline_in_the_past_drains_at_once_whatever_waits() {
    let mut bench = Bench::up(eager(1), [A]);
    bench.demand(1_000);
    bench.uniform.close(pool_core::Instant::ZERO, bench.now);
    bench.oversleep(secs(0));
    assert_eq!(bench.draining(A).len(), 1);
}

#[test]
fn d2_nothing_is_replaced_or_dialled_while_connections_drain() {
    let mut bench = Bench::up(
        config(|config| {
            config.connections_per_address = 2;
            config.lifetime_max = Some(secs(15));
        }),
        [A, B],
    );
    bench.peer(A, Peer::Up);
    bench.close(secs(0));
    let dialled = bench.dials_made();
    bench.set([A, B, 9]);
    bench.advance(secs(29));
    bench.fail(bench.draining(B)[0]);
    assert_eq!((bench.dials_made(), bench.draining(B).len()), (dialled, 1));
    bench.advance(secs(1));
    assert!(bench.is_closed);
}

#[test]
fn d2_a_close_drops_no_drain_that_is_within_its_time() {
    let mut bench = Bench::up(eager(1), [A]);
    bench.advance(secs(20));
    let old = bench.open(A)[0];
    bench.sent(old);
    bench.going_away(old);
    bench.connect_all();
    bench.advance(secs(1));
    bench.take();
    bench.close(secs(30));
    assert_eq!(bench.take_ends(), [], "it owes an answer, and has 29 s left");
    assert_eq!(bench.state(old), Some(SlotState::Draining));
}
