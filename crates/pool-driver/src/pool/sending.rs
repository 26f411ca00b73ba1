//! The future of [`Pool::send`](crate::Pool::send).

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::error::SendError;
use crate::pool::shared::Shared;
use crate::queue::Permit;

/// A sender that waits for room in the queue; made by [`Pool::send`](crate::Pool::send).
#[must_use = "nothing is sent unless this is polled"]
pub struct Sending<'a, T, A> {
    shared: &'a Shared<T, A>,
    /// Gone once it is sent or refused.
    item: Option<T>,
    permit: Permit,
}

impl<'a, T, A> Sending<'a, T, A> {
    pub(super) fn new(shared: &'a Shared<T, A>, item: T) -> Self {
        Self { shared, item: Some(item), permit: Permit::default() }
    }

    #[cold]
    fn wait_for_permit(&mut self, item: T, cx: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        let queue = &self.shared.queue;
        match queue.poll_permit(&mut self.permit, cx.waker()) {
            None => {
                self.item = Some(item);
                Poll::Pending
            }
            Some(Ok(())) => Poll::Ready(queue.push(&mut self.permit, item)),
            Some(Err(reason)) => {
                queue.leave(&mut self.permit);
                Poll::Ready(Err(SendError { item, reason }))
            }
        }
    }
}

// The item is moved, never pinned.
impl<T, A> Unpin for Sending<'_, T, A> {}

// As for `Pool`; the item is not looked at.
impl<T: UnwindSafe, A> UnwindSafe for Sending<'_, T, A> {}
impl<T: RefUnwindSafe, A> RefUnwindSafe for Sending<'_, T, A> {}

impl<T, A> Future for Sending<'_, T, A> {
    type Output = Result<(), SendError<T>>;

    /// # Panics
    ///
    /// If it is polled again after it was done.
    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let item = this.item.take().expect("`Sending` is not polled after it was done");
        // Most of the time there is room, and no need for a permit.
        match this.shared.queue.try_push_first(&this.permit, item) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(item) => this.wait_for_permit(item, cx),
        }
    }
}

impl<T, A> fmt::Debug for Sending<'_, T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").field("is_done", &self.item.is_none()).finish_non_exhaustive()
    }
}

impl<T, A> Drop for Sending<'_, T, A> {
    fn drop(&mut self) {
        if self.permit.is_requested() {
            self.shared.queue.leave(&mut self.permit);
        }
    }
}
