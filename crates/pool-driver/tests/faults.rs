//! A panic costs what panicked (F1), and nothing is polled in vain (F2).

mod support;

use std::cell::Cell;
use std::rc::Rc;

use pool_core::{AddressId, Instant, Pick, Ring};
use pool_driver::{Backoff, Balance, EndReason, Event, Outcome, RoundRobin, UndeliveredReason};
use support::{A, B, Bench, Call, Dial, End, Fault, secs};

#[test]
fn f1_a_panic_of_the_connector_costs_that_dial() {
    for fault in [Dial::PanicInCall, Dial::PanicInFuture] {
        let mut bench = Bench::new(|pool| pool);
        bench.world.answer(A, fault);
        bench.set([A, B]);
        bench.send([1]);
        assert_eq!(bench.world.received(B), [1], "{fault:?}");
        let error = bench.snapshot().addresses[0].last_error.clone().expect("it has failed");
        assert!(error.to_string().starts_with("panicked: a scripted panic of"), "{error}");
        bench.world.answer(A, Dial::Accept);
        bench.advance(secs(1));
        assert_eq!(bench.world.alive(A), 1, "{fault:?}");
        bench.finish();
    }
}

#[test]
fn f1_a_panic_in_the_drop_of_a_dial_costs_nothing_else() {
    let mut bench = Bench::new(|pool| pool);
    bench.world.answer(A, Dial::Hang);
    bench.set([A, B]);
    bench.world.answer(A, Dial::PanicInDrop);
    bench.advance(secs(1));
    bench.send([1, 2]);
    assert!(bench.world.received(B).len() == 1 && bench.world.alive(A) <= 1);
    bench.world.answer(A, Dial::Accept);
    bench.finish();
}

#[test]
fn f1_a_panic_in_the_drop_of_a_dial_that_is_abandoned_costs_nothing_else() {
    let mut bench = Bench::new(|pool| pool);
    bench.world.answer(A, Dial::Hang);
    bench.set([A, B]);
    // It hangs on, for nobody wakes it.
    bench.world.spoil_drops(A);
    bench.set([B]);
    bench.send([1]);
    assert_eq!((bench.world.received(B), bench.world.dialling(A)), (vec![1], 0));
    bench.finish();
}

#[test]
fn f1_a_panic_in_any_call_into_a_connection_costs_that_connection() {
    for call in [Call::Ready, Call::Send, Call::Flush, Call::Event] {
        let mut bench = Bench::up([A, B], |pool| pool);
        bench.advance(secs(20));
        let link = bench.world.link(A);
        link.fault(call, Fault::Panic);
        link.wake();
        bench.send(1..=6);
        assert!(!link.is_open(), "{call:?}");
        bench.advance(secs(1));
        assert_eq!((bench.world.alive(A), bench.world.alive(B)), (1, 1), "{call:?}");
        bench.send(7..=10);
        assert_eq!(bench.world.link(A).received().len(), 2, "{call:?}");
        bench.finish();
    }
}

#[test]
fn f1_a_panic_while_it_closes_or_is_dropped_costs_that_connection() {
    for call in [Call::Close, Call::Drop] {
        let mut bench = Bench::up([A, B], |pool| pool);
        bench.world.link(A).fault(call, Fault::Panic);
        bench.set([B]);
        assert_eq!(bench.world.alive(A), 0, "{call:?}");
        bench.send([1]);
        assert_eq!(bench.world.received(B), [1], "{call:?}");
        bench.finish();
    }
}

#[test]
fn f1_a_driver_can_be_dropped_whatever_its_connections_do_in_their_drop() {
    let mut bench = Bench::up([A, B], |pool| pool);
    bench.send([1, 2]);
    bench.world.link(A).fault(Call::Drop, Fault::Panic);
    bench.world.link(B).fault(Call::Drop, Fault::Panic);
    bench.executor.cancel(&bench.driver.clone());
    let ended = bench.snapshot().ended.expect("it is over");
    bench.check_accounts(ended, "");
}

/// Round-robin, until it is told to panic.
struct Fragile {
    panics_in: Rc<Cell<&'static str>>,
}

impl Fragile {
    fn check(&self, method: &str) {
        assert_ne!(self.panics_in.get(), method, "a scripted panic of the balancer");
    }
}

impl Balance for Fragile {
    fn pick(&self, ring: &Ring<'_>, pick: &Pick, now: Instant) -> Option<AddressId> {
        self.check("pick");
        RoundRobin::new().pick(ring, pick, now)
    }

    fn on_sent(&mut self, _: AddressId, _: Instant) {
        self.check("on_sent");
    }

    fn on_outcome(&mut self, _: AddressId, _: &Outcome, _: Instant) {
        self.check("on_outcome");
    }
}

#[test]
fn f1_a_panic_of_the_balancer_is_the_pools_end_with_a_reason() {
    for (method, handed) in [("pick", 1), ("on_sent", 2), ("on_outcome", 1)] {
        let panics_in = Rc::new(Cell::new(""));
        let fragile = Fragile { panics_in: Rc::clone(&panics_in) };
        let mut bench = Bench::new(|pool| pool.balancer(fragile));
        bench.world.script(A, |script| script.keeps_items = true);
        bench.set([A]);
        bench.send([1]);
        panics_in.set(method);
        bench.world.link(A).finish(1, Outcome::Cancelled);
        assert_eq!((bench.try_send(2), bench.try_send(3)), (Ok(()), Ok(())));
        let ended = bench.output(&bench.driver.clone());
        assert_eq!((ended.reason, ended.counts.handed), (EndReason::BalancerPanicked, handed), "{method}");
        let reason = UndeliveredReason::Closed(EndReason::BalancerPanicked);
        assert!(bench.ledger.reasons().iter().all(|told| *told == reason));
        bench.check_accounts(ended, method);
    }
}

#[test]
fn f1_a_panic_of_the_observer_costs_the_observer() {
    let mut bench = Bench::up([A], |pool| pool);
    bench.take_events();
    bench.spoil_observer();
    bench.set([B]);
    let told = bench.take_events().len();
    assert_eq!(told, 1, "the panic was its last");
    bench.set([A]);
    bench.send([1]);
    assert_eq!((bench.world.received(A), bench.take_events().len()), (vec![1], 0));
    bench.finish();
}

#[test]
fn f1_a_panic_of_on_undelivered_has_had_its_item_and_is_asked_again_with_the_next() {
    let mut bench = Bench::new(|pool| pool);
    bench.send(1..=3);
    bench.ledger.spoil();
    let task = bench.shut_down(secs(0));
    let ended = bench.output(&task);
    assert_eq!(bench.ledger.ended(End::Undelivered), [1, 2, 3]);
    bench.check_accounts(ended, "");
}

#[test]
fn f2_a_pool_with_nothing_to_do_is_not_polled() {
    let mut bench = Bench::up([A, B], |pool| pool.connections_per_address(5));
    bench.send(1..=100);
    bench.advance(secs(60));
    let polls = bench.driver.polls();
    bench.advance(secs(1_000_000));
    assert_eq!(bench.driver.polls(), polls);
    bench.finish();
}

#[test]
fn f2_a_pool_whose_connections_are_all_busy_is_not_polled() {
    let mut bench = Bench::new(|pool| pool.queue_size(2));
    bench.world.script(A, |script| script.is_ready = false);
    bench.set([A]);
    bench.send([1, 2]);
    let _sender = bench.sender(3);
    bench.advance(secs(60));
    let polls = bench.driver.polls();
    bench.advance(secs(1_000_000));
    assert_eq!(bench.driver.polls(), polls);
    bench.finish();
}

#[test]
fn f2_an_item_alone_costs_two_polls_at_most_and_a_batch_hardly_more() {
    let mut bench = Bench::up([A, B], |pool| pool);
    let before = bench.driver.polls();
    for id in 0..1000 {
        bench.send([id]);
    }
    let alone = bench.driver.polls() - before;
    assert!(alone <= 2000, "{alone} polls for 1000 items");
    let before = bench.driver.polls();
    bench.send(1000..1100);
    assert!(bench.driver.polls() - before <= 2);
    bench.finish();
}

#[test]
fn f2_a_driver_with_a_great_many_items_lets_others_run_meanwhile() {
    let mut bench = Bench::up([A], |pool| pool.queue_size(10_000));
    for id in 0..5000 {
        assert_eq!(bench.try_send(id), Ok(()));
    }
    let before = bench.driver.polls();
    bench.executor.run_round();
    let handed = bench.ledger.ended(End::Handed).len();
    assert!((1..5000).contains(&handed), "{handed} in one poll");
    bench.run();
    assert!((5..=50).contains(&(bench.driver.polls() - before)));
    bench.finish();
}

#[test]
fn f2_a_connection_that_wakes_itself_for_ever_costs_one_poll_per_poll_of_the_driver() {
    let mut bench = Bench::up([A, B], |pool| pool);
    let link = bench.world.link(A);
    link.take_log();
    link.change(|script| script.wakes_itself = true);
    let before = bench.driver.polls();
    (0..100).for_each(|_| bench.executor.run_round());
    assert_eq!(bench.driver.polls() - before, 100);
    assert_eq!(link.take_log(), [Call::Event; 100]);
    assert_eq!((bench.try_send(1), bench.try_send(2)), (Ok(()), Ok(())));
    bench.executor.run_round();
    bench.executor.run_round();
    assert_eq!(bench.world.received(A).len() + bench.world.received(B).len(), 2);
    link.change(|script| script.wakes_itself = false);
    bench.finish();
}

#[test]
fn f2_a_busy_connection_that_wakes_itself_for_ever_delays_nobody() {
    let mut bench = Bench::up([A, B], |pool| pool);
    bench.world.link(A).change(|script| (script.is_ready, script.wakes_itself) = (false, true));
    for id in 0..20 {
        assert_eq!(bench.try_send(id), Ok(()));
        bench.executor.run_round();
        bench.executor.run_round();
    }
    assert_eq!(bench.world.received(B).len(), 20);
    bench.world.link(A).change(|script| (script.is_ready, script.wakes_itself) = (true, false));
    bench.finish();
}

#[test]
fn f3_a_year_of_flapping_addresses_leaves_nothing_behind() {
    let mut backoff = Backoff::default();
    backoff.cap = secs(60 * 60);
    let mut bench = Bench::new(|pool| pool.backoff(backoff));
    for day in 0..365_u16 {
        bench.world.answer(day, Dial::Refuse);
        bench.set([day, A]);
        bench.advance(secs(24 * 60 * 60));
    }
    let snapshot = bench.snapshot();
    assert!(snapshot.addresses.len() <= 3, "{snapshot}");
    bench.set([]);
    bench.advance(secs(2 * 60 * 60));
    assert_eq!(bench.snapshot().addresses.len(), 0);
    assert!(bench.count_events(|event| matches!(event, Event::AddressRemoved { .. })) > 300);
}
