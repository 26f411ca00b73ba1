//! The addresses of two sources.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use pin_project::pin_project;
use pool_core::AddressSet;
use pool_driver::{AddressStream, Update};

use super::side::{Heard, Side, Trouble};

/// Made by [`merge_with`](super::AddressStreamExt::merge_with).
#[pin_project]
#[derive(Debug)]
pub struct MergeWith<A: AddressStream, B: AddressStream> {
    #[pin]
    one: Side<A>,
    #[pin]
    other: Side<B>,
    /// Whose turn it is, so that one that always has something to say doesn't drown the other.
    is_others_turn: bool,
    /// What is to be said after the set that was said just now.
    and_then: Option<Trouble>,
}

impl<A: AddressStream, B: AddressStream<Address = A::Address>> MergeWith<A, B> {
    pub(crate) fn new(one: A, other: B) -> Self {
        Self { one: Side::new(one), other: Side::new(other), is_others_turn: false, and_then: None }
    }

    fn poll_sides(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Heard {
        let mut this = self.project();
        for _ in 0..2 {
            let is_others_turn = *this.is_others_turn;
            *this.is_others_turn = !is_others_turn;
            let heard =
                if is_others_turn { this.other.as_mut().poll(cx) } else { this.one.as_mut().poll(cx) };
            if !matches!(heard, Heard::Nothing) {
                return heard;
            }
        }
        Heard::Nothing
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
    fn trouble(&self) -> Option<Trouble> {
        let troubles = || self.one.trouble().into_iter().chain(self.other.trouble());
        let failed = troubles().find(|trouble| matches!(trouble, Trouble::Failed(_)));
        let no_such_name = || troubles().find(|trouble| matches!(trouble, Trouble::NoSuchName));
        failed.or_else(no_such_name).or_else(|| troubles().next()).cloned()
    }
}

impl<A: AddressStream, B: AddressStream<Address = A::Address>> Stream for MergeWith<A, B> {
    type Item = Update<A::Address>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(trouble) = self.as_mut().project().and_then.take() {
            return Poll::Ready(Some(trouble.into_update()));
        }
        let was_complete = self.one.was_heard() && self.other.was_heard();
        loop {
            let heard = self.as_mut().poll_sides(cx);
            let is_first = !was_complete && self.one.was_heard() && self.other.was_heard();
            let set = match heard {
                Heard::Nothing if self.one.is_over() && self.other.is_over() => return Poll::Ready(None),
                Heard::Nothing => return Poll::Pending,
                Heard::Addresses => self.union(),
                Heard::Trouble | Heard::End if is_first => self.union(),
                Heard::Trouble => None,
                Heard::End => continue,
            };
            let trouble = self.trouble();
            return Poll::Ready(Some(match (set, trouble) {
                (Some(set), trouble) => {
                    *self.as_mut().project().and_then = trouble;
                    Update::Addresses(set)
                }
                (None, Some(trouble)) => trouble.into_update(),
                (None, None) => Update::Pending,
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
