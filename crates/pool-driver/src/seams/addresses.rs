//! Where address sets come from.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use pin_project::pin_project;
use pool_core::AddressSet;

use crate::error::{BoxError, SharedError};

/// What a name service says of a name, at one time.
///
/// Only [`Addresses`](Self::Addresses) acts: whatever else comes, the last set stays in force, and
/// [`Snapshot::source`](crate::Snapshot::source) shows what has come.
///
/// ```
/// use pool_driver::{AddressUpdate, BoxError};
///
/// fn update(answer: Result<Vec<u16>, BoxError>) -> AddressUpdate<u16> {
///     match answer {
///         Ok(ports) => AddressUpdate::Addresses(ports.into()),
///         Err(error) => AddressUpdate::failed(error),
///     }
/// }
/// # assert!(matches!(update(Ok(vec![1])), AddressUpdate::Addresses(set) if set.len() == 1));
/// # assert!(matches!(update(Err("no answer".into())), AddressUpdate::Failed(_)));
/// ```
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "code that handles updates must handle all of them")]
pub enum AddressUpdate<A> {
    /// All addresses there are now. An empty set is an instruction too: it drains everything.
    Addresses(AddressSet<A>),
    /// It was asked, and there is no answer yet.
    Pending,
    /// There was no answer.
    Failed(SharedError),
    /// The answer was that there is no such name. That is no empty set: names vanish by mistake
    /// more often than for good.
    NoSuchName,
}

impl<A> AddressUpdate<A> {
    /// There was no answer.
    pub fn failed(error: impl Into<BoxError>) -> Self {
        Self::Failed(error.into().into())
    }
}

/// What a stream that a pool [connects to](crate::PoolBuilder::connect_to) may consist of: address sets,
/// [`AddressUpdate`]s, or results of these.
pub trait IntoAddressUpdate {
    /// Where to connect.
    type Address: Clone + Ord;

    /// What it says.
    fn into_address_update(self) -> AddressUpdate<Self::Address>;
}

impl<A: Clone + Ord> IntoAddressUpdate for AddressUpdate<A> {
    type Address = A;

    fn into_address_update(self) -> Self {
        self
    }
}

impl<A: Clone + Ord> IntoAddressUpdate for AddressSet<A> {
    type Address = A;

    fn into_address_update(self) -> AddressUpdate<A> {
        AddressUpdate::Addresses(self)
    }
}

/// An `Err` is [`AddressUpdate::Failed`].
impl<U: IntoAddressUpdate, E: Into<BoxError>> IntoAddressUpdate for Result<U, E> {
    type Address = U::Address;

    fn into_address_update(self) -> AddressUpdate<U::Address> {
        self.map_or_else(AddressUpdate::failed, U::into_address_update)
    }
}

/// What a name service says of one name, from now on.
///
/// It is polled for as long as the pool lives, whether items are sent or not. Streams of sets need no
/// implementation: [`StreamSource`] makes them into one.
///
/// ```
/// use std::pin::Pin;
/// use std::task::{Context, Poll};
///
/// use futures_util::Stream;
/// use pool_driver::{AddressStream, AddressUpdate};
///
/// /// Says the next port whenever it is asked to look again.
/// struct NextPort {
///     port: u16,
///     is_asked: bool,
/// }
///
/// impl Stream for NextPort {
///     type Item = AddressUpdate<u16>;
///
///     fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
///         if !std::mem::take(&mut self.is_asked) {
///             return Poll::Pending; // The pool polls right after `refresh`.
///         }
///         self.port += 1;
///         Poll::Ready(Some(AddressUpdate::Addresses([self.port].into())))
///     }
/// }
///
/// impl AddressStream for NextPort {
///     type Address = u16;
///
///     fn refresh(mut self: Pin<&mut Self>) {
///         self.is_asked = true;
///     }
/// }
/// ```
pub trait AddressStream: Stream<Item = AddressUpdate<Self::Address>> {
    /// Where to connect.
    type Address: Clone + Ord;

    /// Connections to the addresses keep failing, so these may be out of date: ask now, whatever the
    /// schedule. The pool polls the stream right after this. A source that is told of changes has
    /// nothing to do here.
    fn refresh(self: Pin<&mut Self>) {}
}

impl<S: AddressStream + ?Sized> AddressStream for Pin<Box<S>> {
    type Address = S::Address;

    fn refresh(mut self: Pin<&mut Self>) {
        self.as_mut().get_mut().as_mut().refresh();
    }
}

/// A stream of address sets as a source that can't be asked.
#[derive(Clone, Debug)]
#[pin_project]
pub struct StreamSource<S> {
    #[pin]
    stream: S,
}

impl<S> StreamSource<S> {
    /// Whatever this stream says.
    pub fn new(stream: S) -> Self {
        Self { stream }
    }
}

impl<S: Stream<Item: IntoAddressUpdate>> Stream for StreamSource<S> {
    type Item = AddressUpdate<<S::Item as IntoAddressUpdate>::Address>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.project().stream.poll_next(cx).map(|item| item.map(IntoAddressUpdate::into_address_update))
    }
}

impl<S: Stream<Item: IntoAddressUpdate>> AddressStream for StreamSource<S> {
    type Address = <S::Item as IntoAddressUpdate>::Address;
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
    type Item = AddressUpdate<A>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.set.take() {
            Some(set) => Poll::Ready(Some(AddressUpdate::Addresses(set))),
            None => Poll::Pending,
        }
    }
}

impl<A: Clone + Ord> AddressStream for FixedAddresses<A> {
    type Address = A;
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
