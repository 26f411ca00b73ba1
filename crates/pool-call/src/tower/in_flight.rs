//! One call in flight at a service.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use pin_project::pin_project;
use pool_driver::{BoxError, ConnectionEvent, Instant, Outcome, SharedError};

use crate::call::Responder;
use crate::connection::Orphans;
use crate::error::{ConnectionError, MaybeSentReason};

/// Polls the future of a response, answers the call, and returns what became of it.
#[pin_project]
pub(super) struct InFlight<F, Request, Reply> {
    #[pin]
    future: F,
    /// `None` once it has answered, or the caller has gone.
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

    /// Tells the caller that its connection is over.
    pub(super) fn fail(self: Pin<&mut Self>, error: ConnectionError) {
        if let Some(responder) = self.project().responder.take() {
            responder.fail(MaybeSentReason::ConnectionFailed(error));
        }
    }
}

/// What a connection tells of a call; nothing comes back unsent.
pub(super) type CallNews = ConnectionEvent<Infallible>;

/// Nobody waits for the call any more.
pub(super) const CANCELLED: CallNews = ConnectionEvent::Finished(Outcome::Cancelled);

/// What became of a call.
pub(super) enum Ended {
    Replied {
        begun: Instant,
    },
    Failed {
        begun: Instant,
        error: SharedError,
    },
    /// The service has responded, and the caller has gone.
    Unwanted,
    /// The caller has gone, and the service has not responded.
    Abandoned,
}

impl Ended {
    /// Whether the service has responded, even with an error or without a caller.
    pub(super) fn is_response(&self) -> bool {
        !matches!(self, Self::Abandoned)
    }

    /// What the connection tells of it now.
    pub(super) fn news(self, now: Instant) -> CallNews {
        let latency = |begun| Some(now.saturating_duration_since(begun));
        match self {
            Self::Replied { begun } => {
                ConnectionEvent::Finished(Outcome::Success { latency: latency(begun) })
            }
            Self::Failed { begun, error } => ConnectionEvent::Failed { latency: latency(begun), error },
            Self::Unwanted | Self::Abandoned => CANCELLED,
        }
    }
}

impl<F, Request, Reply, E> Future for InFlight<F, Request, Reply>
where
    F: Future<Output = Result<Reply, E>>,
    E: Into<BoxError>,
{
    type Output = Ended;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended> {
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
        let begun = *this.begun;
        let Some(responder) = this.responder.take() else {
            if let Some(orphans) = this.orphans {
                orphans.fetch_sub(1, Ordering::Relaxed);
            }
            return Poll::Ready(Ended::Unwanted);
        };
        Poll::Ready(match result {
            Ok(reply) => match responder.reply(reply) {
                Ok(()) => Ended::Replied { begun },
                Err(_) => Ended::Unwanted,
            },
            Err(error) => {
                let error: SharedError = error.into().into();
                responder.fail(MaybeSentReason::ServiceFailed(Arc::clone(&error)));
                Ended::Failed { begun, error }
            }
        })
    }
}
