//! Connections are told the time of the pool's runtime before whatever else is asked of them.

mod support;

use std::cell::RefCell;
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_sink::Sink;
use pool_core::Instant;
use pool_driver::{Connection, ConnectionEvent, Ended, Pool, PoolBuilder, Runtime, Wrapped, map_items};
use support::{A, Clock, Executor, SEED, Task, secs};

/// What was asked of a connection, with the time that it had been told.
#[derive(Clone, Default)]
struct Book(Rc<RefCell<Page>>);

#[derive(Default)]
struct Page {
    calls: Vec<(&'static str, Instant)>,
    /// The next connection that is told the time panics.
    panics_next: bool,
    waker: Option<Waker>,
}

impl Book {
    /// What was asked since this was called last.
    fn take_calls(&self) -> Vec<(&'static str, Instant)> {
        std::mem::take(&mut self.0.borrow_mut().calls)
    }

    fn wake(&self) {
        let waker = self.0.borrow_mut().waker.take();
        waker.expect("the connection was polled").wake();
    }
}

/// Takes items, and answers none.
struct Timed {
    book: Book,
    /// It was never told the time if this is `None`.
    now: Option<Instant>,
}

impl Timed {
    fn note(&self, call: &'static str) {
        let now = self.now.expect("the time comes first");
        self.book.0.borrow_mut().calls.push((call, now));
    }
}

impl Sink<u32> for Timed {
    type Error = Infallible;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.note("ready");
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, _: u32) -> Result<(), Infallible> {
        self.note("send");
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.note("flush");
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.note("close");
        Poll::Pending
    }
}

impl Connection<u32> for Timed {
    const REPORTS_OUTCOMES: bool = true;

    fn poll_event(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<ConnectionEvent<u32>, Infallible>> {
        self.note("event");
        self.book.0.borrow_mut().waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn set_now(mut self: Pin<&mut Self>, now: Instant) {
        let panics = std::mem::take(&mut self.book.0.borrow_mut().panics_next);
        assert!(!panics, "a scripted panic");
        self.now = Some(now);
    }

    fn give_up(self: Pin<&mut Self>) {
        self.note("give up");
    }
}

struct Bench {
    clock: Clock,
    executor: Executor,
    pool: Pool<u32, u16>,
    _driver: Task<Ended>,
    book: Book,
}

impl Bench {
    /// A pool with one connection. Its items are mapped to themselves on their way: a wrapper passes the time on.
    fn up() -> Self {
        let book = Book::default();
        let page = book.clone();
        let connect = move |_: u16| {
            let connection = Timed { book: page.clone(), now: None };
            async { Ok::<_, Infallible>(connection) }
        };
        let connector = Wrapped::new(connect, |timed| map_items(timed, |item: u32| item, |item: u32| item));
        let clock = Clock::default();
        let builder = PoolBuilder::new(connector, clock.clone()).connect_to_fixed([A]).seed(SEED);
        let builder = builder.outcome_timeout(secs(5)).drain_timeout(secs(7));
        let (pool, driver) = builder.build::<u32>().expect("the settings make sense");
        let mut executor = Executor::default();
        let driver = executor.spawn(driver);
        executor.run();
        Self { clock, executor, pool, _driver: driver, book }
    }

    fn pass(&mut self, duration: Duration) -> Instant {
        let now = self.clock.now() + duration;
        self.clock.set(now);
        now
    }
}

#[test]
fn a_connection_is_told_the_time_before_it_is_first_asked_for_events() {
    let bench = Bench::up();
    let calls = bench.book.take_calls();
    assert_eq!(calls.first(), Some(&("event", Instant::ZERO)), "{calls:?}");
}

#[test]
fn items_and_their_flush_come_with_the_time_at_which_they_are_sent() {
    let mut bench = Bench::up();
    bench.book.take_calls();
    let now = bench.pass(secs(3));
    for item in 0..2 {
        bench.pool.try_send(item).expect("there is room");
    }
    bench.executor.run();
    let calls = ["ready", "send", "ready", "send", "flush"].map(|name| (name, now));
    assert_eq!(bench.book.take_calls(), calls);
    let later = bench.pass(secs(1));
    bench.pool.try_send(3).expect("there is room");
    bench.executor.run();
    assert_eq!(bench.book.take_calls(), ["ready", "send", "flush"].map(|name| (name, later)));
}

#[test]
fn a_connection_that_is_woken_is_told_the_time_before_it_is_asked_for_events() {
    let mut bench = Bench::up();
    bench.book.take_calls();
    let now = bench.pass(secs(3));
    bench.book.wake();
    bench.executor.run();
    assert_eq!(bench.book.take_calls(), [("event", now)]);
}

#[test]
fn a_connection_that_drains_is_told_the_time() {
    let mut bench = Bench::up();
    bench.book.take_calls();
    let now = bench.pass(secs(3));
    let pool = bench.pool.clone();
    let _shutdown = bench.executor.spawn(async move { pool.shutdown(secs(30)).await });
    bench.executor.run();
    let calls = bench.book.take_calls();
    assert!(calls.contains(&("close", now)), "{calls:?}");
    assert!(calls.iter().all(|(_, told)| *told == now), "{calls:?}");
}

#[test]
fn a_connection_that_is_given_up_is_told_the_time_before() {
    let mut bench = Bench::up();
    bench.pool.try_send(1).expect("there is room");
    bench.executor.run();
    bench.book.take_calls();
    // The outcome timeout: nothing has woken the connection.
    let now = bench.pass(secs(5));
    bench.executor.run();
    let calls = bench.book.take_calls();
    assert_eq!(calls.first(), Some(&("give up", now)), "{calls:?}");
}

#[test]
fn a_multiplexer_tells_the_time_of_the_flush_and_not_only_that_of_the_last_item() {
    let book = Book::default();
    let page = book.clone();
    let connect = move |_: u16| {
        let connection = Timed { book: page.clone(), now: None };
        async { Ok::<_, Infallible>(connection) }
    };
    let clock = Clock::default();
    let builder = PoolBuilder::new(connect, clock.clone()).connect_to_fixed([A]).seed(SEED);
    let mut multiplexer = builder.build_multiplexer::<u32>().expect("the settings make sense");
    let mut cx = Context::from_waker(Waker::noop());
    while multiplexer.try_dispatch(1).is_err() {
        assert!(multiplexer.poll_progress(&mut cx).is_pending());
    }
    book.take_calls();
    let now = clock.now() + secs(2);
    clock.set(now);
    assert!(multiplexer.poll_progress(&mut cx).is_pending());
    assert_eq!(book.take_calls(), [("flush", now)]);
}

#[test]
fn a_connection_that_panics_when_it_is_told_the_time_is_replaced_and_its_items_go_to_the_next() {
    let mut bench = Bench::up();
    bench.book.0.borrow_mut().panics_next = true;
    bench.pool.try_send(1).expect("there is room");
    bench.executor.run();
    let calls = bench.book.take_calls();
    assert!(!calls.iter().any(|(call, _)| *call == "send"), "{calls:?}");
    let now = bench.pass(secs(60));
    bench.executor.run();
    let calls = bench.book.take_calls();
    assert!(calls.contains(&("send", now)), "{calls:?}");
    assert_eq!(bench.pool.snapshot().counts.sent, 1);
}
