//! Where address sets come from.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use pool_core::AddressSet;

use crate::error::BoxError;

/// A stream of address sets: every item is all that the name service says at that time.
///
/// Implemented for all streams of `Result<AddressSet<A>, E>`. An `Err` is reported and changes
/// nothing; the set before stays in force.
pub trait AddressStream: Stream<Item = Result<AddressSet<Self::Address>, Self::Error>> {
    /// Where to connect.
    type Address: Clone + Ord;
    /// Why the name service has no answer.
    type Error: Into<BoxError>;
}

impl<S, A: Clone + Ord, E: Into<BoxError>> AddressStream for S
where
    S: Stream<Item = Result<AddressSet<A>, E>>,
{
    type Address = A;
    type Error = E;
}

/// One set, for ever.
#[derive(Clone, Debug)]
pub struct FixedAddresses<A> {
    set: Option<AddressSet<A>>,
}

impl<A> FixedAddresses<A> {
    /// A stream that says this set once and then nothing more, without ending.
    #[must_use]
    pub fn new(set: AddressSet<A>) -> Self {
        Self { set: Some(set) }
    }
}

impl<A> Stream for FixedAddresses<A> {
    type Item = Result<AddressSet<A>, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.set.take() {
            Some(set) => Poll::Ready(Some(Ok(set))),
            None => Poll::Pending,
        }
    }
}

/// What the end of the address stream means.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum OnAddressesEnd {
    /// The pool shuts down, with the default deadline.
    #[default]
    Shutdown,
    /// The pool lives on with the last set.
    Keep,
}
