//! One call in flight at a service.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use pin_project::pin_project;
use pool_driver::Instant;

use crate::call::Responder;
use crate::connection::Orphans;
use crate::error::{ConnectionError, MaybeSentReason};

/// Polls the future of a response, and looks whether its caller is still there.
#[pin_project]
pub(super) struct InFlight<F, Request, Reply> {
    #[pin]
    future: F,
    /// `None` once it has ended, or the caller has gone.
    responder: Option<Responder<Request, Reply>>,
    /// Counts this call alone.
    orphan: Arc<Orphans>,
    /// Counts the calls that are finished without a caller. `None` ends them instead: dropping the future tells
    /// a tower service that nobody waits.
    orphans: Option<Arc<AtomicUsize>>,
    begun: Instant,
}

impl<F, Request, Reply> InFlight<F, Request, Reply> {
    pub(super) fn new(
        future: F,
        responder: Responder<Request, Reply>,
        orphan: Arc<Orphans>,
        orphans: Option<Arc<AtomicUsize>>,
        begun: Instant,
    ) -> Self {
        Self { future, responder: Some(responder), orphan, orphans, begun }
    }

    pub(super) fn begun(&self) -> Instant {
        self.begun
    }

    /// Tells the caller that its connection is over.
    pub(super) fn fail(self: Pin<&mut Self>, error: ConnectionError) {
        if let Some(responder) = self.project().responder.take() {
            responder.fail(MaybeSentReason::ConnectionFailed(error));
        }
    }
}

/// What became of a call.
pub(super) enum Ended<Request, Reply, E> {
    /// The service has answered.
    Answered(Answer<Request, Reply, E>),
    /// The caller has gone, and the service has not answered.
    Abandoned,
}

/// The answer of a service to one call.
pub(super) struct Answer<Request, Reply, E> {
    pub(super) result: Result<Reply, E>,
    /// `None` if the caller has gone.
    pub(super) responder: Option<Responder<Request, Reply>>,
    pub(super) begun: Instant,
}

impl<F, Request, Reply, E> Future for InFlight<F, Request, Reply>
where
    F: Future<Output = Result<Reply, E>>,
{
    type Output = Ended<Request, Reply, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // Before the look at it: a caller that goes later wakes.
        this.orphan.watch(cx.waker());
        if this.responder.is_some() && this.orphan.count() > 0 {
            *this.responder = None;
            let Some(orphans) = this.orphans else {
                return Poll::Ready(Ended::Abandoned);
            };
            orphans.fetch_add(1, Ordering::Relaxed);
        }
        let Poll::Ready(result) = this.future.poll(cx) else { return Poll::Pending };
        let responder = this.responder.take();
        if responder.is_none()
            && let Some(orphans) = this.orphans
        {
            orphans.fetch_sub(1, Ordering::Relaxed);
        }
        Poll::Ready(Ended::Answered(Answer { result, responder, begun: *this.begun }))
    }
}
