//! What the name service says, and when it is asked again.

use std::sync::Arc;
use std::task::{Context, Poll};

use pool_core::{AddressSet, Balance};

use super::Multiplexer;
use crate::addresses::{AddressStream, AddressUpdate, OnAddressesEnd};
use crate::connect::Connect;
use crate::connection::Connection;
use crate::error::{EndReason, SharedError};
use crate::observer::{Event, Observer};
use crate::panic::{discard, guard};
use crate::runtime::Runtime;
use crate::source_status::SourceState;

/// At most this many updates are read in one poll; a stream that never pauses is asked again in
/// the next.
const UPDATES_PER_POLL_MAX: usize = 32;

impl<T, C, S, R, O, B> Multiplexer<T, C, S, R, O, B>
where
    S: AddressStream,
    C: Connect<S::Address>,
    C::Connection: Connection<T>,
    R: Runtime,
    O: Observer<S::Address>,
    B: Balance,
{
    /// Reads what the name service has to say; of several sets the last counts.
    pub(super) fn poll_addresses(&mut self) {
        self.addresses_signal.clear();
        let waker = self.addresses_signal.clone().into();
        let (mut latest, mut after) = (None, None);
        for _ in 0..UPDATES_PER_POLL_MAX {
            let Some(stream) = &mut self.addresses else { break };
            let mut cx = Context::from_waker(&waker);
            match guard(|| stream.as_mut().poll_next(&mut cx)) {
                Ok(Poll::Ready(Some(AddressUpdate::Addresses(set)))) => (latest, after) = (Some(set), None),
                Ok(Poll::Ready(Some(AddressUpdate::Pending))) => after = Some(SourceState::Pending),
                Ok(Poll::Ready(Some(AddressUpdate::Failed(error)))) => {
                    after = Some(SourceState::Failed(error.clone()));
                    self.observe(|| Event::AddressesFailed { error });
                }
                Ok(Poll::Ready(Some(AddressUpdate::NoSuchName))) => {
                    after = Some(SourceState::NoSuchName);
                    self.observe(|| Event::NoSuchName);
                }
                Ok(Poll::Ready(None)) => {
                    after = Some(self.on_addresses_end(EndReason::AddressesEnded, None));
                }
                Ok(Poll::Pending) => return self.apply_addresses(latest, after),
                Err(panic) => {
                    let error: SharedError = Arc::new(panic);
                    after = Some(self.on_addresses_end(EndReason::AddressesPanicked, Some(error)));
                }
            }
        }
        if self.addresses.is_some() {
            self.addresses_signal.raise();
        }
        self.apply_addresses(latest, after);
    }

    /// Only a set acts; what was said after it is shown.
    fn apply_addresses(&mut self, set: Option<AddressSet<S::Address>>, after: Option<SourceState>) {
        if let Some(set) = set {
            if self.core.handle_addresses(&set, self.now) {
                self.pool_status.set_source(SourceState::Answered);
            }
            self.carry_out();
        }
        if let Some(after) = after {
            self.pool_status.set_source(after);
        }
    }

    fn on_addresses_end(&mut self, reason: EndReason, error: Option<SharedError>) -> SourceState {
        discard(self.addresses.take());
        if self.on_addresses_end == OnAddressesEnd::Shutdown {
            self.close_because(reason, self.shutdown_timeout);
        }
        self.observe(|| Event::AddressesEnded { error: error.clone() });
        SourceState::Ended(error)
    }

    /// The state machine doubts the addresses: has the name service asked, in the next poll.
    pub(super) fn refresh_addresses(&mut self) {
        let Some(stream) = &mut self.addresses else { return };
        if let Err(panic) = guard(|| stream.as_mut().refresh()) {
            let ended = self.on_addresses_end(EndReason::AddressesPanicked, Some(Arc::new(panic)));
            self.pool_status.set_source(ended);
        }
        // What follows from it does so in the next poll.
        self.addresses_signal.raise();
        self.observe(|| Event::RefreshRequested);
    }
}
