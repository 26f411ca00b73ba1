//! Pools of calls as tower services.

use std::task::{Context, Poll};

use tower_service::Service;

use crate::call_pool::CallPool;
use crate::calling::Calling;
use crate::error::ServiceError;

/// It is ready when there is room in the pool's queue. Being ready reserves nothing: a clone that is ready and never
/// calls takes nothing from others, and a call that finds the room taken waits for a permit like any other. A pool that
/// fails fast or is over is ready too: calls then fail at once, and say why.
///
/// A clone is a handle of the pool, and so is every call until it is answered.
impl<Request: 'static, Reply: 'static, A> Service<Request> for CallPool<Request, Reply, A> {
    type Response = Reply;
    type Error = ServiceError;
    type Future = Calling<Self, ServiceError>;

    /// Never an error.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ServiceError>> {
        self.pool.poll_room(cx).map(Ok)
    }

    /// As [`CallPool::call`]: it takes settings before it is polled, and nothing is sent before.
    fn call(&mut self, request: Request) -> Self::Future {
        Calling::new(self.clone(), request)
    }
}
