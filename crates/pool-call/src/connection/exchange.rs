//! Requests and replies over one transport.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_sink::Sink;
use pin_project::pin_project;
use pool_driver::{BoxError, Instant, Outcome};

use super::correlation::{Correlation, Flight};
use super::{Orphans, release_capacity};
use crate::call::Call;
use crate::error::{ConnectionError, MaybeSentReason};

/// Writes the requests of calls, reads replies, and gives each to its caller. It decides nothing: what it
/// returns is for its connection to judge.
#[pin_project]
pub(super) struct Exchange<T, Request, Reply, C> {
    #[pin]
    transport: T,
    /// Calls on the wire.
    correlation: C,
    /// Calls that have not been begun, oldest first.
    pending: VecDeque<Call<Request, Reply>>,
    /// Calls whose callers had gone before they were begun, not reported yet.
    cancelled: usize,
    orphans: Arc<Orphans>,
    /// By the pool's runtime. A connection without a pool has no time, and tells nobody how long a reply took.
    now: Instant,
}

/// What a read has brought.
pub(super) enum Read {
    /// A reply; this has become of its call.
    Reply(Outcome),
    /// The peer has closed, and owes nothing.
    Closed,
    Failed(ConnectionError),
}

impl<T, Request, Reply, C> Exchange<T, Request, Reply, C> {
    pub(super) fn new(transport: T, correlation: C, orphans: Arc<Orphans>) -> Self {
        Self { transport, correlation, pending: VecDeque::new(), cancelled: 0, orphans, now: Instant::ZERO }
    }

    pub(super) fn correlation_mut(&mut self) -> &mut C {
        &mut self.correlation
    }

    /// Takes a call, which is begun by [`poll_write`](Self::poll_write).
    pub(super) fn push(self: Pin<&mut Self>, call: Call<Request, Reply>) {
        self.project().pending.push_back(call);
    }

    /// The oldest call that was not begun.
    pub(super) fn take_pending(self: Pin<&mut Self>) -> Option<Call<Request, Reply>> {
        self.project().pending.pop_front()
    }

    /// Whether there was a cancelled call to report. Each is reported once.
    pub(super) fn take_cancelled(self: Pin<&mut Self>) -> bool {
        let cancelled = self.project().cancelled;
        let is_one = *cancelled > 0;
        *cancelled -= usize::from(is_one);
        is_one
    }

    pub(super) fn has_cancelled(&self) -> bool {
        self.cancelled > 0
    }

    /// There is no pool to report cancelled calls to.
    pub(super) fn forget_cancelled(self: Pin<&mut Self>) {
        *self.project().cancelled = 0;
    }

    pub(super) fn now(&self) -> Instant {
        self.now
    }

    #[inline]
    pub(super) fn set_now(self: Pin<&mut Self>, now: Instant) {
        *self.project().now = now;
    }
}

impl<T, Request, Reply, C: Correlation<Request, Reply>> Exchange<T, Request, Reply, C> {
    /// How many calls are here, on the wire and not.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.pending.len() + self.correlation.len()
    }

    pub(super) fn is_on_the_wire(&self) -> bool {
        self.correlation.len() > 0
    }

    /// Tells the callers of all calls on the wire why there is no reply.
    pub(super) fn fail_all(self: Pin<&mut Self>, error: &ConnectionError) {
        for flight in self.project().correlation.take_all() {
            flight.responder.fail(MaybeSentReason::ConnectionFailed(error.clone()));
        }
    }

    /// Releases what only a burst has needed, if there is no call now.
    pub(super) fn release_memory(self: Pin<&mut Self>) {
        if self.len() == 0 {
            let this = self.project();
            release_capacity(this.pending);
            this.correlation.release_memory();
        }
    }
}

impl<T, Request, Reply, C, E> Exchange<T, Request, Reply, C>
where
    T: Sink<Request, Error: Into<BoxError>> + Stream<Item = Result<Reply, E>>,
    E: Into<BoxError>,
    C: Correlation<Request, Reply>,
{
    /// Reads a reply and gives it to its caller.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "once for every call; outlined, it costs a fifth more")]
    pub(super) fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Read> {
        let this = self.project();
        let reply = match ready!(this.transport.poll_next(cx)) {
            Some(Ok(reply)) => reply,
            Some(Err(error)) => return Poll::Ready(Read::Failed(ConnectionError::transport(error))),
            None if this.correlation.len() == 0 => return Poll::Ready(Read::Closed),
            None => return Poll::Ready(Read::Failed(ConnectionError::Closed)),
        };
        let Some(flight) = this.correlation.finish(&reply) else {
            return Poll::Ready(Read::Failed(ConnectionError::UnexpectedReply));
        };
        Poll::Ready(Read::Reply(match flight.responder.reply(reply) {
            Ok(()) => Outcome::Success { latency: Some(this.now.saturating_duration_since(flight.begun)) },
            Err(reply) => {
                drop(reply);
                this.orphans.remove();
                Outcome::Cancelled
            }
        }))
    }

    /// Begins and writes pending calls, as many as the transport takes, and flushes it.
    pub(super) fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), T::Error>> {
        let mut this = self.project();
        while !this.pending.is_empty() {
            // A call without a caller waits for the transport, too: it keeps its place while the peer takes
            // nothing. Otherwise a peer that hangs would get call after call, and look alive, because calls end.
            ready!(this.transport.as_mut().poll_ready(cx))?;
            let Some(call) = this.pending.pop_front() else { break };
            let Some((mut request, responder)) = call.begin_with(Some(Arc::clone(this.orphans))) else {
                *this.cancelled += 1;
                continue;
            };
            this.correlation.begin(&mut request, Flight { responder, begun: *this.now });
            this.transport.as_mut().start_send(request)?;
        }
        this.transport.poll_flush(cx)
    }

    pub(super) fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), T::Error>> {
        self.project().transport.poll_close(cx)
    }
}
