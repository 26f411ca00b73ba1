//! Which addresses there are: sets, differences, departures, returns, priorities (A1-A4, A8).

mod support;

use pool_core::{AddressSet, AddressState, DrainReason, Endpoint, Event, Output, SlotEnd, SlotEvent};
use support::{A, B, Bench, C, D, assert_jittered, config, eager, lazy, millis, prioritised, secs};

#[test]
fn a1_a_set_is_applied_whole_and_only_its_difference_acts() {
    let mut bench = Bench::up(eager(1), [A, B]);
    let kept = bench.open(B);
    bench.take();
    bench.set([B, C]);
    let events = bench.take_events();
    assert_eq!(
        events.iter().filter(|event| matches!(event, Event::AddressRemoved { address: A, .. })).count(),
        1
    );
    assert_eq!(
        events.iter().filter(|event| matches!(event, Event::AddressAdded { address: C, .. })).count(),
        1
    );
    assert_eq!((bench.open(A).len(), bench.draining(A).len(), bench.dials_to(C).len()), (0, 1, 1));
    assert_eq!(bench.open(B), kept, "who stays keeps the connection");
}

#[test]
fn a1_the_same_set_again_causes_nothing() {
    let mut bench = Bench::up(eager(2), [A, B]);
    let same: AddressSet<u32> = [B, A].into();
    bench.take();
    bench.set(same.clone());
    bench.set(same);
    bench.set([A, B]);
    assert_eq!(bench.take(), []);
}

#[test]
fn a1_the_same_set_again_resets_neither_backoff_nor_turn() {
    let mut bench = Bench::up(eager(1), [A, B, C]);
    bench.fail(bench.open(C)[0]);
    let (status, turn) = (bench.status(C), bench.select());
    bench.take();
    for _ in 0..10 {
        bench.set([C, B, A]);
    }
    assert_eq!((bench.status(C), bench.select()), (status, turn));
    assert_eq!(bench.take(), []);
}

#[test]
fn a1_a_change_of_weight_or_priority_keeps_the_connections() {
    let mut bench = Bench::up(eager(2), [A, B]);
    let (a, b) = (bench.open(A), bench.open(B));
    bench.take();
    bench.set(AddressSet::from_iter([Endpoint::new(A).with_weight(7), Endpoint::new(B).with_priority(3)]));
    let outputs = bench.take();
    let is_told = |of| {
        outputs.iter().any(
            |output| matches!(output, Output::Event(Event::AddressChanged { address, .. }) if *address == of),
        )
    };
    assert!(outputs.len() == 2 && is_told(A) && is_told(B), "{outputs:?}");
    assert_eq!((bench.open(A), bench.open(B)), (a, b));
    assert_eq!((bench.status(A).weight, bench.status(B).priority), (7, 3));
}

#[test]
fn a1_items_follow_a_change_of_priority_at_once() {
    let mut bench = Bench::up(eager(2), [A, B]);
    bench.set(prioritised([(A, 1), (B, 0)]));
    assert_eq!(bench.sends(4), [B; 4]);
    bench.set(prioritised([(A, 1), (B, 2)]));
    assert_eq!(bench.sends(4), [A; 4]);
    bench.set(prioritised([(A, 5), (B, 5)]));
    assert_eq!(bench.shares(4), [(A, 2), (B, 2)].into());
}

#[test]
fn a2_duplicates_collapse_to_the_best_priority_and_the_sum_of_its_weights() {
    let mut bench = Bench::new(eager(1));
    bench.set(AddressSet::from_iter([
        Endpoint::new(A).with_priority(2).with_weight(100),
        Endpoint::new(A).with_priority(1).with_weight(3),
        Endpoint::new(A).with_priority(1).with_weight(4),
        Endpoint::new(B).with_weight(u32::MAX),
        Endpoint::new(B).with_weight(u32::MAX),
    ]));
    let (a, b) = (bench.status(A), bench.status(B));
    assert_eq!((a.priority, a.weight, b.weight), (1, 7, u32::MAX));
    assert_eq!(bench.dialled_addresses(), [A, B], "one dial each");
}

#[test]
fn a3_the_connections_of_an_address_that_leaves_drain_and_get_no_item() {
    let mut bench = Bench::up(eager(2), [A, B]);
    let leaving = bench.open(A);
    bench.take();
    bench.set([B]);
    assert_eq!(bench.draining(A), leaving);
    let events = bench.take_events();
    let left = |event: &&Event<u32>| {
        matches!(event, Event::Draining { reason: DrainReason::AddressLeft, address: A, .. })
    };
    assert_eq!(events.iter().filter(left).count(), 2);
    assert_eq!(bench.sends(6), [B; 6]);
    assert_eq!(bench.status(A).state, AddressState::Departed);
}

#[test]
fn a3_dials_to_an_address_that_leaves_are_dropped_at_once() {
    let mut bench = Bench::up(eager(1), [A]);
    bench.set([A, B]);
    let dial = bench.dial(B);
    bench.take();
    bench.set([A]);
    assert_eq!(bench.take()[1], Output::Drop { slot: dial });
    assert_eq!(bench.dials().len(), 0);
    assert_eq!(bench.uniform.dials_in_flight(), 0, "its permit is free again");
    assert_eq!(bench.uniform.find_address(&B), None, "nothing is left to remember");
}

#[test]
fn a3_an_address_that_leaves_with_dials_and_connections_drops_the_ones_and_drains_the_others() {
    let mut bench = Bench::new(eager(3));
    bench.set([A]);
    bench.connect(bench.dial(A));
    assert_eq!(bench.dials_to(A).len(), 2, "once it has answered, the rest is dialled at once");
    bench.take();
    bench.set([B]);
    assert_eq!((bench.dials_to(A).len(), bench.draining(A).len()), (0, 1));
    let ends = bench.take_ends();
    assert!(ends.len() == 2 && ends.iter().all(|(_, end)| *end == SlotEnd::AddressLeft), "{ends:?}");
}

#[test]
fn t11_an_address_that_returns_while_its_old_connection_drains_gets_a_new_one() {
    let mut bench = Bench::up(eager(1), [A, B]);
    let old = bench.open(A)[0];
    bench.set([B]);
    bench.set([A, B]);
    let new = bench.dial(A);
    assert_eq!(bench.draining(A), [old], "the draining one is not revived");
    bench.connect(new);
    bench.closed(old);
    assert_eq!((bench.open(A), bench.draining(A).len(), bench.dials().len()), (vec![new], 0, 0));
    assert_eq!(bench.shares(4), [(A, 2), (B, 2)].into());
}

#[test]
fn t11_an_address_may_leave_and_return_many_times_before_its_first_drain_ends() {
    let mut bench = Bench::up(eager(2), [A]);
    let mut drained = 0;
    for _ in 0..20 {
        bench.set([]);
        bench.set([A]);
        bench.connect_all();
        drained += bench.take_ends().iter().filter(|(_, end)| *end == SlotEnd::DrainDisplaced).count();
        assert_eq!(bench.open(A).len(), 2);
        assert!(bench.draining(A).len() <= 2);
    }
    assert_eq!(drained, 38, "all that drained but the last two");
}

#[test]
fn a3_backoff_outlives_absence() {
    let mut bench = Bench::new(eager(1));
    bench.set([A]);
    let start = bench.now;
    bench.fail(bench.dial(A));
    let retry_at = bench.status(A).retry_at.expect("in backoff");
    bench.set([]);
    bench.advance(millis(20));
    bench.set([A]);
    assert_eq!((bench.status(A).retry_at, bench.dials().len()), (Some(retry_at), 0));
    bench.advance(millis(100));
    assert_eq!(bench.dial_times(A), [start, retry_at]);
    bench.fail(bench.dial(A));
    let wait = bench.status(A).retry_at.expect("in backoff").saturating_duration_since(retry_at);
    assert_jittered(wait, millis(160));
}

#[test]
fn a3_an_address_is_forgotten_once_it_neither_drains_nor_backs_off() {
    let mut bench = Bench::up(eager(1), [A, B]);
    bench.fail(bench.open(B)[0]);
    bench.set([]);
    assert_eq!(bench.uniform.addresses().count(), 2);
    bench.closed(bench.draining(A)[0]);
    assert_eq!(bench.uniform.find_address(&A), None);
    bench.advance(secs(1));
    assert_eq!(bench.uniform.addresses().count(), 0);
}

#[test]
fn a4_an_empty_set_is_an_instruction_and_the_pool_lives_on() {
    let mut bench = Bench::up(eager(2), [A, B]);
    bench.set([]);
    assert_eq!((bench.draining_all().len(), bench.select()), (4, None));
    assert!(!bench.is_closed && !bench.uniform.is_failing());
    bench.advance(secs(60));
    assert_eq!(bench.uniform.slots().count(), 0);
    bench.set([A]);
    bench.connect_all();
    assert_eq!(bench.send(), A);
}

#[test]
fn f4_a_set_that_is_too_large_is_refused_whole_and_reported() {
    let mut bench = Bench::up(config(|config| config.addresses_max = 3), [A, B]);
    bench.take();
    bench.set([A, B, C, D]);
    assert_eq!(bench.take_events(), [Event::AddressesRefused { len: 4, max: 3 }]);
    assert_eq!((bench.uniform.addresses_len(), bench.shares(4)), (2, [(A, 2), (B, 2)].into()));
    bench.set([A, B, C]);
    assert_eq!(bench.dialled_addresses(), [C], "the next good one is compared with the last good one");
}

#[test]
fn f4_a_refused_set_may_come_again_and_again() {
    let mut bench = Bench::up(config(|config| config.addresses_max = 2), [A, B]);
    bench.take();
    let too_large: AddressSet<u32> = [B, C, D].into();
    for _ in 0..3 {
        bench.set(too_large.clone());
    }
    assert_eq!(bench.take_events().len(), 3, "it is no less wrong the second time");
    assert_eq!((bench.open(A).len(), bench.open(B).len()), (1, 1));
}

#[test]
fn a8_eager_connections_go_to_every_priority() {
    let mut bench = Bench::new(eager(2));
    bench.set(prioritised([(A, 0), (B, 1), (C, 9)]));
    bench.connect_all();
    for address in [A, B, C] {
        assert_eq!(bench.open(address).len(), 2);
    }
}

#[test]
fn a8_busy_does_not_spill_over() {
    let mut bench = Bench::new(eager(1));
    bench.set(prioritised([(A, 0), (B, 1)]));
    bench.connect_all();
    bench.busy(bench.open(A)[0]);
    assert_eq!(bench.select(), None, "a backup is for failure, not for load");
    bench.ready(bench.open(A)[0]);
    assert_eq!(bench.sends(3), [A; 3]);
}

#[test]
fn a8_a_connection_that_is_still_busy_from_its_start_takes_over_from_worse_priorities() {
    let mut bench = Bench::new(eager(1));
    bench.set(prioritised([(A, 0), (B, 1)]));
    bench.connect(bench.dial(B));
    assert_eq!(bench.send(), B);
    bench.connected(bench.dial(A));
    assert_eq!(bench.select(), None);
    bench.ready(bench.open(A)[0]);
    assert_eq!(bench.send(), A);
}

#[test]
fn a8_dead_spills_over_and_back() {
    let mut bench = Bench::new(eager(1));
    bench.set(prioritised([(A, 0), (B, 1), (C, 1), (D, 2)]));
    bench.connect_all();
    bench.advance(secs(20));
    bench.fail(bench.open(A)[0]);
    assert_eq!(bench.shares(4), [(B, 2), (C, 2)].into());
    bench.connect(bench.dial(A));
    assert_eq!(bench.sends(3), [A; 3]);
}

#[test]
fn a8_a_best_priority_that_only_drains_counts_as_dead() {
    let mut bench = Bench::new(eager(1));
    bench.set(prioritised([(A, 0), (B, 1)]));
    bench.connect_all();
    bench.going_away(bench.open(A)[0]);
    assert_eq!(bench.sends(3), [B; 3]);
}

#[test]
fn t21_the_operator_ends_a_long_backoff_and_keeps_its_step() {
    let mut bench = Bench::new(eager(1));
    bench.set([A]);
    for _ in 0..12 {
        bench.fail(bench.dial(A));
        bench.wait_out_backoff(A);
    }
    bench.fail(bench.dial(A));
    assert!(bench.retry_now(A));
    let start = bench.now;
    bench.fail(bench.dial(A));
    assert!(!bench.retry_now(B), "nobody knows it");
    let status = bench.status(A);
    assert_eq!(status.failures, 14);
    assert_jittered(status.retry_at.expect("in backoff").saturating_duration_since(start), secs(30));
}

#[test]
fn t21_retry_now_of_an_address_that_left_forgets_it_and_dials_nothing() {
    let mut bench = Bench::new(eager(1));
    bench.set([A]);
    bench.fail(bench.dial(A));
    bench.set([]);
    assert!(bench.retry_now(A));
    assert_eq!((bench.uniform.addresses().count(), bench.wake_at, bench.dials().len()), (0, None, 0));
    assert!(!bench.retry_now(A));
}

#[test]
fn a7_addresses_are_connected_and_redialled_while_no_item_is_sent() {
    let mut bench = Bench::new(eager(1));
    bench.set([A]);
    bench.fail(bench.dial(A));
    bench.advance(secs(1));
    bench.connect(bench.dial(A));
    bench.advance(secs(100));
    bench.fail(bench.open(A)[0]);
    assert_eq!(bench.dials_to(A).len(), 1);
}

#[test]
fn a8_a_lazy_pool_dials_a_worse_priority_only_while_no_better_one_is_connected() {
    let mut bench = Bench::new(lazy(1));
    bench.set(prioritised([(A, 0), (B, 1)]));
    bench.demand(1);
    assert_eq!(bench.dialled_addresses(), [A]);
    bench.fail(bench.dial(A));
    assert_eq!(bench.dialled_addresses(), [B], "the better one is in backoff");
    bench.connect(bench.dial(B));
    bench.demand(0);
    bench.advance(secs(1));
    bench.demand(1);
    assert_eq!(bench.dialled_addresses(), [A], "it takes the items over as soon as it is up");
    bench.connect(bench.dial(A));
    assert_eq!(bench.event(bench.open(A)[0], SlotEvent::Busy), pool_core::Handled::Applied);
    assert_eq!(bench.dials(), [], "busy doesn't spill over");
}
