//! One slot's dial or connection, and what its wake-ups lead to.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_sink::Sink;
use pool_core::{AddressId, Balance, FailureKind, Outcome, SlotEvent, SlotId};

use super::Multiplexer;
use super::dispatch::UserCode;
use crate::addresses::AddressStream;
use crate::connect::Connect;
use crate::connection::{Connection, ConnectionEvent};
use crate::error::{BoxError, EndReason, SharedError};
use crate::observer::{Event, Observer};
use crate::panic::{Panicked, discard, guard};
use crate::runtime::Runtime;
use crate::snapshot::SentCount;
use crate::wake_list::Signal;

/// Who lives in a slot.
pub(super) struct Occupant<A, D, K> {
    pub(super) id: SlotId,
    pub(super) address: A,
    pub(super) address_id: AddressId,
    pub(super) stage: Stage<D, K>,
    pub(super) signal: Arc<Signal>,
    pub(super) waker: Waker,
    /// The state machine has it as busy.
    pub(super) is_busy: bool,
    /// A flush has begun and is not complete.
    pub(super) is_flushing: bool,
    /// Items sent to it since it was last flushed; if there are any, it is on the list of those
    /// to be flushed.
    pub(super) sent: i64,
}

pub(super) enum Stage<D, K> {
    Dialling(Pin<Box<D>>),
    Open(Pin<Box<K>>),
    Draining(Pin<Box<K>>),
}

/// Why a dial or a connection is over.
pub(super) enum Failure {
    Error(BoxError),
    Panicked(Panicked),
}

impl From<Panicked> for Failure {
    fn from(panic: Panicked) -> Self {
        Self::Panicked(panic)
    }
}

impl Failure {
    pub(super) fn kind(&self) -> FailureKind {
        match self {
            Self::Error(_) => FailureKind::Error,
            Self::Panicked(_) => FailureKind::Panicked,
        }
    }

    pub(super) fn into_error(self) -> SharedError {
        match self {
            Self::Error(error) => error.into(),
            Self::Panicked(panic) => Arc::new(panic),
        }
    }
}

/// A connection that never stops telling must not keep the others waiting.
const EVENTS_PER_POLL_MAX: usize = 64;

/// One that is given up is heard so many times, whatever it goes on telling.
const LAST_EVENTS_MAX: usize = 1 << 16;

impl<T, C, S, R, O, B> Multiplexer<T, C, S, R, O, B>
where
    S: AddressStream,
    C: Connect<S::Address>,
    C::Connection: Connection<T>,
    R: Runtime,
    O: Observer<S::Address>,
    B: Balance,
{
    /// The occupant of a slot, if it is still the one that is meant.
    pub(super) fn occupant(
        &mut self,
        slot: SlotId,
    ) -> Option<&mut Occupant<S::Address, C::Future, C::Connection>> {
        self.occupants.get_mut(slot.index())?.as_mut().filter(|occupant| occupant.id == slot)
    }

    /// A slot's waker has fired.
    pub(super) fn poll_slot(&mut self, slot: SlotId) {
        let Some(occupant) = self.occupant(slot) else { return };
        occupant.signal.clear();
        let address = occupant.address_id;
        if let Stage::Dialling(_) = occupant.stage {
            self.poll_dial(slot);
        }
        match self.occupant(slot).map(|occupant| &occupant.stage) {
            Some(Stage::Open(_)) => self.poll_open(slot),
            Some(Stage::Draining(_)) => self.poll_draining(slot),
            Some(Stage::Dialling(_)) | None => {}
        }
        self.touched.push(address);
    }

    fn poll_dial(&mut self, slot: SlotId) {
        let Some(occupant) = self.occupant(slot) else { return };
        let Stage::Dialling(dial) = &mut occupant.stage else { return };
        let mut cx = Context::from_waker(&occupant.waker);
        match guard(|| dial.as_mut().poll(&mut cx).map_err(Into::into)) {
            Ok(Poll::Pending) => {}
            Ok(Poll::Ready(Ok(connection))) => {
                let connection = Box::pin(connection);
                let dial = std::mem::replace(&mut occupant.stage, Stage::Open(connection));
                discard(dial);
                occupant.is_busy = true;
                let address = occupant.address.clone();
                self.core.handle_slot(slot, SlotEvent::Connected, self.now);
                self.observe(|| Event::Connected { address, slot });
                // It may have been made to replace another, which drains now.
                self.carry_out();
            }
            Ok(Poll::Ready(Err(error))) => self.fail(slot, Failure::Error(error)),
            Err(panic) => self.fail(slot, panic.into()),
        }
    }

    /// Reads first, whatever else the connection waits for: a peer that can't write won't read.
    fn poll_open(&mut self, slot: SlotId) {
        if !self.poll_events(slot) {
            return;
        }
        let Some(occupant) = self.occupant(slot) else { return };
        let Stage::Open(connection) = &mut occupant.stage else { return };
        let mut cx = Context::from_waker(&occupant.waker);
        if occupant.is_busy {
            match guard(|| connection.as_mut().poll_ready(&mut cx).map_err(Into::into)) {
                Ok(Poll::Pending) => {
                    self.core.handle_slot(slot, SlotEvent::Busy, self.now);
                }
                Ok(Poll::Ready(Ok(()))) => {
                    occupant.is_busy = false;
                    self.core.handle_slot(slot, SlotEvent::Ready, self.now);
                }
                Ok(Poll::Ready(Err(error))) => return self.fail(slot, Failure::Error(error)),
                Err(panic) => return self.fail(slot, panic.into()),
            }
        }
        if self.occupant(slot).is_some_and(|occupant| occupant.is_flushing) {
            self.flush(slot);
        }
    }

    fn poll_draining(&mut self, slot: SlotId) {
        if !self.poll_events(slot) {
            return;
        }
        if self.occupant(slot).is_some_and(|occupant| occupant.is_flushing) {
            self.flush(slot);
        }
        let Some(occupant) = self.occupant(slot) else { return };
        let Stage::Draining(connection) = &mut occupant.stage else { return };
        if occupant.is_flushing {
            return;
        }
        let mut cx = Context::from_waker(&occupant.waker);
        match guard(|| connection.as_mut().poll_close(&mut cx).map_err(Into::into)) {
            Ok(Poll::Pending) => {}
            Ok(Poll::Ready(Ok(()))) => self.end(slot, SlotEvent::Closed, None),
            Ok(Poll::Ready(Err(error))) => self.fail(slot, Failure::Error(error)),
            Err(panic) => self.fail(slot, panic.into()),
        }
    }

    /// Takes what an open connection has to tell, and does nothing else about it.
    pub(super) fn listen(&mut self, slot: SlotId) {
        if self.occupant(slot).is_some_and(|occupant| matches!(occupant.stage, Stage::Open(_))) {
            self.poll_events(slot);
        }
    }

    /// Takes what the connection has to tell. Returns whether it lives on.
    fn poll_events(&mut self, slot: SlotId) -> bool {
        let mut unsent = Vec::new();
        let mut left = EVENTS_PER_POLL_MAX;
        let lives = loop {
            match self.hear(slot, &mut left, &mut unsent) {
                None => break true,
                Some(Ok(ConnectionEvent::GoingAway)) => {
                    self.core.handle_slot(slot, SlotEvent::GoingAway, self.now);
                    self.carry_out();
                }
                Some(Ok(_)) => {
                    self.end(slot, SlotEvent::Closed, None);
                    break false;
                }
                Some(Err(failure)) => {
                    self.end_failed(slot, failure);
                    break false;
                }
            }
        };
        if left == 0
            && let Some(occupant) = self.occupant(slot)
        {
            occupant.signal.raise();
        }
        self.hold(unsent);
        lives
    }

    /// A connection that broke while it was asked for something else may still know of items that
    /// never left: it is asked for its last events.
    fn hear_last_events(&mut self, slot: SlotId) {
        let mut unsent = Vec::new();
        let mut others_left = EVENTS_PER_POLL_MAX;
        while let Some(status) = self.core.slot(slot)
            && status.in_flight > 0
            && others_left > 0
        {
            let mut left = status.in_flight as usize;
            match self.hear(slot, &mut left, &mut unsent) {
                Some(Ok(_)) => others_left -= 1,
                Some(Err(_)) => break,
                None if left > 0 => break,
                None => {}
            }
        }
        self.hold(unsent);
    }

    /// The state machine has dropped the slot. A connection that reports outcomes may still hand back
    /// what never left.
    pub(super) fn give_up(&mut self, slot: SlotId) {
        if let Some(Occupant { stage: Stage::Open(connection) | Stage::Draining(connection), .. }) =
            self.occupant(slot)
            && C::Connection::REPORTS_OUTCOMES
            && guard(|| connection.as_mut().give_up()).is_ok()
        {
            let (mut unsent, mut left) = (Vec::new(), LAST_EVENTS_MAX);
            while let Some(Ok(ConnectionEvent::GoingAway)) = self.hear(slot, &mut left, &mut unsent) {}
            self.hold(unsent);
        }
        self.evict(slot);
        self.core.handle_slot(slot, SlotEvent::Dropped, self.now);
    }

    /// Deals with what the connection has to tell of items, `left` events at most. Returns what it
    /// tells of itself, if it does before it has no more to tell.
    fn hear(
        &mut self,
        slot: SlotId,
        left: &mut usize,
        unsent: &mut Vec<T>,
    ) -> Option<Result<ConnectionEvent<T>, Failure>> {
        loop {
            match guard(|| self.hear_outcomes(slot, left)) {
                Ok(Some(Ok(ConnectionEvent::Unsent(item)))) => {
                    if let Some(address) = self.occupant(slot).map(|occupant| occupant.address_id) {
                        self.count_sent_items(address, -1);
                    }
                    unsent.push(item);
                    self.running = UserCode::Balancer;
                    let handled = guard(|| self.core.handle_outcome(slot, Outcome::Unsent, self.now));
                    if let Err(panic) = handled {
                        self.on_balancer_panic(&panic);
                    }
                }
                Ok(heard) => return heard.map(|event| event.map_err(Failure::Error)),
                Err(panic) if self.running == UserCode::Balancer => self.on_balancer_panic(&panic),
                Err(panic) => return Some(Err(panic.into())),
            }
        }
    }

    /// Deals with outcomes, one after the other under one guard. Returns any other event.
    fn hear_outcomes(
        &mut self,
        slot: SlotId,
        left: &mut usize,
    ) -> Option<Result<ConnectionEvent<T>, BoxError>> {
        let now = self.now;
        let occupant =
            self.occupants.get_mut(slot.index())?.as_mut().filter(|occupant| occupant.id == slot)?;
        let (Stage::Open(connection) | Stage::Draining(connection)) = &mut occupant.stage else {
            return None;
        };
        let mut cx = Context::from_waker(&occupant.waker);
        while *left > 0 {
            self.running = UserCode::Connection(slot);
            let Poll::Ready(event) = connection.as_mut().poll_event(&mut cx) else { return None };
            *left -= 1;
            match event {
                Ok(ConnectionEvent::Finished(outcome)) => {
                    self.running = UserCode::Balancer;
                    self.core.handle_outcome(slot, outcome, now);
                }
                Ok(event) => return Some(Ok(event)),
                Err(error) => return Some(Err(error.into())),
            }
        }
        None
    }

    /// Items that came back from a connection go before all others, in their order.
    fn hold(&mut self, unsent: Vec<T>) {
        if unsent.is_empty() {
            return;
        }
        self.is_held_news = true;
        // This poll may have looked for such items already.
        self.held_signal.raise();
        for item in unsent.into_iter().rev() {
            self.held.push_front(item);
        }
    }

    /// Without its balancer the pool can't go on: it ends, without time for what waits.
    pub(super) fn on_balancer_panic(&mut self, panic: &Panicked) {
        self.pool_status.set_last_error(Arc::new(panic.clone()));
        self.end_reason.get_or_insert(EndReason::BalancerPanicked);
        self.core.close(self.now, self.now);
    }

    pub(super) fn fail(&mut self, slot: SlotId, failure: Failure) {
        if matches!(failure, Failure::Error(_)) && C::Connection::REPORTS_OUTCOMES {
            self.hear_last_events(slot);
        }
        self.end_failed(slot, failure);
    }

    fn end_failed(&mut self, slot: SlotId, failure: Failure) {
        let event = SlotEvent::Failed(failure.kind());
        self.end(slot, event, Some(failure.into_error()));
    }

    /// The dial or connection is over, by itself: it is dropped, and the state machine told.
    fn end(&mut self, slot: SlotId, event: SlotEvent, error: Option<SharedError>) {
        let address = self.occupant(slot).map(|occupant| occupant.address_id);
        if let (Some(address), Some(error)) = (address, error) {
            self.remember_error(address, slot, error);
        }
        self.evict(slot);
        self.core.handle_slot(slot, event, self.now);
        self.carry_out();
    }

    pub(super) fn remember_error(&mut self, address: AddressId, slot: SlotId, error: SharedError) {
        self.pool_status.set_error(address, &error);
        self.slot_errors.insert(slot, error);
    }

    /// Drops whoever is in the slot; the counts keep what it was sent.
    pub(super) fn evict(&mut self, slot: SlotId) {
        if self.occupant(slot).is_none() {
            return;
        }
        let Some(occupant) = self.occupants[slot.index()].take() else { return };
        self.touched.push(occupant.address_id);
        self.count_sent_items(occupant.address_id, occupant.sent);
        discard(occupant);
    }

    pub(super) fn count_sent_items(&mut self, address: AddressId, items: i64) {
        self.totals.sent += items;
        self.sent.push(SentCount { address, items });
    }
}
