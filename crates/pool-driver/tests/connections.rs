//! How connections come, live and go (C3 to C6), with the traps of other pools (T6, T12, T24, T26).

mod support;

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_channel::mpsc;
use futures_core::Stream;
use futures_sink::Sink;
use futures_util::StreamExt;
use pool_core::{FailureKind, SlotEnd, SlotState};
use pool_driver::{Event, PoolBuilder, read_driven};
use support::{A, B, Bench, C, Call, Clock, Dial, Executor, Fault, SEED, millis, secs};

#[test]
fn c1_an_address_never_has_more_connections_than_it_should() {
    let mut bench = Bench::up([A], |pool| pool.connections_per_address(3));
    assert_eq!(bench.world.alive(A), 3);
    bench.world.links(A)[1].break_off();
    bench.world.links(A)[2].hang_up();
    bench.advance(secs(60));
    assert_eq!(bench.world.alive(A), 3);
}

#[test]
fn c2_a_lazy_pool_dials_only_when_an_item_waits_that_nothing_open_can_take() {
    let mut bench = Bench::up([A, B], |pool| pool.lazy().connections_per_address(2));
    assert_eq!(bench.world.dials(A) + bench.world.dials(B), 0);
    bench.send([1]);
    assert_eq!(bench.world.dials(A) + bench.world.dials(B), 1);
    bench.send(2..10);
    assert_eq!(bench.world.dials(A) + bench.world.dials(B), 1);
    bench.world.all_links()[0].change(|behaviour| behaviour.is_ready = false);
    bench.send([10]);
    assert_eq!((bench.world.dials(A), bench.world.dials(B)), (1, 1), "the least-connected address");
    bench.finish();
}

#[test]
fn c2_a_lazy_pool_dials_no_more_at_a_time_than_it_has_connections() {
    let mut bench = Bench::new(pool_driver::PoolBuilder::lazy);
    for address in [A, B, C] {
        bench.world.answer(address, Dial::Hang);
    }
    bench.set([A, B, C]);
    for id in 1..=3 {
        bench.send([id]);
        let dialling: usize = [A, B, C].map(|address| bench.world.dialling(address)).iter().sum();
        assert_eq!(dialling, 1, "{id} items wait for the first connection");
    }
    for address in [A, B, C] {
        bench.world.answer(address, Dial::Accept);
    }
    bench.finish();
}

#[test]
fn c3_a_dial_that_fails_is_repeated_ever_more_slowly() {
    let mut bench = Bench::new(|pool| pool);
    bench.world.answer(A, Dial::Refuse);
    bench.set([A]);
    let mut dials = Vec::new();
    for _ in 0..4 {
        let before = bench.world.dials(A);
        bench.advance(secs(200));
        dials.push(bench.world.dials(A) - before);
    }
    assert!(dials.is_sorted_by(|earlier, later| earlier >= later) && dials[3] > 0, "{dials:?}");
    assert!(bench.world.dials(A) < 50, "{dials:?}");
}

#[test]
fn c3_the_connector_is_told_how_often_the_address_has_failed() {
    let mut bench = Bench::new(|pool| pool.dial_timeout(secs(3)));
    bench.world.answer(A, Dial::Refuse);
    bench.set([A]);
    bench.advance(secs(1));
    let context = bench.world.last_context(A).expect("it was dialled");
    assert_eq!(context.failures as usize, bench.world.dials(A) - 1);
    assert_eq!(context.timeout, secs(3));
}

#[test]
fn c3_a_failing_address_slows_no_other() {
    let mut bench = Bench::new(|pool| pool);
    bench.world.answer(A, Dial::Refuse);
    bench.set([A, B]);
    bench.send(1..50);
    assert_eq!(bench.world.received(B).len(), 49);
    bench.finish();
}

#[test]
fn t24_a_dial_that_hangs_is_dropped_at_its_timeout_and_tried_again() {
    let mut bench = Bench::new(|pool| pool);
    bench.world.answer(A, Dial::Hang);
    bench.set([A]);
    bench.advance(millis(4999));
    assert_eq!((bench.world.dialling(A), bench.world.dials(A)), (1, 1));
    bench.advance(millis(2));
    let timed_out = |event: &Event<u16>| {
        matches!(event, Event::SlotEnded { end: SlotEnd::Failed(FailureKind::TimedOut), error: Some(_), .. })
    };
    assert_eq!(bench.count_events(timed_out), 1);
    bench.world.answer(A, Dial::Accept);
    bench.advance(secs(1));
    assert_eq!((bench.world.alive(A), bench.world.dialling(A)), (1, 0));
}

#[test]
fn t24_a_dial_that_succeeds_in_the_moment_of_its_timeout_is_either_and_not_both() {
    let mut bench = Bench::new(|pool| pool);
    bench.world.answer(A, Dial::Hang);
    bench.set([A]);
    bench.clock.set(bench.now() + secs(5));
    bench.world.answer(A, Dial::Accept);
    bench.run();
    let events = bench.take_events();
    let first = events.iter().find_map(|event| match event {
        Event::Dialling { slot, .. } => Some(*slot),
        _ => None,
    });
    let connected =
        |event: &&Event<u16>| matches!(event, Event::Connected { slot, .. } if Some(*slot) == first);
    let ended = |event: &&Event<u16>| matches!(event, Event::SlotEnded { slot, .. } if Some(*slot) == first);
    assert_eq!(events.iter().filter(connected).count() + events.iter().filter(ended).count(), 1);
    bench.advance(secs(1));
    assert_eq!(bench.world.alive(A), 1);
}

#[test]
fn t12_t17_t19_however_often_dials_fail_an_address_that_heals_gets_all_its_connections() {
    let mut bench = Bench::new(|pool| pool.connections_per_address(4).dials_max(2));
    bench.set([A, B]);
    for fault in [Dial::Refuse, Dial::PanicInCall, Dial::PanicInFuture, Dial::Hang, Dial::PanicInDrop] {
        for address in [A, B] {
            bench.world.answer(address, fault);
            bench.world.links(address).iter().for_each(support::Link::break_off);
        }
        bench.advance(secs(600));
    }
    bench.world.answer(A, Dial::Accept);
    bench.world.answer(B, Dial::Accept);
    bench.advance(secs(30 * 12 / 10 + 5));
    assert_eq!((bench.world.alive(A), bench.world.alive(B)), (4, 4), "{}", bench.snapshot());
}

#[test]
fn c4_t26_a_connection_that_dies_while_idle_is_noticed_and_replaced_without_traffic() {
    let mut bench = Bench::up([A], |pool| pool);
    bench.advance(secs(60));
    bench.world.link(A).break_off();
    bench.advance(secs(1));
    assert_eq!((bench.world.dials(A), bench.world.alive(A)), (2, 1));
    bench.world.link(A).hang_up();
    bench.advance(secs(1));
    assert_eq!((bench.world.dials(A), bench.world.alive(A)), (3, 1));
}

/// A transport of which the test holds the other end.
struct Pipe {
    sent: mpsc::UnboundedSender<u32>,
    replies: mpsc::UnboundedReceiver<Result<u32, String>>,
}

impl Sink<u32> for Pipe {
    type Error = String;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        self.sent.poll_ready(cx).map_err(|error| error.to_string())
    }

    fn start_send(mut self: Pin<&mut Self>, item: u32) -> Result<(), String> {
        self.sent.start_send(item).map_err(|error| error.to_string())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), String>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), String>> {
        Poll::Ready(Ok(()))
    }
}

impl Stream for Pipe {
    type Item = Result<u32, String>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.replies.poll_next_unpin(cx)
    }
}

#[test]
fn c4_t25_a_read_driven_connection_hands_on_what_it_reads_and_notices_the_end() {
    let (peers, read) = (Rc::new(RefCell::new(Vec::new())), Rc::new(RefCell::new(Vec::new())));
    let (accepted, seen) = (Rc::clone(&peers), Rc::clone(&read));
    let connector = move |_: u16| {
        let (sent, received) = mpsc::unbounded();
        let (reply, replies) = mpsc::unbounded();
        accepted.borrow_mut().push((received, reply));
        let seen = Rc::clone(&seen);
        let pipe = read_driven(Pipe { sent, replies }, move |item: u32| seen.borrow_mut().push(item));
        async move { Ok::<_, String>(pipe) }
    };
    let clock = Clock::default();
    let builder = PoolBuilder::new(connector, clock.clone()).connect_to_fixed([A]).seed(SEED);
    let (pool, driver) = builder.redial_spread(None).build::<u32>().expect("the settings make sense");
    let mut executor = Executor::default();
    let _driver = executor.spawn(driver);
    pool.try_send(7).expect("there is room");
    executor.run();
    clock.set(pool_driver::Runtime::now(&clock) + secs(4));
    let (mut received, reply) = peers.borrow_mut().pop().expect("it has connected");
    assert_eq!(received.try_recv().ok(), Some(7));
    for item in 0..200 {
        reply.unbounded_send(Ok(item)).expect("the connection reads");
    }
    executor.run();
    assert_eq!(read.borrow().len(), 200);
    drop(reply);
    executor.run();
    assert!(received.try_recv().is_err_and(|error| error.is_closed()));
    assert_eq!(peers.borrow().len(), 1, "it has connected again");
}

#[test]
fn c5_t20_t29_connections_that_die_at_once_are_not_made_in_a_hot_loop() {
    let mut bench = Bench::new(|pool| pool);
    bench.world.behave(A, |behaviour| behaviour.fault = Some((Call::Event, Fault::Error)));
    bench.set([A]);
    bench.advance(secs(60));
    assert!(bench.world.dials(A) < 20, "{}", bench.world.dials(A));
}

#[test]
fn c5_connections_that_are_sent_away_at_once_are_not_made_in_a_hot_loop() {
    let mut bench = Bench::up([A], |pool| pool);
    for _ in 0..10 {
        bench.world.link(A).go_away();
        bench.run();
    }
    assert!(bench.world.dials(A) < 5, "{}", bench.world.dials(A));
}

#[test]
fn c6_t9_t10_the_waker_of_a_former_occupant_wakes_nobody() {
    let mut bench = Bench::up([A], |pool| pool);
    bench.advance(secs(60));
    let late = bench.world.link(A).steal_waker().expect("it was polled");
    bench.world.link(A).break_off();
    bench.advance(secs(1));
    let occupant = bench.world.link(A);
    occupant.take_log();
    late.wake_by_ref();
    late.wake();
    bench.run();
    assert!(occupant.take_log().is_empty());
    bench.send([1]);
    assert_eq!(occupant.received(), [1]);
    bench.finish();
}

#[test]
fn t6_a_sender_that_gives_up_cancels_no_dial() {
    let mut bench = Bench::new(|pool| pool.lazy().queue_size(1));
    bench.world.answer(A, Dial::Hang);
    bench.set([A]);
    bench.send([1]);
    let sender = bench.sender(2);
    bench.run();
    bench.give_up(&sender, 2);
    bench.run();
    assert_eq!(bench.world.dialling(A), 1);
    bench.world.answer(A, Dial::Accept);
    bench.run();
    assert_eq!(bench.world.received(A), [1]);
    bench.finish();
}

#[test]
fn a_connection_that_goes_away_finishes_its_work_while_another_takes_over() {
    let mut bench = Bench::up([A], |pool| pool);
    bench.world.link(A).change(|behaviour| behaviour.flushes = false);
    bench.send([1]);
    let old = bench.world.link(A);
    old.go_away();
    bench.advance(secs(1));
    bench.send([2]);
    assert_eq!((old.received(), bench.world.link(A).received()), (vec![], vec![2]));
    old.change(|behaviour| behaviour.flushes = true);
    bench.run();
    assert_eq!((old.received(), old.is_open()), (vec![1], false));
    let failed = |event: &Event<u16>| matches!(event, Event::BackedOff { .. });
    assert_eq!(bench.count_events(failed), 0, "it is not a failure");
    bench.finish();
}

#[test]
fn a_connection_that_does_not_close_is_dropped_at_the_drain_deadline() {
    let mut bench = Bench::up([A], |pool| pool.drain_timeout(secs(9)));
    bench.world.link(A).change(|behaviour| behaviour.closes = false);
    bench.set([]);
    bench.advance(millis(8999));
    assert_eq!(bench.world.alive(A), 1);
    bench.advance(millis(1));
    assert_eq!(bench.world.alive(A), 0);
    let told = |event: &Event<u16>| {
        matches!(event, Event::SlotEnded { state: SlotState::Draining, end: SlotEnd::DrainTimedOut, .. })
    };
    assert_eq!(bench.count_events(told), 1);
}

#[test]
fn t21_an_address_in_backoff_is_dialled_at_once_when_somebody_knows_that_it_is_up() {
    let mut bench = Bench::new(|pool| pool);
    bench.world.answer(A, Dial::Refuse);
    bench.set([A]);
    bench.advance(secs(300));
    bench.world.answer(A, Dial::Accept);
    bench.pool().retry_now(A);
    bench.run();
    assert_eq!(bench.world.alive(A), 1);
}

#[test]
fn t23_a_pool_that_recovers_dials_no_more_at_once_than_it_may() {
    let mut bench = Bench::new(|pool| pool.connections_per_address(10).dials_max(8));
    (1..=20).for_each(|address| bench.world.answer(address, Dial::Hang));
    bench.set(1..=20);
    let dialling = |bench: &Bench| (1..=20).map(|address| bench.world.dialling(address)).sum::<usize>();
    assert_eq!(dialling(&bench), 8);
    assert!((1..=20).all(|address| bench.world.dialling(address) <= 1), "one for a start");
    for address in 1..=20 {
        bench.world.answer(address, Dial::Accept);
        bench.run();
        assert!(dialling(&bench) <= 8);
    }
    assert!((1..=20).all(|address| bench.world.alive(address) == 10));
}
