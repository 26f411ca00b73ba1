//! The state machine's orders, one by one, and what is told of them.

use std::sync::Arc;
use std::task::Waker;

use pool_core::{
    AddressId, AddressStatus, Balance, Event as CoreEvent, FailureKind, Output, SlotEnd, SlotEvent, SlotId,
    SlotState,
};

use super::Multiplexer;
use super::occupant::{Failure, Occupant, Stage};
use crate::addresses::AddressStream;
use crate::connect::{Connect, DialContext};
use crate::connection::Connection;
use crate::error::{DialTimedOut, OutcomeTimedOut, SharedError};
use crate::observer::{Event, Observer};
use crate::panic::guard;
use crate::runtime::Runtime;
use crate::snapshot::AddressRecord;
use crate::source_status::{SourceState, TooManyAddresses};
use crate::wake_list::{Signal, WakeUp};

impl<T, C, S, R, O, B> Multiplexer<T, C, S, R, O, B>
where
    S: AddressStream,
    C: Connect<S::Address>,
    C::Connection: Connection<T>,
    R: Runtime,
    O: Observer<S::Address>,
    B: Balance,
{
    /// Carries out all that the state machine has ordered. New dials and drains are polled by
    /// the driver's next poll, so that a set of a hundred thousand doesn't hold up the executor.
    pub(super) fn carry_out(&mut self) {
        loop {
            match self.core.poll_output() {
                Output::Dial { slot, address } => self.dial(slot, address),
                Output::Drain { slot } => self.drain(slot),
                Output::Drop { slot } => self.give_up(slot),
                Output::Availability(availability) => {
                    self.totals.availability = availability;
                    self.observe(|| Event::AvailabilityChanged { availability });
                }
                Output::Refresh => self.refresh_addresses(),
                Output::Event(event) => self.on_core_event(event),
                Output::Closed => self.is_closed = true,
                Output::Timeout(deadline) => {
                    self.deadline = deadline;
                    return;
                }
            }
        }
    }

    fn dial(&mut self, slot: SlotId, address: S::Address) {
        // One that is dropping was dropped by a later order, which follows.
        let status = self.core.slot(slot).filter(|status| status.state == SlotState::Dialling);
        let Some(address_id) = status.map(|status| status.address) else { return };
        let failures = self.core.address(address_id).map_or(0, |(_, status)| status.failures);
        let context = DialContext { failures, timeout: self.core.config().dial_timeout };
        self.observe(|| Event::Dialling { address: address.clone(), slot });
        self.touched.push(address_id);
        let dial = match guard(|| Box::pin(self.connector.connect(address.clone(), &context))) {
            Ok(dial) => dial,
            Err(panic) => {
                let failure = Failure::Panicked(panic);
                let kind = failure.kind();
                self.remember_error(address_id, slot, failure.into_error());
                self.core.handle_slot(slot, SlotEvent::Failed(kind), self.now);
                return;
            }
        };
        let signal = Signal::new(&self.wakes, WakeUp::Slot(slot));
        let occupant = Occupant {
            id: slot,
            address,
            address_id,
            stage: Stage::Dialling(dial),
            waker: Waker::from(Arc::clone(&signal)),
            signal: Arc::clone(&signal),
            is_busy: true,
            is_flushing: false,
            sent: 0,
        };
        if self.occupants.len() <= slot.index() {
            self.occupants.resize_with(slot.index() + 1, || None);
        }
        self.occupants[slot.index()] = Some(occupant);
        signal.raise();
    }

    fn drain(&mut self, slot: SlotId) {
        let Some(place) = self.occupants.get_mut(slot.index()) else { return };
        let Some(mut occupant) = place.take_if(|occupant| occupant.id == slot) else { return };
        if let Stage::Open(connection) = occupant.stage {
            occupant.stage = Stage::Draining(connection);
        }
        occupant.signal.raise();
        *place = Some(occupant);
    }

    fn on_core_event(&mut self, event: CoreEvent<S::Address>) {
        match event {
            CoreEvent::AddressAdded { address, id } => {
                if let Some((_, status)) = self.core.address(id) {
                    let record = AddressRecord {
                        address: Arc::new(address.clone()),
                        status,
                        sent: 0,
                        last_error: None,
                    };
                    self.pool_status.add(id, record);
                    self.touched.push(id);
                }
                self.observe(|| Event::AddressAdded { address });
            }
            CoreEvent::AddressRemoved { address, id } => {
                self.touched.push(id);
                self.observe(|| Event::AddressRemoved { address });
            }
            CoreEvent::AddressChanged { id, .. } => self.touched.push(id),
            CoreEvent::AddressForgotten { id, .. } => self.pool_status.forget(id),
            CoreEvent::AddressesRefused { len, max } => {
                self.pool_status.set_source(SourceState::Failed(Arc::new(TooManyAddresses { len, max })));
                self.observe(|| Event::AddressesRefused { len, max });
            }
            CoreEvent::Draining { slot, address, reason } => {
                self.observe(|| Event::Draining { address, slot, reason });
            }
            CoreEvent::SlotEnded { slot, address, state, end, sent, in_flight } => {
                if end == SlotEnd::Failed(FailureKind::TimedOut) {
                    self.on_timeout(slot, &address, state);
                }
                let error = self.slot_errors.remove(&slot);
                self.observe(|| Event::SlotEnded { address, slot, state, end, error, sent, in_flight });
            }
            CoreEvent::BackedOff { address, failures, until } => {
                let retry_after = until.saturating_duration_since(self.now);
                self.touch(&address);
                self.observe(|| Event::BackedOff { address, failures, retry_after });
            }
            CoreEvent::Recovered { address } => {
                self.touch(&address);
                self.observe(|| Event::Recovered { address });
            }
            _ => {}
        }
    }

    /// The only failures that the state machine knows of before the driver does.
    fn on_timeout(&mut self, slot: SlotId, address: &S::Address, state: SlotState) {
        let is_dial = state == SlotState::Dialling;
        let error: SharedError = if is_dial { Arc::new(DialTimedOut) } else { Arc::new(OutcomeTimedOut) };
        if let Some(id) = self.core.find_address(address) {
            self.remember_error(id, slot, error);
        }
    }

    fn touch(&mut self, address: &S::Address) {
        if let Some(id) = self.core.find_address(address) {
            self.touched.push(id);
        }
    }

    /// Writes on the pool_status what has changed since the last poll.
    pub(super) fn publish(&mut self) {
        let status = |id: AddressId| self.core.address(id).map(|(_, status)| status);
        let statuses: Vec<AddressStatus> = self.touched.drain(..).filter_map(status).collect();
        self.totals.now = self.now;
        self.totals.is_failing = self.core.is_failing();
        self.pool_status.update(&self.sent, &statuses, self.totals);
        self.sent.clear();
    }
}
