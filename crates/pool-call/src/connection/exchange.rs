//! Requests and replies over one transport.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use futures_core::Stream;
use futures_sink::Sink;
use pin_project::pin_project;
use pool_driver::{BoxError, Instant, Outcome, Verdict};

use super::controls::Controls;
use super::correlation::{Answered, Correlation, Flight, Piece};
use super::unanswered::Unanswered;
use super::{Orphans, release_capacity};
use crate::call::{Call, Responder};
use crate::error::{ConnectionError, MaybeSentReason};
use crate::policy::PARTS_MAX;
use crate::protocol::{Incoming, Protocol, Replies, excerpt, guard};

/// Writes the requests of calls, reads replies, and gives each to its caller. It decides nothing: what it
/// returns is for its connection to judge.
#[pin_project]
pub(super) struct Exchange<T, Request, Reply, C, P> {
    #[pin]
    transport: T,
    protocol: P,
    /// Calls on the wire.
    correlation: C,
    /// Calls that are written, and have no reply: they end when they are flushed.
    unanswered: Unanswered<Request, Reply>,
    /// Calls that have not been begun, oldest first.
    pending: VecDeque<Call<Request, Reply>>,
    controls: Controls<Request>,
    /// What has become of calls and was not told with a reply.
    outcomes: VecDeque<Outcome>,
    parts_max: u32,
    /// By the pool's runtime. A connection without a pool has no time, and tells nobody how long a reply took.
    now: Instant,
    /// When the peer has said something.
    heard: Instant,
}

/// What a read has brought.
pub(super) enum Read {
    /// A reply; this has become of its call.
    Reply(Outcome),
    /// A reply that its caller has not waited for.
    Unwanted,
    /// A reply has begun, after so long.
    Begun(Duration),
    /// Nothing that completes a reply.
    Other,
    /// The peer asks for no more calls, perhaps by a reply.
    Goodbye(Option<Outcome>),
    /// The peer has closed, and owes nothing.
    Closed,
    Failed(ConnectionError),
}

impl<T, Request, Reply, C, P> Exchange<T, Request, Reply, C, P> {
    pub(super) fn new(transport: T, protocol: P, correlation: C) -> Self {
        Self {
            transport,
            protocol,
            correlation,
            unanswered: Unanswered::new(),
            pending: VecDeque::new(),
            controls: Controls::new(),
            outcomes: VecDeque::new(),
            parts_max: PARTS_MAX,
            now: Instant::ZERO,
            heard: Instant::ZERO,
        }
    }

    pub(super) fn correlation_mut(&mut self) -> &mut C {
        &mut self.correlation
    }

    pub(super) fn set_parts_max(&mut self, parts: u32) {
        self.parts_max = parts;
    }

    /// Takes a call, which is begun by [`poll_write`](Self::poll_write).
    pub(super) fn push(self: Pin<&mut Self>, call: Call<Request, Reply>) {
        self.project().pending.push_back(call);
    }

    /// The oldest call that was not begun.
    pub(super) fn take_pending(self: Pin<&mut Self>) -> Option<Call<Request, Reply>> {
        self.project().pending.pop_front()
    }

    /// What has become of a call and was not reported. Each is reported once.
    pub(super) fn take_outcome(self: Pin<&mut Self>) -> Option<Outcome> {
        let outcomes = self.project().outcomes;
        let outcome = outcomes.pop_front()?;
        release_capacity(outcomes);
        Some(outcome)
    }

    #[inline]
    pub(super) fn has_outcomes(&self) -> bool {
        !self.outcomes.is_empty()
    }

    /// There is no pool to report outcomes to.
    pub(super) fn forget_outcomes(self: Pin<&mut Self>) {
        self.project().outcomes.clear();
    }

    /// Whether there is something of its own to be written or flushed.
    #[inline]
    pub(super) fn has_controls(&self) -> bool {
        self.controls.is_unflushed()
    }

    pub(super) fn transport(&self) -> &T {
        &self.transport
    }

    /// The peer has said something now.
    pub(super) fn hear(self: Pin<&mut Self>) {
        let this = self.project();
        *this.heard = *this.now;
    }

    #[inline]
    pub(super) fn set_now(self: Pin<&mut Self>, now: Instant) {
        *self.project().now = now;
    }
}

impl<T, Request, Reply, C: Correlation<Request, Reply>, P> Exchange<T, Request, Reply, C, P> {
    /// How many calls are here, on the wire and not.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.pending.len() + self.correlation.len() + self.unanswered.len()
    }

    /// How many calls were begun and have not ended.
    pub(super) fn owed(&self) -> usize {
        self.correlation.len() + self.unanswered.len()
    }

    pub(super) fn is_on_the_wire(&self) -> bool {
        self.owed() > 0
    }

    /// For how long the peer has said nothing while it owes replies, if it does.
    pub(super) fn silence(&self) -> Option<Duration> {
        let owed_since = self.correlation.oldest_begun()?;
        Some(self.now.saturating_duration_since(owed_since.max(self.heard)))
    }

    /// Tells the callers of all calls on the wire why there is no reply.
    pub(super) fn fail_all(self: Pin<&mut Self>, error: &ConnectionError) {
        let this = self.project();
        for flight in this.correlation.take_all().chain(this.unanswered.take_all()) {
            flight.responder.fail(MaybeSentReason::ConnectionFailed(error.clone()));
        }
    }

    /// Forgets calls whose callers have gone, where their replies need not be waited for. More that go wake this waker.
    #[inline]
    pub(super) fn forget_orphans(self: Pin<&mut Self>, waker: &Waker) {
        let this = self.project();
        for _ in 0..this.correlation.forget_orphans(waker) {
            this.outcomes.push_back(Outcome::Cancelled);
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

impl<T, Request, Item, Reply, C, P, E> Exchange<T, Request, Reply, C, P>
where
    T: Sink<Request, Error: Into<BoxError>> + Stream<Item = Result<Item, E>>,
    E: Into<BoxError>,
    C: Correlation<Request, Reply>,
    P: Protocol<Request, Item, Reply = Reply>,
{
    /// Reads an item, and gives what it completes to its caller.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "once for every call; outlined, it costs a fifth more")]
    pub(super) fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Read> {
        let this = self.as_mut().project();
        let item = match ready!(this.transport.poll_next(cx)) {
            Some(Ok(item)) => item,
            Some(Err(error)) => return Poll::Ready(Read::Failed(ConnectionError::transport(error))),
            None if this.correlation.len() + this.unanswered.len() == 0 => return Poll::Ready(Read::Closed),
            None => return Poll::Ready(Read::Failed(ConnectionError::Closed)),
        };
        Poll::Ready(match guard(|| this.protocol.classify(item)) {
            Ok(Incoming::Reply(reply)) => self.answer(Piece { reply, is_last: true }),
            Ok(Incoming::Part(reply)) => self.answer(Piece { reply, is_last: false }),
            Ok(Incoming::Push) => Read::Other,
            Ok(Incoming::Control(control)) => self.control(control, cx),
            Ok(Incoming::Goodbye) => Read::Goodbye(None),
            Err(error) => Read::Failed(error),
        })
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "once for every call")]
    fn answer(self: Pin<&mut Self>, piece: Piece<Reply>) -> Read {
        let this = self.project();
        let join = |reply: &mut Reply, part| this.protocol.join(reply, part);
        let answered = match guard(|| this.correlation.answer(piece, *this.parts_max, join)) {
            Ok(answered) => answered,
            Err(error) => return Read::Failed(error),
        };
        let (flight, reply, is_whole) = match answered {
            Answered::Whole(flight, reply) => (flight, reply, true),
            Answered::Completed(flight, reply) => (flight, reply, false),
            Answered::Begun(begun) => return Read::Begun(this.now.saturating_duration_since(begun)),
            Answered::Partly | Answered::Ignored => return Read::Other,
            Answered::TooMany => return Read::Failed(ConnectionError::TooManyParts),
            Answered::Unexpected(reply) => {
                return Read::Failed(unexpected::<Request, Item, P>(this.protocol, &reply));
            }
        };
        let verdict = match guard(|| this.protocol.judge(&reply)) {
            Ok(verdict) => verdict,
            Err(error) => {
                flight.responder.fail(MaybeSentReason::ConnectionFailed(error.clone()));
                return Read::Failed(error);
            }
        };
        // That of a reply in parts was told when it began.
        let latency = is_whole.then(|| this.now.saturating_duration_since(flight.begun));
        match deliver(flight.responder, reply, verdict, latency, this.correlation.orphans()) {
            outcome if verdict == Verdict::Goodbye => Read::Goodbye(Some(outcome)),
            Outcome::Cancelled => Read::Unwanted,
            outcome => Read::Reply(outcome),
        }
    }

    /// The connection is to say something by itself.
    #[cold]
    fn control(mut self: Pin<&mut Self>, control: Request, cx: &mut Context<'_>) -> Read {
        if !self.as_mut().project().controls.push(control) {
            return Read::Failed(ConnectionError::TooManyControls);
        }
        match self.poll_write_controls(cx) {
            Poll::Ready(Err(error)) => Read::Failed(ConnectionError::transport(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Read::Other,
        }
    }

    /// Gives its own words to the transport, as many as it takes.
    fn poll_write_controls(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), T::Error>> {
        let mut this = self.project();
        while this.controls.has_waiting() {
            ready!(this.transport.as_mut().poll_ready(cx))?;
            let Some(control) = this.controls.pop() else { break };
            this.transport.as_mut().start_send(control)?;
        }
        Poll::Ready(Ok(()))
    }

    /// Writes its own words and flushes them.
    #[cold]
    pub(super) fn poll_flush_controls(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), T::Error>> {
        ready!(self.as_mut().poll_write_controls(cx))?;
        self.poll_flush(cx)
    }

    /// Begins and writes pending calls, as many as the transport takes, and flushes it.
    pub(super) fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ConnectionError>> {
        if self.has_controls() {
            ready!(self.as_mut().poll_write_controls(cx)).map_err(ConnectionError::transport)?;
        }
        let mut this = self.as_mut().project();
        while !this.pending.is_empty() {
            // A call without a caller waits for the transport, too: it keeps its place while the peer takes
            // nothing. Otherwise a peer that hangs would get call after call, and look alive, because calls end.
            ready!(this.transport.as_mut().poll_ready(cx)).map_err(ConnectionError::transport)?;
            let Some(call) = this.pending.pop_front() else { break };
            let Some((mut request, responder)) =
                call.begin_with(*this.now, this.correlation.orphans().cloned())
            else {
                this.outcomes.push_back(Outcome::Cancelled);
                continue;
            };
            let replies = match guard(|| this.protocol.replies_to(&request)) {
                Ok(replies) => replies,
                Err(error) => {
                    // It has not been written. It is not sent by another connection either, whose protocol would
                    // probably panic, too.
                    drop(responder.take_back(request));
                    return Poll::Ready(Err(error));
                }
            };
            let flight = Flight { responder, begun: *this.now };
            match replies {
                Replies::One => this.correlation.begin(&mut request, flight),
                Replies::Exactly(replies) => this.correlation.begin_several(&mut request, flight, replies),
                Replies::None(reply) => this.unanswered.push(flight, reply),
            }
            this.transport.as_mut().start_send(request).map_err(ConnectionError::transport)?;
        }
        self.poll_flush(cx).map_err(ConnectionError::transport)
    }

    /// Flushes what was written, and ends the calls that have no reply.
    #[inline]
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), T::Error>> {
        let this = self.as_mut().project();
        ready!(this.transport.poll_flush(cx))?;
        if !this.controls.has_waiting() && this.controls.is_unflushed() {
            this.controls.set_flushed();
        }
        if this.unanswered.len() > 0 {
            self.end_unanswered();
        }
        Poll::Ready(Ok(()))
    }

    /// Calls without replies are written.
    #[cold]
    #[inline(never)]
    fn end_unanswered(self: Pin<&mut Self>) {
        let this = self.project();
        while let Some((flight, reply)) = this.unanswered.pop() {
            let latency = this.now.saturating_duration_since(flight.begun);
            let orphans = this.correlation.orphans();
            let outcome = deliver(flight.responder, reply, Verdict::Success, Some(latency), orphans);
            this.outcomes.push_back(outcome);
        }
    }

    pub(super) fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), T::Error>> {
        self.project().transport.poll_close(cx)
    }
}

/// Gives a caller its reply, and says what has become of the call.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "once for every call; of a protocol without verdicts only the first is left"
)]
fn deliver<Request, Reply>(
    responder: Responder<Request, Reply>,
    reply: Reply,
    verdict: Verdict,
    latency: Option<Duration>,
    orphans: Option<&Arc<Orphans>>,
) -> Outcome {
    if verdict != Verdict::Success {
        return deliver_judged(responder, reply, verdict, latency, orphans);
    }
    match responder.reply(reply) {
        Ok(()) => Outcome::Success { latency },
        Err(reply) => {
            discard_unwanted(reply, orphans);
            Outcome::Cancelled
        }
    }
}

#[inline(never)]
fn deliver_judged<Request, Reply>(
    responder: Responder<Request, Reply>,
    reply: Reply,
    verdict: Verdict,
    latency: Option<Duration>,
    orphans: Option<&Arc<Orphans>>,
) -> Outcome {
    let taken = match verdict {
        Verdict::Overloaded { .. } | Verdict::Unfit => responder.reject(reply),
        _ => responder.reply(reply),
    };
    if let Err(reply) = taken {
        discard_unwanted(reply, orphans);
        // Nobody wants to know, but what it says of the address counts.
        if verdict == Verdict::Goodbye {
            return Outcome::Cancelled;
        }
    }
    verdict.outcome(latency)
}

/// The caller of this reply has gone. It is no orphan any more, where these are counted.
fn discard_unwanted<Reply>(reply: Reply, orphans: Option<&Arc<Orphans>>) {
    drop(reply);
    if let Some(orphans) = orphans {
        orphans.remove();
    }
}

/// Shows a reply by its protocol.
struct Described<'a, P, Reply, F>(&'a P, &'a Reply, F);

impl<P, Reply, F> fmt::Display for Described<'_, P, Reply, F>
where
    F: Fn(&P, &Reply, &mut fmt::Formatter<'_>) -> fmt::Result,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.2)(self.0, self.1, f)
    }
}

#[cold]
fn unexpected<Request, Item, P: Protocol<Request, Item>>(protocol: &P, reply: &P::Reply) -> ConnectionError {
    match guard(|| excerpt(&Described(protocol, reply, P::describe))) {
        Ok(reply) => ConnectionError::UnexpectedReply { reply },
        Err(error) => error,
    }
}
