//! What the name service says, and when it is asked again.

use std::sync::Arc;
use std::task::{Context, Poll};

use pool_core::{AddressSet, Balance};

use super::Multiplexer;
use crate::addresses::{AddressStream, OnAddressesEnd, Update};
use crate::connect::Connect;
use crate::connection::Connection;
use crate::error::{EndReason, SharedError};
use crate::observer::{Event, Observer};
use crate::panic::{discard, guard};
use crate::runtime::Runtime;
use crate::source::{SourceState, TooManyAddresses};

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
        let mut latest = None;
        for _ in 0..UPDATES_PER_POLL_MAX {
            let Some(stream) = &mut self.addresses else { break };
            let mut cx = Context::from_waker(&waker);
            match guard(|| stream.as_mut().poll_next(&mut cx)) {
                Ok(Poll::Ready(Some(update))) => {
                    if let Some(set) = self.on_update(update) {
                        latest = Some(set);
                    }
                }
                Ok(Poll::Ready(None)) => self.on_addresses_end(EndReason::AddressesEnded, None),
                Ok(Poll::Pending) => return self.apply_addresses(latest),
                Err(panic) => self.on_addresses_end(EndReason::AddressesPanicked, Some(Arc::new(panic))),
            }
        }
        if self.addresses.is_some() {
            self.addresses_signal.raise();
        }
        self.apply_addresses(latest);
    }

    /// Shows what has come; only a set acts.
    fn on_update(&mut self, update: Update<S::Address>) -> Option<AddressSet<S::Address>> {
        match update {
            Update::Addresses(set) => {
                let (len, max) = (set.len(), self.core.config().addresses_max);
                // The state machine refuses it; here it is shown.
                let is_too_large = len > max;
                let refused = || SourceState::Failed(Arc::new(TooManyAddresses { len, max }));
                self.board.set_source(if is_too_large { refused() } else { SourceState::Answered });
                return Some(set);
            }
            Update::Pending => self.board.set_source(SourceState::Pending),
            Update::Failed(error) => {
                self.board.set_source(SourceState::Failed(error.clone()));
                self.observe(|| Event::AddressesFailed { error });
            }
            Update::NoSuchName => {
                self.board.set_source(SourceState::NoSuchName);
                self.observe(|| Event::NoSuchName);
            }
        }
        None
    }

    fn apply_addresses(&mut self, set: Option<AddressSet<S::Address>>) {
        if let Some(set) = set {
            self.core.handle_addresses(&set, self.now);
            self.carry_out();
        }
    }

    fn on_addresses_end(&mut self, reason: EndReason, error: Option<SharedError>) {
        discard(self.addresses.take());
        self.board.set_source(SourceState::Ended(error.clone()));
        self.observe(|| Event::AddressesEnded { error });
        if self.on_addresses_end == OnAddressesEnd::Shutdown {
            self.close_because(reason, self.shutdown_timeout);
        }
    }

    /// The state machine doubts the addresses: has the name service asked, in the next poll.
    pub(super) fn refresh_addresses(&mut self) {
        let Some(stream) = &mut self.addresses else { return };
        match guard(|| stream.as_mut().refresh()) {
            Ok(()) => {}
            Err(panic) => self.on_addresses_end(EndReason::AddressesPanicked, Some(Arc::new(panic))),
        }
        // What follows from it does so in the next poll.
        self.addresses_signal.raise();
        self.observe(|| Event::AddressesDoubted);
    }
}
