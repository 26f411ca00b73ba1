//! Calls over one transport: what is common to all ways of finding the call that a reply is for.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_sink::Sink;
use pin_project::pin_project;
use pool_driver::{BoxError, ConnectionEvent, Outcome};

use crate::call::Call;
use crate::clock::Clock;
use crate::correlation::{Correlation, Flight};
use crate::error::{ConnectionError, MaybeSentReason};
use crate::health::Health;

/// A peer that never stops talking must not keep the others waiting.
const READS_PER_POLL_MAX: usize = 64;

#[pin_project]
pub(crate) struct Exchange<T, Request, Reply, C> {
    #[pin]
    transport: T,
    /// Calls on the wire.
    pub(crate) calls: C,
    /// Calls that have not been begun, oldest first.
    pending: VecDeque<Call<Request, Reply>>,
    pub(crate) health: Health,
    clock: Clock,
    /// Replies that were read since there was none to read.
    reads: usize,
    /// Calls whose callers had gone before they were begun, not told yet.
    cancelled: usize,
    /// Somebody asks what became of calls: a pool. Reads are driven by `poll_event` then, and by all
    /// else otherwise.
    is_asked: bool,
    replacing: Replacing,
    end: Option<End>,
}

/// Whether the connection is to be replaced though it works.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Replacing {
    No,
    /// To be told.
    Due,
    Told,
}

enum End {
    /// The peer closed and owed nothing.
    Closed,
    Failed(ConnectionError),
}

impl<T, Request, Reply, C> Exchange<T, Request, Reply, C> {
    pub(crate) fn new(transport: T, calls: C, in_flight_max: usize) -> Self {
        Self {
            transport,
            calls,
            pending: VecDeque::new(),
            health: Health::new(in_flight_max),
            clock: Clock::new(),
            reads: 0,
            cancelled: 0,
            is_asked: false,
            replacing: Replacing::No,
            end: None,
        }
    }
}

impl<T, Request, Reply, C> Exchange<T, Request, Reply, C>
where
    C: Correlation<Request, Reply>,
{
    /// Whether there is a place for another call.
    fn has_room(&self) -> bool {
        self.pending.len() + self.calls.len() < self.health.in_flight_max()
    }

    /// All is over: calls on the wire learn it now; what was not begun waits to be taken back.
    fn fail(self: Pin<&mut Self>, error: &ConnectionError) {
        let this = self.project();
        *this.end = Some(End::Failed(error.clone()));
        for flight in this.calls.take_all() {
            flight.responder.fail(MaybeSentReason::ConnectionFailed(error.clone()));
        }
    }

    fn error(&self) -> Option<ConnectionError> {
        match &self.end {
            Some(End::Failed(error)) => Some(error.clone()),
            // A pool hears of it from `poll_event`, when it has taken back what was not begun.
            Some(End::Closed) if !self.is_asked => Some(ConnectionError::Closed),
            Some(End::Closed) | None => None,
        }
    }

    fn next_event(
        self: Pin<&mut Self>,
    ) -> Option<Result<ConnectionEvent<Call<Request, Reply>>, ConnectionError>> {
        let this = self.project();
        if *this.cancelled > 0 {
            *this.cancelled -= 1;
            return Some(Ok(ConnectionEvent::Finished(Outcome::Cancelled)));
        }
        if let Some(end) = this.end {
            if let Some(call) = this.pending.pop_front() {
                let is_wanted = !call.is_abandoned();
                let cancelled = ConnectionEvent::Finished(Outcome::Cancelled);
                return Some(Ok(if is_wanted { ConnectionEvent::Unsent(call) } else { cancelled }));
            }
            return Some(match end {
                End::Closed => Ok(ConnectionEvent::Closed),
                End::Failed(error) => Err(error.clone()),
            });
        }
        if *this.replacing == Replacing::Due {
            *this.replacing = Replacing::Told;
            return Some(Ok(ConnectionEvent::GoingAway));
        }
        None
    }

    /// Looks whether the connection is to be replaced.
    fn check_health(self: Pin<&mut Self>) {
        let this = self.project();
        let is_open = this.end.is_none() && *this.replacing == Replacing::No;
        if is_open && this.health.has_too_many_orphans(|| this.clock.now()) {
            *this.replacing = Replacing::Due;
        }
        // What is read next comes later.
        this.clock.forget();
    }

    /// Its pool has waited for long enough: what is on the wire is lost, the rest can be taken back.
    pub(crate) fn give_up(self: Pin<&mut Self>) {
        if self.end.is_none() {
            self.fail(&ConnectionError::NotAnswering);
        }
    }

    /// What `poll_event` has to tell will be asked for.
    fn announce(&self, cx: &Context<'_>) {
        if self.is_asked && (self.cancelled > 0 || self.replacing == Replacing::Due) {
            cx.waker().wake_by_ref();
        }
    }
}

impl<T, Request, Reply, C, E> Exchange<T, Request, Reply, C>
where
    T: Sink<Request, Error: Into<BoxError>> + Stream<Item = Result<Reply, E>>,
    E: Into<BoxError>,
    C: Correlation<Request, Reply>,
{
    /// Reads a reply and gives it to its caller. Pending if there is none now, or the connection is
    /// over.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "once for every call; as a call of its own it costs a fifth more"
    )]
    fn poll_reply(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        if self.end.is_some() {
            return Poll::Pending;
        }
        let this = self.as_mut().project();
        let reply = match this.transport.poll_next(cx) {
            Poll::Ready(Some(Ok(reply))) => reply,
            Poll::Ready(Some(Err(error))) => {
                self.fail(&ConnectionError::transport(error));
                return Poll::Pending;
            }
            Poll::Ready(None) => {
                self.on_peer_closed();
                return Poll::Pending;
            }
            Poll::Pending => return Poll::Pending,
        };
        let Some(flight) = this.calls.finish(&reply) else {
            self.fail(&ConnectionError::UnexpectedReply);
            return Poll::Pending;
        };
        let now = this.clock.now();
        Poll::Ready(match flight.responder.reply(reply) {
            Ok(()) => Outcome::Success { latency: now.saturating_duration_since(flight.begun) },
            Err(reply) => {
                drop(reply);
                this.health.orphans.remove();
                Outcome::Cancelled
            }
        })
    }

    /// Reads replies, up to a bound.
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>) {
        for _ in 0..READS_PER_POLL_MAX {
            if self.as_mut().poll_reply(cx).is_pending() {
                return;
            }
        }
        cx.waker().wake_by_ref();
    }

    /// A reply is told; many in a row must not keep the others waiting.
    fn on_read(mut self: Pin<&mut Self>, cx: &Context<'_>) {
        let this = self.as_mut().project();
        *this.reads += 1;
        if *this.reads == READS_PER_POLL_MAX {
            cx.waker().wake_by_ref();
            self.on_pause();
        }
    }

    fn on_pause(self: Pin<&mut Self>) {
        let this = self.project();
        *this.reads = 0;
        this.clock.forget();
    }

    fn on_peer_closed(self: Pin<&mut Self>) {
        if self.calls.len() > 0 {
            return self.fail(&ConnectionError::Closed);
        }
        *self.project().end = Some(End::Closed);
    }

    /// Moves pending calls to the wire, as many as it takes, and flushes it.
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), T::Error>> {
        let mut this = self.as_mut().project();
        while !this.pending.is_empty() {
            // Also for a call that nobody waits for: while the peer takes nothing, it keeps its place. Else
            // a peer that hangs would get call after call, and look alive, because something ends.
            ready!(this.transport.as_mut().poll_ready(cx))?;
            let Some(call) = this.pending.pop_front() else { break };
            let Some((mut request, responder)) = call.begin_with(Some(Arc::clone(&this.health.orphans)))
            else {
                *this.cancelled += usize::from(*this.is_asked);
                continue;
            };
            let begun = this.clock.now();
            this.calls.begin(&mut request, Flight { responder, begun });
            this.transport.as_mut().start_send(request)?;
        }
        this.transport.poll_flush(cx)
    }

    /// Writes, and reads where nobody else does.
    fn poll_drive(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        self.as_mut().project().clock.forget();
        let mut written = Poll::Ready(Ok(()));
        if self.end.is_none() {
            written = self.as_mut().poll_write(cx);
        }
        if let Poll::Ready(Err(error)) = written {
            self.as_mut().fail(&ConnectionError::transport(error));
            written = Poll::Pending;
        }
        if !self.is_asked {
            self.as_mut().poll_read(cx);
        }
        self.as_mut().check_health();
        self.announce(cx);
        match self.error() {
            Some(error) => Poll::Ready(Err(error)),
            None => written.map(|_| Ok(())),
        }
    }

    pub(crate) fn poll_ready(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ConnectionError>> {
        if self.end.is_none() && self.has_room() {
            return Poll::Ready(Ok(()));
        }
        if self.is_asked && self.end.is_none() {
            // The next reply wakes `poll_event`, and after that this is asked again.
            return Poll::Pending;
        }
        // Alone, it has to make room by itself; a write that waits is no reason to wait here.
        if let Poll::Ready(Err(error)) = self.as_mut().poll_drive(cx) {
            return Poll::Ready(Err(error));
        }
        if self.end.is_none() && self.has_room() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// Should the connection be over, the call is taken back like all that wait.
    pub(crate) fn start_send(self: Pin<&mut Self>, call: Call<Request, Reply>) {
        self.project().pending.push_back(call);
    }

    pub(crate) fn poll_flush(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ConnectionError>> {
        self.poll_drive(cx)
    }

    /// Ready when all replies that are owed have come, and the transport is closed.
    pub(crate) fn poll_close(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ConnectionError>> {
        if !matches!(self.end, Some(End::Closed)) {
            ready!(self.as_mut().poll_drive(cx))?;
        }
        if self.calls.len() > 0 || !self.pending.is_empty() || self.cancelled > 0 {
            return Poll::Pending;
        }
        self.project().transport.poll_close(cx).map_err(ConnectionError::transport)
    }

    pub(crate) fn poll_event(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<ConnectionEvent<Call<Request, Reply>>, ConnectionError>> {
        *self.as_mut().project().is_asked = true;
        if let Some(event) = self.as_mut().next_event() {
            return Poll::Ready(event);
        }
        if let Poll::Ready(outcome) = self.as_mut().poll_reply(cx) {
            self.as_mut().on_read(cx);
            return Poll::Ready(Ok(ConnectionEvent::Finished(outcome)));
        }
        self.as_mut().on_pause();
        // Before the look at the orphans: one that comes later wakes.
        self.health.watch(cx.waker());
        self.as_mut().check_health();
        match self.next_event() {
            Some(event) => Poll::Ready(event),
            None => Poll::Pending,
        }
    }
}
