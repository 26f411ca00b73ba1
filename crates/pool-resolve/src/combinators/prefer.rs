//! One source, and another while it has no addresses.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use pin_project::pin_project;
use pool_core::AddressSet;
use pool_driver::{AddressStream, AddressUpdate};

use super::UPDATES_PER_POLL_MAX;
use super::upstream::{Upstream, UpstreamError, UpstreamUpdate};

/// Made by [`prefer_over`](super::AddressStreamExt::prefer_over).
#[pin_project]
#[derive(Debug)]
pub struct PreferOver<A: AddressStream, B: AddressStream> {
    #[pin]
    primary: Upstream<A>,
    #[pin]
    fallback: Upstream<B>,
    /// Whose set was told last; neither, if that doesn't count any more.
    in_force: InForce,
    /// Whose turn it is, so that one that always has something to say doesn't drown the other.
    turn: Speaker,
    /// What is to be said after the set that was said just now.
    and_then: Option<UpstreamError>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum InForce {
    Neither,
    Primary,
    Fallback,
}

/// Who spoke.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Speaker {
    Primary,
    Fallback,
}

impl<A: AddressStream, B: AddressStream<Address = A::Address>> PreferOver<A, B> {
    pub(crate) fn new(primary: A, fallback: B) -> Self {
        let (primary, fallback) = (Upstream::new(primary), Upstream::new(fallback));
        Self { primary, fallback, in_force: InForce::Neither, turn: Speaker::Primary, and_then: None }
    }

    /// Whose set counts. An empty one of the primary does only if the fallback can't do better.
    fn choose(&self) -> (InForce, Option<&AddressSet<A::Address>>) {
        match (self.primary.set(), self.fallback.set()) {
            (Some(primary), _) if !primary.is_empty() => (InForce::Primary, Some(primary)),
            _ if !self.primary.was_heard() => (InForce::Neither, None),
            (_, Some(fallback)) => (InForce::Fallback, Some(fallback)),
            (Some(primary), None) if self.fallback.was_heard() => (InForce::Primary, Some(primary)),
            _ => (InForce::Neither, None),
        }
    }

    /// What to say after one of them has spoken, if anything.
    fn respond(
        mut self: Pin<&mut Self>,
        speaker: Speaker,
        heard: &UpstreamUpdate,
    ) -> Option<AddressUpdate<A::Address>> {
        let (chosen, set) = self.choose();
        let is_confirmed = match speaker {
            Speaker::Primary => chosen == InForce::Primary,
            Speaker::Fallback => chosen == InForce::Fallback,
        };
        let is_news = chosen != self.in_force || (matches!(heard, UpstreamUpdate::Addresses) && is_confirmed);
        let shown = match chosen {
            InForce::Fallback => self.primary.trouble().or(self.fallback.trouble()).cloned(),
            InForce::Primary | InForce::Neither => self.primary.trouble().cloned(),
        };
        if let Some(set) = set.filter(|_| is_news) {
            let update = AddressUpdate::Addresses(set.clone());
            let this = self.project();
            *this.in_force = chosen;
            *this.and_then = shown;
            return Some(update);
        }
        if chosen == InForce::Neither {
            *self.as_mut().project().in_force = chosen;
        }
        let concerns = speaker == Speaker::Primary || chosen != InForce::Primary;
        match (heard, speaker) {
            (UpstreamUpdate::UpstreamError, Speaker::Primary) => {
                self.primary.trouble().cloned().map(UpstreamError::into_address_update)
            }
            (UpstreamUpdate::UpstreamError, Speaker::Fallback) if concerns => {
                self.fallback.trouble().cloned().map(UpstreamError::into_address_update)
            }
            _ => None,
        }
    }
}

impl<A: AddressStream, B: AddressStream<Address = A::Address>> Stream for PreferOver<A, B> {
    type Item = AddressUpdate<A::Address>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(trouble) = self.as_mut().project().and_then.take() {
            return Poll::Ready(Some(trouble.into_address_update()));
        }
        for _ in 0..UPDATES_PER_POLL_MAX {
            let mut is_silent = true;
            for _ in 0..2 {
                let this = self.as_mut().project();
                let speaker = *this.turn;
                let (heard, next) = match speaker {
                    Speaker::Primary => (this.primary.poll(cx), Speaker::Fallback),
                    Speaker::Fallback => (this.fallback.poll(cx), Speaker::Primary),
                };
                *this.turn = next;
                is_silent &= matches!(heard, UpstreamUpdate::Nothing);
                if let Some(update) = self.as_mut().respond(speaker, &heard) {
                    return Poll::Ready(Some(update));
                }
            }
            if is_silent {
                let is_over = self.primary.is_over() && self.fallback.is_over();
                return if is_over { Poll::Ready(None) } else { Poll::Pending };
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<A: AddressStream, B: AddressStream<Address = A::Address>> AddressStream for PreferOver<A, B> {
    type Address = A::Address;

    fn refresh(self: Pin<&mut Self>) {
        let this = self.project();
        this.primary.refresh();
        this.fallback.refresh();
    }
}
