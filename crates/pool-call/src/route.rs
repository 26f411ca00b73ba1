//! How a call gets to a connection: through a pool's queue, or into a sink. Public only as far as it bounds
//! an associated type.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_sink::Sink;
use pool_driver::{BoxError, Pool, SendError, Sending, SharedError};

use crate::call::{Answer, Call};
use crate::error::NotSentReason;

/// How a call gets to a connection. Only this crate implements it.
pub trait Route<Request: 'static, Reply: 'static> {
    /// Brings the call on its way, and drives whatever it waits for. Ready whenever the answer is to
    /// be asked for.
    fn poll_route(
        &mut self,
        answer: &mut Answer<Request, Reply>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SharedError>>;

    /// Keeps a call that is over, to be used again.
    #[inline]
    fn keep_spare(&self, call: Call<Request, Reply>) {
        call.keep();
    }

    /// The latest error of any connection, where it is known.
    fn last_error(&self) -> Option<SharedError>;

    /// The caller has gone, and the call was not begun.
    fn on_abandoned(&self);
}

/// Through a pool's queue.
pub struct PoolRoute<'a, Request, Reply, A> {
    pool: &'a Pool<Call<Request, Reply>, A>,
    /// While the call waits for a place.
    sending: Option<Sending<'a, Call<Request, Reply>, A>>,
}

impl<'a, Request, Reply, A> PoolRoute<'a, Request, Reply, A> {
    pub(crate) fn new(pool: &'a Pool<Call<Request, Reply>, A>) -> Self {
        Self { pool, sending: None }
    }
}

impl<Request: 'static, Reply: 'static, A> Route<Request, Reply> for PoolRoute<'_, Request, Reply, A> {
    #[inline]
    fn poll_route(
        &mut self,
        answer: &mut Answer<Request, Reply>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SharedError>> {
        if let Some(call) = answer.call(|| self.pool.take_spare(), Some(cx.waker())) {
            match self.pool.try_send(call) {
                // Whoever answers it wakes.
                Ok(()) => return Poll::Pending,
                Err(SendError { item, .. }) => self.sending = Some(self.pool.send(item)),
            }
        }
        if let Some(sending) = &mut self.sending {
            let sent = ready!(Pin::new(sending).poll(cx));
            self.sending = None;
            if let Err(SendError { item, reason }) = sent {
                item.give_back(NotSentReason::Refused { reason, last_error: None });
            }
        }
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn keep_spare(&self, call: Call<Request, Reply>) {
        // If the pool has enough of them, it goes.
        let _ = self.pool.keep_spare(call);
    }

    fn last_error(&self) -> Option<SharedError> {
        self.pool.last_error()
    }

    fn on_abandoned(&self) {
        if self.sending.is_none() {
            self.pool.report_unwanted();
        }
    }
}

/// Into a sink, which is driven until the answer is there.
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
    fn poll_route(
        &mut self,
        answer: &mut Answer<Request, Reply>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SharedError>> {
        let shared = |error: S::Error| SharedError::from(error.into());
        let mut sink = Pin::new(&mut *self.sink);
        if answer.is_asked() {
            ready!(sink.as_mut().poll_ready(cx)).map_err(shared)?;
            if let Some(call) = answer.call(Call::spare, None) {
                sink.as_mut().start_send(call).map_err(shared)?;
            }
        }
        // Pending or not, there is nothing left to wait for but the answer.
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
