//! What a connection tells when the pool gives it up, and that every end has a beginning.

mod support;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_sink::Sink;
use pool_core::{AddressId, Instant, PickArgs, Ring, RoundRobin};
use pool_driver::{
    Balance, Connection, ConnectionEvent, Event, Outcome, Pool, PoolBuilder, SlotEnd, SlotState,
};
use support::{A, B, Bench, Call, Clock, Dial, Executor, Fault, Feed, connect_once, secs};

const SUCCESS: Outcome = Outcome::Success { latency: Some(Duration::from_millis(1)) };

/// A connection that says nothing and never closes until it is given up.
#[derive(Clone, Default)]
struct Reticent {
    state: Rc<RefCell<ReticentState>>,
}

#[derive(Default)]
struct ReticentState {
    items: VecDeque<u32>,
    is_given_up: bool,
    /// How many of its items it then returns, and how many it then says succeeded.
    returns: usize,
    succeeds: usize,
}

impl Sink<u32> for Reticent {
    type Error = String;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), String>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, item: u32) -> Result<(), String> {
        self.state.borrow_mut().items.push_back(item);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), String>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), String>> {
        Poll::Pending
    }
}

impl Connection<u32> for Reticent {
    const REPORTS_OUTCOMES: bool = true;

    fn poll_event(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<ConnectionEvent<u32>, String>> {
        let state = &mut *self.state.borrow_mut();
        if !state.is_given_up {
            return Poll::Pending;
        }
        if state.succeeds > 0 {
            state.succeeds -= 1;
            state.items.pop_front();
            return Poll::Ready(Ok(ConnectionEvent::Finished(SUCCESS)));
        }
        if state.returns > 0 {
            state.returns -= 1;
            return Poll::Ready(Ok(ConnectionEvent::Unsent(state.items.pop_front().expect("it has some"))));
        }
        Poll::Pending
    }

    fn give_up(self: Pin<&mut Self>) {
        self.state.borrow_mut().is_given_up = true;
    }
}

/// Round-robin that counts the successes it is told of.
struct Counting(Rc<RefCell<usize>>);

impl Balance for Counting {
    fn pick(&self, ring: &Ring<'_>, args: &PickArgs, now: Instant) -> Option<AddressId> {
        RoundRobin::new().pick(ring, args, now)
    }

    fn on_finished(&mut self, _: AddressId, outcome: &Outcome, _: Instant) {
        *self.0.borrow_mut() += usize::from(matches!(outcome, Outcome::Success { .. }));
    }
}

/// A pool whose connections are reticent, all of them the same one.
struct Room {
    clock: Clock,
    executor: Executor,
    feed: Feed,
    pool: Pool<u32, u16>,
    peer: Reticent,
    events: Rc<RefCell<Vec<Event<u16>>>>,
    successes: Rc<RefCell<usize>>,
}

impl Room {
    fn up() -> Self {
        let (clock, feed, peer) =
            (Clock::default(), Feed::new(&support::Calls::default()), Reticent::default());
        let (events, successes) = (Rc::new(RefCell::new(Vec::new())), Rc::default());
        let log = Rc::clone(&events);
        let (pool, driver) = PoolBuilder::new(connect_once(peer.clone()), clock.clone())
            .follow(feed.clone())
            .observer(move |event: &Event<u16>| log.borrow_mut().push(event.clone()))
            .balancer(Counting(Rc::clone(&successes)))
            .drain_timeout(secs(1))
            .outcome_timeout(secs(5))
            .seed(support::SEED)
            .build::<u32>()
            .expect("the settings make sense");
        let mut executor = Executor::default();
        executor.spawn(driver);
        feed.push_set([A]);
        executor.run();
        Self { clock, executor, feed, pool, peer, events, successes }
    }

    fn send(&mut self, items: u32) {
        (0..items).for_each(|item| self.pool.try_send(item).expect("there is room"));
        self.executor.run();
    }

    fn advance(&mut self, duration: Duration) {
        self.clock.advance(duration, || self.executor.run());
    }

    /// How the connection ended: its end, how many items it was sent, and how many it took with it.
    fn ends(&self) -> Vec<(SlotEnd, u64, u32)> {
        let ended = |event: &Event<u16>| match event {
            Event::SlotEnded { end, sent, in_flight, state, .. } if *state != SlotState::Dialling => {
                Some((*end, *sent, *in_flight))
            }
            _ => None,
        };
        self.events.borrow().iter().filter_map(ended).collect()
    }
}

#[test]
fn a_connection_that_is_given_up_takes_with_it_what_it_did_not_return() {
    let mut room = Room::up();
    room.send(5);
    (room.peer.state.borrow_mut().returns, room.peer.state.borrow_mut().succeeds) = (3, 0);
    room.feed.push_set([]);
    room.advance(secs(2));
    assert_eq!(room.ends(), [(SlotEnd::DrainTimedOut, 5, 2)]);
    assert_eq!(room.pool.snapshot().queue.in_backlog, 3, "three came back");
}

#[test]
fn the_last_outcomes_of_a_connection_that_is_given_up_reach_the_balancer() {
    let mut room = Room::up();
    room.send(5);
    room.peer.state.borrow_mut().succeeds = 2;
    room.advance(secs(6));
    assert_eq!((*room.successes.borrow(), room.ends().len()), (2, 1));
    let (end, sent, in_flight) = room.ends()[0];
    assert_eq!((end, sent, in_flight), (SlotEnd::Failed(pool_driver::FailureKind::TimedOut), 5, 3));
}

#[test]
fn a_driver_that_is_dropped_before_it_began_has_a_beginning_all_the_same() {
    let mut bench = Bench::new(|pool| pool);
    assert_eq!(bench.try_send(1), Ok(()));
    bench.executor.cancel(&bench.driver.clone());
    let events = bench.take_events();
    assert!(
        matches!(
            events[..],
            [Event::Started { .. }, Event::Undelivered { count: 1, .. }, Event::Ended { .. }]
        ),
        "{events:?}"
    );
}

#[test]
fn a_dial_that_is_dropped_before_it_began_has_a_beginning_all_the_same() {
    let mut bench = Bench::new(PoolBuilder::lazy);
    bench.set([A]);
    assert_eq!(bench.try_send(1), Ok(()));
    drop(bench.pool().shutdown(Duration::ZERO));
    bench.run();
    let begun = bench.count_events(|event| matches!(event, Event::Dialling { .. }));
    let ended = bench.count_events(|event| matches!(event, Event::SlotEnded { .. }));
    assert_eq!((begun, ended, bench.world.dials(A)), (1, 1, 0));
}

#[test]
fn what_a_draining_connection_has_to_tell_is_read_before_its_time_is_over() {
    let mut bench = Bench::up([A, B], |pool| pool.drain_timeout(secs(1)));
    let link = bench.world.link(A);
    link.change(|behaviour| (behaviour.keeps_items, behaviour.closes) = (true, false));
    bench.send(1..=6);
    bench.world.answer(A, Dial::Hang);
    bench.set([B]);
    assert_eq!(link.in_flight(), 3);
    // The driver is not polled for a while. Meanwhile the peer has answered.
    link.finish(3, SUCCESS);
    bench.clock.set(bench.now() + secs(1));
    bench.run();
    let lost = bench.take_events().into_iter().find_map(|event| match event {
        Event::SlotEnded { in_flight, address: A, .. } => Some(in_flight),
        _ => None,
    });
    assert!(lost.is_none_or(|lost| lost == 0), "{lost:?} were lost");
    bench.finish();
}

/// After a process stood still its timers fire first: what has come meanwhile is read later.
#[test]
fn nobody_is_given_up_for_time_in_which_the_driver_was_not_polled() {
    let mut bench = Bench::up([A, B], |pool| pool.drain_timeout(secs(1)).outcome_timeout(secs(1)));
    let (draining, owing) = (bench.world.link(A), bench.world.link(B));
    for link in [&draining, &owing] {
        link.change(|behaviour| (behaviour.keeps_items, behaviour.closes) = (true, false));
    }
    bench.send(1..=6);
    bench.set([B]);
    bench.take_events();
    bench.clock.set(bench.now() + Duration::from_millis(2500));
    bench.run();
    for link in [&draining, &owing] {
        assert_eq!((link.is_open(), link.in_flight()), (true, 3), "{}", bench.snapshot());
        link.finish(3, SUCCESS);
        link.change(|behaviour| behaviour.closes = true);
    }
    bench.run();
    let ended = |event| match event {
        Event::SlotEnded { address, end, in_flight, .. } => Some((address, end, in_flight)),
        _ => None,
    };
    let ends: Vec<_> = bench.take_events().into_iter().filter_map(ended).collect();
    assert_eq!(ends, [(A, SlotEnd::Closed, 0)]);
    bench.finish();
}

#[test]
fn a_connection_that_breaks_may_say_of_each_item_that_it_was_answered_and_then_that_it_is_finished() {
    let mut bench = Bench::new(|pool| pool);
    bench.world.behave(A, |behaviour| behaviour.keeps_items = true);
    bench.set([A]);
    bench.send(1..=90);
    let link = bench.world.link(A);
    for _ in 1..=90 {
        link.tell_unnoticed(ConnectionEvent::Answered { latency: secs(1) });
    }
    for _ in 1..=90 {
        link.tell_unnoticed(ConnectionEvent::Finished(Outcome::Success { latency: None }));
    }
    link.fault(Call::Send, Fault::Error);
    bench.send([91]);
    let lost = bench.take_events().into_iter().find_map(|event| match event {
        Event::SlotEnded { in_flight, .. } => Some(in_flight),
        _ => None,
    });
    assert_eq!(lost, Some(1), "the one that it broke with");
    bench.finish();
}

/// Takes one item, breaks at the second, and then says without an end that it has an answer.
struct Babbler {
    sent: usize,
}

impl Sink<u32> for Babbler {
    type Error = String;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), String>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(mut self: Pin<&mut Self>, _: u32) -> Result<(), String> {
        self.sent += 1;
        if self.sent == 1 { Ok(()) } else { Err("one was enough".into()) }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), String>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), String>> {
        Poll::Ready(Ok(()))
    }
}

impl Connection<u32> for Babbler {
    const REPORTS_OUTCOMES: bool = true;

    fn poll_event(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<ConnectionEvent<u32>, String>> {
        if self.sent < 2 {
            return Poll::Pending;
        }
        Poll::Ready(Ok(ConnectionEvent::Answered { latency: Duration::ZERO }))
    }
}

#[test]
fn a_connection_that_breaks_and_babbles_is_not_listened_to_for_ever() {
    let (pool, driver) = PoolBuilder::new(connect_once(Babbler { sent: 0 }), Clock::default())
        .connect_to_fixed([A])
        .build::<u32>()
        .expect("the settings make sense");
    let mut executor = Executor::default();
    executor.spawn(driver);
    executor.run();
    pool.try_send(1).expect("there is room");
    pool.try_send(2).expect("there is room");
    executor.run();
    let address = &pool.snapshot().addresses[0];
    assert_eq!((address.status.slots.ready, address.status.in_flight), (0, 0), "it is gone");
}
