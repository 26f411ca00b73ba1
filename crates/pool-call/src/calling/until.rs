//! Calls that end by any future.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project::pin_project;

use super::{CallHandle, Calling};
use crate::error::CallError;

/// A call that ends when a future is ready; made by [`Calling::until`].
#[must_use = "nothing is sent unless this is polled"]
#[pin_project]
pub struct CallingUntil<P: CallHandle, D, E = CallError<<P as CallHandle>::Request>> {
    calling: Calling<P, E>,
    #[pin]
    deadline: D,
}

impl<P: CallHandle, D, E> CallingUntil<P, D, E> {
    pub(super) fn new(calling: Calling<P, E>, deadline: D) -> Self {
        Self { calling, deadline }
    }
}

impl<P: CallHandle, D: Future, E: From<CallError<P::Request>>> Future for CallingUntil<P, D, E> {
    type Output = Result<P::Reply, E>;

    /// # Panics
    ///
    /// If it is polled again after it was ready.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Some(reply) = this.calling.take_reply() {
            return Poll::Ready(Ok(reply));
        }
        // A deadline that is over sends nothing, so it is polled before the call is brought on its way.
        if this.deadline.poll(cx).is_pending() {
            return this.calling.poll_unanswered(cx).map_err(E::from);
        }
        Poll::Ready(this.calling.end_now(cx).map_err(E::from))
    }
}

impl<P: CallHandle, D, E> fmt::Debug for CallingUntil<P, D, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallingUntil").field("calling", &self.calling).finish_non_exhaustive()
    }
}
