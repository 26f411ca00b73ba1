//! Address sets with a stable hash of each address.

use std::hash::Hash;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use pin_project::pin_project;
use pool_core::{AddressSet, Endpoint};

use super::addresses::{AddressStream, AddressUpdate};
use crate::stable_hash::stable_hash;

/// An address stream whose endpoints have hashes; made by
/// [`PoolBuilder::hash_addresses`](crate::PoolBuilder::hash_addresses).
#[derive(Clone, Debug)]
#[pin_project]
pub struct HashedAddresses<S> {
    #[pin]
    addresses: S,
}

impl<S> HashedAddresses<S> {
    pub(crate) fn new(addresses: S) -> Self {
        Self { addresses }
    }
}

impl<S: AddressStream<Address: Hash>> Stream for HashedAddresses<S> {
    type Item = AddressUpdate<S::Address>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.project().addresses.poll_next(cx).map(|update| update.map(hashed))
    }
}

impl<S: AddressStream<Address: Hash>> AddressStream for HashedAddresses<S> {
    type Address = S::Address;

    fn refresh(self: Pin<&mut Self>) {
        self.project().addresses.refresh();
    }
}

fn hashed<A: Clone + Ord + Hash>(update: AddressUpdate<A>) -> AddressUpdate<A> {
    let AddressUpdate::Addresses(set) = update else { return update };
    let endpoints = set.into_endpoints().unwrap_or_else(|set| set.endpoints().to_vec());
    let hashed: AddressSet<A> = endpoints.into_iter().map(with_hash).collect();
    AddressUpdate::Addresses(hashed)
}

/// A hash that was set stays.
fn with_hash<A: Hash>(endpoint: Endpoint<A>) -> Endpoint<A> {
    if endpoint.hash != 0 {
        return endpoint;
    }
    let hash = stable_hash(&endpoint.address);
    endpoint.with_hash(hash)
}
