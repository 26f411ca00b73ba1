//! A deadline of a source. Its timer is made when it is needed first, which is inside the pool's driver.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project::pin_project;
use pool_core::Instant;
use pool_driver::{Runtime, Timer};

/// A runtime's clock and one of its timers.
///
/// It wakes the task that polls it. The timer of a pool's driver raises a signal instead, because a driver
/// polls only what was woken.
#[pin_project]
pub(crate) struct DeadlineTimer<R: Runtime> {
    runtime: R,
    #[pin]
    timer: Option<R::Timer>,
    armed_for: Option<Instant>,
}

impl<R: Runtime> DeadlineTimer<R> {
    pub(crate) fn new(runtime: R) -> Self {
        Self { runtime, timer: None, armed_for: None }
    }

    pub(crate) fn now(&self) -> Instant {
        self.runtime.now()
    }

    /// Ready once the deadline has come. Otherwise the task is woken then.
    pub(crate) fn poll_at(self: Pin<&mut Self>, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        if this.runtime.now() >= deadline {
            return Poll::Ready(());
        }
        if this.timer.is_none() {
            this.timer.set(Some(this.runtime.timer()));
        }
        let Some(mut timer) = this.timer.as_pin_mut() else { return Poll::Pending };
        if *this.armed_for != Some(deadline) {
            timer.as_mut().reset(deadline);
            *this.armed_for = Some(deadline);
        }
        if timer.poll_expired(cx).is_pending() {
            return Poll::Pending;
        }
        *this.armed_for = None;
        if this.runtime.now() >= deadline {
            return Poll::Ready(());
        }
        // It fired early. The next poll arms it again.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<R: Runtime> fmt::Debug for DeadlineTimer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadlineTimer").field("armed_for", &self.armed_for).finish_non_exhaustive()
    }
}
