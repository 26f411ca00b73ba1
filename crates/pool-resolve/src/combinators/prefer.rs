//! One source, and a fallback while it has no addresses.

use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use pin_project::pin_project;
use pool_core::AddressSet;
use pool_driver::{AddressStream, AddressUpdate};

use super::upstream::{Upstream, UpstreamError, UpstreamUpdate};
use crate::bounded_poll::bounded_poll;

/// Made by [`prefer_over`](super::AddressStreamExt::prefer_over).
#[pin_project]
#[derive(Debug)]
pub struct PreferOver<A: AddressStream, B: AddressStream> {
    #[pin]
    primary: Upstream<A>,
    #[pin]
    fallback: Upstream<B>,
    /// Whose set was shown last, while it still counts.
    in_force: Option<Role>,
    /// The two take turns, so that one that is always ready does not starve the other.
    turn: Role,
    /// Shown after the set that was shown just now.
    next_error: Option<UpstreamError>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    Primary,
    Fallback,
}

impl<A: AddressStream, B: AddressStream<Address = A::Address>> PreferOver<A, B> {
    pub(crate) fn new(primary: A, fallback: B) -> Self {
        let (primary, fallback) = (Upstream::new(primary), Upstream::new(fallback));
        Self { primary, fallback, in_force: None, turn: Role::Primary, next_error: None }
    }

    /// Whose set counts. An empty set of the primary counts only if the fallback has reported no set.
    fn choose(&self) -> Option<(Role, &AddressSet<A::Address>)> {
        match (self.primary.set(), self.fallback.set()) {
            (Some(primary), _) if !primary.is_empty() => Some((Role::Primary, primary)),
            _ if !self.primary.has_reported() => None,
            (_, Some(fallback)) => Some((Role::Fallback, fallback)),
            (Some(primary), None) if self.fallback.has_reported() => Some((Role::Primary, primary)),
            _ => None,
        }
    }

    /// The error that is shown beside the chosen set.
    fn error_beside(&self, chosen: Role) -> Option<&UpstreamError> {
        match chosen {
            Role::Primary => self.primary.error(),
            Role::Fallback => self.primary.error().or(self.fallback.error()),
        }
    }

    /// What to show after an update of one of them, if anything.
    fn respond(
        mut self: Pin<&mut Self>,
        reporter: Role,
        update: UpstreamUpdate,
    ) -> Option<AddressUpdate<A::Address>> {
        let choice = self.choose();
        let chosen = choice.map(|(role, _)| role);
        let is_confirmed = update == UpstreamUpdate::Addresses && chosen == Some(reporter);
        if let Some((chosen, set)) = choice.filter(|_| chosen != self.in_force || is_confirmed) {
            let shown = AddressUpdate::Addresses(set.clone());
            let error = self.error_beside(chosen).cloned();
            let this = self.project();
            *this.in_force = Some(chosen);
            *this.next_error = error;
            return Some(shown);
        }
        if chosen.is_none() {
            *self.as_mut().project().in_force = None;
        }
        let error = match reporter {
            _ if update != UpstreamUpdate::Error => None,
            Role::Primary => self.primary.error(),
            Role::Fallback if chosen == Some(Role::Primary) => None,
            Role::Fallback => self.fallback.error(),
        };
        error.cloned().map(UpstreamError::into_address_update)
    }

    /// Reads each of them once. Breaks when there is something to show, or when neither has an update.
    fn poll_once(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> ControlFlow<Poll<Option<AddressUpdate<A::Address>>>> {
        let mut is_idle = true;
        for _ in 0..2 {
            let this = self.as_mut().project();
            let role = *this.turn;
            let (update, next) = match role {
                Role::Primary => (this.primary.poll(cx), Role::Fallback),
                Role::Fallback => (this.fallback.poll(cx), Role::Primary),
            };
            *this.turn = next;
            let Poll::Ready(update) = update else { continue };
            is_idle = false;
            if let Some(update) = self.as_mut().respond(role, update) {
                return ControlFlow::Break(Poll::Ready(Some(update)));
            }
        }
        match is_idle {
            true if self.primary.has_ended() && self.fallback.has_ended() => {
                ControlFlow::Break(Poll::Ready(None))
            }
            true => ControlFlow::Break(Poll::Pending),
            false => ControlFlow::Continue(()),
        }
    }
}

impl<A: AddressStream, B: AddressStream<Address = A::Address>> Stream for PreferOver<A, B> {
    type Item = AddressUpdate<A::Address>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(error) = self.as_mut().project().next_error.take() {
            return Poll::Ready(Some(error.into_address_update()));
        }
        bounded_poll(cx, |cx| self.as_mut().poll_once(cx))
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
