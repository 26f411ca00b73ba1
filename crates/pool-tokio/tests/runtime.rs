//! Tokio as the runtime: its clock, its ways to spawn, and what a pool of its may be made of.

#[path = "../../pool-driver/tests/on_runtimes/executor_end.rs"]
mod executor_end;

mod adapter {
    pub(crate) use pool_tokio::driver::*;
    pub(crate) use pool_tokio::sink_pool_for;

    pub(crate) type Runtime = pool_tokio::TokioRuntime;
}

use std::cell::RefCell;
use std::future::pending;
use std::rc::Rc;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use futures_util::sink::{Drain, drain, unfold};
use pool_tokio::{
    AddressSet, BuildError, PoolBuilder, TokioRuntime,
    connect::{AsPlain, Wrapped},
    driver::{Backoff, FixedAddresses},
    errors::{EndReason, ReadyError},
    sink_pool_for,
};
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;
use tokio::time::{Instant, advance};

type Starts = Arc<Mutex<Vec<Instant>>>;

fn record(starts: &Starts) {
    starts.lock().expect("nobody panics").push(Instant::now());
}

/// The time between the starts of dials.
fn gaps(starts: &Starts) -> Vec<Duration> {
    starts.lock().expect("nobody panics").windows(2).map(|pair| pair[1] - pair[0]).collect()
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("threads can be made")
}

#[tokio::test(start_paused = true)]
async fn t24_paused_time_drives_the_dial_timeout() {
    let starts = Starts::default();
    let seen = Arc::clone(&starts);
    let pool = sink_pool_for(move |_: u16| {
        record(&seen);
        pending::<Result<Drain<u32>, String>>()
    })
    .connect_to_fixed([1])
    .dial_timeout(Duration::from_secs(7))
    .spawn::<u32>()
    .expect("there is a runtime");
    assert!(matches!(pool.ready(1).unless_failing().await, Err(ReadyError::Failing { last_error: Some(_) })));
    for _ in 0..60 {
        advance(Duration::from_secs(1)).await;
        tokio::task::yield_now().await;
    }
    let gaps = gaps(&starts);
    assert!(gaps.len() > 5, "{gaps:?}");
    assert!(gaps[0] >= Duration::from_secs(7) && gaps[0] <= Duration::from_millis(7002), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn t18_paused_time_drives_the_backoff() {
    let starts = Starts::default();
    let seen = Arc::clone(&starts);
    let pool = sink_pool_for(move |_: u16| {
        record(&seen);
        async { Err::<Drain<u32>, _>("connection refused") }
    })
    .connect_to_fixed([1])
    .fail_fast_after(Duration::from_secs(100))
    .spawn::<u32>()
    .expect("there is a runtime");
    pool.send(1).await.expect("there is room");
    while pool.snapshot().counts.undelivered == 0 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let gaps = gaps(&starts);
    for (failures, gap) in (1..).zip(&gaps) {
        let delay = Backoff::default().delay(failures);
        let (least, most) = (delay.mul_f64(0.79), delay.mul_f64(1.21) + Duration::from_millis(2));
        assert!(*gap >= least && *gap <= most, "{gap:?} after {failures} failures");
    }
    assert!(gaps.len() >= 8, "{gaps:?}");
}

#[test]
fn a_pool_that_is_spawned_outside_a_runtime_is_an_error_and_no_panic() {
    let builder = sink_pool_for(|_: u16| async { Ok::<_, String>(drain::<u32>()) }).connect_to_fixed([1]);
    let error = builder.spawn::<u32>().expect_err("there is no runtime");
    assert!(matches!(error, BuildError::Spawn(_)), "{error:?}");
    assert!(error.to_string().starts_with("the pool's driver could not be spawned: "), "{error}");
}

#[test]
fn a_pool_can_be_made_before_the_runtime_and_run_on_its_handle() {
    let builder = sink_pool_for(|_: u16| async { Ok::<_, String>(drain::<u32>()) }).connect_to_fixed([1]);
    let runtime = current_thread();
    let pool = builder.spawn_on::<u32>(runtime.handle()).expect("the settings make sense");
    let ended = runtime.block_on(async {
        pool.send(1).await.expect("there is room");
        pool.shutdown(Duration::from_secs(1)).await
    });
    assert_eq!((ended.reason, ended.counts.sent), (EndReason::Shutdown, 1));
}

#[test]
fn items_and_connections_need_not_be_send_on_a_local_set() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let builder = || {
        let seen = Rc::clone(&seen);
        sink_pool_for(move |_: u16| {
            let sink = Box::pin(unfold(Rc::clone(&seen), |seen, item: Rc<u32>| async move {
                seen.borrow_mut().push(*item);
                Ok::<_, String>(seen)
            }));
            async move { Ok::<_, String>(sink) }
        })
        .connect_to_fixed([1])
    };
    let (runtime, set) = (current_thread(), LocalSet::new());
    let outer = builder().spawn_on::<Rc<u32>>(&set).expect("the settings make sense");
    set.block_on(&runtime, async {
        let inner = builder().spawn_local::<Rc<u32>>().expect("here is a local set");
        outer.send(Rc::new(1)).await.expect("there is room");
        outer.shutdown(Duration::from_secs(1)).await;
        inner.send(Rc::new(2)).await.expect("there is room");
        inner.shutdown(Duration::from_secs(1)).await;
    });
    assert_eq!(*seen.borrow(), [1, 2]);
}

#[test]
fn the_end_of_the_runtime_gives_queued_items_back_and_wakes_everybody() {
    executor_end::check(current_thread(), |builder, runtime| {
        builder.spawn_on(runtime.handle()).expect("the settings make sense")
    });
}

#[test]
fn t33_the_snapshot_answers_from_another_thread_while_a_connector_blocks_the_driver() {
    let (is_inside, inside) = mpsc::channel();
    let (release, blocked) = mpsc::channel::<()>();
    let runtime =
        Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("threads can be made");
    let pool = sink_pool_for(move |_: u16| {
        is_inside.send(()).expect("the test listens");
        // It ends when the test drops the other end.
        let _ = blocked.recv();
        async { Ok::<_, String>(drain::<u32>()) }
    })
    .connect_to_fixed([1])
    .spawn_on::<u32>(runtime.handle());
    let pool = pool.expect("the settings make sense");
    inside.recv().expect("it is dialled");
    pool.try_send(1).expect("there is room");
    assert_eq!(pool.snapshot().counts.accepted, 1);
    drop(release);
    assert_eq!(runtime.block_on(pool.shutdown(Duration::from_secs(10))).counts.sent, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn senders_on_many_threads_lose_nothing_and_their_own_order_is_kept() {
    let received = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&received);
    let pool = sink_pool_for(move |_: u16| {
        let sink = unfold(Arc::clone(&seen), |seen, item: (u32, u32)| async move {
            seen.lock().expect("nobody panics").push(item);
            Ok::<_, String>(seen)
        });
        async move { Ok::<_, String>(Box::pin(sink)) }
    })
    .connect_to_fixed([1])
    .queue_size(7)
    .spawn::<(u32, u32)>()
    .expect("there is a runtime");
    let senders = (0..8).map(|sender| {
        let pool = pool.clone();
        tokio::spawn(async move {
            for number in 0..2000 {
                pool.send((sender, number)).await.expect("the pool is open");
            }
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await.expect("nobody panics");
    }
    assert_eq!(pool.shutdown(Duration::from_secs(30)).await.counts.sent, 16_000);
    let received = received.lock().expect("nobody panics");
    for sender in 0..8 {
        let of_one = received.iter().filter(|item| item.0 == sender).map(|item| item.1);
        assert!(of_one.eq(0..2000), "sender {sender}");
    }
}

/// Which setting a builder refuses.
fn refused(
    change: impl FnOnce(
        PoolBuilder<Wrapped<fn(u16) -> Dial, AsPlain>, TokioRuntime, FixedAddresses<u16>>,
    ) -> PoolBuilder<Wrapped<fn(u16) -> Dial, AsPlain>, TokioRuntime, FixedAddresses<u16>>,
) -> &'static str {
    let connector: fn(u16) -> Dial = |_| std::future::ready(Ok(drain()));
    let builder = change(sink_pool_for(connector).follow(FixedAddresses::new(AddressSet::default())));
    match builder.build::<u32>() {
        Err(BuildError::Config(error)) => error.field(),
        Err(other) => panic!("{other}"),
        Ok(_) => "nothing",
    }
}

type Dial = std::future::Ready<Result<Drain<u32>, String>>;

#[test]
fn f5_hostile_values_are_refused_with_the_name_of_the_field() {
    let (zero, endless) = (Duration::ZERO, Duration::MAX);
    let second = Duration::from_secs(1);
    assert_eq!(refused(|pool| pool), "nothing");
    assert_eq!(refused(|pool| pool.queue_size(0)), "queue_size");
    assert_eq!(refused(|pool| pool.queue_size(usize::MAX)), "queue_size");
    assert_eq!(refused(|pool| pool.connections_per_address(0)), "connections_per_address");
    assert_eq!(refused(|pool| pool.connections_per_address(u32::MAX)), "connections_per_address");
    assert_eq!(refused(|pool| pool.dials_max(0)), "dials_max");
    assert_eq!(refused(|pool| pool.items_per_turn(0)), "items_per_turn");
    assert_eq!(refused(|pool| pool.addresses_max(0)), "addresses_max");
    assert_eq!(refused(|pool| pool.addresses_max(usize::MAX)), "addresses_max");
    assert_eq!(refused(|pool| pool.dial_timeout(zero)), "dial_timeout");
    assert_eq!(refused(|pool| pool.dial_timeout(endless)), "dial_timeout");
    assert_eq!(refused(|pool| pool.stable_after(zero)), "stable_after");
    assert_eq!(refused(|pool| pool.drain_timeout(endless)), "drain_timeout");
    assert_eq!(refused(|pool| pool.fail_fast_after(zero)), "fail_fast_after");
    assert_eq!(refused(|pool| pool.shutdown_timeout(endless)), "shutdown_timeout");
    assert_eq!(refused(|pool| pool.lifetime_max(second)), "lifetime_max", "shorter than stable_after");
    assert_eq!(refused(|pool| pool.idle_timeout(second)), "idle_timeout", "not lazy");
    assert_eq!(refused(|pool| pool.outcome_timeout(second)), "outcome_timeout", "sinks report none");
    assert_eq!(refused(|pool| pool.lazy().idle_timeout(second)), "nothing");
}

fn worker_threads(threads: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(threads).enable_all().build().expect("threads can be made")
}

#[test]
fn connections_have_tasks_of_their_own_where_the_driver_runs_or_on_a_runtime_that_is_named() {
    let (workers, others) = (worker_threads(2), worker_threads(1));
    let connect = |_: u16| async { Ok::<_, String>(drain::<u32>()) };
    let builder = || sink_pool_for(connect).connect_to_fixed([1, 2]);
    workers.block_on(async {
        let here = builder().spawn_connections().spawn::<u32>();
        let there = builder().spawn_connections_on(others.handle().clone()).spawn::<u32>();
        for pool in [here, there] {
            let pool = pool.expect("there is a runtime");
            for item in 0..1_000 {
                pool.send(item).await.expect("the pool lives");
            }
            let ended = pool.shutdown(Duration::from_secs(30)).await;
            assert_eq!((ended.counts.sent, ended.counts.undelivered), (1_000, 0));
        }
    });
}

#[test]
fn connections_whose_runtime_is_gone_have_failed_and_keep_no_pool_from_its_end() {
    let (workers, others) = (worker_threads(1), worker_threads(1));
    let connect = |_: u16| async { Ok::<_, String>(drain::<u32>()) };
    let builder = sink_pool_for(connect).connect_to_fixed([1]);
    let builder = builder.spawn_connections_on(others.handle().clone());
    workers.block_on(async {
        let pool = builder.spawn::<u32>().expect("there is a runtime");
        pool.ready(1).await.expect("its connection comes up");
        others.shutdown_background();
        while pool.last_error().is_none() {
            tokio::task::yield_now().await;
        }
        let ended = pool.shutdown(Duration::ZERO).await;
        assert_eq!(ended.reason, EndReason::Shutdown);
    });
}
