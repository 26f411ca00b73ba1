//! Connections that say goodbye, sets that are refused, and drivers that are late: what is told is heard, what is
//! refused is not kept, and nobody is given up before its socket was polled.

mod support;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use futures_sink::Sink;
use futures_util::future::ready;
use futures_util::{StreamExt, stream};
use pool_driver::{
    AddressUpdate, Connection, ConnectionEvent, Event, Instant, Pool, PoolBuilder, Runtime, SlotEnd,
    SlotState, StreamSource, Timer,
};
use support::{A, Calls, Clock, Executor, Feed, SEED, connect_once, secs};

#[derive(Default)]
struct GoodbyeState {
    items: VecDeque<u32>,
    says_goodbye: bool,
    goodbye_said: bool,
    waker: Option<Waker>,
}

/// Holds what it is sent; when its peer says goodbye it returns all of it, and has nothing to close.
#[derive(Clone, Default)]
struct Goodbye(Rc<RefCell<GoodbyeState>>);

impl Sink<u32> for Goodbye {
    type Error = String;
    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), String>> {
        Poll::Ready(Ok(()))
    }
    fn start_send(self: Pin<&mut Self>, item: u32) -> Result<(), String> {
        self.0.borrow_mut().items.push_back(item);
        Ok(())
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), String>> {
        Poll::Ready(Ok(()))
    }
    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), String>> {
        Poll::Ready(Ok(()))
    }
}

impl Connection<u32> for Goodbye {
    const REPORTS_OUTCOMES: bool = true;
    fn poll_event(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<ConnectionEvent<u32>, String>> {
        let state = &mut *self.0.borrow_mut();
        state.waker = Some(cx.waker().clone());
        if !state.says_goodbye {
            return Poll::Pending;
        }
        if !mem::replace(&mut state.goodbye_said, true) {
            return Poll::Ready(Ok(ConnectionEvent::GoingAway));
        }
        match state.items.pop_front() {
            Some(item) => Poll::Ready(Ok(ConnectionEvent::Unsent(item))),
            None => Poll::Pending,
        }
    }
}

/// A pool whose only connection says goodbye.
struct Parting {
    executor: Executor,
    pool: Pool<u32, u16>,
    peer: Goodbye,
    events: Rc<RefCell<Vec<Event<u16>>>>,
    undelivered: Rc<RefCell<Vec<u32>>>,
}

impl Parting {
    fn up() -> Self {
        let (feed, peer) = (Feed::new(&Calls::default()), Goodbye::default());
        let (events, undelivered) = (Rc::new(RefCell::new(Vec::new())), Rc::new(RefCell::new(Vec::new())));
        let (log, returned) = (Rc::clone(&events), Rc::clone(&undelivered));
        let (pool, driver) = PoolBuilder::new(connect_once(peer.clone()), Clock::default())
            .follow(feed.clone())
            .observer(move |event: &Event<u16>| log.borrow_mut().push(event.clone()))
            .on_undelivered(move |item: u32, _| returned.borrow_mut().push(item))
            .queue_size(5_000)
            .seed(SEED)
            .build::<u32>()
            .expect("the settings make sense");
        let mut executor = Executor::default();
        executor.spawn(driver);
        feed.push_set([A]);
        executor.run();
        Self { executor, pool, peer, events, undelivered }
    }

    fn send(&mut self, items: u32) {
        (0..items).for_each(|item| self.pool.try_send(item).expect("there is room"));
        self.executor.run();
    }

    fn say_goodbye(&mut self) {
        self.peer.0.borrow_mut().says_goodbye = true;
        let waker = self.peer.0.borrow_mut().waker.take();
        waker.expect("polled").wake();
        self.executor.run();
    }
}

#[test]
fn i1_a_connection_that_says_goodbye_returns_all_that_never_left() {
    let mut bench = Parting::up();
    bench.send(200);
    assert_eq!(bench.peer.0.borrow().items.len(), 200);
    bench.say_goodbye();
    let events = bench.events.borrow();
    let ended: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::SlotEnded { end, sent, in_flight, state: SlotState::Draining, .. } => {
                Some((*end, *sent, *in_flight))
            }
            _ => None,
        })
        .collect();
    assert_eq!(ended, [(SlotEnd::Closed, 200, 0)]);
    let snapshot = bench.pool.snapshot();
    assert_eq!(snapshot.queue.in_backlog, 200, "{:?}", snapshot.counts);
}

#[test]
fn i1_what_one_connection_returns_keeps_its_order_however_much_it_is() {
    let mut bench = Parting::up();
    bench.send(3_000);
    bench.say_goodbye();
    drop(bench.pool.shutdown(secs(0)));
    bench.executor.run();
    let undelivered = bench.undelivered.borrow();
    assert!(undelivered.iter().copied().eq(0..3_000), "{undelivered:?}");
}

#[test]
fn f2_a_connection_that_returns_what_it_never_had_gets_no_more_than_its_turn() {
    let mut bench = Parting::up();
    bench.send(1);
    bench.peer.0.borrow_mut().items.extend(0..10_000);
    bench.peer.0.borrow_mut().says_goodbye = true;
    let waker = bench.peer.0.borrow_mut().waker.take();
    waker.expect("polled").wake();
    bench.executor.step();
    assert!(bench.peer.0.borrow().items.len() > 9_000, "others have their turn first");
}

/// Counts how many there are.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Counted(u32);

thread_local! {
    static LIVE: Cell<usize> = const { Cell::new(0) };
}

impl Counted {
    fn new(number: u32) -> Self {
        LIVE.set(LIVE.get() + 1);
        Self(number)
    }
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        Self::new(self.0)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        LIVE.set(LIVE.get() - 1);
    }
}

#[test]
fn f6_a_set_that_is_refused_is_told_of_and_not_kept() {
    let connect = |_: Counted| ready(Ok::<_, String>(Goodbye::default()));
    let refused = Rc::new(Cell::new(0));
    let seen = Rc::clone(&refused);
    let sets = [vec![Counted::new(1)], (0..10_000).map(Counted::new).collect()];
    let updates = sets.map(|set| AddressUpdate::Addresses(set.into()));
    let (_pool, driver) = PoolBuilder::new(connect, Clock::default())
        .follow(StreamSource::new(stream::iter(updates).chain(stream::pending())))
        .addresses_max(10)
        .observer(move |event: &Event<Counted>| {
            if let Event::AddressesRefused { len, max: 10 } = event {
                seen.set(*len);
            }
        })
        .build::<u32>()
        .expect("the settings make sense");
    let mut executor = Executor::default();
    executor.spawn(driver);
    executor.run();
    assert_eq!(refused.get(), 10_000);
    assert!(LIVE.get() < 100, "{} addresses are kept", LIVE.get());
}

/// A clock that goes on while it is read, as real ones do, and a timer that reads it, as that of async-io does.
#[derive(Clone, Default)]
struct Ticking(Arc<AtomicU64>);

struct TickingTimer(Ticking, Instant);

impl Runtime for Ticking {
    type Timer = TickingTimer;

    fn now(&self) -> Instant {
        Instant::from_nanos(self.0.fetch_add(1_000, Ordering::Relaxed) + 1_000)
    }

    fn timer(&self) -> TickingTimer {
        TickingTimer(self.clone(), Instant::from_nanos(u64::MAX))
    }
}

impl Timer for TickingTimer {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.1 = deadline;
    }

    fn poll_expired(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.0.now() >= self.1 { Poll::Ready(()) } else { Poll::Pending }
    }
}

#[test]
fn a_late_driver_gives_nobody_up_before_its_runtime_had_a_turn() {
    let (clock, feed) = (Ticking::default(), Feed::new(&Calls::default()));
    let events = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&events);
    let connect = |_: u16| ready(Ok::<_, String>(Goodbye::default()));
    let (pool, driver) = PoolBuilder::new(connect, clock.clone())
        .follow(feed.clone())
        .observer(move |event: &Event<u16>| log.borrow_mut().push(event.clone()))
        .outcome_timeout(secs(1))
        .build::<u32>()
        .expect("the settings make sense");
    let mut executor = Executor::default();
    executor.spawn(driver);
    feed.push_set([A]);
    executor.run();
    pool.try_send(1).expect("there is room");
    executor.run();
    // The process stands still. Then the driver is polled until it has nothing to do.
    clock.0.fetch_add(2_500_000_000, Ordering::Relaxed);
    pool.try_send(2).expect("there is room");
    executor.run();
    let ends = events.borrow().iter().filter(|event| matches!(event, Event::SlotEnded { .. })).count();
    assert_eq!(ends, 0, "no socket was polled since");
}
