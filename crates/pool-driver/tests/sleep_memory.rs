//! Sleeps cost no allocation at steady state. Apart from other tests, which allocate too.

use std::alloc::System;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::future::ready;
use futures_util::sink::drain;
use pool_driver::{Instant, PoolBuilder, Runtime, Timer};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// A clock that is set by hand. Its timers never fire: the driver is polled by hand, too.
#[derive(Clone, Default)]
struct ManualClock(Arc<AtomicU64>);

struct NoTimer;

impl Runtime for ManualClock {
    type Timer = NoTimer;

    fn now(&self) -> Instant {
        Instant::from_nanos(self.0.load(Ordering::Relaxed))
    }

    fn timer(&self) -> NoTimer {
        NoTimer
    }
}

impl Timer for NoTimer {
    fn reset(self: Pin<&mut Self>, _: Instant) {}

    fn poll_expired(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

#[test]
fn sleeps_that_end_and_sleeps_that_are_given_up_allocate_nothing() {
    const AT_A_TIME: usize = 100;
    let clock = ManualClock::default();
    let connect = |_: u16| ready(Ok::<_, String>(drain::<u32>()));
    let builder = PoolBuilder::plain(connect, clock.clone()).connect_to_fixed([1]);
    let (pool, driver) = builder.build::<u32>().expect("the settings make sense");
    let mut driver = pin!(driver);
    let mut cx = Context::from_waker(Waker::noop());
    let mut sleeping = Vec::with_capacity(AT_A_TIME);
    let mut round = |rounds: usize| {
        for _ in 0..rounds {
            for number in 0..AT_A_TIME {
                let mut sleep = pool.sleep(Duration::from_nanos(1 + number as u64 % 7));
                assert!(Pin::new(&mut sleep).poll(&mut cx).is_pending());
                sleeping.push(sleep);
            }
            assert!(driver.as_mut().poll(&mut cx).is_pending());
            clock.0.fetch_add(3, Ordering::Relaxed);
            assert!(driver.as_mut().poll(&mut cx).is_pending());
            let mut ended = 0;
            for mut sleep in sleeping.drain(..) {
                ended += usize::from(Pin::new(&mut sleep).poll(&mut cx).is_ready());
            }
            assert!((1..AT_A_TIME).contains(&ended), "{ended} have ended, the others are given up");
        }
    };
    round(10);
    let before = ALLOCATOR.stats();
    round(1_000);
    let after = ALLOCATOR.stats();
    assert_eq!(after.allocations - before.allocations, 0);
    assert_eq!(after.reallocations - before.reallocations, 0);
}
