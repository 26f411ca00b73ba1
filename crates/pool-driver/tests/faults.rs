//! A panic costs what panicked (F1), and nothing grows with time (F3).

mod support;

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_sink::Sink;
use futures_util::stream::{self, StreamExt};
use pool_core::{AddressId, Instant, PickArgs, Ring};
use pool_driver::{
    AddressSet, Attributes, Backoff, Balance, BoxError, EndReason, Endpoint, Event, OnAddressesEnd, Outcome,
    PoolBuilder, RoundRobin, UndeliveredReason,
};
use support::{A, Answer, B, Bench, Call, Clock, Dial, End, Executor, Fault, Modulo, secs};

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
    fn pick(&self, ring: &Ring<'_>, pick: &PickArgs, now: Instant) -> Option<AddressId> {
        self.check("pick");
        RoundRobin::new().pick(ring, pick, now)
    }

    fn on_joined(&mut self, _: AddressId, _: &Attributes, _: Instant) {
        self.check("on_joined");
    }

    fn on_changed(&mut self, _: AddressId, _: &Attributes, _: Instant) {
        self.check("on_changed");
    }

    fn on_left(&mut self, _: AddressId, _: Instant) {
        self.check("on_left");
    }

    fn on_readiness(&mut self, _: AddressId, is_ready: bool, _: Instant) {
        self.check(if is_ready { "on_readiness" } else { "on_readiness, not ready" });
    }

    fn on_sent(&mut self, _: AddressId, _: Instant) {
        self.check("on_sent");
    }

    fn on_answered(&mut self, _: AddressId, _: Duration, _: Instant) {
        self.check("on_answered");
    }

    fn on_finished(&mut self, _: AddressId, _: &Outcome, _: Instant) {
        self.check("on_finished");
    }

    fn on_lost(&mut self, _: AddressId, _: u32, _: Instant) {
        self.check("on_lost");
    }
}

fn with_fragile_balancer() -> (Bench, Rc<Cell<&'static str>>) {
    let panics_in = Rc::new(Cell::new(""));
    let fragile = Fragile { panics_in: Rc::clone(&panics_in) };
    let mut bench = Bench::new(|pool| pool.balancer(fragile));
    bench.world.behave(A, |behaviour| behaviour.keeps_items = true);
    bench.set([A]);
    (bench, panics_in)
}

#[test]
fn f1_a_panic_of_the_balancer_is_the_pools_end_with_a_reason() {
    for (method, sent) in [("pick", 1), ("on_sent", 2), ("on_answered", 1), ("on_finished", 1)] {
        let (mut bench, panics_in) = with_fragile_balancer();
        bench.send([1]);
        panics_in.set(method);
        bench.world.link(A).finish(1, Outcome::Success { latency: Some(secs(1)) });
        assert_eq!((bench.try_send(2), bench.try_send(3)), (Ok(()), Ok(())));
        let ended = bench.output(&bench.driver.clone());
        assert_eq!((ended.reason, ended.counts.sent), (EndReason::BalancerPanicked, sent), "{method}");
        let reason = UndeliveredReason::Closed(EndReason::BalancerPanicked);
        let undelivered = 3 - usize::try_from(sent).expect("it fits");
        assert_eq!(bench.ledger.reasons(), vec![reason; undelivered], "{method}");
        bench.check_accounts(ended, method);
    }
}

#[test]
fn f1_a_panic_of_the_balancer_in_the_middle_of_the_cores_work_is_the_pools_end_after_that_step() {
    type Trigger = fn(&mut Bench);
    let triggers: [(&str, Trigger); 8] = [
        ("on_joined", |bench| bench.set([A, B])),
        ("on_changed", |bench| {
            bench.feed.push(Answer::Set([Endpoint::new(A).with_weight(9)].into_iter().collect()));
        }),
        ("on_left", |bench| bench.set([])),
        ("on_readiness", |bench| bench.set([A, B])),
        ("on_readiness, not ready", |bench| bench.world.link(A).break_off()),
        // It is found to be busy when an item is about to be sent.
        ("on_readiness, not ready", |bench| {
            bench.world.link(A).change(|behaviour| behaviour.is_ready = false);
        }),
        ("on_lost", |bench| bench.world.link(A).break_off()),
        ("on_lost", |bench| bench.world.link(A).hang_up()),
    ];
    for (method, trigger) in triggers {
        let (mut bench, panics_in) = with_fragile_balancer();
        bench.send([1]);
        panics_in.set(method);
        trigger(&mut bench);
        let _ = (bench.try_send(2), bench.try_send(3));
        let ended = bench.output(&bench.driver.clone());
        assert_eq!(ended.reason, EndReason::BalancerPanicked, "{method}");
        let error = bench.pool().last_error().expect("the panic").to_string();
        assert!(error.contains("a scripted panic of the balancer"), "{method}: {error}");
        assert_eq!([A, B].map(|address| bench.world.alive(address)), [0, 0], "{method}");
        bench.check_accounts(ended, method);
    }
}

#[test]
fn f1_a_balancer_is_never_asked_about_a_ring_with_nobody_in_it() {
    let mut bench = Bench::new(|pool| pool.balancer(Modulo::default()));
    bench.send([1]);
    bench.set([A]);
    bench.world.link(A).change(|behaviour| behaviour.is_ready = false);
    bench.send([2]);
    bench.world.link(A).break_off();
    bench.advance(secs(10));
    bench.set([]);
    bench.send([3]);
    bench.set([A]);
    assert_eq!(bench.world.received(A), [1, 2, 3]);
    assert_eq!(bench.finish().reason, EndReason::Shutdown);
}

/// A task that can't be woken.
struct Grumpy;

impl Wake for Grumpy {
    fn wake(self: Arc<Self>) {
        panic!("a scripted panic of a waker");
    }
}

#[test]
fn f1_a_waker_that_panics_harms_nobody_else() {
    let mut bench = Bench::new(|pool| pool);
    let pool = bench.pool().clone();
    let waker = Waker::from(Arc::new(Grumpy));
    let mut cx = Context::from_waker(&waker);
    let before = bench
        .spawn_with_pool(|pool| async move { (pool.ready(1).unless_failing().await, pool.closed().await) });
    bench.run();
    let (mut ready, mut closed) = (Box::pin(pool.ready(1).unless_failing()), Box::pin(pool.closed()));
    assert!(ready.as_mut().poll(&mut cx).is_pending() && closed.as_mut().poll(&mut cx).is_pending());
    let after = bench.spawn_with_pool(|pool| async move { pool.ready(1).unless_failing().await });
    bench.set([A]);
    assert!(bench.output(&after).is_ok());
    bench.send([1]);
    assert!(closed.as_mut().poll(&mut cx).is_pending());
    let ended = bench.shut_down(secs(1)).output().expect("nothing waits");
    let (seen_ready, seen_closed) = bench.output(&before);
    assert_eq!((seen_ready.is_ok(), seen_closed), (true, ended));
    assert_eq!((ended.reason, ended.counts.sent), (EndReason::Shutdown, 1));
    bench.check_accounts(ended, "");
}

/// An error that can't be kept: turning it into one of ours panics.
#[derive(Debug)]
struct Touchy;

impl From<Touchy> for BoxError {
    fn from(_: Touchy) -> Self {
        panic!("a scripted panic of an error")
    }
}

/// A sink that fails with it.
struct Refusing;

impl Sink<u32> for Refusing {
    type Error = Touchy;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Touchy>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, _: u32) -> Result<(), Touchy> {
        Err(Touchy)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Touchy>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Touchy>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn f1_a_panic_while_an_error_is_converted_costs_what_returned_the_error() {
    let names = stream::iter([Ok(AddressSet::from([A])), Err(Touchy)]);
    let connector = |_: u16| async { Ok::<_, String>(Refusing) };
    let builder = PoolBuilder::plain(connector, Clock::default());
    let builder = builder.connect_to(names.chain(stream::pending())).on_addresses_end(OnAddressesEnd::Keep);
    let (pool, driver) = builder.build::<u32>().expect("the settings make sense");
    let mut executor = Executor::default();
    let driver = executor.spawn(driver);
    pool.try_send(1).expect("there is room");
    executor.run();
    assert!(!driver.is_done(), "{}", pool.snapshot());
    drop(pool.shutdown(secs(1)));
    executor.run();
    let ended = driver.output().expect("nothing waits");
    assert_eq!((ended.reason, ended.counts.sent), (EndReason::Shutdown, 1));
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
