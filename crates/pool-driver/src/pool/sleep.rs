//! Waits by a pool's time: [`Timers`], and the future of [`Pool::sleep`](crate::Pool::sleep).

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pool_core::Instant;

use super::timer_queue::TimerQueue;

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
        PoolSleep::new(&self.queue, deadline, deadline <= self.now())
    }

    /// As [`Pool::now`](crate::Pool::now).
    #[must_use]
    pub fn now(&self) -> Instant {
        self.queue.now()
    }

    /// As [`Pool::sleep`](crate::Pool::sleep).
    pub fn sleep(&self, duration: Duration) -> PoolSleep {
        PoolSleep::new(&self.queue, self.now() + duration, duration.is_zero())
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
        self.queue.start(deadline, waker)
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
#[must_use = "nobody waits unless this is polled"]
pub struct PoolSleep {
    timers: Arc<TimerQueue>,
    deadline: Instant,
    stage: SleepStage,
}

enum SleepStage {
    New,
    Waiting(TimerKey),
    Over,
}

impl PoolSleep {
    fn new(timers: &Arc<TimerQueue>, deadline: Instant, is_over: bool) -> Self {
        let stage = if is_over { SleepStage::Over } else { SleepStage::New };
        Self { timers: Arc::clone(timers), deadline, stage }
    }

    /// Until when it waits.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    fn stop(&mut self) {
        if let SleepStage::Waiting(timer) = std::mem::replace(&mut self.stage, SleepStage::Over) {
            self.timers.stop(timer);
        }
    }
}

impl Future for PoolSleep {
    type Output = ();

    /// It stays ready.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &self.stage {
            SleepStage::New => match self.timers.start(self.deadline, cx.waker()) {
                Some(timer) => {
                    self.stage = SleepStage::Waiting(timer);
                    return Poll::Pending;
                }
                None => self.stage = SleepStage::Over,
            },
            SleepStage::Waiting(timer) => {
                // The driver may be late.
                let is_over = self.deadline <= self.timers.now() || self.timers.poll(timer, cx.waker());
                if !is_over {
                    return Poll::Pending;
                }
                self.stop();
            }
            SleepStage::Over => {}
        }
        Poll::Ready(())
    }
}

impl Drop for PoolSleep {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for PoolSleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolSleep").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}
