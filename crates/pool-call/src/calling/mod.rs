//! `call`, from the request to the reply: [`CallExt`] makes a [`Calling`], a route brings its call to a
//! connection, and [`CallingUntil`] adds a deadline.

mod call_ext;
mod calling_until;
mod route;

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

pub use call_ext::CallExt;
pub use calling_until::CallingUntil;
pub(crate) use route::{PoolRoute, Route};

use crate::call::Caller;
use crate::error::{CallError, MaybeSentReason, NotSentReason};

/// A call under way; made by [`CallExt::call`].
#[must_use = "nothing is sent unless this is polled"]
pub struct Calling<R, Request, Reply>
where
    R: Route<Request, Reply>,
    Request: 'static,
    Reply: 'static,
{
    route: R,
    caller: Caller<Request, Reply, R::Sending>,
}

impl<R: Route<Request, Reply>, Request, Reply> Calling<R, Request, Reply> {
    pub(crate) fn new(route: R, caller: Caller<Request, Reply, R::Sending>) -> Self {
        Self { route, caller }
    }

    /// The reply, if it takes no more than a look.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the last step of every call")]
    fn take_reply(&mut self) -> Option<Reply> {
        let (reply, finished) = self.caller.take_reply()?;
        self.route.recycle(finished);
        Some(reply)
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the first step of every call")]
    fn poll_unanswered(&mut self, cx: &mut Context<'_>) -> Poll<Result<Reply, CallError<Request>>> {
        if self.start(cx) { Poll::Pending } else { self.poll_answer(cx) }
    }

    /// Makes the call and brings it on its way, if that takes no waiting. It is apart from what may follow,
    /// which seldom does.
    #[inline(never)]
    fn start(&mut self, cx: &mut Context<'_>) -> bool {
        self.route.start(&mut self.caller, cx)
    }

    /// Goes on bringing the call on its way, and polls for the reply.
    #[inline(never)]
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<Reply, CallError<Request>>> {
        let polled = match self.route.poll_route(&mut self.caller, cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(())) => match self.caller.poll_reply(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(reply)) => {
                    if let Some(finished) = self.caller.finish() {
                        self.route.recycle(finished);
                    }
                    return Poll::Ready(Ok(reply));
                }
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            },
            Poll::Ready(Err(error)) => {
                let not_sent = NotSentReason::of_sink_error(&error);
                Poll::Ready(self.caller.give_up(not_sent, MaybeSentReason::SinkFailed(error)))
            }
        };
        polled.map(|result| self.explain(result))
    }

    /// Ends the call at its deadline. What was not begun never will be; if the call was begun, a reply that
    /// has come wins.
    fn end_at_deadline(&mut self, cx: &mut Context<'_>) -> Result<Reply, CallError<Request>> {
        if !self.caller.is_unsent()
            && let Poll::Ready(result) = self.poll_answer(cx)
        {
            return result;
        }
        let is_called = self.caller.is_called();
        let not_sent = NotSentReason::TimedOut { last_error: None };
        let result = self.caller.give_up(not_sent, MaybeSentReason::TimedOut);
        if is_called && result.as_ref().is_err_and(CallError::is_not_sent) {
            self.route.on_abandoned();
        }
        self.explain(result)
    }

    #[cold]
    #[inline(never)]
    fn abandon(route: &R, caller: Caller<Request, Reply, R::Sending>) {
        if caller.abandon() {
            route.on_abandoned();
        }
    }

    /// Adds what the route knows of the reasons.
    fn explain(&self, mut result: Result<Reply, CallError<Request>>) -> Result<Reply, CallError<Request>> {
        if let Err(CallError::NotSent { reason, .. }) = &mut result
            && let Some(last_error) = reason.last_error_mut()
        {
            *last_error = self.route.last_error();
        }
        result
    }
}

// Nothing in it is pinned.
impl<R: Route<Request, Reply>, Request, Reply> Unpin for Calling<R, Request, Reply> {}

impl<R: Route<Request, Reply>, Request, Reply> Drop for Calling<R, Request, Reply> {
    #[inline]
    fn drop(&mut self) {
        if !self.caller.is_done() {
            Self::abandon(&self.route, self.caller.take());
        }
    }
}

impl<R: Route<Request, Reply>, Request, Reply> Future for Calling<R, Request, Reply> {
    type Output = Result<Reply, CallError<Request>>;

    /// # Panics
    ///
    /// If it is polled again after it was ready.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "no more than a look; outlined, it costs a tenth of a call")]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Most of the time a caller is woken because its reply has come.
        match self.take_reply() {
            Some(reply) => Poll::Ready(Ok(reply)),
            None => self.poll_unanswered(cx),
        }
    }
}

impl<R: Route<Request, Reply>, Request, Reply> fmt::Debug for Calling<R, Request, Reply> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calling").field("is_done", &self.caller.is_done()).finish_non_exhaustive()
    }
}
