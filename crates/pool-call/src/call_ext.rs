//! `call`, on whatever takes calls.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_sink::Sink;
use pin_project::pin_project;
use pool_driver::{AddressId, BoxError, Pool};

use crate::call::{Call, Caller};
use crate::error::{CallError, MaybeSentReason, NotSentReason};
use crate::route::{PoolRoute, Route, SinkRoute};

/// Ask and get an answer: on a [`Pool`] of calls, and on any other sink of them, such as a
/// `Multiplexer` or one [`Pipelined`](crate::Pipelined) connection.
///
/// A pool is only looked at: any number of calls can wait at a time, from one handle or many.
/// Another sink is borrowed until the reply is there, and driven by whoever waits; to have more
/// than one call on its way, send [`Call`]s yourself.
///
/// ```
/// use std::time::Duration;
///
/// use pool_call::{Call, CallError, CallExt};
/// use pool_driver::Pool;
///
/// async fn increment(pool: &Pool<Call<String, u64>>) -> Option<u64> {
///     match pool.call("INCR visits".to_owned()).await {
///         Ok(visits) => Some(visits),
///         // It never left: no harm in asking again.
///         Err(CallError::NotSent { request, .. }) => pool.call(request).await.ok(),
///         // It may have been counted: asking again could count it twice.
///         Err(_) => None,
///     }
/// }
/// ```
///
/// Dropping the future gives up the call: one that still waits for a connection is never sent;
/// one that is on the wire is answered all the same, and the reply thrown away. No other caller
/// ever gets it.
///
/// The trait is implemented for references, so that one name serves both `&pool` and
/// `&mut connection`; write `pool.call(request)`.
pub trait CallExt<Request: 'static, Reply: 'static>: Sized {
    /// How a call gets to a connection.
    type Route: Route<Request, Reply>;

    /// Sends a request and waits for its reply.
    fn call(self, request: Request) -> Calling<Self::Route, Request, Reply>;

    /// As [`call`](Self::call), until `deadline` ends: any future, such as a runtime's sleep. The
    /// runtime crates have `call_timeout`, which takes a duration.
    ///
    /// ```
    /// use pool_call::{Call, CallError, CallExt, NotSentReason};
    /// use pool_driver::Pool;
    ///
    /// # async fn sleep(_: u32) {}
    /// async fn get(pool: &Pool<Call<String, String>>) -> Result<String, CallError<String>> {
    ///     pool.call_until("GET name".to_owned(), sleep(100)).await
    /// }
    /// ```
    ///
    /// A call that waits for a connection when the deadline comes is
    /// [`NotSent`](CallError::NotSent); one that is on the wire is
    /// [`MaybeSent`](CallError::MaybeSent).
    fn call_until<Deadline>(
        self,
        request: Request,
        deadline: Deadline,
    ) -> CallingUntil<Self::Route, Request, Reply, Deadline>
    where
        Deadline: Future,
    {
        CallingUntil::new(self.call(request), deadline)
    }
}

impl<'a, Request: 'static, Reply: 'static, A> CallExt<Request, Reply> for &'a Pool<Call<Request, Reply>, A> {
    type Route = PoolRoute<'a, Request, Reply, A>;

    fn call(self, request: Request) -> Calling<Self::Route, Request, Reply> {
        Calling::new(PoolRoute::new(self), Caller::to(request))
    }
}

impl<'a, Request, Reply, S> CallExt<Request, Reply> for &'a mut S
where
    Request: 'static,
    Reply: 'static,
    S: Sink<Call<Request, Reply>, Error: Into<BoxError>> + Unpin,
{
    type Route = SinkRoute<'a, S>;

    fn call(self, request: Request) -> Calling<Self::Route, Request, Reply> {
        Calling::new(SinkRoute::new(self), Caller::to(request))
    }
}

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

    fn give_up(&mut self) -> Result<Reply, CallError<Request>> {
        let not_sent = NotSentReason::TimedOut { last_error: None };
        let is_called = self.caller.is_called();
        let result = self.caller.give_up(not_sent, MaybeSentReason::TimedOut);
        if is_called && result.as_ref().is_err_and(CallError::is_not_sent) {
            self.route.on_abandoned();
        }
        self.explain(result)
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

    /// What was not begun never will be. If the call was begun, a reply that has come wins.
    fn end_at_deadline(&mut self, cx: &mut Context<'_>) -> Result<Reply, CallError<Request>> {
        if !self.caller.is_unsent()
            && let Poll::Ready(result) = self.poll_answer(cx)
        {
            return result;
        }
        self.give_up()
    }

    /// Makes the call and brings it on its way, if that takes no waiting: apart from all that may follow,
    /// which seldom does.
    #[inline(never)]
    fn start(&mut self, cx: &mut Context<'_>) -> bool {
        self.route.start(&mut self.caller, cx)
    }

    /// Goes on bringing the call on its way, and asks for the answer.
    #[inline(never)]
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<Reply, CallError<Request>>> {
        let polled = match self.route.poll_route(&mut self.caller, cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(())) => match self.caller.poll_reply(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(reply)) => {
                    if let Some(recycled) = self.caller.end() {
                        self.route.recycle(recycled);
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
    /// If it is polled again after it was done.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "no more than a look; as a call it costs a tenth of all")]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Most of the time a caller is woken because its reply is there.
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

/// A call with a deadline; made by [`CallExt::call_until`].
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

    /// The address that the request was given to, of a call that failed.
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
    /// If it is polled again after it was done.
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
