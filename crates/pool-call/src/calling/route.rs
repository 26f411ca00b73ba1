//! How a call gets to a connection: through a pool's queue, or into a sink. Public only as far as it bounds
//! an associated type.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_sink::Sink;
use pool_driver::{AddressId, BoxError, Pool, SendError, Sending, SharedError};

use crate::call::{Call, Caller};
use crate::error::NotSentReason;

/// How a call gets to a connection. Only this crate implements it.
pub trait Route<Request: 'static, Reply: 'static> {
    /// How a call waits for a permit.
    type Sending;

    /// Makes the call and brings it on its way at once, if that can be done. Then all that is left is to wait
    /// to be woken.
    fn start(&mut self, _: &mut Caller<Request, Reply, Self::Sending>, _: &mut Context<'_>) -> bool {
        false
    }

    /// Brings the call on its way, and drives what it waits for. Ready whenever the reply is to be polled for.
    fn poll_route(
        &mut self,
        caller: &mut Caller<Request, Reply, Self::Sending>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SharedError>>;

    /// Keeps a finished call, to be used again.
    #[inline]
    fn recycle(&self, finished: Call<Request, Reply>) {
        finished.recycle();
    }

    /// The latest error of any connection, if it is known.
    fn last_error(&self) -> Option<SharedError>;

    /// The caller has gone, and the call, which was on its way, was not begun.
    fn on_abandoned(&self);
}

/// Through a pool's queue.
pub struct PoolRoute<'a, Request, Reply, A> {
    pool: &'a Pool<Call<Request, Reply>, A>,
    failed_at: Option<AddressId>,
}

impl<'a, Request, Reply, A> PoolRoute<'a, Request, Reply, A> {
    pub(crate) fn new(pool: &'a Pool<Call<Request, Reply>, A>) -> Self {
        Self { pool, failed_at: None }
    }

    /// Rather not to the address that has just failed the same request.
    pub(crate) fn avoiding(pool: &'a Pool<Call<Request, Reply>, A>, failed_at: Option<AddressId>) -> Self {
        Self { pool, failed_at }
    }
}

impl<'a, Request: 'static, Reply: 'static, A> Route<Request, Reply> for PoolRoute<'a, Request, Reply, A> {
    /// Boxed: it is seldom there, and inline it would make every look at a caller's stage cost more.
    type Sending = Box<Sending<'a, Call<Request, Reply>, A>>;

    #[inline]
    fn start(&mut self, caller: &mut Caller<Request, Reply, Self::Sending>, cx: &mut Context<'_>) -> bool {
        let take_recycled = || self.pool.take_recycled();
        let Some(call) = caller.make_call(take_recycled, Some(cx.waker())) else { return false };
        if let Some(address) = self.failed_at {
            call.set_last_address(address);
        }
        match self.pool.try_send(call) {
            // The answer wakes the caller.
            Ok(()) => true,
            Err(SendError { item, .. }) => {
                caller.begin_sending(Box::new(self.pool.send(item)));
                false
            }
        }
    }

    fn poll_route(
        &mut self,
        caller: &mut Caller<Request, Reply, Self::Sending>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SharedError>> {
        if let Some(sending) = caller.sending() {
            let sent = ready!(Pin::new(sending).poll(cx));
            caller.end_sending();
            if let Err(SendError { item, reason }) = sent {
                item.give_back(NotSentReason::Refused { reason, last_error: None });
            }
        }
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn recycle(&self, finished: Call<Request, Reply>) {
        // A call that the pool has no room for is dropped.
        let _ = self.pool.recycle(finished, Call::<Request, Reply>::SLOT_BYTES);
    }

    fn last_error(&self) -> Option<SharedError> {
        self.pool.last_error()
    }

    fn on_abandoned(&self) {
        self.pool.report_unwanted();
    }
}

/// Into a sink, which is driven until the reply has come.
pub struct SinkRoute<'a, S> {
    sink: &'a mut S,
}

impl<'a, S> SinkRoute<'a, S> {
    pub(crate) fn new(sink: &'a mut S) -> Self {
        Self { sink }
    }
}

impl<S, Request: 'static, Reply: 'static> Route<Request, Reply> for SinkRoute<'_, S>
where
    S: Sink<Call<Request, Reply>, Error: Into<BoxError>> + Unpin,
{
    type Sending = Infallible;

    fn poll_route(
        &mut self,
        caller: &mut Caller<Request, Reply, Self::Sending>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SharedError>> {
        let shared = |error: S::Error| SharedError::from(error.into());
        let mut sink = Pin::new(&mut *self.sink);
        if caller.is_asked() {
            ready!(sink.as_mut().poll_ready(cx)).map_err(shared)?;
            if let Some(call) = caller.make_call(Call::take_recycled, None) {
                sink.as_mut().start_send(call).map_err(shared)?;
            }
        }
        // Flushed or not, all that is left is to wait for the reply.
        match sink.poll_flush(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(shared(error))),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(())),
        }
    }

    fn last_error(&self) -> Option<SharedError> {
        None
    }

    fn on_abandoned(&self) {}
}
