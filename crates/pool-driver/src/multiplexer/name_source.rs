//! What the name service says, and what its end means.

use std::sync::Arc;

use pool_core::AddressSet;

use super::bounded_stream::{BoundedStream, StreamEnd};
use crate::error::EndReason;
use crate::panic::{Panicked, guard};
use crate::seams::addresses::{AddressStream, AddressUpdate, OnAddressesEnd};
use crate::shared_address::{SharedAddress, SharedSet, discard_set};
use crate::source_status::SourceState;
use crate::wake_list::Signal;

/// The stream of addresses.
pub(super) struct NameSource<S, A> {
    stream: BoundedStream<S>,
    on_end: OnAddressesEnd,
    last_set: SharedSet<A>,
}

/// What a name service has said since it was last read.
pub(super) struct SourceNews<A> {
    /// The last of the sets: the others never act.
    pub(super) set: Option<AddressSet<A>>,
    /// Everything but sets, in order.
    pub(super) said: Vec<SourceState>,
    /// What it said after that set, or without one.
    pub(super) state: Option<SourceState>,
    /// The pool shuts down for this reason.
    pub(super) shutdown: Option<EndReason>,
}

impl<A> SourceNews<A> {
    fn new() -> Self {
        Self { set: None, said: Vec::new(), state: None, shutdown: None }
    }

    fn add(&mut self, update: AddressUpdate<A>) {
        let state = match update {
            AddressUpdate::Addresses(set) => {
                self.set.replace(set).into_iter().for_each(discard_set);
                self.state = None;
                return;
            }
            AddressUpdate::Pending => SourceState::Pending,
            AddressUpdate::Failed(error) => SourceState::Failed(error),
            AddressUpdate::NoSuchName => SourceState::NoSuchName,
        };
        self.add_state(state);
    }

    fn add_state(&mut self, state: SourceState) {
        self.state = Some(state.clone());
        self.said.push(state);
    }

    fn end(&mut self, end: StreamEnd, on_end: OnAddressesEnd) {
        let reason = match end {
            StreamEnd::Ended => EndReason::AddressesEnded,
            StreamEnd::Panicked(_) => EndReason::AddressesPanicked,
        };
        self.shutdown = (on_end == OnAddressesEnd::Shutdown).then_some(reason);
        self.add_state(SourceState::Ended(end.into_error()));
    }
}

impl<S: AddressStream> NameSource<S, S::Address> {
    pub(super) fn new(stream: S, on_end: OnAddressesEnd, signal: Arc<Signal>) -> Self {
        let stream = BoundedStream::new(Some(Box::pin(stream)), signal);
        Self { stream, on_end, last_set: SharedSet::new() }
    }

    /// Reads what the name service has to say.
    pub(super) fn poll(&mut self) -> SourceNews<S::Address> {
        let mut news = SourceNews::new();
        if let Some(end) = self.stream.read(|update| news.add(update)) {
            news.end(end, self.on_end);
        }
        news
    }

    /// Makes a set one of shared addresses: see [`SharedSet::share`].
    pub(super) fn share(
        &mut self,
        set: AddressSet<S::Address>,
    ) -> (AddressSet<SharedAddress<S::Address>>, Vec<Panicked>) {
        self.last_set.share(set)
    }

    /// Asks the name service to look again. Its answer is read in the next poll. Returns nothing if the
    /// stream is over.
    pub(super) fn refresh(&mut self) -> Option<SourceNews<S::Address>> {
        let stream = self.stream.stream()?;
        let mut news = SourceNews::new();
        if let Err(panic) = guard(|| stream.refresh()) {
            self.stream.discard();
            news.end(StreamEnd::Panicked(panic), self.on_end);
        }
        self.stream.read_soon();
        Some(news)
    }

    pub(super) fn discard(&mut self) {
        self.stream.discard();
    }
}
