//! The wait for the reply to a call.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::Caller;
use crate::error::CallError;

/// The reply to a [`Call`](crate::Call), or why there is none.
///
/// Dropping it gives up the call. A call that has not been begun never will be; a call that is on the
/// wire is answered all the same, and its reply is thrown away. If the call waits in a pool's queue,
/// tell the pool by [`report_unwanted`](pool_driver::Pool::report_unwanted), so that it leaves its place
/// in the queue; [`CallPool`](crate::CallPool) does that by itself.
#[must_use = "nobody sees the reply unless this is polled"]
pub struct ReplyFuture<Request: 'static, Reply: 'static> {
    pub(crate) caller: Caller<Request, Reply, Infallible>,
}

impl<Request, Reply> Future for ReplyFuture<Request, Reply> {
    type Output = Result<Reply, CallError<Request>>;

    /// # Panics
    ///
    /// If it is polled again after it was ready.
    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match ready!(self.caller.poll_reply(cx)) {
            Ok(reply) => {
                self.caller.finish(None);
                Poll::Ready(Ok(reply))
            }
            Err(setback) => Poll::Ready(setback.into_result()),
        }
    }
}

// Nothing in it is pinned.
impl<Request, Reply> Unpin for ReplyFuture<Request, Reply> {}

impl<Request, Reply> fmt::Debug for ReplyFuture<Request, Reply> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyFuture").field("is_done", &self.caller.is_done()).finish()
    }
}
