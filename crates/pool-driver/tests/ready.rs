//! Waiting until connections are up: how many, where to, for how long, through which failures.

mod support;

use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_channel::oneshot;
use futures_util::sink::drain;
use pool_driver::{EndReason, Instant, Pool, PoolBuilder, ReadyError, Runtime};
use support::{A, B, Bench, C, Clock, Dial, Executor, Item, Task, millis, secs};

type Told = Task<Result<(), ReadyError>>;

fn wait<F>(bench: &mut Bench, wait: impl FnOnce(&Pool<Item, u16>) -> F) -> Told
where
    F: Future<Output = Result<(), ReadyError>> + 'static,
{
    let ready = wait(bench.pool());
    let task = bench.executor.spawn(ready);
    bench.run();
    task
}

fn text(bench: &mut Bench, told: &Told) -> String {
    bench.output(told).expect_err("it gave up").to_string()
}

#[test]
fn ready_waits_for_as_many_connections_as_it_is_told_over_all_addresses() {
    let mut bench = Bench::new(|pool| pool.connections_per_address(2));
    bench.world.answer(B, Dial::Hang);
    bench.set([A, B]);
    let ready = [2, 3, 4].map(|connections| wait(&mut bench, |pool| pool.ready(connections)));
    assert_eq!(ready.each_ref().map(Task::is_done), [true, false, false]);
    bench.world.answer(B, Dial::Accept);
    bench.run();
    assert_eq!(ready.each_ref().map(Task::is_done), [true, true, true], "{}", bench.snapshot());
    bench.finish();
}

#[test]
fn no_connection_is_there_at_once() {
    let mut bench = Bench::new(|pool| pool);
    let ready = wait(&mut bench, |pool| pool.ready(0));
    assert!(bench.output(&ready).is_ok());
    bench.finish();
}

#[test]
fn a_busy_connection_is_up() {
    let mut bench = Bench::new(|pool| pool);
    bench.world.behave(A, |behaviour| behaviour.is_ready = false);
    bench.set([A]);
    bench.send([1]);
    let ready = wait(&mut bench, |pool| pool.ready(1));
    assert!(bench.output(&ready).is_ok());
    bench.finish();
}

#[test]
fn a_connection_that_is_gone_or_drains_does_not_count() {
    let mut bench = Bench::up([A, B], |pool| pool);
    bench.world.answer(A, Dial::Hang);
    bench.world.link(A).break_off();
    bench.run();
    let ready = wait(&mut bench, |pool| pool.ready(2));
    assert!(!ready.is_done(), "{}", bench.snapshot());
    bench.world.answer(C, Dial::Hang);
    bench.set([B, C]);
    assert!(!ready.is_done(), "{}", bench.snapshot());
    bench.world.answer(C, Dial::Accept);
    assert!(bench.output(&ready).is_ok());
    bench.finish();
}

#[test]
fn ready_waits_through_failures_however_long_they_last() {
    for lazy in [false, true] {
        let mut bench = Bench::new(|pool| if lazy { pool.lazy() } else { pool });
        bench.world.answer(A, Dial::Refuse);
        bench.set([A]);
        let ready = wait(&mut bench, |pool| pool.ready(1));
        bench.advance(secs(1_000));
        assert!(!ready.is_done() && bench.world.dials(A) > 10, "it goes on trying; lazy: {lazy}");
        bench.world.answer(A, Dial::Accept);
        bench.advance(secs(60));
        assert!(bench.output(&ready).is_ok(), "lazy: {lazy}");
        bench.finish();
    }
}

#[test]
fn a_deadline_says_what_is_missing_and_the_last_error() {
    let mut bench = Bench::new(|pool| pool);
    bench.world.answer(B, Dial::Refuse);
    bench.set([A, B]);
    let ready = wait(&mut bench, |pool| pool.ready(2).timeout(secs(10)));
    bench.advance(millis(9_999));
    assert!(!ready.is_done());
    bench.advance(millis(1));
    let error = bench.output(&ready).expect_err("one address refuses");
    let ReadyError::TimedOut { connected: 1, wanted: 2, last_error: Some(_), .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(error.to_string(), "1 of 2 connections are up after 10s; the last error: connection refused");
    bench.finish();
}

#[test]
fn a_deadline_says_why_there_is_no_address() {
    let mut bench = Bench::new(|pool| pool);
    let ready = wait(&mut bench, |pool| pool.ready(1).timeout(secs(1)));
    bench.advance(secs(1));
    assert_eq!(text(&mut bench, &ready), "0 of 1 connection is up after 1s; there was no error");
    bench.feed.push(support::Answer::Error("no such zone"));
    bench.run();
    let ready = wait(&mut bench, |pool| pool.ready(1).timeout(secs(1)));
    bench.advance(secs(1));
    let text = text(&mut bench, &ready);
    assert!(text.contains("the last error: ") && text.contains("no such zone"), "{text}");
    bench.finish();
}

#[test]
fn a_deadline_runs_from_its_setting_the_last_one_counts_and_zero_is_a_look() {
    let mut bench = Bench::new(|pool| pool);
    let waiting = bench.pool().ready(1).timeout(secs(1)).timeout(secs(3));
    bench.advance(secs(2));
    let ready = wait(&mut bench, |_| waiting);
    assert!(!ready.is_done());
    bench.advance(secs(1));
    assert!(matches!(bench.output(&ready), Err(ReadyError::TimedOut { connected: 0, wanted: 1, .. })));
    let look = wait(&mut bench, |pool| pool.ready(1).timeout(secs(0)));
    assert!(matches!(bench.output(&look), Err(ReadyError::TimedOut { .. })));
    bench.set([A]);
    let look = wait(&mut bench, |pool| pool.ready(1).timeout(secs(0)));
    assert!(bench.output(&look).is_ok());
    bench.finish();
}

thread_local! {
    /// What takes place when somebody asks for the time.
    static MEANWHILE: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

/// A runtime on which things take place while somebody asks for the time.
#[derive(Clone)]
struct Eventful(Clock);

impl Runtime for Eventful {
    type Timer = <Clock as Runtime>::Timer;

    fn now(&self) -> Instant {
        if let Some(meanwhile) = MEANWHILE.take() {
            meanwhile();
        }
        self.0.now()
    }

    fn timer(&self) -> Self::Timer {
        self.0.timer()
    }
}

#[test]
fn a_connection_that_comes_up_between_the_look_and_the_deadline_is_in_time() {
    let (clock, executor) = (Clock::default(), Rc::new(RefCell::new(Executor::default())));
    let (accept, accepted) = oneshot::channel();
    let mut accepted = Some(accepted);
    let connect = move |_: u16| {
        let accepted = accepted.take().expect("it is dialled once");
        async move { accepted.await.map(|()| drain::<u32>()) }
    };
    let builder = PoolBuilder::plain(connect, Eventful(clock.clone())).connect_to_fixed([A]);
    let (pool, driver) = builder.build::<u32>().expect("the settings make sense");
    let _driver = executor.borrow_mut().spawn(driver);
    let mut ready = pool.ready(1).timeout(secs(1));
    let mut look = || pin!(&mut ready).poll(&mut Context::from_waker(Waker::noop()));
    executor.borrow_mut().run();
    assert!(look().is_pending());
    clock.set(Instant::ZERO + secs(1));
    let runs = Rc::clone(&executor);
    MEANWHILE.set(Some(Box::new(move || {
        accept.send(()).expect("the dial waits");
        runs.borrow_mut().run();
    })));
    let polled = look();
    assert!(matches!(polled, Poll::Ready(Ok(()))), "{polled:?}");
}

#[test]
fn one_that_has_a_deadline_can_still_fail_early() {
    let mut bench = Bench::new(|pool| pool);
    bench.world.answer(A, Dial::Refuse);
    bench.set([A]);
    let ready = wait(&mut bench, |pool| pool.ready(1).timeout(secs(10)).unless_failing());
    assert_eq!(text(&mut bench, &ready), "no address can be reached; the last error: connection refused");
    bench.finish();
}

#[test]
fn the_failure_of_some_addresses_is_not_that_of_the_pool() {
    let mut bench = Bench::new(|pool| pool);
    bench.world.answer(B, Dial::Refuse);
    bench.set([A, B]);
    let ready = wait(&mut bench, |pool| pool.ready(2).unless_failing());
    bench.advance(secs(100));
    assert!(!ready.is_done());
    bench.world.answer(A, Dial::Refuse);
    bench.world.link(A).break_off();
    bench.advance(secs(1));
    assert!(matches!(bench.output(&ready), Err(ReadyError::Failing { .. })));
    bench.finish();
}

#[test]
fn a_pool_that_closes_is_not_ready_and_not_late() {
    let mut bench = Bench::up([A], |pool| pool);
    let waiting = [
        wait(&mut bench, |pool| pool.ready(2)),
        wait(&mut bench, |pool| pool.ready(2).timeout(secs(1_000))),
        wait(&mut bench, |pool| pool.ready_at(C).timeout(secs(1_000))),
    ];
    drop(bench.pool().shutdown(secs(0)));
    bench.run();
    for ready in waiting {
        assert!(matches!(bench.output(&ready), Err(ReadyError::Closed(EndReason::Shutdown))));
    }
    let late = wait(&mut bench, |pool| pool.ready(0).timeout(secs(1)));
    assert!(matches!(bench.output(&late), Err(ReadyError::Closed(EndReason::Shutdown))));
}

#[test]
fn one_with_a_deadline_is_told_when_the_driver_dies() {
    let mut bench = Bench::up([A], |pool| pool);
    let ready = wait(&mut bench, |pool| pool.ready(2).timeout(secs(1_000)));
    bench.executor.cancel(&bench.driver.clone());
    assert!(matches!(bench.output(&ready), Err(ReadyError::Closed(EndReason::DriverDropped))));
}

#[test]
fn one_that_waits_keeps_no_pool_alive() {
    let mut bench = Bench::up([A], |pool| pool);
    let ready = wait(&mut bench, |pool| pool.ready(2));
    bench.drop_pool();
    assert!(matches!(bench.output(&ready), Err(ReadyError::Closed(EndReason::HandlesDropped))));
}

#[test]
fn ready_at_waits_for_one_address_alone() {
    let mut bench = Bench::new(|pool| pool);
    bench.world.answer(B, Dial::Hang);
    bench.set([A, B]);
    let [at_a, at_b] = [A, B].map(|address| wait(&mut bench, |pool| pool.ready_at(address)));
    assert_eq!((at_a.is_done(), at_b.is_done()), (true, false));
    bench.world.answer(B, Dial::Accept);
    assert!(bench.output(&at_b).is_ok());
    bench.finish();
}

#[test]
fn ready_at_waits_for_an_address_that_is_not_in_the_set_yet_or_not_any_more() {
    let mut bench = Bench::up([A], |pool| pool);
    let ready = wait(&mut bench, |pool| pool.ready_at(B));
    bench.set([A, C]);
    assert!(!ready.is_done());
    bench.set([A, B]);
    assert!(bench.output(&ready).is_ok());
    // It is known while it drains, forgotten, and back.
    bench.world.link(B).change(|behaviour| behaviour.closes = false);
    bench.set([A]);
    let ready = wait(&mut bench, |pool| pool.ready_at(B));
    bench.advance(secs(100));
    assert!(!ready.is_done());
    bench.set([B]);
    assert!(bench.output(&ready).is_ok());
    bench.finish();
}

#[test]
fn ready_at_fails_with_its_address_and_not_with_others() {
    let mut bench = Bench::new(|pool| pool);
    bench.world.answer(B, Dial::Refuse);
    bench.world.answer(C, Dial::Hang);
    bench.set([A, B, C]);
    let [at_b, at_c] = [B, C].map(|address| wait(&mut bench, |pool| pool.ready_at(address).unless_failing()));
    assert_eq!(text(&mut bench, &at_b), "no address can be reached; the last error: connection refused");
    assert!(!at_c.is_done());
    bench.advance(secs(6));
    assert_eq!(text(&mut bench, &at_c), "no address can be reached; the last error: the dial timed out");
    bench.finish();
}

#[test]
fn a_lazy_pool_opens_one_connection_for_all_that_wait_and_none_for_those_that_have_given_up() {
    let mut bench = Bench::up([A, B, C], |pool| pool.lazy().connections_per_address(4));
    let given_up = bench.pool().ready(1);
    drop(given_up);
    bench.advance(secs(10));
    assert_eq!(bench.snapshot().addresses.iter().map(|row| row.status.slots.ready).sum::<u16>(), 0);
    let waiting = [1, 1, 2].map(|connections| wait(&mut bench, |pool| pool.ready(connections)));
    bench.advance(secs(10));
    assert_eq!(waiting.each_ref().map(Task::is_done), [true, true, false]);
    assert_eq!([A, B, C].map(|address| bench.world.dials(address)).iter().sum::<usize>(), 1);
    bench.finish();
}

#[test]
fn a_lazy_pool_stops_dialling_when_nobody_waits_any_more() {
    let mut bench = Bench::new(PoolBuilder::lazy);
    bench.world.answer(A, Dial::Refuse);
    bench.set([A]);
    let ready = wait(&mut bench, |pool| pool.ready(1));
    bench.advance(secs(10));
    let dials = bench.world.dials(A);
    assert!(dials > 1);
    bench.executor.cancel(&ready);
    bench.advance(secs(1_000));
    assert!(bench.world.dials(A) <= dials + 1, "{} after {dials}", bench.world.dials(A));
    bench.finish();
}

#[test]
fn f2_a_task_that_waits_for_connections_is_not_woken_by_traffic() {
    let mut bench = Bench::up([A, B], |pool| pool);
    let ready = wait(&mut bench, |pool| pool.ready(3).timeout(secs(1_000)));
    let polls = ready.polls();
    for id in 0..100 {
        bench.send([id]);
    }
    bench.world.link(A).change(|behaviour| behaviour.is_ready = false);
    bench.send([100, 101, 102]);
    assert_eq!(ready.polls(), polls);
    bench.set([A, B, C]);
    assert!(bench.output(&ready).is_ok());
    bench.finish();
}
