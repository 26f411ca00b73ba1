//! How connections come and go: dials, limits, deadlines, replacement (C1, C2, C6).

mod support;

use pool_core::{
    AddressSet, DrainReason, Endpoint, Event, FailureKind, Handled, Opening, Outcome, Output, SlotEnd,
    SlotEvent, SlotId, SlotState,
};
use support::{A, B, Bench, C, D, Peer, config, eager, lazy, millis, prioritised, secs};

// Eager dials and their limits.

#[test]
fn c2_an_eager_pool_opens_all_connections_without_traffic() {
    let mut bench = Bench::new(eager(3));
    bench.set([A, B]);
    bench.connect_all();
    assert_eq!((bench.open(A).len(), bench.open(B).len(), bench.dials_made()), (3, 3, 6));
}

#[test]
fn c1_an_address_that_has_never_answered_costs_one_dial() {
    let mut bench = Bench::new(eager(10));
    bench.set([A]);
    assert_eq!(bench.dials().len(), 1);
    bench.connect(bench.dial(A));
    assert_eq!(bench.dials().len(), 9, "a live one fills at once");
}

#[test]
fn c1_an_address_with_an_unreset_failure_is_dialled_once_at_a_time() {
    let mut bench = Bench::up(eager(5), [A]);
    bench.advance(secs(20));
    for slot in bench.open(A) {
        bench.fail(slot);
    }
    assert_eq!(bench.dials().len(), 1);
    bench.connect(bench.dial(A));
    assert_eq!(bench.dials().len(), 1, "connected, but not yet proven");
    let slot = bench.open(A)[0];
    bench.sent(slot);
    bench.succeed(slot);
    assert_eq!(bench.dials().len(), 4);
}

#[test]
fn c1_dials_in_the_whole_pool_are_limited() {
    let mut bench = Bench::new(config(|config| config.dials_max = 7));
    bench.set((0..100).collect::<Vec<u32>>());
    assert_eq!(bench.dials().len(), 7);
    while let Some(&slot) = bench.dials().first() {
        bench.connect(slot);
        assert!(bench.dials().len() <= 7);
    }
    assert_eq!(bench.dials_made(), 100);
}

#[test]
fn c1_failing_addresses_hold_at_most_half_of_the_dials() {
    let mut bench = Bench::new(config(|config| config.dials_max = 4));
    bench.set([A, B, C, D]);
    for slot in bench.dials() {
        bench.fail(slot);
    }
    bench.advance(secs(1));
    assert_eq!(bench.dials().len(), 2, "the other half is for addresses that work");
    bench.set([A, B, C, D, 10, 11, 12]);
    assert_eq!(bench.dials().len(), 4);
    assert_eq!(bench.dialled_addresses()[2..].iter().filter(|address| **address >= 10).count(), 2);
}

#[test]
fn c1_a_single_permit_is_enough_for_working_and_failing_addresses() {
    let mut bench = Bench::new(config(|config| config.dials_max = 1));
    bench.peer(A, Peer::Refuses);
    bench.peer(B, Peer::Up);
    bench.peer(C, Peer::Refuses);
    bench.set([A, B, C]);
    bench.advance(secs(60));
    bench.peer(A, Peer::Up);
    bench.peer(C, Peer::Up);
    bench.advance(secs(40));
    assert_eq!([A, B, C].map(|address| bench.open(address).len()), [1, 1, 1]);
}

#[test]
fn c3_black_holes_do_not_starve_working_addresses() {
    let mut bench = Bench::new(config(|config| config.dials_max = 8));
    let black_holes: Vec<u32> = (100..200).collect();
    bench.set(black_holes.clone());
    bench.advance(secs(120));
    bench.peer(A, Peer::Up);
    bench.peer(B, Peer::Up);
    bench.set([black_holes, vec![A, B]].concat());
    assert_eq!((bench.open(A).len(), bench.open(B).len()), (1, 1), "at once, not after a dial timeout");
}

#[test]
fn c1_the_least_failed_address_is_dialled_first() {
    let mut bench = Bench::new(config(|config| config.dials_max = 2));
    bench.set([A]);
    for _ in 0..3 {
        bench.fail(bench.dial(A));
        bench.advance(secs(1));
    }
    bench.set([A, B]);
    bench.fail(bench.dial(B));
    bench.fail(bench.dial(A));
    // Only one probe is allowed. When A's has timed out, both wait for the next.
    bench.advance(secs(6));
    assert_eq!(bench.dialled_addresses(), [B]);
}

#[test]
fn c1_failing_addresses_of_a_better_priority_do_not_starve_a_failing_backup() {
    let dead = 100..120;
    let mut bench = Bench::new(config(|config| config.dials_max = 2));
    bench.set(prioritised([(A, 1)]));
    bench.fail(bench.dial(A));
    bench.peer(A, Peer::Up);
    let backup = Endpoint::new(A).with_priority(1);
    bench.set(dead.map(Endpoint::new).chain([backup]).collect::<AddressSet<u32>>());
    // Each of them hangs twice before it has failed more often than the backup.
    bench.advance(secs(5) * 20 * 2);
    assert_eq!(bench.open(A).len(), 1);
}

#[test]
fn c1_better_priorities_are_dialled_first() {
    let mut bench = Bench::new(config(|config| config.dials_max = 1));
    bench.set(prioritised([(A, 3), (B, 1), (C, 2), (D, 0)]));
    let mut order = Vec::new();
    while let Some(&slot) = bench.dials().first() {
        order.push(bench.address_of(slot));
        bench.connect(slot);
    }
    assert_eq!(order, [D, B, C, A]);
}

#[test]
fn t23_addresses_of_equal_rank_are_dialled_in_an_order_that_differs_between_clients() {
    let order = |seed| {
        let mut bench = Bench::seeded(config(|config| config.dials_max = 1), seed);
        bench.set((0..8).collect::<Vec<u32>>());
        let mut order = Vec::new();
        while let Some(&slot) = bench.dials().first() {
            order.push(bench.address_of(slot));
            bench.connect(slot);
        }
        order
    };
    let orders: std::collections::BTreeSet<Vec<u32>> = (0..20).map(order).collect();
    assert!(orders.len() > 15, "{} orders for 20 seeds", orders.len());
    assert_eq!(order(7), order(7), "the same seed gives the same order");
}

#[test]
fn t23_many_addresses_that_come_back_together_are_dialled_a_few_at_a_time() {
    let mut bench = Bench::new(config(|config| config.dials_max = 16));
    let addresses: Vec<u32> = (0..300).collect();
    bench.set(addresses);
    let mut most = 0;
    while let Some(&slot) = bench.dials().first() {
        most = most.max(bench.dials().len());
        bench.connect(slot);
    }
    assert_eq!((most, bench.dials_made()), (16, 300));
}

// Hung dials.

#[test]
fn t24_a_dial_that_hangs_is_dropped_and_counts_as_failed() {
    let mut bench = Bench::new(eager(1));
    bench.set([A]);
    let hung = bench.dial(A);
    bench.advance(millis(4_999));
    assert_eq!(bench.state(hung), Some(SlotState::Dialling));
    bench.take();
    bench.advance(millis(1));
    assert_eq!(bench.take_ends(), [(hung, SlotEnd::Failed(FailureKind::TimedOut))]);
    assert_eq!(bench.event(hung, SlotEvent::Connected), Handled::Stale, "too late");
    assert_eq!(bench.status(A).failures, 1);
    assert_ne!(bench.dial(A), hung, "its wait is over already: delays count from the start of a dial");
}

#[test]
fn t12_no_way_a_dial_can_end_leaks_its_permit() {
    let mut bench = Bench::new(config(|config| config.dials_max = 1));
    bench.set([A]);
    for round in 0..50 {
        match round % 5 {
            0 => bench.fail(bench.dial(A)),
            1 => bench.closed(bench.dial(A)),
            2 => drop(bench.event(bench.dial(A), SlotEvent::Failed(FailureKind::Panicked))),
            3 => bench.oversleep(secs(6)),
            _ => bench.set([]),
        }
        assert!(bench.uniform.dials_in_flight() <= 1);
        bench.set([A]);
        bench.retry_now(A);
        assert_eq!(bench.uniform.dials_in_flight(), 1);
    }
    bench.connect(bench.dial(A));
    assert_eq!(bench.uniform.dials_in_flight(), 0);
}

#[test]
fn a_dial_that_connects_just_before_the_timeout_is_noticed_is_good() {
    let mut bench = Bench::new(eager(1));
    bench.set([A]);
    let slot = bench.dial(A);
    bench.now = bench.now + secs(6);
    bench.connect(slot);
    bench.oversleep(secs(0));
    assert_eq!((bench.open(A), bench.status(A).failures), (vec![slot], 0));
}

// Lazy dials.

#[test]
fn c2_a_lazy_pool_opens_nothing_before_an_item_waits() {
    let mut bench = Bench::new(lazy(3));
    bench.set([A, B]);
    bench.advance(secs(100));
    assert_eq!(bench.dials_made(), 0);
    bench.demand(1);
    assert_eq!(bench.dials().len(), 1);
}

#[test]
fn c2_a_lazy_pool_dials_while_more_items_wait_than_dials_are_in_flight() {
    let mut bench = Bench::new(lazy(9));
    bench.set([A]);
    bench.demand(3);
    for _ in 0..2 {
        let dial = bench.dials()[0];
        bench.connect(dial);
        bench.busy(dial);
    }
    assert_eq!(bench.dials().len(), 2, "as many as there are connections");
    bench.demand(2);
    let dial = bench.dials()[0];
    bench.connect(dial);
    bench.busy(dial);
    assert_eq!(bench.dials().len(), 2, "one is on its way, and one more is missing");
    bench.demand(1);
    bench.connect(bench.dials()[0]);
    assert_eq!(bench.dials().len(), 1, "the other one may be of use");
}

#[test]
fn c2_k11_a_lazy_pool_dials_no_more_at_a_time_than_it_has_connections() {
    let mut bench = Bench::new(lazy(50));
    bench.set([A]);
    bench.demand(50);
    for dials in [1, 1, 2, 4, 8, 16] {
        assert_eq!(bench.dials().len(), dials);
        for dial in bench.dials() {
            bench.connect(dial);
            bench.busy(dial);
        }
    }
}

#[test]
fn c2_a_lazy_pool_opens_no_more_while_a_connection_can_take_the_items() {
    let mut bench = Bench::new(lazy(3));
    bench.set([A, B]);
    bench.demand(1);
    bench.connect(bench.dials()[0]);
    bench.demand(5);
    assert_eq!(bench.dials().len(), 0);
    let open = [bench.open(A), bench.open(B)].concat();
    bench.busy(open[0]);
    assert!(!bench.dials().is_empty());
}

#[test]
fn c2_a_lazy_pool_dials_no_second_connection_before_it_knows_whether_the_first_takes_the_item() {
    let mut bench = Bench::new(lazy(2));
    bench.set([A]);
    bench.demand(1);
    bench.connected(bench.dial(A));
    assert_eq!(bench.dials().len(), 0, "one item, one connection");
    bench.busy(bench.open(A)[0]);
    assert_eq!(bench.dials().len(), 1, "which can't take it");
}

#[test]
fn c2_demand_that_goes_away_elides_the_dials_not_yet_started() {
    let mut bench = Bench::new(config(|config| {
        config.opening = Opening::Lazy;
        config.dials_max = 1;
    }));
    bench.set([A, B, C]);
    bench.demand(3);
    let dial = bench.dials()[0];
    bench.demand(0);
    assert_eq!(bench.dials(), [dial], "what was started goes on");
    bench.fail(dial);
    bench.advance(secs(10));
    assert_eq!(bench.dials_made(), 1);
}

#[test]
fn c2_a_lazy_pool_dials_the_least_connected_address_first() {
    let mut bench = Bench::new(lazy(4));
    bench.set([A, B, C]);
    for _ in 0..12 {
        bench.demand(1);
        bench.demand(0);
        let slot = bench.dials()[0];
        bench.connected(slot);
        bench.busy(slot);
        let open = [A, B, C].map(|address| bench.open(address).len());
        let (most, least) = (open.iter().max(), open.iter().min());
        assert!(most <= least.map(|least| least + 1).as_ref(), "{open:?}");
    }
    bench.demand(100);
    assert_eq!(bench.dials().len(), 0, "never more than N");
}

#[test]
fn c3_a_hung_probe_of_a_failing_address_does_not_keep_a_lazy_pool_from_a_working_one() {
    let mut bench = Bench::new(lazy(1));
    bench.set([A]);
    bench.demand(1);
    bench.fail(bench.dial(A));
    bench.advance(secs(1));
    assert_eq!(bench.dialled_addresses(), [A], "the probe, which hangs");
    bench.set([A, B]);
    assert_eq!(bench.dialled_addresses(), [A, B]);
    bench.set([A, B, C]);
    assert_eq!(bench.dialled_addresses(), [A, B], "one item, one dial that may succeed");
}

#[test]
fn c2_a_lazy_connection_that_dies_is_not_replaced_without_items() {
    let mut bench = Bench::new(lazy(1));
    bench.set([A]);
    bench.demand(1);
    bench.connect(bench.dial(A));
    bench.demand(0);
    bench.advance(secs(20));
    bench.fail(bench.open(A)[0]);
    bench.advance(secs(20));
    assert_eq!(bench.dials().len(), 0);
}

// Stale events.

#[test]
fn c6_t9_a_late_event_for_a_slot_that_has_a_new_connection_changes_nothing() {
    let mut bench = Bench::up(eager(1), [A]);
    bench.advance(secs(20));
    let former = bench.open(A)[0];
    bench.fail(former);
    let latter = bench.dial(A);
    assert_eq!(latter.index(), former.index(), "the place is used again");
    bench.connect(latter);
    bench.take();
    for event in [SlotEvent::Sent, SlotEvent::Busy, SlotEvent::Closed, SlotEvent::GoingAway] {
        assert_eq!(bench.event(former, event), Handled::Stale);
    }
    assert_eq!((bench.take(), bench.state(latter)), (vec![], Some(SlotState::Ready)));
}

// Lifetime.

#[test]
fn c1_a_connection_at_the_end_of_its_life_is_replaced_before_it_drains() {
    let mut bench = Bench::up(config(|config| config.lifetime_max = Some(secs(100))), [A]);
    let old = bench.open(A)[0];
    bench.advance(secs(89));
    assert_eq!(bench.dials().len(), 0, "lifetimes are shortened by a tenth at most");
    bench.advance(secs(12));
    let new = bench.dial(A);
    assert_eq!(bench.send(), A, "the old one still serves");
    bench.take();
    bench.connected(new);
    assert_eq!((bench.open(A), bench.draining(A)), (vec![new], vec![old]));
    let reasons = bench.take_events();
    let expected = matches!(
        reasons[..2],
        [Event::Connected { .. }, Event::Draining { reason: DrainReason::Lifetime, .. }]
    );
    assert!(expected, "{reasons:?}");
}

#[test]
fn c1_an_old_connection_lives_on_while_dials_to_its_replacement_time_out() {
    let mut bench = Bench::up(config(|config| config.lifetime_max = Some(secs(100))), [A]);
    let old = bench.open(A)[0];
    bench.advance(secs(300));
    assert!(bench.status(A).failures > 5);
    assert_eq!(bench.sends(2), [A; 2]);
    bench.peer(A, Peer::Up);
    bench.advance(secs(37));
    assert!(bench.open(A).len() == 1 && bench.open(A)[0] != old, "replaced at last");
}

/// An address whose only connection has reached its lifetime, and its replacement was refused.
fn with_a_refused_replacement() -> (Bench, SlotId) {
    let mut bench = Bench::up(config(|config| config.lifetime_max = Some(secs(100))), [A]);
    let old = bench.open(A)[0];
    bench.sent(old);
    while bench.dials().is_empty() {
        bench.advance(millis(100));
    }
    bench.fail(bench.dial(A));
    (bench, old)
}

#[test]
fn c7_k5_an_old_connection_drains_first_if_its_replacement_is_refused() {
    let (mut bench, old) = with_a_refused_replacement();
    assert_eq!((bench.draining(A), bench.dials_to(A).len()), (vec![old], 0), "its peer lets nobody else in");
    assert_eq!(bench.status(A).failures, 0, "a refusal is not held against what works");
    bench.advance(millis(999));
    assert_eq!(bench.dials_to(A).len(), 0);
    bench.closed(old);
    bench.connect(bench.dial(A));
    bench.advance(secs(50));
    assert_eq!(bench.status(A).failures, 0);
}

#[test]
fn c7_k5_a_drain_before_the_replacement_leaves_the_address_dark_for_a_second_at_most() {
    let (mut bench, old) = with_a_refused_replacement();
    bench.advance(secs(1));
    assert_eq!((bench.draining(A), bench.dials_to(A).len()), (vec![old], 1));
}

#[test]
fn c1_connections_of_one_age_are_replaced_one_at_a_time() {
    let mut bench = Bench::up(
        config(|config| {
            config.connections_per_address = 4;
            config.lifetime_max = Some(secs(100));
        }),
        [A],
    );
    let old = bench.open(A);
    for _ in 0..200 {
        bench.advance(millis(500));
        assert!(bench.open(A).len() + bench.dials_to(A).len() <= 5);
        assert!(bench.open(A).len() >= 4, "never fewer than before");
        if let Some(&dial) = bench.dials().first() {
            bench.connect(dial);
        }
        assert_eq!(bench.open(A).len(), 4);
    }
    assert!(old.iter().all(|slot| !bench.open(A).contains(slot)));
}

#[test]
fn c1_the_end_of_a_drain_does_not_make_one_connection_too_many() {
    let mut bench = Bench::up(
        config(|config| {
            config.connections_per_address = 2;
            config.lifetime_max = Some(secs(100));
            config.dial_timeout = secs(1_000);
            config.drain_timeout = secs(1_000);
        }),
        [A],
    );
    bench.advance(secs(20));
    let gone = bench.open(A)[0];
    bench.going_away(gone);
    bench.advance(secs(80));
    let dials = bench.dials_to(A);
    assert_eq!((bench.open(A).len(), dials.len()), (1, 2), "one is missing, and one is being replaced");
    bench.closed(gone);
    bench.connect(dials[0]);
    bench.connect(dials[1]);
    assert_eq!((bench.open(A).len(), bench.draining(A).len()), (2, 1));
}

#[test]
fn a_pool_that_closes_while_a_replacement_is_under_way_ends() {
    let mut bench = Bench::up(config(|config| config.lifetime_max = Some(secs(100))), [A]);
    bench.advance(secs(101));
    assert_eq!((bench.open(A).len(), bench.dials_to(A).len()), (1, 1));
    bench.close(secs(0));
    assert_eq!((bench.draining(A).len(), bench.dials_to(A).len()), (1, 0));
    bench.closed(bench.draining(A)[0]);
    assert!(bench.is_closed);
}

#[test]
fn an_old_connection_may_go_away_while_no_dial_is_free_for_its_replacement() {
    let mut bench = Bench::new(config(|config| {
        config.lifetime_max = Some(secs(100));
        config.dials_max = 1;
        config.dial_timeout = secs(1_000);
    }));
    bench.set([A]);
    bench.connect(bench.dial(A));
    bench.set([A, B]);
    bench.advance(secs(101));
    assert_eq!(bench.dialled_addresses(), [B], "which holds the only permit");
    bench.sent(bench.open(A)[0]);
    bench.going_away(bench.open(A)[0]);
    bench.fail(bench.dial(B));
    assert_eq!(bench.dialled_addresses(), [A]);
    bench.connect(bench.dial(A));
    assert_eq!((bench.open(A).len(), bench.dials_to(A).len()), (1, 0));
}

#[test]
fn a_lazy_connection_at_the_end_of_its_life_drains_and_is_not_replaced() {
    let mut bench = Bench::new(config(|config| {
        config.opening = Opening::Lazy;
        config.lifetime_max = Some(secs(100));
    }));
    bench.set([A]);
    bench.demand(1);
    bench.connect(bench.dial(A));
    bench.demand(0);
    bench.advance(secs(100));
    assert_eq!((bench.draining(A).len(), bench.dials().len()), (1, 0));
}

// Idle connections.

fn lazy_and_idle() -> Bench {
    let mut bench = Bench::new(config(|config| {
        config.opening = Opening::Lazy;
        config.idle_timeout = Some(secs(20));
    }));
    bench.set([A]);
    bench.demand(1);
    bench
}

#[test]
fn an_idle_connection_drains_and_one_that_is_used_stays() {
    let mut bench = lazy_and_idle();
    bench.connect(bench.dial(A));
    bench.demand(0);
    for _ in 0..100 {
        bench.advance(secs(1));
        bench.send();
    }
    assert_eq!(bench.open(A).len(), 1);
    bench.advance(millis(17_900));
    assert_eq!(bench.open(A).len(), 1);
    bench.advance(millis(2_100));
    assert_eq!((bench.draining(A).len(), bench.dials().len()), (1, 0));
}

#[test]
fn c2_a_busy_connection_is_not_idle() {
    let mut bench = lazy_and_idle();
    let slot = bench.dial(A);
    bench.connect(slot);
    bench.demand(0);
    bench.sent(slot);
    bench.busy(slot);
    bench.advance(secs(100));
    assert_eq!(bench.state(slot), Some(SlotState::Busy));
    bench.ready(slot);
    bench.advance(secs(20));
    assert_eq!(bench.state(slot), Some(SlotState::Draining));
}

#[test]
fn c2_a_connection_that_owes_outcomes_is_not_idle() {
    let mut bench = lazy_and_idle();
    let slot = bench.dial(A);
    bench.connect(slot);
    bench.demand(0);
    bench.sends(2);
    bench.succeed(slot);
    bench.advance(secs(100));
    assert_eq!(bench.state(slot), Some(SlotState::Ready));
    bench.succeed(slot);
    bench.advance(secs(20));
    assert_eq!(bench.state(slot), Some(SlotState::Draining));
}

#[test]
fn c2_a_plain_sink_that_returned_an_item_goes_idle_like_others() {
    let mut bench = lazy_and_idle();
    let slot = bench.dial(A);
    bench.connect(slot);
    bench.demand(0);
    bench.sends(2);
    bench.uniform.handle_outcome(slot, Outcome::Unsent, bench.now);
    bench.advance(secs(20));
    assert_eq!(bench.state(slot), Some(SlotState::Draining));
}

#[test]
fn idleness_counts_from_the_connection_and_not_from_the_dial() {
    let mut bench = lazy_and_idle();
    bench.advance(millis(4_900));
    bench.connect(bench.dial(A));
    bench.advance(millis(17_900));
    assert_eq!(bench.open(A).len(), 1, "connected for less than the timeout");
}

// Drains.

#[test]
fn a_drain_that_takes_too_long_is_dropped() {
    let mut bench = Bench::up(eager(1), [A]);
    let slot = bench.open(A)[0];
    bench.sent(slot);
    bench.set([]);
    bench.advance(millis(29_999));
    assert_eq!(bench.draining(A), [slot]);
    bench.take();
    bench.advance(millis(1));
    assert_eq!(bench.take_ends(), [(slot, SlotEnd::DrainTimedOut)]);
    assert_eq!((bench.uniform.slots().count(), bench.wake_at), (0, None));
}

#[test]
fn at_most_n_connections_drain_per_address_and_the_oldest_is_dropped_first() {
    let mut bench = Bench::up(eager(2), [A]);
    let mut order = Vec::new();
    for _ in 0..4 {
        bench.advance(secs(1));
        let slot = bench.open(A)[0];
        bench.sent(slot);
        bench.going_away(slot);
        order.push(slot);
        bench.connect_all();
    }
    let mut draining = bench.draining(A);
    draining.sort_by_key(|slot| order.iter().position(|found| found == slot));
    assert_eq!(draining, order[2..]);
    let displaced: Vec<_> = bench.take_ends();
    assert_eq!(displaced, [(order[0], SlotEnd::DrainDisplaced), (order[1], SlotEnd::DrainDisplaced)]);
}

#[test]
fn a_connection_that_goes_away_is_replaced_at_once() {
    let mut bench = Bench::up(eager(2), [A]);
    bench.advance(secs(4));
    let slot = bench.open(A)[0];
    bench.sent(slot);
    bench.going_away(slot);
    assert_eq!((bench.draining(A), bench.dials_to(A).len(), bench.status(A).failures), (vec![slot], 1, 0));
    assert_ne!(bench.select(), Some(slot));
}

// Silent connections.

/// An address with one connection, which is dropped when it is silent for 10 s.
fn silent() -> (Bench, SlotId) {
    let bench = Bench::up(config(|config| config.silence.outcome_timeout = Some(secs(10))), [A]);
    let slot = bench.open(A)[0];
    (bench, slot)
}

#[test]
fn a_connection_that_owes_outcomes_and_is_silent_is_dropped_and_replaced() {
    let (mut bench, slot) = silent();
    bench.advance(secs(100));
    bench.send();
    bench.advance(secs(9));
    assert_eq!(bench.state(slot), Some(SlotState::Ready));
    bench.advance(secs(1));
    let is_end = |output: &Output<u32>| {
        matches!(output, Output::Event(Event::SlotEnded { slot: ended, end, in_flight: 1, .. })
            if *ended == slot && *end == SlotEnd::Failed(FailureKind::TimedOut))
    };
    let outputs = bench.take();
    assert!(outputs.contains(&Output::Drop { slot }) && outputs.iter().any(is_end), "{outputs:?}");
    bench.wait_out_backoff(A);
    assert_eq!(bench.dials_to(A).len(), 1);
}

#[test]
fn silence_counts_from_the_last_outcome_and_not_from_the_last_item() {
    let (mut bench, slot) = silent();
    bench.sends(3);
    bench.advance(secs(9));
    bench.succeed(slot);
    for _ in 0..9 {
        bench.advance(secs(1));
        bench.send();
    }
    assert_eq!(bench.state(slot), Some(SlotState::Ready), "it has been silent for nine seconds");
    bench.advance(secs(1));
    assert_eq!(bench.state(slot), None);
}

#[test]
fn a_connection_that_owes_nothing_may_be_silent_for_ever() {
    let (mut bench, slot) = silent();
    for _ in 0..3 {
        bench.sends(2);
        bench.advance(secs(5));
        bench.succeed(slot);
        bench.succeed(slot);
        bench.advance(secs(1000));
    }
    assert_eq!(bench.state(slot), Some(SlotState::Ready));
}

#[test]
fn a_silent_connection_that_pushes_back_is_dropped_too() {
    let (mut bench, slot) = silent();
    bench.send();
    bench.busy(slot);
    bench.advance(secs(10));
    assert_eq!(bench.state(slot), None);
}

#[test]
fn an_idle_clock_starts_when_the_last_outcome_is_reported() {
    let mut bench = lazy_and_idle();
    let slot = bench.dial(A);
    bench.connect(slot);
    bench.demand(0);
    bench.send();
    bench.advance(secs(15));
    bench.succeed(slot);
    bench.advance(millis(17_900));
    assert_eq!(bench.state(slot), Some(SlotState::Ready));
    bench.advance(millis(2_100));
    assert_eq!(bench.state(slot), Some(SlotState::Draining));
}
