//! smol as the runtime: its timer, its executors, and what a pool of its may be made of.

#[path = "../../pool-driver/tests/on_runtimes/executor_end.rs"]
mod executor_end;

mod adapter {
    pub(crate) use pool_smol::driver::*;
    pub(crate) use pool_smol::sink_pool_for;

    pub(crate) type Runtime = pool_smol::SmolRuntime;
}

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::sink::{Drain, drain, unfold};
use pool_smol::{
    SmolRuntime,
    driver::{Instant, Runtime, Timer},
    errors::{EndReason, ReadyError},
    sink_pool_for,
    types::SmolTimer,
};
use smol::future::poll_once;
use smol::{Executor, LocalExecutor, block_on};

const SOON: Duration = Duration::from_millis(1);
/// So long that a test which waits for it has failed.
const LATE: Duration = Duration::from_secs(60);

async fn expired(mut timer: Pin<&mut SmolTimer>) {
    poll_fn(|cx| timer.as_mut().poll_expired(cx)).await;
}

#[test]
fn a_timer_can_be_set_to_an_earlier_time() {
    let runtime = SmolRuntime::new();
    let mut timer = pin!(runtime.timer());
    let deadline = runtime.now() + SOON;
    block_on(async {
        timer.as_mut().reset(deadline + LATE);
        assert!(poll_once(expired(timer.as_mut())).await.is_none());
        timer.as_mut().reset(deadline);
        expired(timer.as_mut()).await;
    });
    assert!((deadline..deadline + LATE).contains(&runtime.now()));
}

#[test]
fn a_timer_can_be_set_to_a_later_time() {
    let runtime = SmolRuntime::new();
    let mut timer = pin!(runtime.timer());
    let deadline = runtime.now() + 20 * SOON;
    block_on(async {
        timer.as_mut().reset(runtime.now() + SOON);
        // Known to the reactor from here on; on a busy machine it may even have expired.
        poll_once(expired(timer.as_mut())).await;
        timer.as_mut().reset(deadline);
        expired(timer.as_mut()).await;
    });
    assert!(runtime.now() >= deadline);
}

#[test]
fn a_timer_expires_at_once_if_its_time_is_past() {
    let runtime = SmolRuntime::new();
    let mut timer = pin!(runtime.timer());
    block_on(async {
        assert!(poll_once(expired(timer.as_mut())).await.is_none(), "it was never set");
        timer.as_mut().reset(runtime.now() + LATE);
        assert!(poll_once(expired(timer.as_mut())).await.is_none(), "it is early");
        timer.as_mut().reset(Instant::ZERO);
        assert!(poll_once(expired(timer.as_mut())).await.is_some(), "it is late");
    });
}

#[test]
fn the_timer_wakes_a_driver_that_has_nothing_else_to_do() {
    let connector = |_: u16| pending::<Result<Drain<u32>, String>>();
    let builder = sink_pool_for(connector).connect_to_fixed([1]).dial_timeout(SOON);
    let pool = builder.spawn::<u32>().expect("the settings make sense");
    let ready = block_on(pool.ready(1).unless_failing());
    assert!(matches!(ready, Err(ReadyError::Failing { last_error: Some(_) })), "{ready:?}");
}

#[test]
fn a_pool_runs_on_the_global_executor_or_on_one_of_ones_own() {
    let builder = || sink_pool_for(|_: u16| async { Ok::<_, String>(drain::<u32>()) }).connect_to_fixed([1]);
    let executor = Executor::new();
    let on_global = builder().spawn::<u32>().expect("the settings make sense");
    let on_own = builder().spawn_on::<u32>(&executor).expect("the settings make sense");
    for pool in [on_global, on_own] {
        let ended = block_on(executor.run(async {
            pool.send(1).await.expect("there is room");
            pool.shutdown(LATE).await
        }));
        assert_eq!((ended.reason, ended.counts.sent), (EndReason::Shutdown, 1));
    }
}

#[test]
fn on_a_local_executor_items_and_connections_need_not_be_send_and_may_borrow() {
    let seen = RefCell::new(Vec::new());
    let executor = LocalExecutor::new();
    let pool = sink_pool_for(|_: u16| {
        let sink = unfold(&seen, |seen, item: Rc<u32>| async move {
            seen.borrow_mut().push(*item);
            Ok::<_, String>(seen)
        });
        async { Ok::<_, String>(Box::pin(sink)) }
    })
    .connect_to_fixed([1])
    .spawn_on::<Rc<u32>>(&executor)
    .expect("the settings make sense");
    block_on(executor.run(async {
        pool.send(Rc::new(1)).await.expect("there is room");
        pool.shutdown(LATE).await;
    }));
    assert_eq!(*seen.borrow(), [1]);
}

#[test]
fn the_end_of_the_executor_gives_queued_items_back_and_wakes_everybody() {
    executor_end::check(Executor::new(), |builder, executor| {
        let pool = builder.spawn_on(executor).expect("the settings make sense");
        assert!(executor.try_tick(), "the driver is there to be polled");
        pool
    });
}

#[test]
fn connections_have_tasks_of_their_own_on_the_global_executor_or_on_one_that_is_named() {
    let connect = |_: u16| async { Ok::<_, String>(drain::<u32>()) };
    let builder = || sink_pool_for(connect).connect_to_fixed([1, 2]);
    let executor = Arc::new(Executor::new());
    block_on(executor.run(async {
        let here = builder().spawn_connections().spawn::<u32>();
        let there = builder().spawn_connections_on(Arc::clone(&executor)).spawn::<u32>();
        for pool in [here, there] {
            let pool = pool.expect("there is an executor");
            for item in 0..1_000 {
                pool.send(item).await.expect("the pool lives");
            }
            let ended = pool.shutdown(LATE).await;
            assert_eq!((ended.counts.sent, ended.counts.undelivered), (1_000, 0));
        }
    }));
}

#[test]
fn connections_that_are_not_send_have_tasks_of_their_own_on_an_executor_of_the_thread() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let connect = {
        let seen = Rc::clone(&seen);
        move |_: u16| {
            let seen = Rc::clone(&seen);
            async move {
                let sink = unfold(seen, |seen, item: u32| async move {
                    seen.borrow_mut().push(item);
                    Ok::<_, String>(seen)
                });
                Ok::<_, String>(Box::pin(sink))
            }
        }
    };
    let executor = Rc::new(LocalExecutor::new());
    block_on(executor.run(async {
        let builder = sink_pool_for(connect).connect_to_fixed([1]).spawn_connections_on(Rc::clone(&executor));
        let pool = builder.spawn_on::<u32>(&*executor).expect("it is there");
        for item in 0..100 {
            pool.send(item).await.expect("the pool lives");
        }
        assert_eq!(pool.shutdown(LATE).await.counts.sent, 100);
    }));
    assert_eq!(*seen.borrow(), (0..100).collect::<Vec<_>>());
}
