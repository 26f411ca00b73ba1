//! A connection that answers calls over a transport.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_sink::Sink;
use pin_project::pin_project;
use pool_driver::{BoxError, Connection, ConnectionEvent, Instant, Outcome};

use super::Orphans;
use super::correlation::Correlation;
use super::ending::Ending;
use super::exchange::{Exchange, Read};
use super::orphan_limit::OrphanLimit;
use crate::call::Call;
use crate::error::ConnectionError;
use crate::policy::READS_PER_POLL_MAX;

type Event<Request, Reply> = ConnectionEvent<Call<Request, Reply>>;

/// A connection that answers calls over a transport, which is a sink of requests and a stream of replies.
/// [`Pipelined`](crate::Pipelined) and [`Tagged`](crate::Tagged) make them, and are other names for it.
///
/// ```
/// use pool_call::Pipelined;
///
/// # fn settings<T>(transport: T) -> Pipelined<T, String, String> {
/// // A server that answers one request after the other, and may take seconds for each.
/// Pipelined::new(transport).in_flight_max(8).orphans_max(2)
/// # }
/// ```
///
/// - Calls wait in it until they are flushed, and all that wait are written as one batch. It takes
///   no more when [`in_flight_max`](Self::in_flight_max) are waiting or on the wire.
/// - It reads whenever it is polled, also while its writes are blocked.
/// - If it breaks, calls on the wire fail as [`MaybeSent`](crate::CallError::MaybeSent); those that
///   were not begun go back to the pool, for another connection.
/// - The reply of a call whose caller has gone is read and thrown away. With too many such calls the
///   connection is replaced: see [`orphans_max`](Self::orphans_max).
#[pin_project]
pub struct CallConnection<T, Request, Reply, C> {
    #[pin]
    exchange: Exchange<T, Request, Reply, C>,
    in_flight_max: usize,
    orphan_limit: OrphanLimit,
    /// Replies that were read since the transport had none.
    reads: usize,
    ending: Ending,
}

impl<T, Request, Reply, C> CallConnection<T, Request, Reply, C> {
    pub(super) fn over(transport: T, correlation: C, in_flight_max: usize) -> Self {
        let orphans = Arc::<Orphans>::default();
        Self {
            exchange: Exchange::new(transport, correlation, Arc::clone(&orphans)),
            in_flight_max,
            orphan_limit: OrphanLimit::new(orphans),
            reads: 0,
            ending: Ending::new(),
        }
    }

    pub(super) fn correlation_mut(&mut self) -> &mut C {
        self.exchange.correlation_mut()
    }

    pub(super) fn limit_in_flight(&mut self, calls: usize) {
        self.in_flight_max = calls.max(1);
    }

    /// How many calls on the wire may have lost their callers; half of
    /// [`in_flight_max`](Self::in_flight_max) by default.
    ///
    /// With more of them for longer than a second, or with nothing but them, the connection asks
    /// to be replaced: it takes no more calls, reads what it is owed, and closes. It has no timer: it
    /// looks when callers go, replies come or calls are sent. As many as may be in flight are never
    /// too many.
    #[must_use]
    pub fn orphans_max(mut self, calls: usize) -> Self {
        self.orphan_limit.set_orphans_max(calls);
        self
    }
}

impl<T, Request, Reply, C: Correlation<Request, Reply>> CallConnection<T, Request, Reply, C> {
    /// How many calls may be waiting in it or on the wire, together; 256 by default, 1 at least. Where
    /// replies carry ids, there are at most as many as there are ids.
    #[must_use]
    pub fn in_flight_max(mut self, calls: usize) -> Self {
        let calls = self.correlation_mut().set_in_flight_max(calls);
        self.limit_in_flight(calls);
        self
    }

    #[inline]
    fn has_room(&self) -> bool {
        !self.ending.is_over() && self.exchange.len() < self.in_flight_max
    }

    /// The connection is over: calls on the wire learn it now, those that were not begun wait to be taken back.
    fn fail(self: Pin<&mut Self>, error: &ConnectionError) {
        let this = self.project();
        this.ending.fail(error.clone());
        this.exchange.fail_all(error);
    }

    /// Whether a pool is to be told of something other than a reply.
    #[inline]
    fn has_event(&self) -> bool {
        self.exchange.has_cancelled() || self.ending.has_event()
    }

    #[cold]
    fn next_event(self: Pin<&mut Self>) -> Option<Result<Event<Request, Reply>, ConnectionError>> {
        let mut this = self.project();
        if this.exchange.as_mut().take_cancelled() {
            return Some(Ok(ConnectionEvent::Finished(Outcome::Cancelled)));
        }
        if this.ending.is_over()
            && let Some(call) = this.exchange.as_mut().take_pending()
        {
            let is_wanted = !call.is_abandoned();
            let cancelled = ConnectionEvent::Finished(Outcome::Cancelled);
            return Some(Ok(if is_wanted { ConnectionEvent::Unsent(call) } else { cancelled }));
        }
        this.ending.next_event(this.exchange.is_on_the_wire())
    }

    /// Looks whether the connection is to be replaced.
    fn check_orphans(self: Pin<&mut Self>) {
        let this = self.project();
        if this.ending.is_staying() && this.orphan_limit.is_exceeded(*this.in_flight_max, this.exchange.now())
        {
            this.ending.go_away();
        }
    }
}

impl<T, Request, Reply, C, E> CallConnection<T, Request, Reply, C>
where
    T: Sink<Request, Error: Into<BoxError>> + Stream<Item = Result<Reply, E>>,
    E: Into<BoxError>,
    C: Correlation<Request, Reply>,
{
    /// Reads a reply. Pending if there is none now, or the connection is over.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "once for every call; outlined, it costs a fifth more")]
    fn poll_reply(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        if self.ending.is_over() {
            return Poll::Pending;
        }
        match ready!(self.as_mut().project().exchange.poll_read(cx)) {
            Read::Reply(outcome) => return Poll::Ready(outcome),
            Read::Closed => self.project().ending.close(),
            Read::Failed(error) => self.fail(&error),
        }
        Poll::Pending
    }

    /// Reads replies, up to a bound.
    fn poll_replies(mut self: Pin<&mut Self>, cx: &mut Context<'_>) {
        for _ in 0..READS_PER_POLL_MAX {
            if self.as_mut().poll_reply(cx).is_pending() {
                return;
            }
        }
        cx.waker().wake_by_ref();
    }

    /// A reply is told. Many in a row must not starve others: at the bound the connection wakes itself.
    fn on_reply(mut self: Pin<&mut Self>, cx: &Context<'_>) {
        let reads = self.as_mut().project().reads;
        *reads += 1;
        if *reads == READS_PER_POLL_MAX {
            cx.waker().wake_by_ref();
            self.on_pause();
        }
    }

    /// Others have their turns.
    fn on_pause(self: Pin<&mut Self>) {
        *self.project().reads = 0;
    }

    /// Writes, and reads unless a pool does that by polling for events.
    fn poll_drive(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        let mut this = self.as_mut().project();
        let is_pooled = this.ending.is_pooled();
        let mut written = Poll::Ready(Ok(()));
        if !this.ending.is_over() {
            written = this.exchange.as_mut().poll_write(cx);
        }
        if !is_pooled {
            this.exchange.forget_cancelled();
        }
        if let Poll::Ready(Err(error)) = written {
            self.as_mut().fail(&ConnectionError::transport(error));
            written = Poll::Pending;
        }
        if !is_pooled {
            self.as_mut().poll_replies(cx);
        }
        self.as_mut().check_orphans();
        self.as_mut().project().exchange.release_memory();
        if self.has_event() {
            cx.waker().wake_by_ref();
        }
        self.ending.check(self.exchange.is_on_the_wire())?;
        written.map(|_| Ok(()))
    }
}

impl<T, Request, Reply, C, E> Connection<Call<Request, Reply>> for CallConnection<T, Request, Reply, C>
where
    T: Sink<Request, Error: Into<BoxError>> + Stream<Item = Result<Reply, E>>,
    E: Into<BoxError>,
    C: Correlation<Request, Reply>,
{
    const REPORTS_OUTCOMES: bool = true;

    fn poll_event(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Event<Request, Reply>, ConnectionError>> {
        self.as_mut().project().ending.set_pooled();
        if self.has_event()
            && let Some(event) = self.as_mut().next_event()
        {
            return Poll::Ready(event);
        }
        if let Poll::Ready(outcome) = self.as_mut().poll_reply(cx) {
            self.as_mut().on_reply(cx);
            return Poll::Ready(Ok(ConnectionEvent::Finished(outcome)));
        }
        self.as_mut().on_pause();
        // Before the look at the orphans: one that comes later wakes.
        self.orphan_limit.watch(cx.waker());
        self.as_mut().check_orphans();
        self.as_mut().project().exchange.release_memory();
        if !self.has_event() {
            return Poll::Pending;
        }
        self.next_event().map_or(Poll::Pending, Poll::Ready)
    }

    #[inline]
    fn set_now(self: Pin<&mut Self>, now: Instant) {
        self.project().exchange.set_now(now);
    }

    /// The pool has waited for too long: what is on the wire is lost, the rest can be taken back.
    fn give_up(self: Pin<&mut Self>) {
        if !self.ending.is_over() {
            self.fail(&ConnectionError::NotAnswering);
        }
    }
}

impl<T, Request, Reply, C, E> Sink<Call<Request, Reply>> for CallConnection<T, Request, Reply, C>
where
    T: Sink<Request, Error: Into<BoxError>> + Stream<Item = Result<Reply, E>>,
    E: Into<BoxError>,
    C: Correlation<Request, Reply>,
{
    type Error = ConnectionError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        if self.has_room() {
            return Poll::Ready(Ok(()));
        }
        if self.ending.is_pooled() && !self.ending.is_over() {
            // The next reply wakes `poll_event`, and after that the pool asks again.
            return Poll::Pending;
        }
        // Alone, it has to make room by itself; a blocked write is no reason to wait here.
        if let Poll::Ready(Err(error)) = self.as_mut().poll_drive(cx) {
            return Poll::Ready(Err(error));
        }
        if self.has_room() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// If the connection is over, the call is taken back like all that wait.
    fn start_send(self: Pin<&mut Self>, call: Call<Request, Reply>) -> Result<(), ConnectionError> {
        self.project().exchange.push(call);
        Ok(())
    }

    /// Ready when all calls are written. It reads replies too, unless a pool does.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        self.poll_drive(cx)
    }

    /// Ready when all replies have come and the transport is closed.
    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        if !self.ending.is_closed() {
            ready!(self.as_mut().poll_drive(cx))?;
        } else if !self.ending.is_pooled() {
            // No pool takes the pending calls back. Their callers learn that they never left.
            while self.as_mut().project().exchange.take_pending().is_some() {}
        }
        if self.exchange.len() > 0 || self.exchange.has_cancelled() {
            return Poll::Pending;
        }
        self.project().exchange.poll_close(cx).map_err(ConnectionError::transport)
    }
}
