//! Addresses and errors whose clones, conversions and drops panic cost what they touched, not the pool (F1).

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_core::Stream;
use futures_sink::Sink;
use futures_util::future::{Ready, ready};
use pool_conformance::simulated::{Clock, Executor, Spawned};
use pool_driver::{
    AddressSet, AddressUpdate, BoxError, Connection, ConnectionEvent, EndReason, Ended, Event,
    OnAddressesEnd, Pool, PoolBuilder,
};

/// What can panic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Point {
    CloneAddress,
    DropAddress,
    ConvertError,
    DropError,
}

/// Blows when its point was reached so often while the driver ran.
#[derive(Clone, Copy)]
struct Fuse {
    point: Point,
    passes_left: usize,
    /// It blows again each time after the first.
    is_lasting: bool,
    has_blown: bool,
}

thread_local! {
    static FUSE: Cell<Option<Fuse>> = const { Cell::new(None) };
    static IS_INSIDE: Cell<bool> = const { Cell::new(false) };
}

fn reach(point: Point) {
    let Some(mut fuse) = FUSE.get().filter(|fuse| IS_INSIDE.get() && fuse.point == point) else { return };
    if (std::thread::panicking() || fuse.has_blown) && !fuse.is_lasting {
        return;
    }
    if fuse.passes_left > 0 {
        fuse.passes_left -= 1;
        FUSE.set(Some(fuse));
        return;
    }
    fuse.has_blown = true;
    FUSE.set(Some(fuse));
    panic!("a scripted panic of {point:?}");
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Brittle(u16);

impl Clone for Brittle {
    fn clone(&self) -> Self {
        reach(Point::CloneAddress);
        Self(self.0)
    }
}

impl Drop for Brittle {
    fn drop(&mut self) {
        reach(Point::DropAddress);
    }
}

/// What dials and connections fail with.
struct Raw;

#[derive(Debug)]
struct BrittleError;

impl From<Raw> for BoxError {
    fn from(_: Raw) -> Self {
        reach(Point::ConvertError);
        Box::new(BrittleError)
    }
}

impl fmt::Display for BrittleError {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("a scripted panic of an error that is displayed")
    }
}

impl Error for BrittleError {}

impl Drop for BrittleError {
    fn drop(&mut self) {
        reach(Point::DropError);
    }
}

/// All servers, and what they have received.
#[derive(Clone, Default)]
struct Town {
    received: Rc<RefCell<Vec<u32>>>,
    is_refusing: Rc<Cell<bool>>,
    is_breaking: Rc<Cell<bool>>,
    wakers: Rc<RefCell<Vec<Waker>>>,
}

struct Wire(Town);

impl Sink<u32> for Wire {
    type Error = Raw;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Raw>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, item: u32) -> Result<(), Raw> {
        self.0.received.borrow_mut().push(item);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Raw>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Raw>> {
        Poll::Ready(Ok(()))
    }
}

impl Connection<u32> for Wire {
    const REPORTS_OUTCOMES: bool = false;

    fn poll_event(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<ConnectionEvent<u32>, Raw>> {
        self.0.wakers.borrow_mut().push(cx.waker().clone());
        if self.0.is_breaking.get() { Poll::Ready(Err(Raw)) } else { Poll::Pending }
    }
}

/// A name service that says what it is told to.
#[derive(Clone, Default)]
struct Service {
    updates: Rc<RefCell<VecDeque<AddressUpdate<Brittle>>>>,
    waker: Rc<RefCell<Option<Waker>>>,
}

impl Service {
    fn say(&self, update: AddressUpdate<Brittle>) {
        self.updates.borrow_mut().push_back(update);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Stream for Service {
    type Item = AddressUpdate<Brittle>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        *self.waker.borrow_mut() = Some(cx.waker().clone());
        self.updates.borrow_mut().pop_front().map_or(Poll::Pending, |update| Poll::Ready(Some(update)))
    }
}

/// A pool of brittle addresses.
struct Story {
    town: Town,
    service: Service,
    clock: Clock,
    executor: Executor,
    driver: Spawned<Ended>,
    pool: Pool<u32, Brittle>,
    sent: u32,
}

/// Runs the driver, and is dropped, with the fuse in place.
struct Inside<F>(Option<Pin<Box<F>>>);

impl<F: Future> Future for Inside<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        IS_INSIDE.set(true);
        let polled = self.0.as_mut().expect("it lives").as_mut().poll(cx);
        IS_INSIDE.set(false);
        polled
    }
}

impl<F> Drop for Inside<F> {
    fn drop(&mut self) {
        IS_INSIDE.set(true);
        self.0 = None;
        IS_INSIDE.set(false);
    }
}

impl Story {
    fn new(fuse: Fuse) -> Self {
        FUSE.set(Some(fuse));
        let (town, service, clock) = (Town::default(), Service::default(), Clock::default());
        let servers = town.clone();
        let connect = move |_: Brittle| -> Ready<Result<Wire, Raw>> {
            ready(if servers.is_refusing.get() { Err(Raw) } else { Ok(Wire(servers.clone())) })
        };
        let (pool, driver) = PoolBuilder::new(connect, clock.clone())
            .connect_to(service.clone())
            .on_addresses_end(OnAddressesEnd::Keep)
            .observer(|_: &Event<Brittle>| {})
            .seed(1)
            .build::<u32>()
            .expect("the settings make sense");
        let mut executor = Executor::default();
        let driver = executor.spawn(Inside(Some(Box::pin(driver))));
        executor.run();
        Self { town, service, clock, executor, driver, pool, sent: 0 }
    }

    fn set<const LEN: usize>(&mut self, addresses: [u16; LEN]) {
        self.service.say(AddressUpdate::Addresses(addresses.map(Brittle).into()));
        self.executor.run();
    }

    fn send(&mut self, items: u32) {
        for _ in 0..items {
            self.pool.try_send(self.sent).expect("there is room");
            self.sent += 1;
        }
        self.executor.run();
    }

    fn advance(&mut self, duration: Duration) {
        self.clock.advance(duration, || self.executor.run());
    }

    /// All that can happen to addresses and to errors.
    fn take_place(&mut self) {
        self.town.is_refusing.set(true);
        self.set([1, 2]);
        self.advance(Duration::from_secs(1));
        self.town.is_refusing.set(false);
        self.advance(Duration::from_secs(10));
        self.send(4);
        self.town.is_breaking.set(true);
        self.town.wakers.take().into_iter().for_each(Waker::wake);
        self.executor.run();
        self.town.is_breaking.set(false);
        self.advance(Duration::from_secs(10));
        self.service.say(AddressUpdate::failed(Raw));
        self.service.say(AddressUpdate::failed(Raw));
        self.executor.run();
        self.service.say(AddressUpdate::NoSuchName);
        self.set([2, 3]);
        self.pool.retry_now(Brittle(3));
        self.set([2, 3]);
        self.service.say(AddressUpdate::Addresses([5].map(Brittle).into()));
        self.set([3, 4]);
        self.advance(Duration::from_secs(60));
        self.set([3, 4, 6]);
        self.advance(Duration::from_secs(60));
    }

    /// The pool works, and ends as it is told to.
    fn end(mut self, context: &str) -> bool {
        let sent = self.sent;
        self.send(6);
        assert!(!self.driver.is_done(), "{context}");
        assert_eq!(self.town.received.borrow().len(), sent as usize + 6, "{context}");
        drop(self.pool.shutdown(Duration::from_secs(1)));
        self.advance(Duration::from_secs(60));
        let ended = self.driver.output().expect("nothing waits");
        assert_eq!(
            (ended.reason, ended.counts.sent),
            (EndReason::Shutdown, u64::from(self.sent)),
            "{context}"
        );
        has_blown()
    }
}

fn has_blown() -> bool {
    FUSE.get().is_some_and(|fuse| fuse.has_blown)
}

/// Lets the point panic when it is reached first, then when it is reached for the second time, and so on.
fn at_each_of(point: Point, tell: impl Fn(Fuse, &str) -> bool) -> usize {
    let count = (0..1000).take_while(|&passes_left| {
        let fuse = Fuse { point, passes_left, is_lasting: false, has_blown: false };
        tell(fuse, &format!("{point:?} number {passes_left}"))
    });
    count.count()
}

fn survive(fuse: Fuse, context: &str) -> bool {
    let mut story = Story::new(fuse);
    story.take_place();
    story.end(context)
}

#[test]
fn f1_an_address_whose_clone_panics_costs_what_it_touched() {
    assert!(at_each_of(Point::CloneAddress, survive) > 10);
}

#[test]
fn f1_an_address_whose_drop_panics_costs_nothing_else() {
    assert!(at_each_of(Point::DropAddress, survive) > 10);
}

#[test]
fn f1_sets_whose_addresses_all_panic_when_they_are_dropped_cost_nothing() {
    let fuse = Fuse { point: Point::DropAddress, passes_left: 0, is_lasting: true, has_blown: false };
    let mut story = Story::new(Fuse { passes_left: usize::MAX, ..fuse });
    story.set([1, 2]);
    FUSE.set(Some(fuse));
    // One is displaced before it acts, the other takes the place of the same one.
    story.service.say(AddressUpdate::Addresses([3, 4].map(Brittle).into()));
    story.set([1, 2]);
    assert!(has_blown());
    FUSE.set(Some(Fuse { passes_left: usize::MAX, ..fuse }));
    story.end("a set is dropped");
}

#[test]
fn a4_an_empty_set_drains_everything_after_one_with_an_address_that_could_not_be_cloned() {
    let fuse = Fuse { point: Point::CloneAddress, passes_left: 1, is_lasting: false, has_blown: false };
    let mut story = Story::new(Fuse { passes_left: usize::MAX, ..fuse });
    FUSE.set(Some(fuse));
    story.set([1, 2]);
    let known = |story: &Story| -> Vec<u16> {
        story.pool.snapshot().addresses.iter().map(|row| row.address.0).collect()
    };
    assert_eq!((has_blown(), known(&story)), (true, vec![1]), "the second could not be cloned");
    story.set([]);
    assert!(known(&story).is_empty());
    story.set([1, 2]);
    assert_eq!(known(&story), [1, 2]);
    story.end("an empty set came");
}

#[test]
fn f1_a_set_that_comes_again_brings_the_address_that_could_not_be_cloned() {
    let fuse = Fuse { point: Point::CloneAddress, passes_left: 1, is_lasting: false, has_blown: false };
    let mut story = Story::new(Fuse { passes_left: usize::MAX, ..fuse });
    let set: AddressSet<Brittle> = [1, 2].map(Brittle).into();
    FUSE.set(Some(fuse));
    for expected in [1, 2] {
        story.service.say(AddressUpdate::Addresses(set.clone()));
        story.executor.run();
        assert_eq!(story.pool.snapshot().addresses.len(), expected);
    }
    assert!(story.end("the same set came again"));
}

#[test]
fn f1_an_error_whose_conversion_panics_is_an_error_all_the_same() {
    assert!(at_each_of(Point::ConvertError, survive) > 4);
}

#[test]
fn f1_an_error_whose_drop_panics_costs_nothing_else() {
    assert!(at_each_of(Point::DropError, survive) > 4);
}

#[test]
fn f1_errors_whose_drops_all_panic_cost_nothing_else() {
    let fuse = Fuse { point: Point::DropError, passes_left: 0, is_lasting: true, has_blown: false };
    assert!(survive(fuse, "all of them"));
}

#[test]
fn f1_a_driver_can_be_dropped_whatever_its_addresses_and_errors_do_then() {
    let mut count = 0;
    for point in [Point::DropAddress, Point::DropError] {
        let drop_it = |fuse: Fuse, context: &str| {
            let mut story = Story::new(Fuse { passes_left: usize::MAX, ..fuse });
            story.town.is_refusing.set(true);
            story.set([1, 2]);
            FUSE.set(Some(fuse));
            story.executor.cancel(&story.driver);
            let ended = story.pool.snapshot().ended.expect("it is over");
            assert_eq!(ended.reason, EndReason::DriverDropped, "{context}");
            has_blown()
        };
        count += at_each_of(point, drop_it);
    }
    assert!(count > 0, "no drop was reached");
}
