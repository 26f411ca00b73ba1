//! One slot's dial or connection, and the calls into it.

use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_sink::Sink;
use pool_core::{AddressId, Instant, Outcome, SlotId};

use super::{Advanced, End, Failure, Phase, Readiness};
use crate::error::BoxError;
use crate::panic::{discard, guard};
use crate::seams::connection::{Connection, ConnectionEvent};
use crate::seams::{ConnectionOf, DialOf, Seams};
use crate::wake_list::Signal;

/// Who is in a slot.
pub(in crate::multiplexer) struct Occupant<P: Seams> {
    pub(super) id: SlotId,
    pub(super) address_id: AddressId,
    pub(super) stage: Stage<P>,
    pub(super) signal: Arc<Signal>,
    pub(super) waker: Waker,
    /// The core has it as busy.
    pub(super) is_busy: bool,
    /// The pool has given it up, and waits for its last events.
    pub(super) is_given_up: bool,
    /// A flush has begun and is not complete.
    pub(super) is_flushing: bool,
    /// Items sent to it since it was last flushed. If there are any, it is on the dirty list.
    pub(super) unflushed: i64,
}

/// How far an occupant has come, in the order of life.
pub(super) enum Stage<P: Seams> {
    Dialling(Pin<Box<DialOf<P>>>),
    Open(Pin<Box<ConnectionOf<P>>>),
    Draining(Pin<Box<ConnectionOf<P>>>),
}

impl<P: Seams> Occupant<P> {
    /// Polls the dial, if it is one. Returns its end.
    pub(super) fn poll_dial(&mut self) -> Option<Result<(), Failure>> {
        let Stage::Dialling(dial) = &mut self.stage else { return None };
        let mut cx = Context::from_waker(&self.waker);
        match guard(|| dial.as_mut().poll(&mut cx).map_err(Into::into)) {
            Ok(Poll::Pending) => None,
            Ok(Poll::Ready(Ok(connection))) => {
                discard(mem::replace(&mut self.stage, Stage::Open(Box::pin(connection))));
                self.is_busy = true;
                Some(Ok(()))
            }
            Ok(Poll::Ready(Err(error))) => Some(Err(Failure::Error(error))),
            Err(panic) => Some(Err(panic.into())),
        }
    }

    #[inline]
    fn connection(&mut self) -> Option<(Pin<&mut ConnectionOf<P>>, Context<'_>)> {
        match &mut self.stage {
            Stage::Open(connection) | Stage::Draining(connection) => {
                Some((connection.as_mut(), Context::from_waker(&self.waker)))
            }
            Stage::Dialling(_) => None,
        }
    }

    /// How many items the connection may have in flight, if it is one and there is a limit. Guarded: it is the
    /// connection's code.
    pub(super) fn in_flight_max(&self) -> Result<Option<usize>, Failure> {
        match &self.stage {
            Stage::Open(connection) | Stage::Draining(connection) => {
                Ok(guard(|| connection.in_flight_max())?)
            }
            Stage::Dialling(_) => Ok(None),
        }
    }

    /// Gives `on_outcome` the outcomes that the connection reports. Returns the first other event, or
    /// nothing after `left` events or when there are no more now. Not guarded: its caller is.
    pub(super) fn read(
        &mut self,
        now: Instant,
        left: &mut usize,
        mut on_outcome: impl FnMut(Outcome),
    ) -> Option<Result<ConnectionEvent<P::Item>, BoxError>> {
        let (mut connection, mut cx) = self.connection()?;
        connection.as_mut().set_now(now);
        while *left > 0 {
            // In one match: an event that has a name of its own is copied.
            match connection.as_mut().poll_event(&mut cx) {
                Poll::Ready(Ok(ConnectionEvent::Finished(outcome))) => {
                    *left -= 1;
                    on_outcome(outcome);
                }
                Poll::Pending => return None,
                Poll::Ready(other) => {
                    *left -= 1;
                    return Some(other.map_err(Into::into));
                }
            }
        }
        None
    }

    /// Does what the connection waits for besides reading. Reading comes first, for a peer that can't
    /// write won't read.
    pub(super) fn advance(&mut self, now: Instant) -> Advanced {
        match self.stage {
            Stage::Dialling(_) => Advanced::default(),
            Stage::Open(_) => self.advance_open(now),
            Stage::Draining(_) => Advanced { readiness: None, end: self.advance_draining(now) },
        }
    }

    fn advance_open(&mut self, now: Instant) -> Advanced {
        let mut readiness = None;
        if self.is_busy {
            match self.poll_ready() {
                Poll::Pending => readiness = Some(Readiness::Busy),
                Poll::Ready(Ok(())) => readiness = Some(Readiness::Ready),
                Poll::Ready(Err(failure)) => return Advanced { readiness, end: Some(End::Failed(failure)) },
            }
        }
        let end = if self.is_flushing { self.flush(now).err().map(End::Failed) } else { None };
        Advanced { readiness, end }
    }

    /// A connection closes when all it was sent is flushed.
    fn advance_draining(&mut self, now: Instant) -> Option<End> {
        if self.is_flushing {
            if let Err(failure) = self.flush(now) {
                return Some(End::Failed(failure));
            }
            if self.is_flushing {
                return None;
            }
        }
        let (connection, mut cx) = self.connection()?;
        match guard(|| connection.poll_close(&mut cx).map_err(Into::into)) {
            Ok(Poll::Pending) => None,
            Ok(Poll::Ready(Ok(()))) => Some(End::Closed),
            Ok(Poll::Ready(Err(error))) => Some(End::Failed(Failure::Error(error))),
            Err(panic) => Some(End::Failed(panic.into())),
        }
    }

    fn poll_ready(&mut self) -> Poll<Result<(), Failure>> {
        let Some((connection, mut cx)) = self.connection() else { return Poll::Pending };
        match guard(|| connection.poll_ready(&mut cx).map_err(Into::into)) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(Ok(()))) => {
                self.is_busy = false;
                Poll::Ready(Ok(()))
            }
            Ok(Poll::Ready(Err(error))) => Poll::Ready(Err(Failure::Error(error))),
            Err(panic) => Poll::Ready(Err(panic.into())),
        }
    }

    /// Flushes, or goes on to flush when the connection wakes.
    pub(super) fn flush(&mut self, now: Instant) -> Result<(), Failure> {
        let Some((mut connection, mut cx)) = self.connection() else { return Ok(()) };
        let polled = guard(|| {
            connection.as_mut().set_now(now);
            connection.poll_flush(&mut cx).map_err(Into::into)
        })?;
        self.is_flushing = polled.is_pending();
        match polled {
            Poll::Ready(Err(error)) => Err(Failure::Error(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Ok(()),
        }
    }

    /// It takes no new item from now on. What follows comes in the next poll of the driver, so that a set of
    /// a hundred thousand addresses doesn't hold up the executor.
    pub(super) fn drain(self) -> Self {
        let stage = match self.stage {
            Stage::Open(connection) => Stage::Draining(connection),
            stage @ (Stage::Dialling(_) | Stage::Draining(_)) => stage,
        };
        self.signal.raise();
        Self { stage, ..self }
    }

    /// The pool gives the connection up. Returns whether it may have last words: a dial has none, and neither has a
    /// connection that panics.
    pub(super) fn give_up(&mut self, now: Instant) -> bool {
        let Some((mut connection, _)) = self.connection() else { return false };
        let tell = || {
            connection.as_mut().set_now(now);
            connection.give_up();
        };
        self.is_given_up = guard(tell).is_ok();
        self.is_given_up
    }

    /// Whether a connection that was given up knows its last words.
    pub(super) fn poll_given_up(&mut self) -> Poll<Result<(), Failure>> {
        let Some((connection, mut cx)) = self.connection() else { return Poll::Ready(Ok(())) };
        match guard(|| connection.poll_given_up(&mut cx)) {
            Ok(polled) => polled.map(Ok),
            Err(panic) => Poll::Ready(Err(panic.into())),
        }
    }

    /// Whether a part of the connection that is polled here has items to hand over. One that panics will be found out
    /// when it is polled for something else.
    pub(super) fn hands_over(&mut self) -> bool {
        let Some((connection, mut cx)) = self.connection() else { return false };
        guard(|| connection.poll_handed_over(&mut cx)).is_ok_and(|polled| polled.is_pending())
    }

    /// What it is woken for.
    pub(super) fn phase(&self) -> Phase {
        match self.stage {
            Stage::Dialling(_) => Phase::Dialling,
            _ if self.is_given_up => Phase::GivenUp,
            Stage::Open(_) | Stage::Draining(_) => Phase::Connected,
        }
    }

    pub(super) fn is_draining(&self) -> bool {
        matches!(self.stage, Stage::Draining(_))
    }

    pub(super) fn is_flushed(&self) -> bool {
        self.unflushed == 0 && !self.is_flushing
    }
}
