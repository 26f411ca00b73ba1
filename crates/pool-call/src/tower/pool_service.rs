//! Pools as tower services.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_sink::Sink;
use pool_driver::{Pool, Refused, RefusedReason, SendError, SharedError};
use tower_service::Service;

use crate::call::{Call, Caller};
use crate::calling::{Calling, Route};
use crate::error::{CallError, NotSentReason};

/// A pool of calls as a [`Service`].
///
/// ```
/// use pool_call::{Call, CallError, PoolService};
/// use pool_driver::Pool;
/// use tower_service::Service;
///
/// async fn ask<S: Service<String, Response = String>>(mut service: S) -> Result<String, S::Error> {
///     std::future::poll_fn(|cx| service.poll_ready(cx)).await?;
///     service.call("how are you?".to_owned()).await
/// }
///
/// async fn ask_pool(pool: &Pool<Call<String, String>>) -> Result<String, CallError<String>> {
///     ask(PoolService::new(pool.clone())).await
/// }
/// ```
///
/// It is ready when there is room in the pool's queue. Being ready reserves nothing: a clone that is ready and
/// never calls takes nothing from others, and a call that finds the room taken waits for a permit like any
/// other. A pool that fails fast or is over is ready too: calls then fail at once, and say why.
///
/// A clone is a handle of the pool, and so is every call until it is answered.
pub struct PoolService<Request, Reply, A = SocketAddr> {
    pool: Pool<Call<Request, Reply>, A>,
}

impl<Request, Reply, A> PoolService<Request, Reply, A> {
    /// A service that calls through this pool.
    #[must_use]
    pub fn new(pool: Pool<Call<Request, Reply>, A>) -> Self {
        Self { pool }
    }

    /// The pool that it calls through.
    #[must_use]
    pub fn pool(&self) -> &Pool<Call<Request, Reply>, A> {
        &self.pool
    }
}

impl<Request, Reply, A> Clone for PoolService<Request, Reply, A> {
    fn clone(&self) -> Self {
        Self { pool: self.pool.clone() }
    }
}

impl<Request, Reply, A> fmt::Debug for PoolService<Request, Reply, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolService").field("pool", &self.pool).finish()
    }
}

impl<Request: 'static, Reply: 'static, A> Service<Request> for PoolService<Request, Reply, A> {
    type Response = Reply;
    type Error = CallError<Request>;
    type Future = Calling<ServiceRoute<Request, Reply, A>, Request, Reply>;

    /// Never an error.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError<Request>>> {
        self.pool.poll_room(cx).map(Ok)
    }

    /// The request is in the queue at once if there is room.
    fn call(&mut self, request: Request) -> Self::Future {
        let (call, reply) = Call::new(request);
        Calling::new(ServiceRoute::new(self.pool.clone(), call), reply.caller)
    }
}

/// Through the queue of a pool of which the call is a handle.
pub struct ServiceRoute<Request, Reply, A> {
    pool: Pool<Call<Request, Reply>, A>,
    /// `None` once the pool has it.
    call: Option<Call<Request, Reply>>,
}

impl<Request, Reply, A> ServiceRoute<Request, Reply, A> {
    fn new(pool: Pool<Call<Request, Reply>, A>, call: Call<Request, Reply>) -> Self {
        let call = match pool.try_send(call) {
            Ok(()) => None,
            Err(SendError { item, reason: RefusedReason::Full }) => Some(item),
            Err(SendError { item, reason }) => {
                item.give_back(NotSentReason::Refused { reason, last_error: None });
                None
            }
        };
        Self { pool, call }
    }
}

impl<Request: 'static, Reply: 'static, A> Route<Request, Reply> for ServiceRoute<Request, Reply, A> {
    type Sending = Infallible;

    fn poll_route(
        &mut self,
        _: &mut Caller<Request, Reply, Infallible>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SharedError>> {
        if self.call.is_none() {
            return Poll::Ready(Ok(()));
        }
        let mut pool = Pin::new(&mut self.pool);
        let ready = ready!(pool.as_mut().poll_ready(cx));
        if let Some(call) = self.call.take() {
            match ready {
                // A call that is refused after all is dropped, and so comes back to its caller.
                Ok(()) => drop(pool.start_send(call)),
                Err(Refused { reason }) => {
                    call.give_back(NotSentReason::Refused { reason, last_error: None });
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    fn last_error(&self) -> Option<SharedError> {
        self.pool.last_error()
    }

    fn on_abandoned(&self) {
        if self.call.is_none() {
            self.pool.report_unwanted();
        }
    }
}
