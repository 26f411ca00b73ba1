//! Sources whose sets are changed one by one.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use pin_project::pin_project;
use pool_core::{AddressSet, Endpoint};
use pool_driver::{AddressStream, AddressUpdate};

/// How a set is changed. For an [`EachSet`] that looks at whole sets.
pub trait ChangeSet<A> {
    /// Where to connect.
    type Address: Clone + Ord;

    /// The set that takes the place of this one.
    fn change(&mut self, set: &AddressSet<A>) -> AddressSet<Self::Address>;
}

/// Made by [`map_endpoints`](super::AddressStreamExt::map_endpoints).
#[derive(Clone)]
pub struct MapEndpoints<F>(pub(crate) F);

impl<A: Clone, B: Clone + Ord, F: FnMut(Endpoint<A>) -> Endpoint<B>> ChangeSet<A> for MapEndpoints<F> {
    type Address = B;

    fn change(&mut self, set: &AddressSet<A>) -> AddressSet<B> {
        set.endpoints().iter().cloned().map(&mut self.0).collect()
    }
}

/// Made by [`map_weights`](super::AddressStreamExt::map_weights).
#[derive(Clone)]
pub struct MapWeights<F>(pub(crate) F);

impl<A: Clone + Ord, F: FnMut(&Endpoint<A>) -> u32> ChangeSet<A> for MapWeights<F> {
    type Address = A;

    fn change(&mut self, set: &AddressSet<A>) -> AddressSet<A> {
        let mut weighed = |endpoint: &Endpoint<A>| endpoint.clone().with_weight((self.0)(endpoint));
        set.endpoints().iter().map(&mut weighed).collect()
    }
}

/// Made by [`filter_endpoints`](super::AddressStreamExt::filter_endpoints).
#[derive(Clone)]
pub struct FilterEndpoints<F>(pub(crate) F);

impl<A: Clone + Ord, F: FnMut(&Endpoint<A>) -> bool> ChangeSet<A> for FilterEndpoints<F> {
    type Address = A;

    fn change(&mut self, set: &AddressSet<A>) -> AddressSet<A> {
        set.endpoints().iter().filter(|endpoint| (self.0)(endpoint)).cloned().collect()
    }
}

macro_rules! opaque {
    ($($name:ident),*) => {$(
        impl<F> fmt::Debug for $name<F> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}

opaque!(MapEndpoints, MapWeights, FilterEndpoints);

/// A source whose sets are changed one by one. All other updates pass unchanged.
///
/// ```
/// use pool_driver::{AddressSet, FixedAddresses};
/// use pool_resolve::{ChangeSet, EachSet};
///
/// /// The first addresses of a set.
/// struct First(usize);
///
/// impl<A: Clone + Ord> ChangeSet<A> for First {
///     type Address = A;
///
///     fn change(&mut self, set: &AddressSet<A>) -> AddressSet<A> {
///         set.endpoints().iter().take(self.0).cloned().collect()
///     }
/// }
///
/// let addresses = EachSet::new(FixedAddresses::new([1, 2, 3].into()), First(2));
/// ```
#[derive(Clone, Debug)]
#[pin_project]
pub struct EachSet<S, C> {
    #[pin]
    source: S,
    change: C,
}

impl<S, C> EachSet<S, C> {
    /// The updates of `source`, with every set changed.
    pub fn new(source: S, change: C) -> Self {
        Self { source, change }
    }
}

impl<S: AddressStream, C: ChangeSet<S::Address>> Stream for EachSet<S, C> {
    type Item = AddressUpdate<C::Address>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        this.source.poll_next(cx).map(|update| {
            Some(match update? {
                AddressUpdate::Addresses(set) => AddressUpdate::Addresses(this.change.change(&set)),
                AddressUpdate::Pending => AddressUpdate::Pending,
                AddressUpdate::Failed(error) => AddressUpdate::Failed(error),
                AddressUpdate::NoSuchName => AddressUpdate::NoSuchName,
            })
        })
    }
}

impl<S: AddressStream, C: ChangeSet<S::Address>> AddressStream for EachSet<S, C> {
    type Address = C::Address;

    fn refresh(self: Pin<&mut Self>) {
        self.project().source.refresh();
    }
}
