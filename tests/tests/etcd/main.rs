//! `Etcd`, followed by pools and read by hand, with a real etcd.

mod admin;
mod outages;
mod pools;
mod proxy;
mod subscriptions;

use std::net::SocketAddr;

use futures_util::StreamExt;
use pool_core::{AddressSet, Endpoint};
use pool_driver::AddressUpdate;
use pool_resolve::{Etcd, EtcdConfig, EtcdError, EtcdPrefix, EtcdSubscription, Resolve};

const PREFIX: &str = "/services/lines/";

fn prefix() -> EtcdPrefix {
    PREFIX.parse().expect("it is not empty")
}

fn key(name: impl std::fmt::Display) -> String {
    format!("{PREFIX}{name}")
}

/// Only the subscription is kept: it needs nobody else.
fn subscribe(endpoints: Vec<String>, options: EtcdConfig) -> EtcdSubscription {
    let etcd = Etcd::connect(endpoints, options).expect("the endpoints make sense");
    etcd.subscribe(&prefix())
}

fn address(number: u16) -> SocketAddr {
    let [high, low] = number.to_be_bytes();
    ([127, 1, high, low], 7000).into()
}

fn set(numbers: impl IntoIterator<Item = u16>) -> AddressSet<SocketAddr> {
    numbers.into_iter().map(address).collect()
}

/// Waits until this is what there is.
async fn until_set(subscription: &mut EtcdSubscription, expected: AddressSet<SocketAddr>) {
    loop {
        match subscription.next().await.expect("it never ends") {
            AddressUpdate::Addresses(set) if set == expected => return,
            _ => {}
        }
    }
}

/// What it says next, where that must be addresses.
async fn next_set(subscription: &mut EtcdSubscription) -> Vec<Endpoint<SocketAddr>> {
    match subscription.next().await.expect("it never ends") {
        AddressUpdate::Addresses(set) => set.endpoints().to_vec(),
        other => panic!("{other:?}"),
    }
}

/// Waits until it fails like this; there may be other failures before, but no addresses.
async fn until_failed(subscription: &mut EtcdSubscription, is_it: impl Fn(&EtcdError) -> bool) {
    loop {
        match subscription.next().await.expect("it never ends") {
            AddressUpdate::Failed(error) if error.downcast_ref().is_some_and(&is_it) => return,
            AddressUpdate::Failed(_) => {}
            other => panic!("{other:?}"),
        }
    }
}
