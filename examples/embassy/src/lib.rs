//! The pool on embassy: a model for adapters of runtimes whose tasks are static.
//!
//! `cargo test -p pool-embassy` runs the conformance suite on it.
//!
//! A task of embassy has its place in a `static`, so its type has no parameters. A driver's type
//! has many, and closures among them can't be named: that is why there is no `spawn()` here. A box
//! has a name. [`spawn_on(spawner)`](pool_driver::PoolBuilder::spawn_on) gives the driver in one to
//! a task of this crate, and a program does the same with a task of its own if it wants to choose
//! how many pools there are, or on which executor:
//!
//! ```no_run
//! use std::pin::Pin;
//!
//! use embassy_executor::Spawner;
//! use pool_driver::{Ended, PoolBuilder};
//! use pool_embassy::EmbassyRuntime;
//!
//! #[embassy_executor::task(pool_size = 2)]
//! async fn drive(driver: Pin<Box<dyn Future<Output = Ended>>>) {
//!     println!("the pool is over: {:?}", driver.await.reason);
//! }
//!
//! #[embassy_executor::main]
//! async fn main(spawner: Spawner) {
//!     let connect = |_address: u16| async { Ok::<_, String>(futures_util::sink::drain()) };
//!     let builder = PoolBuilder::plain(connect, EmbassyRuntime).connect_to_fixed([1, 2]);
//!     let (pool, driver) = builder.build().expect("the settings make sense");
//!     spawner.spawn(drive(Box::pin(driver)).expect("this is the first pool"));
//!
//!     pool.send("hello").await.expect("the pool takes items");
//! }
//! ```
//!
//! A pool's timer is polled with a waker of the pool's own. `embassy-time` takes wakers that are
//! not embassy's with one of its features `generic-queue-8` to `generic-queue-128`, which a
//! program has to choose, with a place for each pool; without, its queue panics at the first timer.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use embassy_executor::Spawner;
use embassy_time::{Duration as EmbassyDuration, Instant as EmbassyInstant};
use embassy_time_driver::schedule_wake;
use pool_driver::{BoxError, Instant, Runtime, Spawn, Timer};

/// Embassy as a pool's runtime. There is one clock, for all executors, so there is nothing to hold.
#[derive(Clone, Copy, Debug, Default)]
pub struct EmbassyRuntime;

impl Runtime for EmbassyRuntime {
    type Timer = EmbassyTimer;

    fn now(&self) -> Instant {
        Instant::from_nanos(EmbassyInstant::now().as_nanos())
    }

    fn timer(&self) -> EmbassyTimer {
        EmbassyTimer::default()
    }
}

/// A timer of embassy's clock.
///
/// `embassy_time::Timer` would do, if it didn't wait for a turn even when its time is past, and if
/// it left the queue when it is dropped.
#[derive(Debug, Default)]
pub struct EmbassyTimer {
    deadline: Option<EmbassyInstant>,
    /// Who may be in embassy's queue.
    waker: Option<Waker>,
}

impl Timer for EmbassyTimer {
    /// What was scheduled before stays scheduled: embassy keeps the earlier time of a waker. A
    /// task that is woken too early polls, and is scheduled again.
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        // `EmbassyInstant::from_nanos` rounds down, and a timer that fires within the tick before
        // its deadline is set again and again until that is over. Durations are rounded up.
        let since_start = EmbassyDuration::try_from_nanos(deadline.as_nanos());
        let deadline = since_start.map(|since_start| EmbassyInstant::MIN + since_start);
        self.deadline = Some(deadline.unwrap_or(EmbassyInstant::MAX));
    }

    fn poll_expired(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else { return Poll::Pending };
        if deadline <= EmbassyInstant::now() {
            // By now embassy has woken whom it was to wake, or is about to.
            (self.deadline, self.waker) = (None, None);
            return Poll::Ready(());
        }
        if self.waker.as_ref().is_none_or(|waker| !waker.will_wake(cx.waker())) {
            self.leave_queue();
            self.waker = Some(cx.waker().clone());
        }
        schedule_wake(deadline.as_ticks(), cx.waker());
        Poll::Pending
    }
}

impl EmbassyTimer {
    /// Embassy's queue has few places, and a waker leaves it only when its time has come. So that
    /// is now.
    fn leave_queue(&mut self) {
        if let Some(waker) = self.waker.take() {
            schedule_wake(0, &waker);
        }
    }
}

impl Drop for EmbassyTimer {
    fn drop(&mut self) {
        self.leave_queue();
    }
}

/// How many pools can be spawned with `spawn_on`, in the whole program, until one of them is over.
pub const POOLS_MAX: usize = 8;

#[embassy_executor::task(pool_size = POOLS_MAX)]
async fn drive(driver: Pin<Box<dyn Future<Output = ()>>>) {
    driver.await;
}

/// For up to [`POOLS_MAX`] pools; it is an error to ask for more.
impl<F: Future + 'static> Spawn<EmbassyRuntime, F> for Spawner {
    fn spawn(self, _: &str, future: F) -> Result<(), BoxError> {
        let driver = Box::pin(async { drop(future.await) });
        Self::spawn(&self, drive(driver)?);
        Ok(())
    }
}
