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
    /// Whose turn it is, so that one that always has something to say doesn't drown the other.
    is_others_turn: bool,
    /// What is to be said after the set that was said just now.
    and_then: Option<UpstreamError>,
}

impl<A: AddressStream, B: AddressStream<Address = A::Address>> MergeWith<A, B> {
    pub(crate) fn new(one: A, other: B) -> Self {
        Self { one: Upstream::new(one), other: Upstream::new(other), is_others_turn: false, and_then: None }
    }

    fn poll_sides(self: Pin<&mut Self>, cx: &mut Context<'_>) -> UpstreamUpdate {
        let mut this = self.project();
        for _ in 0..2 {
            let is_others_turn = *this.is_others_turn;
            *this.is_others_turn = !is_others_turn;
            let heard =
                if is_others_turn { this.other.as_mut().poll(cx) } else { this.one.as_mut().poll(cx) };
            if !matches!(heard, UpstreamUpdate::Nothing) {
                return heard;
            }
        }
        UpstreamUpdate::Nothing
    }

    fn union(&self) -> Option<AddressSet<A::Address>> {
        if !(self.one.was_heard() && self.other.was_heard()) {
            return None;
        }
        match (self.one.set(), self.other.set()) {
            (Some(one), Some(other)) => {
                Some(one.endpoints().iter().chain(other.endpoints()).cloned().collect())
            }
            (one, other) => one.or(other).cloned(),
        }
    }

    /// A failure tells more than that a name is not known, and that more than silence.
    fn trouble(&self) -> Option<UpstreamError> {
        let troubles = || self.one.trouble().into_iter().chain(self.other.trouble());
        let failed = troubles().find(|trouble| matches!(trouble, UpstreamError::Failed(_)));
        let no_such_name = || troubles().find(|trouble| matches!(trouble, UpstreamError::NoSuchName));
        failed.or_else(no_such_name).or_else(|| troubles().next()).cloned()
    }
}

impl<A: AddressStream, B: AddressStream<Address = A::Address>> Stream for MergeWith<A, B> {
    type Item = AddressUpdate<A::Address>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(trouble) = self.as_mut().project().and_then.take() {
            return Poll::Ready(Some(trouble.into_address_update()));
        }
        let was_complete = self.one.was_heard() && self.other.was_heard();
        loop {
            let heard = self.as_mut().poll_sides(cx);
            let is_first = !was_complete && self.one.was_heard() && self.other.was_heard();
            let set = match heard {
                UpstreamUpdate::Nothing if self.one.is_over() && self.other.is_over() => {
                    return Poll::Ready(None);
                }
                UpstreamUpdate::Nothing => return Poll::Pending,
                UpstreamUpdate::Addresses => self.union(),
                UpstreamUpdate::UpstreamError | UpstreamUpdate::End if is_first => self.union(),
                UpstreamUpdate::UpstreamError => None,
                UpstreamUpdate::End => continue,
            };
            let trouble = self.trouble();
            return Poll::Ready(Some(match (set, trouble) {
                (Some(set), trouble) => {
                    *self.as_mut().project().and_then = trouble;
                    AddressUpdate::Addresses(set)
                }
                (None, Some(trouble)) => trouble.into_address_update(),
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
