//! From a woken slot to the core: what dials and connections did is told, in order.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use pool_core::{FailureKind, Handled, Outcome, SlotEvent, SlotId};

use super::Multiplexer;
use super::connections::{Advanced, End, Failure, Phase};
use crate::error::{EndReason, SharedError};
use crate::panic::{Panicked, discard, guard};
use crate::seams::connection::{Connection, ConnectionEvent};
use crate::seams::{ConnectionOf, Seams};
use crate::snapshot::SentCount;

/// So many events are read of a connection that is given up, whatever it goes on telling.
const LAST_EVENTS_MAX: usize = 1 << 16;

/// So many events that are not about items are read of a connection that broke.
const OTHER_LAST_EVENTS_MAX: usize = 64;

impl<P: Seams> Multiplexer<P> {
    /// Polls a slot whose waker has fired.
    pub(super) fn poll_slot(&mut self, slot: SlotId) {
        let Some((address, phase)) = self.connections.start_poll(slot) else { return };
        match phase {
            Phase::Connected => {}
            Phase::Dialling => self.poll_dial(slot),
            Phase::GivenUp => return self.poll_given_up(slot),
        }
        if self.read_events(slot) {
            let Advanced { readiness, end } = self.connections.advance(slot, self.now);
            if let Some(readiness) = readiness {
                self.core.handle_slot(slot, readiness.into(), self.now);
            }
            match end {
                Some(End::Failed(failure)) => self.fail(slot, failure),
                Some(End::Closed) => self.end(slot, SlotEvent::Closed, None),
                None => {}
            }
        }
        self.reporter.touch(address);
    }

    fn poll_dial(&mut self, slot: SlotId) {
        match self.connections.poll_dial(slot) {
            Some(Ok(())) => self.on_connected(slot),
            Some(Err(failure)) => self.end_failed(slot, failure),
            None => {}
        }
    }

    fn on_connected(&mut self, slot: SlotId) {
        self.core.handle_slot(slot, SlotEvent::Connected, self.now);
        match self.connections.in_flight_max(slot) {
            Ok(items) => {
                let items = items.and_then(|items| u32::try_from(items).ok()).unwrap_or(u32::MAX);
                self.core.handle_in_flight_max(slot, items, self.now);
            }
            Err(failure) => self.end_failed(slot, failure),
        }
    }

    /// Reads what a connection has to tell, if there is one. Returns whether it is to be asked for more in
    /// this poll.
    fn read_events(&mut self, slot: SlotId) -> bool {
        let mut unsent = Vec::new();
        let events_max = self.turns.events_of_slot();
        let mut left = events_max;
        let mut may_advance = true;
        loop {
            match self.read(slot, &mut left, &mut unsent) {
                None => break,
                Some(Ok(ConnectionEvent::GoingAway)) => {
                    self.core.handle_slot(slot, SlotEvent::GoingAway, self.now);
                    // An open one is ordered to drain, and is polled again for that.
                    may_advance = self.connections.is_draining(slot);
                }
                Some(Ok(_)) => {
                    self.end(slot, SlotEvent::Closed, None);
                    may_advance = false;
                    break;
                }
                Some(Err(failure)) => {
                    self.end_failed(slot, failure);
                    may_advance = false;
                    break;
                }
            }
        }
        self.turns.count_events(events_max - left);
        if left == 0 {
            self.connections.poll_soon(slot);
            // It may have more to tell. A close that is complete would take that with it.
            may_advance &= !self.connections.is_draining(slot);
        }
        self.held.return_items(unsent);
        may_advance
    }

    /// Reads what a connection tells of items, `left` events at most. Returns what it tells of itself, if it
    /// does before it has no more to tell.
    fn read(
        &mut self,
        slot: SlotId,
        left: &mut usize,
        unsent: &mut Vec<P::Item>,
    ) -> Option<Result<ConnectionEvent<P::Item>, Failure>> {
        loop {
            let Self { core, connections, now, .. } = self;
            // One guard serves for many outcomes, and this says whose code panicked.
            let mut is_in_core = false;
            let read = guard(|| {
                connections.read(slot, *now, left, |outcome| {
                    is_in_core = true;
                    core.handle_outcome(slot, outcome, *now);
                    is_in_core = false;
                })
            });
            match read {
                Ok(Some(Ok(ConnectionEvent::Unsent(item)))) => {
                    unsent.push(item);
                    // Items that come back together are read together, so that they keep their order. A connection
                    // has no more of them than it was sent.
                    *left += usize::from(self.on_unsent(slot));
                }
                Ok(Some(Ok(ConnectionEvent::Answered { latency }))) => self.on_answered_item(slot, latency),
                Ok(Some(Ok(ConnectionEvent::Progress))) => {
                    self.core.handle_slot(slot, SlotEvent::Progress, self.now);
                }
                Ok(Some(Ok(ConnectionEvent::Unfit))) => {
                    self.core.handle_slot(slot, SlotEvent::Unfit, self.now);
                }
                Ok(Some(Ok(ConnectionEvent::Abandoned))) => {
                    self.core.handle_abandoned(slot, self.now);
                }
                Ok(Some(Ok(ConnectionEvent::Failed { latency, error }))) => {
                    self.on_failed_item(slot, latency, error);
                }
                Ok(told) => return told.map(|event| event.map_err(Failure::Error)),
                Err(panic) if is_in_core => self.on_balancer_panic(panic),
                Err(panic) => return Some(Err(panic.into())),
            }
        }
    }

    /// The reply to an item has begun to come.
    fn on_answered_item(&mut self, slot: SlotId, latency: Duration) {
        if let Err(panic) = guard(|| self.core.handle_answered(slot, latency, self.now)) {
            self.on_balancer_panic(panic);
        }
    }

    /// An item has come back. Returns whether the connection had it.
    fn on_unsent(&mut self, slot: SlotId) -> bool {
        if let Some(address) = self.connections.address_id(slot) {
            self.reporter.count_sent(SentCount { address, items: -1 });
        }
        self.finish_item(slot, Outcome::Unsent) == Handled::Applied
    }

    /// An item has failed, and its connection lives.
    fn on_failed_item(&mut self, slot: SlotId, latency: Option<Duration>, error: SharedError) {
        if let Some(address) = self.connections.address_id(slot) {
            self.reporter.set_address_error(address, &error);
        }
        discard(error);
        self.finish_item(slot, Outcome::Failure { latency, kind: FailureKind::Error });
    }

    /// Nothing is owed of an item any more. Returns what the core made of it.
    fn finish_item(&mut self, slot: SlotId, outcome: Outcome) -> Handled {
        guard(|| self.core.handle_outcome(slot, outcome, self.now)).unwrap_or_else(|panic| {
            self.on_balancer_panic(panic);
            Handled::Applied
        })
    }

    /// Without its balancer the pool can't go on: it ends, without time for what waits.
    pub(super) fn on_balancer_panic(&mut self, panic: Panicked) {
        self.core.balancer_mut().retire();
        self.reporter.set_last_error(Arc::new(panic));
        self.closing.note_reason(EndReason::BalancerPanicked);
        self.core.close(self.now, self.now);
    }

    /// A connection broke while it was asked for something else. It may still know of items that never left.
    pub(super) fn fail(&mut self, slot: SlotId, failure: Failure) {
        if matches!(failure, Failure::Error(_)) && ConnectionOf::<P>::REPORTS_OUTCOMES {
            self.read_last_events(slot);
        }
        self.end_failed(slot, failure);
    }

    fn read_last_events(&mut self, slot: SlotId) {
        let in_flight = |this: &Self| this.core.slot(slot).map_or(0, |status| status.in_flight as usize);
        let mut unsent = Vec::new();
        let mut others_left = OTHER_LAST_EVENTS_MAX;
        // Each item may be answered, abandoned and then finished.
        let mut left = in_flight(self).saturating_mul(3).max(LAST_EVENTS_MAX);
        while in_flight(self) > 0 && left > 0 && others_left > 0 {
            match self.read(slot, &mut left, &mut unsent) {
                Some(Ok(_)) => others_left -= 1,
                Some(Err(failure)) => {
                    discard(failure);
                    break;
                }
                None => break,
            }
        }
        self.held.return_items(unsent);
    }

    fn end_failed(&mut self, slot: SlotId, failure: Failure) {
        let event = failure.event();
        self.end(slot, event, Some(failure.into_error()));
    }

    /// The dial or connection is over, by itself: it is dropped, and the core told.
    fn end(&mut self, slot: SlotId, event: SlotEvent, error: Option<SharedError>) {
        if let (Some(address), Some(error)) = (self.connections.address_id(slot), error) {
            self.reporter.keep_error(address, slot, error);
        }
        self.evict(slot);
        self.core.handle_slot(slot, event, self.now);
    }

    /// The core drops the slot. What a connection still has to tell counts.
    pub(super) fn give_up(&mut self, slot: SlotId) {
        if self.connections.give_up(slot, self.now) { self.poll_given_up(slot) } else { self.drop_slot(slot) }
    }

    /// A connection that was given up may know its last words. It is dropped then.
    fn poll_given_up(&mut self, slot: SlotId) {
        match self.connections.poll_given_up(slot) {
            Poll::Pending => return,
            Poll::Ready(Ok(())) => self.read_last_words(slot),
            Poll::Ready(Err(failure)) => discard(failure),
        }
        self.drop_slot(slot);
    }

    fn read_last_words(&mut self, slot: SlotId) {
        // Where nobody tells what becomes of items, all that were ever sent count as in flight.
        let reports = ConnectionOf::<P>::REPORTS_OUTCOMES;
        let in_flight =
            self.core.slot(slot).filter(|_| reports).map_or(0, |status| status.in_flight as usize);
        let (mut unsent, mut left) = (Vec::new(), in_flight.saturating_mul(4).max(LAST_EVENTS_MAX));
        // Whatever it says of itself, the end comes; it only must not say so for ever.
        for _ in 0..OTHER_LAST_EVENTS_MAX {
            match self.read(slot, &mut left, &mut unsent) {
                Some(Ok(ConnectionEvent::GoingAway)) => {}
                last => {
                    discard(last);
                    break;
                }
            }
        }
        self.held.return_items(unsent);
    }

    fn drop_slot(&mut self, slot: SlotId) {
        self.evict(slot);
        self.core.handle_slot(slot, SlotEvent::Dropped, self.now);
    }

    /// Drops a slot's occupant. The counts keep what it was sent.
    pub(super) fn evict(&mut self, slot: SlotId) {
        if let Some(sent) = self.connections.evict(slot) {
            self.reporter.touch(sent.address);
            self.reporter.count_sent(sent);
        }
    }
}
