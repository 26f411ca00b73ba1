//! A time limit for any service, by a pool's time.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project::pin_project;
use pool_driver::{BoxError, PoolSleep, Timers};
use tower_layer::Layer;
use tower_service::Service;

use crate::call_pool::CallPool;
use crate::error::{MaybeSentReason, NotSentReason, ServiceError};

impl<Request, Reply, A> CallPool<Request, Reply, A> {
    /// A layer that limits the time of each request, by the pool's time: on any runtime, and virtual where that is.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use pool_call::{CallPool, ServiceError};
    /// use tower::{Service, ServiceBuilder};
    ///
    /// fn stack(pool: CallPool<String, String>) -> impl Service<String, Response = String, Error = ServiceError> {
    ///     let timeout = pool.timeout_layer(Duration::from_secs(1));
    ///     ServiceBuilder::new().layer(timeout).concurrency_limit(64).service(pool)
    /// }
    /// ```
    ///
    /// It limits what is below it, without knowing how far the request got: an error says
    /// [`MaybeSent`](ServiceError::MaybeSent). A pool [with a timeout](CallPool::with_timeout) of its own knows. Without
    /// any time, the service below is not called.
    ///
    /// The pool's driver keeps the time. When the pool is over, requests still under way are not limited any more.
    pub fn timeout_layer(&self, timeout: Duration) -> TimeoutLayer {
        TimeoutLayer { timers: self.pool.timers().clone(), timeout }
    }
}

/// Limits the time of requests; made by [`CallPool::timeout_layer`].
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing without a service"]
pub struct TimeoutLayer {
    timers: Timers,
    timeout: Duration,
}

impl<S> Layer<S> for TimeoutLayer {
    type Service = Timeout<S>;

    fn layer(&self, service: S) -> Timeout<S> {
        Timeout { service, layer: self.clone() }
    }
}

/// A service whose requests have a limited time; made by a [`TimeoutLayer`].
#[derive(Clone, Debug)]
pub struct Timeout<S> {
    service: S,
    layer: TimeoutLayer,
}

impl<S, Request> Service<Request> for Timeout<S>
where
    S: Service<Request, Error: Into<BoxError>>,
{
    type Response = S::Response;
    type Error = ServiceError;
    type Future = TimeoutFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ServiceError>> {
        self.service.poll_ready(cx).map_err(ServiceError::of_service)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let TimeoutLayer { timers, timeout } = self.layer.clone();
        let sleep = timers.sleep(timeout);
        let response = (!timeout.is_zero()).then(|| self.service.call(request));
        TimeoutFuture { response, sleep, timers }
    }
}

/// A response with a limited time.
#[derive(Debug)]
#[pin_project]
pub struct TimeoutFuture<F> {
    /// `None` if there is no time at all.
    #[pin]
    response: Option<F>,
    sleep: PoolSleep,
    timers: Timers,
}

impl<F, Response, E> Future for TimeoutFuture<F>
where
    F: Future<Output = Result<Response, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response, ServiceError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(response) = this.response.as_pin_mut() else {
            return Poll::Ready(Err(ServiceError::NotSent(NotSentReason::TimedOut { last_error: None })));
        };
        if let Poll::Ready(response) = response.poll(cx) {
            return Poll::Ready(response.map_err(ServiceError::of_service));
        }
        match ready!(Pin::new(&mut *this.sleep).poll(cx)) {
            // Nobody keeps the time any more, but it passes.
            Err(_) if this.timers.now() < this.sleep.deadline() => Poll::Pending,
            Ok(()) | Err(_) => Poll::Ready(Err(ServiceError::MaybeSent(MaybeSentReason::TimedOut))),
        }
    }
}
