//! A connection that answers calls over a transport.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use futures_sink::Sink;
use pin_project::pin_project;
use pool_driver::{BoxError, Connection, ConnectionEvent, Instant, Outcome};

use super::correlation::Correlation;
use super::ending::Ending;
use super::exchange::{Exchange, Read};
use super::hearing::Hearing;
use crate::call::Call;
use crate::error::ConnectionError;
use crate::policy::READS_PER_POLL_MAX;
use crate::protocol::{Protocol, RepliesOnly};

type Event<Request, Reply> = ConnectionEvent<Call<Request, Reply>>;

/// A connection that answers calls over a transport, which is a sink of requests and a stream of replies.
/// [`Pipelined`](crate::Pipelined) and [`Tagged`](crate::Tagged) make them, and are other names for it.
///
/// ```
/// use pool_call::Pipelined;
///
/// # fn settings<T>(transport: T) -> Pipelined<T, String, String> {
/// // A server that answers one request after the other, and may take seconds for each.
/// Pipelined::new(transport).in_flight_max(8)
/// # }
/// ```
///
/// - Calls wait in it until they are flushed, and all that wait are written as one batch. It takes
///   no more when [`in_flight_max`](Self::in_flight_max) are waiting or on the wire.
/// - It reads whenever it is polled, also while its writes are blocked.
/// - If it breaks, calls on the wire fail as [`MaybeSent`](crate::CallError::MaybeSent); those that
///   were not begun go back to the pool, for another connection.
/// - A call whose caller has gone keeps its place until its reply comes, which is read and thrown away. That callers go
///   says nothing of the peer, and ends nothing; the pool decides by what the peer says while it owes replies.
/// - It tells the pool that the peer [is alive](pool_driver::ConnectionEvent::Progress) when items come that are no
///   answers, and when [bytes come](Self::progress_by) that are no item yet.
#[pin_project]
pub struct CallConnection<T, Request, Reply, C, P = RepliesOnly> {
    #[pin]
    exchange: Exchange<T, Request, Reply, C, P>,
    /// None once it is over, so that one comparison says whether there is room.
    in_flight_max: usize,
    hearing: Hearing<T>,
    /// After how long a reply has begun, which the pool is told at once.
    begun: Option<Duration>,
    /// It was asked to close.
    is_closing: bool,
    ending: Ending,
}

impl<T, Request, Reply, C, P> CallConnection<T, Request, Reply, C, P> {
    pub(super) fn over(transport: T, protocol: P, correlation: C, in_flight_max: usize) -> Self {
        Self {
            exchange: Exchange::new(transport, protocol, correlation),
            in_flight_max,
            hearing: Hearing::new(),
            begun: None,
            is_closing: false,
            ending: Ending::new(),
        }
    }

    pub(super) fn correlation_mut(&mut self) -> &mut C {
        self.exchange.correlation_mut()
    }

    pub(super) fn limit_in_flight(&mut self, calls: usize) {
        self.in_flight_max = calls.max(1);
    }

    /// In how many parts a reply may come, besides the last one; 65,536 by default. A peer that sends more loses its
    /// connection: what is gathered of a reply takes memory.
    #[must_use]
    pub fn parts_max(mut self, parts: u32) -> Self {
        self.exchange.set_parts_max(parts);
        self
    }

    /// Takes a mark of the transport that changes when bytes come, so that a long reply which trickles in is no silence.
    ///
    /// The mark is compared after each read that finds no item. For a `Framed` it is the length of its read buffer
    /// (`buffered_bytes` of `pool-driver`): while a frame is incomplete its buffer grows, and when it is complete there is
    /// an item. So no byte has to be counted. `tcp(codec).pipelined()` and the like of the runtime crates set that; for a
    /// transport of your own, or a codec that keeps what it has read, give another one. By default there is none, and
    /// only items are evidence that the peer is alive.
    ///
    /// ```
    /// use pool_call::Pipelined;
    ///
    /// struct Transport { bytes_read: u64 }
    ///
    /// # fn connection(transport: Transport) -> Pipelined<Transport, String, String> {
    /// Pipelined::new(transport).progress_by(|transport| transport.bytes_read)
    /// # }
    /// ```
    #[must_use]
    pub fn progress_by(self, mark: fn(&T) -> u64) -> Self {
        self.with_progress_by(Some(mark))
    }

    /// The handshake has found that this address can't do what it would be asked to: a replica where writes go. The
    /// connection stays, and its address rests as by [`Unfit`](pool_driver::Verdict::Unfit) before it gets a call.
    ///
    /// ```
    /// use pool_call::Pipelined;
    ///
    /// # fn connection<T>(transport: T, role: &str) -> Pipelined<T, String, String> {
    /// let connection = Pipelined::new(transport);
    /// if role == "slave" { connection.unfit() } else { connection }
    /// # }
    /// ```
    #[must_use]
    pub fn unfit(mut self) -> Self {
        self.ending.set_unfit();
        self
    }

    pub(super) fn with_progress_by(mut self, mark: Option<fn(&T) -> u64>) -> Self {
        self.hearing.set_mark(mark, self.exchange.transport());
        self
    }
}

impl<T, Request, Reply, C: Correlation<Request, Reply>, P> CallConnection<T, Request, Reply, C, P> {
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
        self.exchange.len() < self.in_flight_max
    }

    /// The connection is over: calls on the wire learn it now, those that were not begun wait to be taken back.
    fn fail(self: Pin<&mut Self>, error: &ConnectionError) {
        let this = self.project();
        this.ending.fail(error.clone());
        *this.in_flight_max = 0;
        this.exchange.fail_all(error);
    }

    /// The peer has closed in good order.
    fn close(self: Pin<&mut Self>) {
        let this = self.project();
        this.ending.close();
        *this.in_flight_max = 0;
    }

    /// Whether a pool is to be told of something other than a reply.
    #[inline]
    fn has_event(&self) -> bool {
        self.exchange.has_outcomes() || self.ending.has_event() || self.hearing.is_due()
    }

    #[cold]
    fn next_event(self: Pin<&mut Self>) -> Option<Result<Event<Request, Reply>, ConnectionError>> {
        let mut this = self.project();
        if this.hearing.take_due() {
            return Some(Ok(ConnectionEvent::Progress));
        }
        if let Some(outcome) = this.exchange.as_mut().take_outcome() {
            return Some(Ok(ConnectionEvent::Finished(outcome)));
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
}

impl<T, Request, Item, Reply, C, P, E> CallConnection<T, Request, Reply, C, P>
where
    T: Sink<Request, Error: Into<BoxError>> + Stream<Item = Result<Item, E>>,
    E: Into<BoxError>,
    C: Correlation<Request, Reply>,
    P: Protocol<Request, Item, Reply = Reply>,
{
    /// Reads up to the next reply. Pending if there is none now, or the connection is over; nothing, if it pauses for
    /// others, or a reply [has begun](Self::begun).
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "once for every call; outlined, it costs a fifth more")]
    fn poll_reply(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Outcome>> {
        if self.ending.is_over() {
            return Poll::Pending;
        }
        loop {
            match ready!(self.as_mut().project().exchange.poll_read(cx)) {
                Read::Reply(outcome) => return Poll::Ready(Some(outcome)),
                Read::Unwanted => {
                    self.as_mut().project().hearing.count_aside();
                    return Poll::Ready(Some(Outcome::Cancelled));
                }
                Read::Begun(latency) => {
                    *self.as_mut().project().begun = Some(latency);
                    return Poll::Ready(None);
                }
                Read::Other => {}
                Read::Goodbye(outcome) => {
                    self.as_mut().project().ending.go_away();
                    if matches!(outcome, Some(Outcome::Cancelled)) {
                        self.as_mut().project().hearing.count_aside();
                    }
                    if let Some(outcome) = outcome {
                        return Poll::Ready(Some(outcome));
                    }
                }
                Read::Closed => break self.close(),
                Read::Failed(error) => break self.fail(&error),
            }
            self.as_mut().project().hearing.count_aside();
            if self.as_mut().count_read(cx) {
                return Poll::Ready(None);
            }
        }
        Poll::Pending
    }

    /// Reads replies, up to a bound.
    fn poll_replies(mut self: Pin<&mut Self>, cx: &mut Context<'_>) {
        for _ in 0..READS_PER_POLL_MAX {
            let polled = self.as_mut().poll_reply(cx);
            // There is nobody to tell that a reply has begun.
            let has_begun = self.as_mut().project().begun.take().is_some();
            if !has_begun && !matches!(polled, Poll::Ready(Some(_))) {
                return;
            }
        }
        cx.waker().wake_by_ref();
    }

    /// An item was read. Many in a row must not starve others: at the bound the connection wakes itself. Returns
    /// whether it has.
    fn count_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        let is_bound = self.as_mut().project().hearing.count();
        if is_bound {
            cx.waker().wake_by_ref();
            self.on_pause(cx);
        }
        is_bound
    }

    /// There is nothing to read: a part of an item may have come.
    fn look_for_bytes(self: Pin<&mut Self>) {
        let mut this = self.project();
        if this.ending.is_over() {
            return;
        }
        if this.hearing.look_at(this.exchange.transport()) {
            this.exchange.as_mut().hear();
        }
        this.hearing.conclude();
    }

    /// Others have their turns. What the connection says by itself goes to the peer.
    fn on_pause(mut self: Pin<&mut Self>, cx: &mut Context<'_>) {
        let mut this = self.as_mut().project();
        if this.hearing.pause() {
            this.exchange.as_mut().hear();
        }
        if !this.ending.is_over()
            && this.exchange.has_controls()
            && let Poll::Ready(Err(error)) = this.exchange.poll_flush_controls(cx)
        {
            self.fail(&ConnectionError::transport(error));
        }
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
            this.exchange.forget_outcomes();
        }
        if let Poll::Ready(Err(error)) = written {
            self.as_mut().fail(&error);
            written = Poll::Pending;
        }
        if !is_pooled {
            self.as_mut().poll_replies(cx);
        }
        self.as_mut().project().exchange.forget_orphans(cx.waker());
        self.as_mut().project().exchange.release_memory();
        if self.has_event() {
            cx.waker().wake_by_ref();
        }
        self.ending.check(self.exchange.is_on_the_wire())?;
        written.map(|_| Ok(()))
    }
}

impl<T, Request, Item, Reply, C, P, E> Connection<Call<Request, Reply>>
    for CallConnection<T, Request, Reply, C, P>
where
    T: Sink<Request, Error: Into<BoxError>> + Stream<Item = Result<Item, E>>,
    E: Into<BoxError>,
    C: Correlation<Request, Reply>,
    P: Protocol<Request, Item, Reply = Reply>,
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
        match self.as_mut().poll_reply(cx) {
            Poll::Ready(Some(outcome)) => {
                self.as_mut().count_read(cx);
                return Poll::Ready(Ok(ConnectionEvent::Finished(outcome)));
            }
            Poll::Ready(None) if self.begun.is_some() => {
                self.as_mut().count_read(cx);
                let latency = self.project().begun.take().unwrap_or_default();
                return Poll::Ready(Ok(ConnectionEvent::Answered { latency }));
            }
            // What there is to tell it tells in the next poll, for which it has woken itself.
            Poll::Ready(None) => {
                self.project().hearing.conclude();
                return Poll::Pending;
            }
            Poll::Pending => {}
        }
        self.as_mut().on_pause(cx);
        self.as_mut().look_for_bytes();
        self.as_mut().project().exchange.forget_orphans(cx.waker());
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

    /// Those that may be waiting in it or on the wire, together.
    fn in_flight_max(&self) -> Option<usize> {
        Some(self.in_flight_max)
    }

    /// The pool has waited for too long: what is on the wire is lost, the rest can be taken back.
    fn give_up(self: Pin<&mut Self>) {
        if self.ending.is_over() {
            return;
        }
        let error = match self.exchange.silence() {
            _ if self.is_closing => ConnectionError::NotDrained { owed: self.exchange.owed() },
            Some(silence) => ConnectionError::Silent { silence },
            None => ConnectionError::Blocked,
        };
        self.fail(&error);
    }
}

impl<T, Request, Item, Reply, C, P, E> Sink<Call<Request, Reply>> for CallConnection<T, Request, Reply, C, P>
where
    T: Sink<Request, Error: Into<BoxError>> + Stream<Item = Result<Item, E>>,
    E: Into<BoxError>,
    C: Correlation<Request, Reply>,
    P: Protocol<Request, Item, Reply = Reply>,
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
        *self.as_mut().project().is_closing = true;
        if !self.ending.is_closed() {
            ready!(self.as_mut().poll_drive(cx))?;
        } else if !self.ending.is_pooled() {
            // No pool takes the pending calls back. Their callers learn that they never left.
            while self.as_mut().project().exchange.take_pending().is_some() {}
        }
        if self.exchange.len() > 0 || self.exchange.has_outcomes() {
            return Poll::Pending;
        }
        self.project().exchange.poll_close(cx).map_err(ConnectionError::transport)
    }
}
