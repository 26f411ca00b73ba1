//! How a call holds its pool.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_sink::Sink;
use pool_driver::{Pool, Refused, SendError, Sending};

use crate::call::Call;
use crate::call_pool::CallPool;

/// A pool that is borrowed or owned by a call. Only this crate implements it; it is public as far as it bounds a
/// public type.
pub trait CallHandle {
    /// What is asked.
    type Request: 'static;
    /// What is answered.
    type Reply: 'static;
    /// Where the pool connects to.
    type Address;
    /// A call that waits for room in the queue.
    type Waiting;

    /// The pool.
    fn pool(&self) -> &CallPool<Self::Request, Self::Reply, Self::Address>;

    /// Lets a call wait for room in the queue.
    fn wait(&self, call: Call<Self::Request, Self::Reply>) -> Self::Waiting;

    /// Waits until the pool has taken the call.
    #[expect(clippy::type_complexity, reason = "what a pool returns")]
    fn poll_waiting(
        waiting: &mut Self::Waiting,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SendError<Call<Self::Request, Self::Reply>>>>;
}

impl<'a, Request: 'static, Reply: 'static, A> CallHandle for &'a CallPool<Request, Reply, A> {
    type Request = Request;
    type Reply = Reply;
    type Address = A;
    /// Boxed: it is seldom there, and inline it would make every look at a caller's stage cost more.
    type Waiting = Box<Sending<'a, Call<Request, Reply>, A>>;

    #[inline]
    fn pool(&self) -> &CallPool<Request, Reply, A> {
        self
    }

    fn wait(&self, call: Call<Request, Reply>) -> Self::Waiting {
        Box::new(self.pool.send(call))
    }

    fn poll_waiting(
        waiting: &mut Self::Waiting,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SendError<Call<Request, Reply>>>> {
        Pin::new(&mut **waiting).poll(cx)
    }
}

impl<Request: 'static, Reply: 'static, A> CallHandle for CallPool<Request, Reply, A> {
    type Request = Request;
    type Reply = Reply;
    type Address = A;
    type Waiting = Box<OwnedSending<Request, Reply, A>>;

    #[inline]
    fn pool(&self) -> &CallPool<Request, Reply, A> {
        self
    }

    fn wait(&self, call: Call<Request, Reply>) -> Self::Waiting {
        Box::new(OwnedSending { pool: self.pool.clone(), call: Some(call) })
    }

    fn poll_waiting(
        waiting: &mut Self::Waiting,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SendError<Call<Request, Reply>>>> {
        waiting.poll(cx)
    }
}

/// A call that waits for room in the queue, with a handle of the pool.
pub struct OwnedSending<Request, Reply, A> {
    pool: Pool<Call<Request, Reply>, A>,
    /// `None` once the pool has it.
    call: Option<Call<Request, Reply>>,
}

impl<Request, Reply, A> OwnedSending<Request, Reply, A> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError<Call<Request, Reply>>>> {
        let ready = ready!(Pin::new(&mut self.pool).poll_ready(cx));
        let Some(call) = self.call.take() else { return Poll::Ready(Ok(())) };
        Poll::Ready(match ready {
            Ok(()) => {
                // A call that is refused after all is dropped, and so comes back to its caller.
                drop(Pin::new(&mut self.pool).start_send(call));
                Ok(())
            }
            Err(Refused { reason }) => Err(SendError { item: call, reason }),
        })
    }
}
