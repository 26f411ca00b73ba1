//! The addresses of two sources.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use pin_project::pin_project;
use pool_core::AddressSet;
use pool_driver::{AddressStream, AddressUpdate};

use super::upstream::{Upstream, UpstreamError, UpstreamUpdate};

/// Made by [`merge_with`](super::AddressStreamExt::merge_with).
#[pin_project]
#[derive(Debug)]
pub struct MergeWith<A: AddressStream, B: AddressStream> {
    #[pin]
    one: Upstream<A>,
    #[pin]
    other: Upstream<B>,
    /// The two take turns, so that one that is always ready does not starve the other.
    is_others_turn: bool,
    /// Shown after the set that was shown just now.
    next_error: Option<UpstreamError>,
}

impl<A: AddressStream, B: AddressStream<Address = A::Address>> MergeWith<A, B> {
    pub(crate) fn new(one: A, other: B) -> Self {
        let (one, other) = (Upstream::new(one), Upstream::new(other));
        Self { one, other, is_others_turn: false, next_error: None }
    }

    /// Reads one update of one of them.
    fn poll_upstreams(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<UpstreamUpdate> {
        let mut this = self.project();
        for _ in 0..2 {
            let is_others_turn = *this.is_others_turn;
            *this.is_others_turn = !is_others_turn;
            let update =
                if is_others_turn { this.other.as_mut().poll(cx) } else { this.one.as_mut().poll(cx) };
            if update.is_ready() {
                return update;
            }
        }
        Poll::Pending
    }

    fn have_both_reported(&self) -> bool {
        self.one.has_reported() && self.other.has_reported()
    }

    /// The addresses of both, once both have reported.
    fn union(&self) -> Option<AddressSet<A::Address>> {
        if !self.have_both_reported() {
            return None;
        }
        match (self.one.set(), self.other.set()) {
            (Some(one), Some(other)) => {
                Some(one.endpoints().iter().chain(other.endpoints()).cloned().collect())
            }
            (one, other) => one.or(other).cloned(),
        }
    }

    /// The more telling error: a failure before "no such name", and that before `Pending`.
    fn error(&self) -> Option<UpstreamError> {
        let errors = || self.one.error().into_iter().chain(self.other.error());
        let failed = errors().find(|error| matches!(error, UpstreamError::Failed(_)));
        let no_such_name = || errors().find(|error| matches!(error, UpstreamError::NoSuchName));
        failed.or_else(no_such_name).or_else(|| errors().next()).cloned()
    }
}

impl<A: AddressStream, B: AddressStream<Address = A::Address>> Stream for MergeWith<A, B> {
    type Item = AddressUpdate<A::Address>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(error) = self.as_mut().project().next_error.take() {
            return Poll::Ready(Some(error.into_address_update()));
        }
        let was_complete = self.have_both_reported();
        loop {
            let update = self.as_mut().poll_upstreams(cx);
            let is_first = !was_complete && self.have_both_reported();
            let set = match update {
                Poll::Pending if self.one.has_ended() && self.other.has_ended() => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
                Poll::Ready(UpstreamUpdate::Addresses) => self.union(),
                Poll::Ready(UpstreamUpdate::Error | UpstreamUpdate::End) if is_first => self.union(),
                Poll::Ready(UpstreamUpdate::Error) => None,
                Poll::Ready(UpstreamUpdate::End) => continue,
            };
            let error = self.error();
            return Poll::Ready(Some(match (set, error) {
                (Some(set), error) => {
                    *self.as_mut().project().next_error = error;
                    AddressUpdate::Addresses(set)
                }
                (None, Some(error)) => error.into_address_update(),
                (None, None) => AddressUpdate::Pending,
            }));
        }
    }
}

impl<A: AddressStream, B: AddressStream<Address = A::Address>> AddressStream for MergeWith<A, B> {
    type Address = A::Address;

    fn refresh(self: Pin<&mut Self>) {
        let this = self.project();
        this.one.refresh();
        this.other.refresh();
    }
}
