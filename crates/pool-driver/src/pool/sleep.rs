//! Waits by a pool's time: [`Timers`], and the future of [`Pool::sleep`](crate::Pool::sleep).

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use pool_core::Instant;

use super::timer_queue::{TimerKey, TimerQueue};

/// The time of a pool's runtime, and timers that its driver keeps; made by [`Pool::timers`](crate::Pool::timers). It
/// is no handle of the pool.
#[derive(Clone)]
pub struct Timers {
    queue: Arc<TimerQueue>,
}

impl Timers {
    pub(super) fn new(queue: &Arc<TimerQueue>) -> Self {
        Self { queue: Arc::clone(queue) }
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum SleepStage {
    New,
    Waiting(TimerKey),
    Over,
}

impl PoolSleep {
    pub(super) fn new(timers: &Arc<TimerQueue>, deadline: Instant, is_over: bool) -> Self {
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
        match self.stage {
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
