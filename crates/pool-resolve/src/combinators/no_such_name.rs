//! "No such name" as an empty set.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use pin_project::pin_project;
use pool_core::AddressSet;
use pool_driver::{AddressStream, AddressUpdate};

/// Made by [`no_such_name_is_empty`](super::AddressStreamExt::no_such_name_is_empty).
#[derive(Clone, Debug)]
#[pin_project]
pub struct NoSuchNameIsEmpty<S> {
    #[pin]
    source: S,
}

impl<S> NoSuchNameIsEmpty<S> {
    pub(crate) fn new(source: S) -> Self {
        Self { source }
    }
}

impl<S: AddressStream> Stream for NoSuchNameIsEmpty<S> {
    type Item = AddressUpdate<S::Address>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.project().source.poll_next(cx).map(|update| match update {
            Some(AddressUpdate::NoSuchName) => Some(AddressUpdate::Addresses(AddressSet::default())),
            other => other,
        })
    }
}

impl<S: AddressStream> AddressStream for NoSuchNameIsEmpty<S> {
    type Address = S::Address;

    fn refresh(self: Pin<&mut Self>) {
        self.project().source.refresh();
    }
}
