//! Waits by a pool's time: [`Timers`], and the future of [`Pool::sleep`](crate::Pool::sleep).

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pool_core::Instant;

use super::timer_queue::TimerQueue;
use crate::error::SleepError;

pub use super::timer_queue::TimerKey;

/// The time of a pool's runtime, and timers that its driver keeps; see [`Pool::timers`](crate::Pool::timers). It
/// is no handle of the pool.
#[derive(Clone)]
pub struct Timers {
    queue: Arc<TimerQueue>,
}

impl Timers {
    pub(super) fn new(queue: TimerQueue) -> Self {
        Self { queue: Arc::new(queue) }
    }

    pub(super) fn sleep_until(&self, deadline: Instant) -> PoolSleep {
        let (timers, stage) = (Arc::clone(&self.queue), SleepStage::New);
        PoolSleep { timers, deadline, stage }
    }

    /// As [`Pool::now`](crate::Pool::now).
    #[must_use]
    pub fn now(&self) -> Instant {
        self.queue.now()
    }

    /// As [`Pool::sleep`](crate::Pool::sleep).
    pub fn sleep(&self, duration: Duration) -> PoolSleep {
        self.sleep_until(self.now() + duration)
    }

    /// Starts a timer that wakes this waker at a time by [`now`](Self::now). `None` if the pool is over.
    ///
    /// It is what [`sleep`](Self::sleep) is made of, for futures that hold the timers otherwise.
    ///
    /// ```
    /// use std::task::Waker;
    /// use std::time::Duration;
    ///
    /// # fn example(timers: &pool_driver::Timers, waker: &Waker) {
    /// if let Some(timer) = timers.start(timers.now() + Duration::from_secs(1), waker) {
    ///     // … until it is woken, for whatever reason:
    ///     let is_over = timers.has_fired(&timer, waker);
    ///     timers.stop(timer);
    ///     # let _ = is_over;
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn start(&self, deadline: Instant, waker: &Waker) -> Option<TimerKey> {
        self.queue.start(deadline, waker).ok()
    }

    /// Whether a timer of this pool has fired. If not, this waker is woken when it does.
    ///
    /// # Panics
    ///
    /// Perhaps, if the timer is another pool's.
    #[must_use]
    pub fn has_fired(&self, timer: &TimerKey, waker: &Waker) -> bool {
        self.queue.poll(timer, waker)
    }

    /// Ends a timer of this pool, fired or not.
    ///
    /// # Panics
    ///
    /// Perhaps, if the timer is another pool's.
    pub fn stop(&self, timer: TimerKey) {
        self.queue.stop(timer);
    }

    /// Whether the pool is over. Its timers have woken everybody early, and no other can be started.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }

    pub(crate) fn queue(&self) -> &TimerQueue {
        &self.queue
    }
}

impl fmt::Debug for Timers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timers").finish_non_exhaustive()
    }
}

/// A wait by a pool's time; made by [`Pool::sleep`](crate::Pool::sleep). It is no handle of the pool.
///
/// # Errors
///
/// A [`SleepError`] if the pool is over before the time has come, at once then.
#[must_use = "nobody waits unless this is polled"]
pub struct PoolSleep {
    timers: Arc<TimerQueue>,
    deadline: Instant,
    stage: SleepStage,
}

enum SleepStage {
    New,
    Waiting(TimerKey),
    Over(Result<(), SleepError>),
}

impl PoolSleep {
    /// Until when it waits.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    fn end(&mut self, slept: Result<(), SleepError>) {
        if let SleepStage::Waiting(timer) = std::mem::replace(&mut self.stage, SleepStage::Over(slept)) {
            self.timers.stop(timer);
        }
    }
}

impl Future for PoolSleep {
    type Output = Result<(), SleepError>;

    /// It stays ready, with the same answer.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let slept = match &this.stage {
            SleepStage::Over(slept) => return Poll::Ready(*slept),
            // The driver may be late.
            _ if this.deadline <= this.timers.now() => Ok(()),
            SleepStage::New => match this.timers.start(this.deadline, cx.waker()) {
                Ok(timer) => {
                    this.stage = SleepStage::Waiting(timer);
                    return Poll::Pending;
                }
                Err(reason) => Err(SleepError { reason }),
            },
            SleepStage::Waiting(timer) if !this.timers.poll(timer, cx.waker()) => return Poll::Pending,
            SleepStage::Waiting(_) => {
                this.timers.closed().map_or(Ok(()), |reason| Err(SleepError { reason }))
            }
        };
        this.end(slept);
        Poll::Ready(slept)
    }
}

impl Drop for PoolSleep {
    fn drop(&mut self) {
        self.end(Ok(()));
    }
}

impl fmt::Debug for PoolSleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolSleep").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}
