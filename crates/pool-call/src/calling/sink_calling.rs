//! Calls through a sink: one connection, or a multiplexer, that its owner drives.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_sink::Sink;
use pin_project::pin_project;
use pool_driver::{BoxError, SharedError};

use crate::call::{Call, Caller, Setback};
use crate::error::{CallError, MaybeSentReason, NotSentReason};

/// Calls through anything that takes [`Call`]s: a single connection, or a multiplexer. It is driven until the reply
/// has come.
///
/// ```
/// use pool_call::{CallError, CallExt, Pipelined};
/// # use futures_core::Stream;
/// # use futures_sink::Sink;
/// # use std::io;
///
/// async fn greet<T>(transport: T) -> Result<String, CallError<String>>
/// where
///     T: Sink<String, Error = io::Error> + Stream<Item = io::Result<String>> + Unpin,
/// {
///     let mut connection = Pipelined::new(transport);
///     connection.call("how are you?".to_owned()).await
/// }
/// ```
///
/// [Pools of calls](crate::CallPool) have a `call` of their own, with more to it.
pub trait CallExt<Request: 'static, Reply: 'static>: Sink<Call<Request, Reply>> + Unpin {
    /// Sends a request and waits for its reply.
    fn call(&mut self, request: Request) -> SinkCalling<'_, Self, Request, Reply> {
        SinkCalling { sink: self, caller: Caller::of_request(request) }
    }
}

impl<Request, Reply, S> CallExt<Request, Reply> for S
where
    Request: 'static,
    Reply: 'static,
    S: Sink<Call<Request, Reply>> + Unpin,
{
}

/// A call under way through a sink; made by [`CallExt::call`].
#[must_use = "nothing is sent unless this is polled"]
pub struct SinkCalling<'a, S: ?Sized, Request: 'static, Reply: 'static> {
    sink: &'a mut S,
    caller: Caller<Request, Reply, Infallible>,
}

impl<'a, S: ?Sized, Request: 'static, Reply: 'static> SinkCalling<'a, S, Request, Reply> {
    /// Ends the call when `deadline` is ready: any future, such as a runtime's sleep.
    ///
    /// It is polled before the call is sent, so a deadline that is over sends nothing. A call that still waits then
    /// is [`NotSent`](CallError::NotSent); one that is on the wire is [`MaybeSent`](CallError::MaybeSent), unless its
    /// reply has come.
    pub fn until<D: Future>(self, deadline: D) -> SinkCallingUntil<'a, S, D, Request, Reply> {
        SinkCallingUntil { calling: self, deadline }
    }
}

impl<S, Request: 'static, Reply: 'static> SinkCalling<'_, S, Request, Reply>
where
    S: Sink<Call<Request, Reply>, Error: Into<BoxError>> + Unpin + ?Sized,
{
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<Reply, CallError<Request>>> {
        if let Err(error) = ready!(self.poll_sink(cx)) {
            let not_sent = NotSentReason::of_sink_error(&error);
            return Poll::Ready(self.caller.give_up(not_sent, MaybeSentReason::SinkFailed(error)));
        }
        let result = ready!(self.caller.poll_reply(cx));
        if result.is_ok() {
            self.caller.finish(None);
        }
        Poll::Ready(result.or_else(Setback::into_result))
    }

    /// Brings the call on its way, and drives the sink. Ready whenever the reply is to be polled for.
    fn poll_sink(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SharedError>> {
        let shared = |error: S::Error| SharedError::from(error.into());
        let mut sink = Pin::new(&mut *self.sink);
        if self.caller.is_asked() {
            ready!(sink.as_mut().poll_ready(cx)).map_err(shared)?;
            if let Some(call) = self.caller.make_lone_call() {
                sink.as_mut().start_send(call).map_err(shared)?;
            }
        }
        // Flushed or not, all that is left is to wait for the reply.
        match sink.poll_flush(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(shared(error))),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(())),
        }
    }

    /// Ends the call. What was not begun never will be; if the call was begun, a reply that has come wins.
    fn end_now(&mut self, cx: &mut Context<'_>) -> Result<Reply, CallError<Request>> {
        if !self.caller.is_unsent()
            && let Poll::Ready(result) = self.poll_answer(cx)
        {
            return result;
        }
        self.caller.give_up(NotSentReason::TimedOut { last_error: None }, MaybeSentReason::TimedOut)
    }
}

impl<S, Request, Reply> Future for SinkCalling<'_, S, Request, Reply>
where
    S: Sink<Call<Request, Reply>, Error: Into<BoxError>> + Unpin + ?Sized,
{
    type Output = Result<Reply, CallError<Request>>;

    /// # Panics
    ///
    /// If it is polled again after it was ready.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_answer(cx)
    }
}

// Nothing in it is pinned.
impl<S: ?Sized, Request, Reply> Unpin for SinkCalling<'_, S, Request, Reply> {}

impl<S: ?Sized, Request, Reply> fmt::Debug for SinkCalling<'_, S, Request, Reply> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SinkCalling").field("is_done", &self.caller.is_done()).finish_non_exhaustive()
    }
}

/// A call through a sink that ends when a future is ready; made by [`SinkCalling::until`].
#[must_use = "nothing is sent unless this is polled"]
#[pin_project]
pub struct SinkCallingUntil<'a, S: ?Sized, D, Request: 'static, Reply: 'static> {
    calling: SinkCalling<'a, S, Request, Reply>,
    #[pin]
    deadline: D,
}

impl<S, D, Request, Reply> Future for SinkCallingUntil<'_, S, D, Request, Reply>
where
    S: Sink<Call<Request, Reply>, Error: Into<BoxError>> + Unpin + ?Sized,
    D: Future,
{
    type Output = Result<Reply, CallError<Request>>;

    /// # Panics
    ///
    /// If it is polled again after it was ready.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if this.deadline.poll(cx).is_pending() {
            return this.calling.poll_answer(cx);
        }
        Poll::Ready(this.calling.end_now(cx))
    }
}

impl<S: ?Sized, D, Request, Reply> fmt::Debug for SinkCallingUntil<'_, S, D, Request, Reply> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SinkCallingUntil").field("calling", &self.calling).finish_non_exhaustive()
    }
}
