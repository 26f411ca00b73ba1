//! What a task waits for by a pool's time.

mod support;

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

use futures_util::future::{FutureExt, join_all, ready};
use futures_util::sink::drain;
use pool_driver::{EndReason, Instant, Pool, PoolBuilder, PoolSleep, Runtime, SleepError};
use support::{A, Bench, Clock, End, Executor, Task, millis, secs};

/// When a task woke, and why, if its time had not come.
type Woken = (Instant, Result<(), SleepError>);

/// A task that sleeps and says when it wakes.
fn sleeper(bench: &mut Bench, duration: Duration) -> Task<Woken> {
    let (clock, sleep) = (bench.clock.clone(), bench.pool().sleep(duration));
    bench.executor.spawn(async move {
        let slept = sleep.await;
        (clock.now(), slept)
    })
}

/// What a task is told that still sleeps when the pool is over.
fn reason(woken: &Woken) -> Option<EndReason> {
    woken.1.err().map(|error| error.reason)
}

#[test]
fn a_sleep_is_over_when_its_time_has_come_and_not_before() {
    let mut bench = Bench::up([A], |pool| pool);
    bench.advance(secs(5));
    let start = bench.now();
    assert_eq!(bench.pool().now(), start);
    let sleepers = [30, 10, 20, 10].map(|millis_| (millis_, sleeper(&mut bench, millis(millis_))));
    bench.advance(millis(9));
    assert!(sleepers.iter().all(|(_, sleeper)| !sleeper.is_done()));
    bench.advance(secs(1));
    for (millis_, sleeper) in sleepers {
        assert_eq!(bench.output(&sleeper), (start + millis(millis_), Ok(())));
    }
    bench.finish();
}

#[test]
fn a_sleep_until_a_time_that_has_come_does_not_wait() {
    let mut bench = Bench::up([A], |pool| pool);
    bench.advance(secs(5));
    let now = bench.now();
    for sleep in
        [bench.pool().sleep(secs(0)), bench.pool().sleep_until(now), bench.pool().sleep_until(Instant::ZERO)]
    {
        let task = bench.executor.spawn(sleep);
        bench.executor.step();
        assert_eq!(task.output(), Some(Ok(())), "without the driver's help");
    }
    bench.finish();
}

#[test]
fn time_runs_from_the_call_and_not_from_the_first_poll() {
    let mut bench = Bench::up([A], |pool| pool);
    let sleep = bench.pool().sleep(secs(10));
    assert_eq!(sleep.deadline(), bench.now() + secs(10));
    bench.advance(secs(9));
    let task = bench.executor.spawn(sleep);
    bench.advance(millis(999));
    assert!(!task.is_done());
    bench.advance(millis(1));
    assert!(task.is_done());
    bench.finish();
}

#[test]
fn a_sleep_that_is_over_stays_so() {
    let mut bench = Bench::up([A], |pool| pool);
    let twice = |bench: &mut Bench, duration| {
        let mut sleep = bench.pool().sleep(duration);
        bench.executor.spawn(async move { ((&mut sleep).await, sleep.await) })
    };
    let (short, long) = (twice(&mut bench, secs(1)), twice(&mut bench, secs(1_000)));
    bench.advance(secs(1));
    assert_eq!(bench.output(&short), (Ok(()), Ok(())));
    bench.shut_down(secs(1));
    let (first, second) = bench.output(&long);
    assert!(first.is_err() && first == second, "{second:?}");
}

#[test]
fn f2_a_task_that_sleeps_costs_no_poll_of_the_driver_until_its_time() {
    let mut bench = Bench::up([A], |pool| pool);
    bench.advance(secs(60));
    let before = bench.driver.polls();
    let sleepers = [secs(1_000), secs(2_000)].map(|duration| sleeper(&mut bench, duration));
    bench.advance(secs(999));
    assert_eq!(bench.driver.polls() - before, 1, "it has set its timer");
    bench.advance(secs(2_000));
    assert!(sleepers.iter().all(Task::is_done));
    let polls = bench.driver.polls() - before;
    assert!(polls <= 5, "{polls} polls for two sleeps");
    bench.advance(secs(1_000_000));
    assert_eq!(bench.driver.polls() - before, polls, "nobody sleeps any more");
    bench.finish();
}

#[test]
fn the_driver_is_woken_for_a_sleep_only_if_nobody_sleeps_less_long() {
    let mut bench = Bench::up([A], |pool| pool);
    bench.advance(secs(60));
    let _first = sleeper(&mut bench, secs(10));
    bench.run();
    let before = bench.driver.polls();
    let _later = [10, 11, 500].map(|duration| sleeper(&mut bench, secs(duration)));
    bench.run();
    assert_eq!(bench.driver.polls(), before);
    let earlier = sleeper(&mut bench, secs(9));
    bench.run();
    assert_eq!(bench.driver.polls(), before + 1);
    bench.advance(secs(9));
    assert!(earlier.is_done());
    bench.finish();
}

#[test]
fn sleeps_that_are_given_up_wake_nobody_and_cost_the_driver_one_poll_in_all() {
    let mut bench = Bench::up([A], |pool| pool);
    bench.advance(secs(60));
    let sleepers: Vec<_> = (1..=1000).map(|duration| sleeper(&mut bench, secs(duration))).collect();
    bench.run();
    let before = bench.driver.polls();
    for sleeper in &sleepers {
        bench.executor.cancel(sleeper);
    }
    bench.advance(secs(2_000));
    let polls = bench.driver.polls() - before;
    assert!(polls <= 2, "{polls} polls for nobody");
    assert!(sleepers.iter().all(|sleeper| sleeper.polls() == 1));
    bench.finish();
}

#[test]
fn a_sleep_that_moves_to_another_task_wakes_that_one() {
    let mut bench = Bench::up([A], |pool| pool);
    let mut sleep = bench.pool().sleep(secs(1));
    assert!(pin!(&mut sleep).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let task = bench.executor.spawn(sleep);
    bench.advance(secs(1));
    assert!(task.is_done());
    bench.finish();
}

#[test]
fn a_sleep_is_over_with_the_pool_and_says_why() {
    let mut bench = Bench::up([A], |pool| pool);
    let sleeping = sleeper(&mut bench, secs(1_000));
    bench.run();
    let start = bench.now();
    let end = bench.shut_down(secs(1));
    assert!(end.is_done());
    let late = sleeper(&mut bench, secs(1_000));
    for sleeper in [sleeping, late] {
        let woken = bench.output(&sleeper);
        assert_eq!((woken.0, reason(&woken)), (start, Some(EndReason::Shutdown)));
    }
    let error =
        bench.pool().sleep(secs(1)).now_or_never().expect("it is over").expect_err("nobody keeps time");
    assert_eq!(error.to_string(), "the pool keeps no time any more: it was shut down");
}

#[test]
fn a_sleep_whose_time_has_come_is_none_that_was_cut_short_although_the_pool_is_over() {
    let mut bench = Bench::up([A], |pool| pool);
    let [unpolled, mut polled] = [secs(1); 2].map(|duration| bench.pool().sleep(duration));
    assert!((&mut polled).now_or_never().is_none());
    // The driver had no time to wake anybody before it was dropped.
    bench.clock.set(bench.now() + secs(1));
    bench.executor.cancel(&bench.driver.clone());
    for sleep in [unpolled, polled, bench.pool().sleep(secs(0))] {
        assert_eq!(sleep.now_or_never(), Some(Ok(())));
    }
}

#[test]
fn f2_a_loop_of_sleeps_ends_with_the_pool() {
    let mut bench = Bench::up([A], |pool| pool);
    let timers = bench.pool().timers().clone();
    let rounds = bench.executor.spawn(async move {
        let mut rounds = 0;
        while timers.sleep(secs(1)).await.is_ok() {
            rounds += 1;
        }
        rounds
    });
    bench.advance(secs(5));
    bench.shut_down(secs(1));
    assert_eq!(bench.output(&rounds), 5);
}

#[test]
fn a_sleep_goes_on_while_a_pool_shuts_down() {
    let mut bench = Bench::up([A], |pool| pool);
    bench.world.link(A).change(|behaviour| behaviour.is_ready = false);
    bench.send([1]);
    let sleeping = sleeper(&mut bench, secs(5));
    bench.shut_down(secs(30));
    bench.advance(secs(4));
    assert!(!sleeping.is_done());
    bench.advance(secs(1));
    assert!(sleeping.is_done() && !bench.driver.is_done());
    bench.advance(secs(60));
}

#[test]
fn a_sleep_is_over_when_the_driver_is_dropped() {
    let mut bench = Bench::up([A], |pool| pool);
    let (sleeping, start) = (sleeper(&mut bench, secs(1_000)), bench.now());
    let unpolled = bench.pool().sleep(secs(1_000));
    bench.run();
    bench.executor.cancel(&bench.driver.clone());
    let woken = bench.output(&sleeping);
    assert_eq!((woken.0, reason(&woken)), (start, Some(EndReason::DriverDropped)));
    let unpolled = bench.executor.spawn(unpolled);
    assert!(bench.output(&unpolled).is_err());
}

#[test]
fn a_sleep_keeps_no_pool_alive() {
    let mut bench = Bench::up([A], |pool| pool);
    let sleeping = sleeper(&mut bench, secs(1_000));
    bench.run();
    bench.drop_pool();
    let ended = bench.output(&bench.driver.clone());
    assert_eq!((ended.reason, sleeping.is_done()), (EndReason::HandlesDropped, true));
}

#[test]
fn tasks_that_sleep_until_the_same_time_are_woken_a_bounded_number_a_poll() {
    const MANY: usize = 5_000;
    let mut bench = Bench::up([A], |pool| pool);
    let woken = Rc::new(Cell::new(0));
    let sleeps: Vec<PoolSleep> = (0..MANY).map(|_| bench.pool().sleep(secs(1))).collect();
    for sleep in sleeps {
        let woken = Rc::clone(&woken);
        bench.executor.spawn(async move {
            assert_eq!(sleep.await, Ok(()));
            woken.set(woken.get() + 1);
        });
    }
    bench.run();
    let before = bench.driver.polls();
    bench.advance(secs(1));
    assert_eq!(woken.get(), MANY);
    let polls = bench.driver.polls() - before;
    assert!((MANY / 1024..20).contains(&polls), "{polls} polls");
    bench.finish();
}

#[test]
fn f2_tasks_that_sleep_again_as_soon_as_they_wake_keep_no_item_waiting() {
    const MANY: u32 = 5_000;
    let mut bench = Bench::up([A], |pool| pool);
    for _ in 0..MANY {
        let clock = bench.clock.clone();
        bench.spawn_with_pool(async move |pool| {
            loop {
                let _ = pool.sleep(millis(1)).await;
                // What a task does takes time: when the last has woken, others are due again.
                clock.set(clock.now() + Duration::from_micros(1));
            }
        });
    }
    bench.run();
    bench.try_send(1).expect("there is room");
    bench.clock.set(bench.now() + millis(1));
    for _ in 0..3 * MANY {
        bench.executor.step();
    }
    assert_eq!(bench.ledger.ended(End::Sent), [1]);
}

#[test]
fn f1_a_waker_that_panics_keeps_nobody_else_asleep() {
    struct Panics(AtomicUsize);

    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
            panic!("a scripted panic of a waker");
        }
    }

    let mut bench = Bench::up([A], |pool| pool);
    let panics = Arc::new(Panics(AtomicUsize::new(0)));
    let mut bad = bench.pool().sleep(millis(500));
    assert!(pin!(&mut bad).poll(&mut Context::from_waker(&Waker::from(Arc::clone(&panics)))).is_pending());
    let good = sleeper(&mut bench, secs(1));
    bench.advance(secs(1));
    assert_eq!((panics.0.load(Ordering::Relaxed), good.is_done()), (1, true));
    assert_eq!(bench.finish().reason, EndReason::Shutdown);
}

#[test]
fn a_waker_that_uses_the_pool_is_woken_under_no_lock() {
    struct Uses(Pool<u32, u16>, AtomicUsize);

    impl Wake for Uses {
        fn wake(self: Arc<Self>) {
            drop(self.0.sleep(secs(1)));
            let mut sleep = self.0.sleep(secs(1));
            let _ = pin!(&mut sleep).poll(&mut Context::from_waker(Waker::noop()));
            self.1.fetch_add(1, Ordering::Relaxed);
        }
    }

    let (clock, mut executor) = (Clock::default(), Executor::default());
    let connect = |_: u16| ready(Ok::<_, String>(drain::<u32>()));
    let builder = PoolBuilder::plain(connect, clock.clone()).connect_to_fixed([1]);
    let (pool, driver) = builder.build::<u32>().expect("the settings make sense");
    executor.spawn(driver);
    executor.run();
    let uses = Arc::new(Uses(pool.clone(), AtomicUsize::new(0)));
    let mut sleep = pool.sleep(secs(1));
    assert!(pin!(&mut sleep).poll(&mut Context::from_waker(&Waker::from(Arc::clone(&uses)))).is_pending());
    executor.run();
    clock.set(pool.now() + secs(1));
    executor.run();
    assert_eq!(uses.1.load(Ordering::Relaxed), 1);
}

/// Runs a future on the thread of the caller.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}

#[test]
fn a_sleep_works_on_any_thread() {
    let (clock, mut executor) = (Clock::default(), Executor::default());
    let connect = |_: u16| ready(Ok::<_, String>(drain::<u32>()));
    let builder = PoolBuilder::plain(connect, clock.clone()).connect_to_fixed([1]);
    let (pool, driver) = builder.build::<u32>().expect("the settings make sense");
    executor.spawn(driver);
    executor.run();
    let sleepers: Vec<_> = (1..=4)
        .map(|number| {
            let pool = pool.clone();
            thread::spawn(move || {
                block_on(join_all((1..=10).map(|each| pool.sleep(secs(number * each)))));
                pool.now()
            })
        })
        .collect();
    // Time moves on when there is something that waits for it.
    while !sleepers.iter().all(thread::JoinHandle::is_finished) {
        executor.run();
        match clock.next() {
            Some(next) => clock.set(next),
            None => thread::yield_now(),
        }
    }
    for (number, sleeper) in (1..).zip(sleepers) {
        assert!(sleeper.join().expect("it wakes") >= Instant::ZERO + secs(number * 10));
    }
}

/// Neither is anybody told of a shutdown late, nor does the driver go on for ever.
#[test]
fn d2_tasks_that_sleep_a_short_time_do_not_hold_up_a_shutdown() {
    let mut bench = Bench::up([A], |pool| pool);
    bench.run();
    // More than one poll wakes, each of which sleeps again and again for as long as a round of them takes.
    let sleepers: Vec<Task<()>> = (0..3_000)
        .map(|_| {
            let timers = bench.pool().timers().clone();
            bench.executor.spawn(async move { while timers.sleep(millis(1)).await.is_ok() {} })
        })
        .collect();
    bench.executor.run_round();
    drop(bench.pool().shutdown(secs(1)));
    for _ in 0..3_000 {
        let next = bench.now() + millis(1);
        bench.clock.set(next);
        bench.executor.run_round();
    }
    assert!(bench.driver.is_done(), "after {:?}, {} polls", bench.now(), bench.driver.polls());
    drop(sleepers);
}
