//! Dials and connections, by slot.
//!
//! [`Connections`] calls into what the user's connector made, and returns what happened. It never calls the
//! core: its owner tells the core, and brings back the core's orders. A call that panics or fails leaves the
//! occupant where it is, until its owner [evicts](Connections::evict) it.

mod occupant;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_sink::Sink;
use pool_core::{AddressId, FailureKind, Instant, Outcome, SlotEvent, SlotId};

use crate::error::{BoxError, SharedError};
use crate::panic::{Panicked, discard, guard};
use crate::seams::connect::{Connect, DialContext};
use crate::seams::connection::{Connection, ConnectionEvent};
use crate::seams::{ConnectionOf, Seams};
use crate::shared_address::SharedAddress;
use crate::snapshot::SentCount;
use crate::wake_list::{Signal, WakeList, WakeUp};

use occupant::{Occupant, Stage};

/// All dials and connections.
pub(super) struct Connections<P: Seams> {
    connector: P::Connect,
    /// By the slot's index.
    slots: Vec<Option<Occupant<P>>>,
    /// Connections that took items since they were last flushed.
    dirty: Vec<SlotId>,
    /// Connections that may still hand over items, once that has been asked for.
    handing_over: Option<Vec<SlotId>>,
    wakes: Arc<WakeList>,
}

/// Why a dial or a connection is over.
pub(super) enum Failure {
    Error(BoxError),
    Panicked(Panicked),
}

/// How a connection came to its end.
pub(super) enum End {
    Closed,
    Failed(Failure),
}

/// What a slot is woken for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Dialling,
    Connected,
    /// It may know its last words by now.
    GivenUp,
}

/// Whether a connection that was busy can take items now.
#[derive(Clone, Copy)]
pub(super) enum Readiness {
    Ready,
    Busy,
}

/// What came of a connection's wake-up besides what it had to tell.
#[derive(Default)]
pub(super) struct Advanced {
    pub(super) readiness: Option<Readiness>,
    pub(super) end: Option<End>,
}

/// A connection that an item may be sent to.
pub(super) struct Target<'a, P: Seams> {
    pub(super) address: AddressId,
    slot: SlotId,
    connection: Pin<&'a mut ConnectionOf<P>>,
    waker: &'a Waker,
    unflushed: &'a mut i64,
    dirty: &'a mut Vec<SlotId>,
}

impl From<Panicked> for Failure {
    fn from(panic: Panicked) -> Self {
        Self::Panicked(panic)
    }
}

impl Failure {
    pub(super) fn event(&self) -> SlotEvent {
        SlotEvent::Failed(match self {
            Self::Error(_) => FailureKind::Error,
            Self::Panicked(_) => FailureKind::Panicked,
        })
    }

    pub(super) fn into_error(self) -> SharedError {
        match self {
            Self::Error(error) => error.into(),
            Self::Panicked(panic) => Arc::new(panic),
        }
    }
}

impl From<Readiness> for SlotEvent {
    fn from(readiness: Readiness) -> Self {
        match readiness {
            Readiness::Ready => Self::Ready,
            Readiness::Busy => Self::Busy,
        }
    }
}

impl<P: Seams> Connections<P> {
    pub(super) fn new(connector: P::Connect, wakes: Arc<WakeList>) -> Self {
        Self { connector, slots: Vec::new(), dirty: Vec::new(), handing_over: None, wakes }
    }

    /// The occupant of a slot, if it is still the one that is meant.
    fn get(&self, slot: SlotId) -> Option<&Occupant<P>> {
        self.slots.get(slot.index())?.as_ref().filter(|occupant| occupant.id == slot)
    }

    fn get_mut(&mut self, slot: SlotId) -> Option<&mut Occupant<P>> {
        self.slots.get_mut(slot.index())?.as_mut().filter(|occupant| occupant.id == slot)
    }

    /// Starts to dial. The dial is polled in the next poll of the driver.
    ///
    /// # Errors
    ///
    /// What the connector panicked with; the slot stays empty then.
    pub(super) fn dial(
        &mut self,
        slot: SlotId,
        address_id: AddressId,
        address: &SharedAddress<P::Address>,
        context: &DialContext,
    ) -> Result<(), Failure> {
        let dial = guard(|| Box::pin(self.connector.connect(address.copy_for_user(), context)))?;
        let signal = Signal::new(&self.wakes, WakeUp::Slot(slot));
        signal.raise();
        let occupant = Occupant {
            id: slot,
            address_id,
            stage: Stage::Dialling(dial),
            waker: Waker::from(Arc::clone(&signal)),
            signal,
            is_busy: true,
            is_given_up: false,
            is_flushing: false,
            unflushed: 0,
        };
        if self.slots.len() <= slot.index() {
            self.slots.resize_with(slot.index() + 1, || None);
        }
        self.slots[slot.index()] = Some(occupant);
        Ok(())
    }

    /// Makes a connection drain.
    pub(super) fn drain(&mut self, slot: SlotId) {
        if self.get(slot).is_some() {
            let place = &mut self.slots[slot.index()];
            *place = place.take().map(Occupant::drain);
        }
    }

    /// Tells a connection that it is given up. Returns whether it may have last words.
    pub(super) fn give_up(&mut self, slot: SlotId, now: Instant) -> bool {
        self.get_mut(slot).is_some_and(|occupant| occupant.give_up(now))
    }

    /// Drops the slot's occupant. Returns what it was sent since it was last flushed.
    pub(super) fn evict(&mut self, slot: SlotId) -> Option<SentCount> {
        self.get(slot)?;
        let occupant = self.slots[slot.index()].take()?;
        let sent = SentCount { address: occupant.address_id, items: occupant.unflushed };
        discard(occupant);
        Some(sent)
    }

    /// Whether a connection that was given up knows its last words.
    pub(super) fn poll_given_up(&mut self, slot: SlotId) -> Poll<Result<(), Failure>> {
        self.get_mut(slot).map_or(Poll::Ready(Ok(())), Occupant::poll_given_up)
    }

    /// A slot was woken and is about to be polled. Returns its address and what it is woken for, unless the wake-up
    /// came late.
    pub(super) fn start_poll(&mut self, slot: SlotId) -> Option<(AddressId, Phase)> {
        let occupant = self.get(slot)?;
        occupant.signal.clear();
        Some((occupant.address_id, occupant.phase()))
    }

    /// Polls a slot that dials. Returns the dial's end.
    pub(super) fn poll_dial(&mut self, slot: SlotId) -> Option<Result<(), Failure>> {
        self.get_mut(slot)?.poll_dial()
    }

    /// How many items a connection may have in flight, if there is a limit.
    pub(super) fn in_flight_max(&self, slot: SlotId) -> Result<Option<usize>, Failure> {
        self.get(slot).map_or(Ok(None), Occupant::in_flight_max)
    }

    /// Gives `on_outcome` what a connection tells of items. Returns the first other event, or nothing
    /// after `left` events or when there are no more now.
    ///
    /// It is not guarded, so that one guard of the caller's serves for many outcomes.
    pub(super) fn read(
        &mut self,
        slot: SlotId,
        now: Instant,
        left: &mut usize,
        on_outcome: impl FnMut(Outcome),
    ) -> Option<Result<ConnectionEvent<P::Item>, BoxError>> {
        self.get_mut(slot)?.read(now, left, on_outcome)
    }

    /// Does what a woken connection waits for besides reading.
    pub(super) fn advance(&mut self, slot: SlotId, now: Instant) -> Advanced {
        self.get_mut(slot).map_or_else(Advanced::default, |occupant| occupant.advance(now))
    }

    /// Has a slot polled in the next poll of the driver.
    pub(super) fn poll_soon(&self, slot: SlotId) {
        if let Some(occupant) = self.get(slot) {
            occupant.signal.raise();
        }
    }

    /// The connection that is open in a slot which the core has picked.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as for its methods")]
    pub(super) fn target(&mut self, slot: SlotId) -> Option<Target<'_, P>> {
        let Some(Occupant { stage: Stage::Open(connection), waker, unflushed, address_id, .. }) =
            &mut self.slots[slot.index()]
        else {
            return None;
        };
        Some(Target {
            address: *address_id,
            slot,
            connection: connection.as_mut(),
            waker,
            unflushed,
            dirty: &mut self.dirty,
        })
    }

    /// A connection that was picked can't take an item. Returns its address.
    pub(super) fn set_busy(&mut self, slot: SlotId) -> Option<AddressId> {
        let occupant = self.get_mut(slot)?;
        occupant.is_busy = true;
        Some(occupant.address_id)
    }

    /// Takes the list of those that took items since they were last flushed.
    pub(super) fn take_dirty(&mut self) -> Vec<SlotId> {
        std::mem::take(&mut self.dirty)
    }

    /// Gives back the list's room.
    pub(super) fn keep_dirty(&mut self, list: Vec<SlotId>) {
        self.dirty = list;
    }

    /// Flushes a connection. Returns what it was sent since it was last flushed, and how that went.
    pub(super) fn flush(&mut self, slot: SlotId, now: Instant) -> Option<(SentCount, Result<(), Failure>)> {
        let occupant = self.get_mut(slot)?;
        let sent = SentCount { address: occupant.address_id, items: std::mem::take(&mut occupant.unflushed) };
        Some((sent, occupant.flush(now)))
    }

    /// Whether all items have left the hands of those parts of connections that are polled here. Asked again and again
    /// while the pool closes: then it looks only at those that have had some, and at those that took items since.
    pub(super) fn has_handed_over(&mut self) -> bool {
        let mut asked = match self.handing_over.take() {
            Some(mut asked) => {
                asked.extend(&self.dirty);
                asked
            }
            None => self.ids(),
        };
        asked.sort_unstable();
        asked.dedup();
        let handing_over: Vec<_> = asked.into_iter().filter(|slot| self.hands_over(*slot)).collect();
        let has_handed_over = handing_over.is_empty();
        self.handing_over = Some(handing_over);
        has_handed_over
    }

    /// As [`has_handed_over`](Self::has_handed_over), for a pool that may go on: asks them in turn.
    pub(super) fn is_all_handed_over(&mut self) -> bool {
        self.ids().into_iter().all(|slot| !self.hands_over(slot))
    }

    fn hands_over(&mut self, slot: SlotId) -> bool {
        self.get_mut(slot).is_some_and(Occupant::hands_over)
    }

    /// Whether all that was sent has been flushed.
    pub(super) fn is_all_flushed(&self) -> bool {
        self.slots.iter().flatten().all(Occupant::is_flushed)
    }

    /// All slots that somebody is in.
    pub(super) fn ids(&self) -> Vec<SlotId> {
        self.slots.iter().flatten().map(|occupant| occupant.id).collect()
    }

    pub(super) fn address_id(&self, slot: SlotId) -> Option<AddressId> {
        self.get(slot).map(|occupant| occupant.address_id)
    }

    pub(super) fn is_draining(&self, slot: SlotId) -> bool {
        self.get(slot).is_some_and(Occupant::is_draining)
    }
}

impl<P: Seams> Target<'_, P> {
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a part of the hot path: as a call it costs an item 3 % more")]
    pub(super) fn poll_ready(&mut self, now: Instant) -> Poll<Result<(), BoxError>> {
        // Once for a batch is enough: time stands still while it is sent.
        if *self.unflushed == 0 {
            self.connection.as_mut().set_now(now);
        }
        let mut cx = Context::from_waker(self.waker);
        self.connection.as_mut().poll_ready(&mut cx).map_err(Into::into)
    }

    /// Sends an item. Its error is not converted yet: that is the connection's code too.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as above")]
    pub(super) fn start_send(
        &mut self,
        item: P::Item,
    ) -> Result<(), <ConnectionOf<P> as Sink<P::Item>>::Error> {
        if *self.unflushed == 0 {
            self.dirty.push(self.slot);
        }
        *self.unflushed += 1;
        self.connection.as_mut().start_send(item)
    }
}

/// Each is dropped alone: one that panics harms no other.
impl<P: Seams> Drop for Connections<P> {
    fn drop(&mut self) {
        self.slots.drain(..).for_each(discard);
    }
}
