//! All that is told: to the observer, and to readers of the pool's status.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use pool_core::{
    AddressId, AddressStatus, Availability, Event as CoreEvent, FailureKind, Instant, SlotEnd, SlotId,
    SlotState,
};

use super::Core;
use crate::error::{
    ConnectionClosed, Counts, DialTimedOut, DrainCutOff, Ended, OutcomeTimedOut, SharedError,
    UndeliveredReason,
};
use crate::panic::{discard, guard};
use crate::seams::Seams;
use crate::seams::observer::{Event, Observer};
use crate::shared_address::SharedAddress;
use crate::snapshot::{AddressRecord, PoolStatus, SentCount, Totals, count};
use crate::source_status::{SourceState, TooManyAddresses};

/// Collects what happens in a poll of the driver, and tells it.
///
/// The observer is told at once, the [`PoolStatus`] by [`publish`](Self::publish) at the end of the poll.
/// The reporter only looks at the core.
pub(super) struct Reporter<P: Seams> {
    is_started: bool,
    /// Gone when it has panicked.
    observer: Option<P::Observer>,
    pool_status: Arc<PoolStatus<P::Address>>,
    /// Addresses whose record is out of date.
    touched: Vec<AddressId>,
    /// Theirs, while they are published. Kept, so that nothing is allocated.
    statuses: Vec<AddressStatus>,
    /// Items that addresses were sent since the last publication.
    sent: Vec<SentCount>,
    totals: Totals,
    /// An address has become connected once more, or begun to fail.
    has_connection_news: bool,
    /// The errors of slots whose end the core has not told of yet.
    slot_errors: BTreeMap<SlotId, SharedError>,
}

impl<P: Seams> Reporter<P> {
    pub(super) fn new(name: Option<Arc<str>>, observer: Option<P::Observer>) -> Self {
        Self {
            is_started: false,
            observer,
            pool_status: Arc::new(PoolStatus::new(name)),
            touched: Vec::new(),
            statuses: Vec::new(),
            sent: Vec::new(),
            totals: Totals::new(),
            has_connection_news: false,
            slot_errors: BTreeMap::new(),
        }
    }

    pub(super) fn pool_status(&self) -> &Arc<PoolStatus<P::Address>> {
        &self.pool_status
    }

    pub(super) fn totals(&self) -> &Totals {
        &self.totals
    }

    /// What became of the items so far. Those that the multiplexer holds count as undelivered.
    pub(super) fn counts(&self, held: usize) -> Counts {
        let sent = count(self.totals.sent);
        let undelivered = self.totals.undelivered + held as u64;
        Counts { accepted: sent + undelivered, sent, undelivered }
    }

    /// Tells the observer, if there is one. An observer that panics is dropped. An event whose address can't be
    /// cloned is not told. The start is told before everything else, also of a pool that ends before its first poll.
    pub(super) fn observe(&mut self, event: impl FnOnce() -> Event<P::Address>) {
        self.tell_start();
        self.tell_observer(event);
    }

    fn tell_observer(&mut self, event: impl FnOnce() -> Event<P::Address>) {
        let Some(observer) = &mut self.observer else { return };
        match guard(event) {
            Ok(event) => {
                if guard(|| observer.on_event(&event)).is_err() {
                    discard(self.observer.take());
                }
                discard(event);
            }
            Err(panic) => self.set_last_error(Arc::new(panic)),
        }
    }

    /// Tells, once, that the pool begins to work.
    pub(super) fn tell_start(&mut self) {
        if !mem::replace(&mut self.is_started, true) {
            let name = self.pool_status.shared_name();
            self.tell_observer(|| Event::Started { name });
        }
    }

    /// The record of this address is out of date.
    pub(super) fn touch(&mut self, address: AddressId) {
        self.touched.push(address);
    }

    /// Settings are in force that may change all addresses.
    pub(super) fn touch_all(&mut self, core: &Core<P>) {
        self.touched.extend(core.addresses().map(|(_, status)| status.id));
    }

    /// An address was sent items, or (negative) gave them back.
    pub(super) fn count_sent(&mut self, sent: SentCount) {
        self.totals.sent += sent.items;
        self.sent.push(sent);
    }

    pub(super) fn tell_undelivered(&mut self, count: usize, reason: UndeliveredReason) {
        self.totals.undelivered += count as u64;
        self.observe(|| Event::Undelivered { count, reason });
    }

    pub(super) fn tell_availability(&mut self, availability: Availability) {
        self.totals.availability = availability;
        self.observe(|| Event::AvailabilityChanged { availability });
    }

    /// Keeps the error of a slot until the core tells of the slot's end.
    pub(super) fn keep_error(&mut self, address: AddressId, slot: SlotId, error: SharedError) {
        self.pool_status.set_error(address, &error);
        discard(self.slot_errors.insert(slot, error));
    }

    /// An address has said an error, and no slot ends by it.
    pub(super) fn set_address_error(&mut self, address: AddressId, error: &SharedError) {
        self.pool_status.set_error(address, error);
    }

    /// An error that belongs to no slot.
    pub(super) fn set_last_error(&mut self, error: SharedError) {
        self.pool_status.set_last_error(error);
    }

    /// What is shown of the name service.
    pub(super) fn set_source(&mut self, state: SourceState) {
        self.pool_status.set_source(state);
    }

    /// What the name service said, all but address sets.
    pub(super) fn tell_source(&mut self, state: SourceState) {
        match &state {
            SourceState::Failed(error) => {
                self.observe(|| Event::AddressesFailed { error: Arc::clone(error) });
            }
            SourceState::NoSuchName => self.observe(|| Event::NoSuchName),
            SourceState::Ended(error) => self.observe(|| Event::AddressesEnded { error: error.clone() }),
            SourceState::Pending | SourceState::Answered => {}
        }
        discard(state);
    }

    /// What the core has to tell.
    pub(super) fn tell(&mut self, event: CoreEvent<SharedAddress<P::Address>>, core: &Core<P>, now: Instant) {
        match event {
            CoreEvent::AddressAdded { address, id } => self.add_address(&address, id, core),
            CoreEvent::AddressRemoved { address, id } => {
                self.touch(id);
                self.observe(|| Event::AddressRemoved { address: address.copy_for_user(), id });
            }
            CoreEvent::AddressChanged { id, .. } => self.touch(id),
            CoreEvent::AddressForgotten { id, .. } => self.pool_status.forget(id),
            CoreEvent::AddressesRefused { len, max } => {
                self.set_source(SourceState::Failed(Arc::new(TooManyAddresses { len, max })));
                self.observe(|| Event::AddressesRefused { len, max });
            }
            CoreEvent::Connected { slot, address, id } => {
                self.observe(|| Event::Connected { address: address.copy_for_user(), id, slot });
            }
            CoreEvent::Draining { slot, address, id, reason } => {
                self.observe(|| Event::Draining { address: address.copy_for_user(), id, slot, reason });
            }
            event @ (CoreEvent::Suspected { .. } | CoreEvent::Cleared { .. }) => self.tell_suspicion(&event),
            event @ CoreEvent::SlotEnded { .. } => self.tell_slot_end(event),
            CoreEvent::BackedOff { address, id, failures, until } => {
                let retry_after = until.saturating_duration_since(now);
                self.touch(id);
                self.observe(|| {
                    let address = address.copy_for_user();
                    Event::BackedOff { address, id, failures, retry_after }
                });
            }
            CoreEvent::Paced { address, id, short_lives, until } => {
                let retry_after = until.saturating_duration_since(now);
                self.touch(id);
                self.observe(|| {
                    let address = address.copy_for_user();
                    Event::Paced { address, id, short_lives, retry_after }
                });
            }
            CoreEvent::Recovered { address, id } => {
                self.touch(id);
                self.observe(|| Event::Recovered { address: address.copy_for_user(), id });
            }
            CoreEvent::Rested { address, id, reason, until } => {
                let retry_after = until.saturating_duration_since(now);
                self.touch(id);
                self.observe(|| {
                    let address = address.copy_for_user();
                    Event::Rested { address, id, reason, retry_after }
                });
            }
            CoreEvent::Returned { address, id } => {
                self.touch(id);
                self.observe(|| Event::Returned { address: address.copy_for_user(), id });
            }
        }
    }

    fn tell_suspicion(&mut self, event: &CoreEvent<SharedAddress<P::Address>>) {
        let (CoreEvent::Suspected { slot, address, id } | CoreEvent::Cleared { slot, address, id }) = event
        else {
            return;
        };
        let (slot, id) = (*slot, *id);
        let is_suspect = matches!(event, CoreEvent::Suspected { .. });
        self.touch(id);
        self.observe(|| {
            let address = address.copy_for_user();
            if is_suspect {
                Event::Suspected { address, id, slot }
            } else {
                Event::Cleared { address, id, slot }
            }
        });
    }

    fn tell_slot_end(&mut self, event: CoreEvent<SharedAddress<P::Address>>) {
        let CoreEvent::SlotEnded { slot, address, id, state, end, lived, sent, in_flight } = event else {
            return;
        };
        if let Some(error) = explain_end(end, state, lived, sent) {
            self.keep_error(id, slot, error);
        }
        let error = self.slot_errors.remove(&slot);
        self.observe(|| {
            let (address, error) = (address.copy_for_user(), error.clone());
            Event::SlotEnded { address, id, slot, state, end, error, lived, sent, in_flight }
        });
        discard(error);
    }

    fn add_address(&mut self, address: &SharedAddress<P::Address>, id: AddressId, core: &Core<P>) {
        if let Some((_, status)) = core.address(id) {
            let address = Arc::clone(address.as_arc());
            self.pool_status.add(id, AddressRecord { address, status, sent: 0, last_error: None });
            self.touch(id);
        }
        self.observe(|| Event::AddressAdded { address: address.copy_for_user(), id });
    }

    /// Writes what has changed since the last publication where it can be read at any time.
    pub(super) fn publish(&mut self, core: &Core<P>, now: Instant) {
        // A status is a sum over the connections of an address, and each of these may have touched it.
        if self.touched.len() > 1 {
            self.touched.sort_unstable();
            self.touched.dedup();
        }
        let status = |id: AddressId| core.address(id).map(|(_, status)| status);
        self.statuses.extend(self.touched.drain(..).filter_map(status));
        self.totals.now = now;
        self.totals.is_failing = core.is_failing();
        self.has_connection_news |= self.pool_status.update(&self.sent, &self.statuses, self.totals);
        self.sent.clear();
        self.statuses.clear();
    }

    pub(super) fn take_connection_news(&mut self) -> bool {
        mem::take(&mut self.has_connection_news)
    }

    pub(super) fn tell_end(&mut self, ended: Ended) {
        self.pool_status.set_ended(ended);
        self.observe(|| Event::Ended { ended });
    }
}

/// Why a slot has ended, where no error of the user's code says so.
fn explain_end(end: SlotEnd, state: SlotState, lived: Duration, sent: u64) -> Option<SharedError> {
    Some(match (end, state) {
        (SlotEnd::Failed(FailureKind::TimedOut), SlotState::Dialling) => Arc::new(DialTimedOut),
        (SlotEnd::Failed(FailureKind::TimedOut) | SlotEnd::Silent, _) => Arc::new(OutcomeTimedOut),
        (SlotEnd::DrainTimedOut | SlotEnd::DrainDisplaced, _) => Arc::new(DrainCutOff { sent }),
        // What drains is to close.
        (SlotEnd::Closed, SlotState::Busy | SlotState::Ready | SlotState::Suspect) => {
            Arc::new(ConnectionClosed { lived, sent })
        }
        _ => return None,
    })
}

impl<P: Seams> Drop for Reporter<P> {
    fn drop(&mut self) {
        discard(self.observer.take());
        mem::take(&mut self.slot_errors).into_values().for_each(discard);
    }
}
