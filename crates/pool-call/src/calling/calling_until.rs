//! Calls with a deadline.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project::pin_project;
use pool_driver::AddressId;

use super::{Calling, Route};
use crate::error::CallError;

/// A call with a deadline; made by [`CallExt::call_until`](crate::CallExt::call_until).
#[must_use = "nothing is sent unless this is polled"]
#[pin_project]
pub struct CallingUntil<R, Request, Reply, Deadline>
where
    R: Route<Request, Reply>,
    Request: 'static,
    Reply: 'static,
{
    calling: Calling<R, Request, Reply>,
    #[pin]
    deadline: Deadline,
}

impl<R: Route<Request, Reply>, Request, Reply, Deadline> CallingUntil<R, Request, Reply, Deadline> {
    pub(crate) fn new(calling: Calling<R, Request, Reply>, deadline: Deadline) -> Self {
        Self { calling, deadline }
    }

    /// The address that the request was given to, if the call failed.
    pub(crate) fn failed_at(&self) -> Option<AddressId> {
        self.calling.caller.failed_at()
    }
}

impl<R, Request, Reply, Deadline> Future for CallingUntil<R, Request, Reply, Deadline>
where
    R: Route<Request, Reply>,
    Deadline: Future,
{
    type Output = Result<Reply, CallError<Request>>;

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
            return this.calling.poll_unanswered(cx);
        }
        Poll::Ready(this.calling.end_at_deadline(cx))
    }
}

impl<R: Route<Request, Reply>, Request, Reply, Deadline> fmt::Debug
    for CallingUntil<R, Request, Reply, Deadline>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallingUntil").field("calling", &self.calling).finish_non_exhaustive()
    }
}
