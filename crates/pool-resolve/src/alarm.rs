//! A timer that comes into being when it is needed first, which is inside of the pool's driver.

use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project::pin_project;
use pool_core::Instant;
use pool_driver::{Runtime, Timer};

/// A clock and one timer of its runtime.
#[pin_project]
#[derive(Debug)]
pub(crate) struct Alarm<R: Runtime> {
    runtime: R,
    #[pin]
    timer: Option<R::Timer>,
    set_for: Option<Instant>,
}

impl<R: Runtime> Alarm<R> {
    pub(crate) fn new(runtime: R) -> Self {
        Self { runtime, timer: None, set_for: None }
    }

    pub(crate) fn now(&self) -> Instant {
        self.runtime.now()
    }

    /// Ready once it is so late; otherwise the waker is woken then.
    pub(crate) fn poll_at(self: Pin<&mut Self>, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        if this.runtime.now() >= deadline {
            return Poll::Ready(());
        }
        if this.timer.is_none() {
            this.timer.set(Some(this.runtime.timer()));
        }
        let Some(mut timer) = this.timer.as_pin_mut() else { return Poll::Pending };
        if *this.set_for != Some(deadline) {
            timer.as_mut().reset(deadline);
            *this.set_for = Some(deadline);
        }
        if timer.poll_expired(cx).is_pending() {
            return Poll::Pending;
        }
        *this.set_for = None;
        if this.runtime.now() >= deadline {
            return Poll::Ready(());
        }
        // It fired early: it is set again in the next poll.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
