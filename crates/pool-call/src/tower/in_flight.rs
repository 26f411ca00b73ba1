//! A call that a service is at work on.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use pin_project::pin_project;
use pool_driver::{BoxError, FailureKind, Outcome};

use crate::call::Responder;
use crate::error::MaybeSentReason;
use crate::orphans::Orphans;

/// Answers its call, and tells what became of it.
#[pin_project]
pub(super) struct InFlight<F, Request, Reply> {
    #[pin]
    future: F,
    /// Gone once it has answered, or the caller has gone.
    responder: Option<Responder<Request, Reply>>,
    orphan: Arc<Orphans>,
    /// Counts those that go on without a caller. Without it they end: that is how tower's services
    /// are told.
    abandoned: Option<Arc<AtomicUsize>>,
    begun: Instant,
}

impl<F, Request, Reply> InFlight<F, Request, Reply> {
    pub(super) fn new(
        future: F,
        responder: Responder<Request, Reply>,
        orphan: Arc<Orphans>,
        abandoned: Option<Arc<AtomicUsize>>,
    ) -> Self {
        Self { future, responder: Some(responder), orphan, abandoned, begun: Instant::now() }
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
        if this.responder.is_some() && this.orphan.count() > 0 {
            *this.responder = None;
            let Some(abandoned) = this.abandoned else { return Poll::Ready(Outcome::Cancelled) };
            abandoned.fetch_add(1, Ordering::Relaxed);
        }
        let Poll::Ready(result) = this.future.poll(cx) else { return Poll::Pending };
        let latency = this.begun.elapsed();
        let Some(responder) = this.responder.take() else {
            if let Some(abandoned) = this.abandoned {
                abandoned.fetch_sub(1, Ordering::Relaxed);
            }
            return Poll::Ready(Outcome::Cancelled);
        };
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
