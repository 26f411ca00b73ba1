//! A call that a service is at work on.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use pin_project::pin_project;
use pool_driver::{BoxError, FailureKind, Outcome};

use crate::call::Responder;
use crate::error::MaybeSentReason;
use crate::orphans::Orphans;

/// Answers its call, and tells what became of it. When the caller goes, so does the service's
/// future: that is how tower's services are told.
#[pin_project]
pub(super) struct InFlight<F, Request, Reply> {
    #[pin]
    future: F,
    /// Gone once it has answered.
    responder: Option<Responder<Request, Reply>>,
    orphan: Arc<Orphans>,
    begun: Instant,
}

impl<F, Request, Reply> InFlight<F, Request, Reply> {
    pub(super) fn new(future: F, responder: Responder<Request, Reply>, orphan: Arc<Orphans>) -> Self {
        Self { future, responder: Some(responder), orphan, begun: Instant::now() }
    }
}

impl<F, Request, Reply, E> Future for InFlight<F, Request, Reply>
where
    F: Future<Output = Result<Reply, E>>,
    E: Into<BoxError>,
{
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let this = self.project();
        // Before the look at it: a caller that goes later wakes.
        this.orphan.watch(cx.waker());
        if this.orphan.count() > 0 {
            return Poll::Ready(Outcome::Cancelled);
        }
        let Poll::Ready(result) = this.future.poll(cx) else { return Poll::Pending };
        let latency = this.begun.elapsed();
        let Some(responder) = this.responder.take() else { return Poll::Ready(Outcome::Cancelled) };
        Poll::Ready(match result {
            Ok(reply) => match responder.reply(reply) {
                Ok(()) => Outcome::Success { latency },
                Err(_) => Outcome::Cancelled,
            },
            Err(error) => {
                responder.fail(MaybeSentReason::ServiceFailed(error.into().into()));
                Outcome::Failure { latency, kind: FailureKind::Error }
            }
        })
    }
}
