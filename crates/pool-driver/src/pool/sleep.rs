//! The future of [`Pool::sleep`](crate::Pool::sleep).

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pool_core::Instant;

use super::timer_queue::{TimerKey, TimerQueue};

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
    pub(super) fn new(timers: &Arc<TimerQueue>, deadline: Instant) -> Self {
        Self { timers: Arc::clone(timers), deadline, stage: SleepStage::New }
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
            SleepStage::Waiting(timer) if !self.timers.poll(timer, cx.waker()) => return Poll::Pending,
            SleepStage::Waiting(_) => self.stop(),
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
