//! Addresses and endpoints alike.

use crate::address_set::Endpoint;

/// What a list of addresses may consist of: addresses as they are, or [`Endpoint`]s.
///
/// ```
/// use pool_core::{Endpoint, IntoEndpoint};
///
/// assert_eq!(7001_u16.into_endpoint(), Endpoint::new(7001_u16));
/// let backup = Endpoint::new(7002_u16).with_priority(1);
/// assert_eq!(backup.into_endpoint(), backup);
/// ```
pub trait IntoEndpoint {
    /// Where to connect.
    type Address: Clone + Ord;

    /// The address with what is known of it.
    fn into_endpoint(self) -> Endpoint<Self::Address>;
}

impl<A: Clone + Ord> IntoEndpoint for A {
    type Address = A;

    fn into_endpoint(self) -> Endpoint<A> {
        Endpoint::new(self)
    }
}

// Endpoints have no order of their own, so they are no addresses.
impl<A: Clone + Ord> IntoEndpoint for Endpoint<A> {
    type Address = A;

    fn into_endpoint(self) -> Self {
        self
    }
}
