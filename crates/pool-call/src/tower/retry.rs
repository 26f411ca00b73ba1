//! Repetition for any service, by the rules of calls.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project::pin_project;
use pool_driver::{BoxError, Timers};
use tower_layer::Layer;
use tower_service::Service;

use crate::call_pool::CallPool;
use crate::error::ServiceError;
use crate::retry::Retry;

impl<Request, Reply, A> CallPool<Request, Reply, A> {
    /// A layer that repeats requests by these rules: those that were certainly not sent, and with
    /// [`idempotent`](RetryLayer::idempotent) those that may have been executed, too.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use pool_call::{CallPool, Retry, ServiceError};
    /// use tower::{Service, ServiceBuilder};
    ///
    /// fn stack(pool: CallPool<String, String>) -> impl Service<String, Response = String, Error = ServiceError> {
    ///     let retry = pool.retry_layer(Retry::new()).idempotent();
    ///     let each_attempt = pool.timeout_layer(Duration::from_millis(200));
    ///     ServiceBuilder::new().layer(retry).layer(each_attempt).service(pool)
    /// }
    /// ```
    ///
    /// It serves services between it and the pool. Without any, a pool [with rules](CallPool::with_retry) of its own
    /// does more: its retries avoid the address that failed, and requests need not be copied to be sent again.
    pub fn retry_layer(&self, retry: Retry) -> RetryLayer {
        RetryLayer { timers: self.pool.timers().clone(), retry, is_idempotent: false }
    }
}

/// Repeats requests; made by [`CallPool::retry_layer`].
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing without a service"]
pub struct RetryLayer {
    timers: Timers,
    retry: Retry,
    is_idempotent: bool,
}

impl RetryLayer {
    /// Says that it does no harm to execute any of the requests twice.
    pub fn idempotent(mut self) -> Self {
        self.is_idempotent = true;
        self
    }

    /// Whether a request may be repeated after this error.
    fn repeats(&self, error: &ServiceError) -> bool {
        let is_allowed = match error {
            ServiceError::NotSent(reason) => reason.is_passing(),
            // A single attempt may be limited in time: the next one has its own.
            ServiceError::MaybeSent(reason) => {
                self.is_idempotent && (reason.is_passing() || reason.is_timeout())
            }
        };
        is_allowed && self.retry.withdraw(self.timers.now())
    }
}

impl<S> Layer<S> for RetryLayer {
    type Service = Retried<S>;

    fn layer(&self, service: S) -> Retried<S> {
        Retried { service, layer: self.clone() }
    }
}

/// A service whose requests are repeated; made by a [`RetryLayer`].
#[derive(Clone, Debug)]
pub struct Retried<S> {
    service: S,
    layer: RetryLayer,
}

impl<S, Request> Service<Request> for Retried<S>
where
    S: Service<Request, Error: Into<BoxError>> + Clone,
    Request: Clone,
{
    type Response = S::Response;
    type Error = ServiceError;
    type Future = RetryFuture<S, Request>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ServiceError>> {
        self.service.poll_ready(cx).map_err(ServiceError::of_service)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // The service that is ready is called; a clone need not be.
        let clone = self.service.clone();
        let mut service = std::mem::replace(&mut self.service, clone);
        self.layer.retry.deposit(self.layer.timers.now());
        let retries_left = self.layer.retry.attempts().saturating_sub(1);
        let copied = (retries_left > 0).then(|| request.clone());
        let attempt = Attempt::Called(service.call(request));
        RetryFuture { service, layer: self.layer.clone(), copied, retries_left, maybe_sent: None, attempt }
    }
}

/// The response to a request that may be repeated.
#[pin_project]
pub struct RetryFuture<S: Service<Request>, Request> {
    service: S,
    layer: RetryLayer,
    /// The request of the next attempt, if there may be one.
    copied: Option<Request>,
    retries_left: u32,
    /// Why an attempt failed that may have been executed: then the request is never certainly unsent again.
    maybe_sent: Option<ServiceError>,
    #[pin]
    attempt: Attempt<S::Future>,
}

/// Where the latest attempt stands.
#[pin_project(project = AttemptProjection)]
enum Attempt<F> {
    /// The service is asked whether it is ready for it.
    Due,
    Called(#[pin] F),
}

impl<S, Request> RetryFuture<S, Request>
where
    S: Service<Request, Error: Into<BoxError>>,
    Request: Clone,
{
    fn poll_attempt(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<S::Response, ServiceError>> {
        loop {
            let mut this = self.as_mut().project();
            match this.attempt.as_mut().project() {
                AttemptProjection::Called(response) => {
                    return response.poll(cx).map_err(ServiceError::of_service);
                }
                AttemptProjection::Due => {
                    if let Err(error) = ready!(this.service.poll_ready(cx)) {
                        // It takes no request any more.
                        *this.copied = None;
                        return Poll::Ready(Err(ServiceError::of_service(error)));
                    }
                    let request = this.copied.take().expect("an attempt that is due has a request");
                    *this.copied = (*this.retries_left > 0).then(|| request.clone());
                    this.attempt.set(Attempt::Called(this.service.call(request)));
                }
            }
        }
    }
}

impl<S, Request> Future for RetryFuture<S, Request>
where
    S: Service<Request, Error: Into<BoxError>>,
    Request: Clone,
{
    type Output = Result<S::Response, ServiceError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let error = match ready!(self.as_mut().poll_attempt(cx)) {
                Ok(response) => return Poll::Ready(Ok(response)),
                Err(error) => error,
            };
            let mut this = self.as_mut().project();
            if this.copied.is_none() || !this.layer.repeats(&error) {
                let earlier = this.maybe_sent.take().filter(|_| error.is_not_sent());
                return Poll::Ready(Err(earlier.unwrap_or(error)));
            }
            if !error.is_not_sent() {
                *this.maybe_sent = Some(error);
            }
            *this.retries_left -= 1;
            this.attempt.set(Attempt::Due);
        }
    }
}

impl<S: Service<Request>, Request> fmt::Debug for RetryFuture<S, Request> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryFuture").field("retries_left", &self.retries_left).finish_non_exhaustive()
    }
}
