//! Calls whose time is limited, by the pool's own time.

mod support;

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pool_call::{CallPool, Calling, NotSentReason, Retry, call_pool_builder};
use pool_conformance::simulated::{Clock, Executor, ManualTimer, Spawned};
use pool_driver::{Instant, Runtime};
use support::bench::{Bench, Peers};
use support::{Answered, End, Peer, Reply, Request, end_of, request};

type Pool = CallPool<Request, Reply, u16>;

const SECOND: Duration = Duration::from_secs(1);
const ALMOST_A_SECOND: Duration = Duration::from_nanos(999_999_999);

fn call(
    bench: &mut Bench,
    number: usize,
    settings: fn(Calling<&Pool>) -> Calling<&Pool>,
) -> Spawned<Answered> {
    let pool = bench.pool.clone();
    let task = bench.executor.spawn(async move { settings(pool.call(request(number))).await });
    bench.executor.run();
    task
}

fn call_for_a_second(bench: &mut Bench, number: usize) -> Spawned<Answered> {
    call(bench, number, |call| call.timeout(SECOND))
}

/// How many calls have come to the peers.
fn received(bench: &Bench) -> usize {
    bench.peers.all().iter().map(|peer| peer.received().len()).sum()
}

#[test]
fn a_call_on_the_wire_ends_at_its_time_and_its_connection_lives_on() {
    let mut bench = Bench::up();
    let calling = call_for_a_second(&mut bench, 0);
    bench.advance(ALMOST_A_SECOND);
    assert_eq!(bench.end(&calling), End::Waiting);
    bench.advance(Duration::from_nanos(1));
    assert_eq!(bench.end(&calling), End::MaybeSent("timed out"));
    assert!(bench.peers.all().iter().all(|peer| !peer.is_dropped()));
}

#[test]
fn a_call_that_waits_for_a_connection_is_certainly_unsent_at_its_time() {
    let mut bench = Bench::new(256, false, |settings| settings);
    let calling = call_for_a_second(&mut bench, 0);
    bench.advance(SECOND);
    assert_eq!(bench.end(&calling), End::NotSent(0, "timed out"));
    assert_eq!(bench.snapshot().queue.queued + bench.snapshot().queue.in_backlog, 0, "its place is free");
}

#[test]
fn a_call_that_waits_for_room_in_the_queue_is_certainly_unsent_at_its_time() {
    let mut bench = Bench::new(256, false, |settings| settings.queue_size(1));
    let (first, waits) = (bench.call(0), call_for_a_second(&mut bench, 1));
    assert_eq!(bench.snapshot().queue.waiting, 1);
    bench.advance(SECOND);
    assert_eq!((bench.end(&first), bench.end(&waits)), (End::Waiting, End::NotSent(1, "timed out")));
    assert_eq!(bench.snapshot().queue.waiting, 0);
}

#[test]
fn a_call_without_any_time_sends_nothing() {
    let mut bench = Bench::up();
    for _ in 0..100 {
        let calling = call(&mut bench, 0, |call| call.timeout(Duration::ZERO));
        assert_eq!(bench.end(&calling), End::NotSent(0, "timed out"));
    }
    assert_eq!((received(&bench), bench.snapshot().counts.accepted), (0, 0));
}

#[test]
fn a_call_is_never_begun_after_its_time_however_late_its_caller_looks() {
    // In a connection that can't write, or in the queue.
    for is_up in [true, false] {
        let mut bench = Bench::new(256, is_up, |settings| settings);
        bench.peers.all().iter().for_each(|peer| peer.block(true));
        let pool = bench.pool.clone();
        let mut late = pin!(pool.call(request(0)).timeout(SECOND));
        assert_eq!(end_of(&mut late), End::Waiting);
        let other = bench.call(1);
        bench.advance(ALMOST_A_SECOND);
        // In one poll the driver finds the time over and a connection that writes, and the caller sleeps on.
        bench.peers.all().iter().for_each(|peer| peer.block(false));
        bench.peers.welcome();
        bench.clock.set(bench.clock.now() + SECOND);
        bench.executor.run();
        bench.advance(60 * SECOND);
        let got: Vec<_> = bench.peers.all().iter().flat_map(Peer::received).collect();
        assert_eq!(got, [1], "only the call that has time");
        assert_eq!(end_of(&mut late), End::NotSent(0, "timed out"));
        assert_eq!(bench.end(&other), End::Waiting);
    }
}

#[test]
fn no_call_is_begun_after_its_time_while_many_others_are_told_that_theirs_is_over() {
    const CALLS: usize = 1_500;
    let (peers, clock) = (Peers::default(), Clock::default());
    let (pool, driver) = call_pool_builder(peers.connector(2 * CALLS), clock.clone())
        .suspect_after(None)
        .connect_to_fixed([1])
        .build()
        .expect("the settings make sense");
    let (mut driver, mut cx) = (Box::pin(driver), Context::from_waker(Waker::noop()));
    let mut drive = || assert!(driver.as_mut().poll(&mut cx).is_pending());
    (0..5).for_each(|_| drive());
    peers.all()[0].block(true);
    let call = |number, timeout| {
        let mut calling = pool.call(request(number)).timeout(timeout);
        assert_eq!(end_of(&mut calling), End::Waiting);
        calling
    };
    let mut first: Vec<_> = (0..CALLS).map(|number| call(number, SECOND)).collect();
    let mut second: Vec<_> = (CALLS..2 * CALLS).map(|number| call(number, 2 * SECOND)).collect();
    (0..100).for_each(|_| drive());
    // One poll doesn't tell all of the first that their time is over, and when it has told them, that of the others is.
    clock.set(Instant::ZERO + SECOND);
    drive();
    clock.set(Instant::ZERO + 2 * SECOND);
    peers.all()[0].block(false);
    (0..100).for_each(|_| drive());
    assert_eq!(peers.all()[0].received().len(), 0, "none has any time");
    for calling in first.iter_mut().chain(&mut second) {
        assert!(matches!(end_of(calling), End::NotSent(_, "timed out")));
    }
}

#[test]
fn a_reply_that_comes_in_time_wins_also_if_the_caller_looks_late() {
    let mut bench = Bench::up();
    let pool = bench.pool.clone();
    let mut calling = pin!(pool.call(request(0)).timeout(SECOND));
    assert_eq!(end_of(&mut calling), End::Waiting);
    bench.executor.run();
    bench.peers.all().iter().for_each(|peer| peer.answer(peer.received().len()));
    bench.advance(10 * SECOND);
    assert_eq!(end_of(&mut calling), End::Reply(0));
}

#[test]
fn time_runs_from_the_first_poll() {
    let mut bench = Bench::up();
    let pool = bench.pool.clone();
    let mut calling = pin!(pool.call(request(0)).timeout(SECOND));
    bench.advance(10 * SECOND);
    assert_eq!(end_of(&mut calling), End::Waiting);
    bench.executor.run();
    bench.advance(SECOND);
    assert_eq!(end_of(&mut calling), End::MaybeSent("timed out"));
}

#[test]
fn a_handle_limits_the_time_of_its_calls_unless_they_say_otherwise() {
    let mut bench = Bench::up();
    let unlimited = bench.call(0);
    bench.pool = bench.pool.clone().with_timeout(SECOND);
    let (limited, longer) = (bench.call(1), call(&mut bench, 2, |call| call.timeout(3 * SECOND)));
    #[expect(clippy::redundant_closure_for_method_calls, reason = "the method is of one lifetime")]
    let repeated = call(&mut bench, 3, |call| call.idempotent());
    bench.advance(2 * SECOND);
    assert_eq!(bench.end(&limited), End::MaybeSent("timed out"));
    assert_eq!(bench.end(&repeated), End::MaybeSent("timed out"));
    assert_eq!((bench.end(&longer), bench.end(&unlimited)), (End::Waiting, End::Waiting));
    bench.advance(SECOND);
    assert_eq!((bench.end(&longer), bench.end(&unlimited)), (End::MaybeSent("timed out"), End::Waiting));
}

#[test]
fn a_timeout_is_that_of_all_attempts_together() {
    let mut bench = Bench::up();
    let calling = call(&mut bench, 0, |call| {
        call.timeout(3 * SECOND).idempotent().retry(&Retry::new().attempts_max(100))
    });
    for _ in 0..2 {
        let busy =
            bench.peers.all().iter().find(|peer| !peer.is_dropped() && !peer.received().is_empty()).cloned();
        busy.expect("one has the call").hang_up();
        bench.advance(SECOND);
        assert_eq!(bench.end(&calling), End::Waiting);
    }
    bench.advance(SECOND);
    assert_eq!(bench.end(&calling), End::MaybeSent("timed out"));
}

#[test]
fn timed_calls_leave_no_timer_behind_however_they_end() {
    let mut bench = Bench::up();
    let answered = call_for_a_second(&mut bench, 0);
    bench.peers.all().iter().for_each(|peer| peer.answer(peer.received().len()));
    assert_eq!(bench.end(&answered), End::Reply(0));
    let given_up = call_for_a_second(&mut bench, 1);
    bench.executor.cancel(&given_up);
    bench.executor.run();
    // The driver is woken once in vain at most, whatever there was.
    let polls_before = bench.driver.polls();
    bench.advance(100 * SECOND);
    assert!(bench.driver.polls() <= polls_before + 2, "{} polls", bench.driver.polls() - polls_before);
    assert_eq!(bench.clock.next(), None);
}

#[test]
fn a_slot_that_was_used_with_a_timeout_serves_calls_without_one() {
    let mut bench = Bench::up();
    let timed = call(&mut bench, 0, |call| call.timeout(SECOND));
    bench.advance(SECOND);
    bench.peers.all().iter().for_each(|peer| peer.answer(peer.received().len()));
    assert_eq!(bench.end(&timed), End::MaybeSent("timed out"));
    for number in 1..20 {
        let calling =
            if number % 3 == 0 { call_for_a_second(&mut bench, number) } else { bench.call(number) };
        bench.peers.all().iter().for_each(|peer| peer.answer(peer.received().len()));
        assert_eq!(bench.end(&calling), End::Reply(number));
        bench.advance(2 * SECOND);
    }
}

#[test]
fn a_timed_call_ends_when_its_pool_does() {
    let mut bench = Bench::new(256, false, |settings| settings);
    let calling = call_for_a_second(&mut bench, 0);
    bench.executor.cancel(&bench.driver.clone());
    assert!(matches!(bench.end(&calling), End::NotSent(0, _)));
    let pool = bench.pool.clone();
    let late =
        pin!(pool.call(request(1)).timeout(SECOND)).as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(late.is_ready(), "the pool is over");
}

#[test]
fn an_error_at_its_time_says_why_there_was_no_connection() {
    let mut bench = Bench::new(256, false, |settings| settings);
    let pool = bench.pool.clone();
    let task = bench.executor.spawn(async move {
        match pool.call(request(0)).timeout(SECOND).await {
            Err(pool_call::CallError::NotSent { reason: NotSentReason::TimedOut { last_error }, .. }) => {
                last_error
            }
            _ => None,
        }
    });
    bench.executor.run();
    bench.advance(SECOND);
    bench.executor.run();
    let error = task.output().flatten().expect("it is known");
    assert_eq!(error.to_string(), "no route to host");
}

/// A clock that goes on by a millisecond whenever somebody looks at it.
#[derive(Clone, Default)]
struct Ticking {
    clock: Clock,
    looks: Arc<AtomicU64>,
}

impl Runtime for Ticking {
    type Timer = ManualTimer;

    fn now(&self) -> Instant {
        self.clock.now() + Duration::from_millis(self.looks.fetch_add(1, Ordering::Relaxed))
    }

    fn timer(&self) -> ManualTimer {
        self.clock.timer()
    }
}

/// How a call ends that has this long and is repeated by a peer that never answers.
fn end_of_repeated(timeout: Duration) -> End {
    let (peers, runtime, mut executor) = (Peers::default(), Ticking::default(), Executor::default());
    let builder = call_pool_builder(peers.connector(256), runtime.clone()).fail_fast_after(None);
    let (pool, driver) =
        builder.outcome_timeout(None).connect_to_fixed([1, 2]).seed(1).build().expect("it is one");
    let _driver = executor.spawn(driver);
    executor.run();
    let call = async move { pool.call(request(0)).timeout(timeout).idempotent().await };
    let calling: Spawned<Answered> = executor.spawn(call);
    executor.run();
    let asked = peers.all().iter().find(|peer| !peer.received().is_empty()).cloned();
    if let Some(asked) = asked {
        asked.send_garbage();
    }
    for second in 0..3 {
        runtime.clock.set(Instant::ZERO + second * SECOND);
        executor.run();
    }
    calling.output().map_or(End::Waiting, End::from)
}

#[test]
fn a_repeated_call_ends_in_time_also_if_its_time_is_over_while_it_is_repeated() {
    for millis in 1..50 {
        let end = end_of_repeated(Duration::from_millis(millis));
        assert_ne!(end, End::Waiting, "a call that has {millis} ms");
    }
}

#[test]
fn a_timeout_that_is_set_while_the_call_is_under_way_runs_from_the_next_poll() {
    // In a connection that can't write, or on the wire; and there has been a timeout already, or not.
    for (place, has_timeout) in [("blocked", true), ("blocked", false), ("wire", true), ("wire", false)] {
        let mut bench = Bench::up();
        bench.peers.all().iter().for_each(|peer| peer.block(place == "blocked"));
        let pool = bench.pool.clone();
        let task = bench.executor.spawn(async move {
            let calling = pool.call(request(0));
            let mut calling = if has_timeout { calling.timeout(SECOND) } else { calling };
            // The driver runs in between.
            let mut polls = 0..5;
            poll_fn(|cx| {
                assert!(Pin::new(&mut calling).poll(cx).is_pending());
                cx.waker().wake_by_ref();
                if polls.next().is_some() { Poll::Pending } else { Poll::Ready(()) }
            })
            .await;
            End::from(calling.timeout(3 * SECOND).await)
        });
        bench.executor.run();
        bench.advance(2 * SECOND + Duration::from_nanos(999_999_999));
        assert!(!task.is_done(), "{place}");
        bench.advance(Duration::from_nanos(1));
        let expected =
            if place == "wire" { End::MaybeSent("timed out") } else { End::NotSent(0, "timed out") };
        assert_eq!(task.output(), Some(expected), "{place}, with a timeout before: {has_timeout}");
        assert_eq!(bench.clock.next(), None, "no timer is left");
    }
}

#[test]
fn a_call_that_waits_for_room_takes_a_timeout_late() {
    let mut bench = Bench::new(256, false, |settings| settings.queue_size(1));
    let (first, pool) = (bench.call(0), bench.pool.clone());
    let mut waits = pool.call(request(1));
    assert_eq!(end_of(&mut waits), End::Waiting);
    let mut waits = waits.timeout(SECOND);
    assert_eq!(end_of(&mut waits), End::Waiting);
    bench.advance(SECOND);
    assert_eq!(end_of(&mut waits), End::NotSent(1, "timed out"));
    assert_eq!((bench.end(&first), bench.snapshot().queue.waiting), (End::Waiting, 0));
}

/// A clock that a caller may see later than the driver does, as where the caller is outside of the driver's runtime.
#[derive(Clone, Default)]
struct Skewed {
    clock: Clock,
    nanos_behind: Arc<AtomicU64>,
}

impl Runtime for Skewed {
    type Timer = ManualTimer;

    fn now(&self) -> Instant {
        let behind = self.nanos_behind.load(Ordering::Relaxed);
        Instant::from_nanos(self.clock.now().as_nanos() - behind)
    }

    fn timer(&self) -> ManualTimer {
        self.clock.timer()
    }
}

#[test]
fn a_call_whose_timer_has_fired_is_over_also_by_a_clock_that_is_behind() {
    let (peers, runtime, mut executor) = (Peers::default(), Skewed::default(), Executor::default());
    let builder = call_pool_builder(peers.connector(256), runtime.clone()).fail_fast_after(None);
    let (pool, driver) =
        builder.outcome_timeout(None).connect_to_fixed([1]).seed(1).build().expect("it is one");
    let _driver = executor.spawn(driver);
    executor.run();
    let mut calling = pool.call(request(0)).timeout(SECOND);
    assert_eq!(end_of(&mut calling), End::Waiting);
    executor.run();
    runtime.clock.set(Instant::ZERO + SECOND);
    executor.run();
    runtime.nanos_behind.store(500_000_000, Ordering::Relaxed);
    assert_eq!(end_of(&mut calling), End::MaybeSent("timed out"));
}
