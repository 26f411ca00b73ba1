//! What pools say of their connections and calls.

use std::fmt::Debug;
use std::net::SocketAddr;

use pool_call::{CallError, MaybeSentReason};
use pool_driver::{AddressSnapshot, Pool};

use crate::{CONNECTIONS_PER_SERVER, until};

/// Waits until all connections of an example's pool are ready; from then on turns are exact.
pub async fn all_ready<T>(pool: &Pool<T>, servers: usize) {
    until(|| {
        let addresses = pool.snapshot().addresses;
        addresses.len() == servers && addresses.iter().all(|row| row.status.ready == CONNECTIONS_PER_SERVER)
    })
    .await;
}

/// Waits until there are this many connections to each address.
pub async fn all_up<T>(pool: &Pool<T>, connections: u16) {
    let is_up = |address: &AddressSnapshot<_>| address.status.busy + address.status.ready == connections;
    until(|| {
        let addresses = pool.snapshot().addresses;
        !addresses.is_empty() && addresses.iter().all(is_up)
    })
    .await;
}

/// What a pool says of one of its addresses.
///
/// # Panics
///
/// When the pool doesn't know the address.
#[must_use]
pub fn row<T>(pool: &Pool<T>, address: SocketAddr) -> AddressSnapshot<SocketAddr> {
    let addresses = pool.snapshot().addresses;
    addresses.into_iter().find(|row| *row.address == address).expect("the pool knows its addresses")
}

/// How many connections there are to an address, draining ones included.
#[must_use]
pub fn connections_to<T>(pool: &Pool<T>, address: SocketAddr) -> u16 {
    let addresses = pool.snapshot().addresses;
    let status = addresses.iter().find(|row| *row.address == address).map(|row| &row.status);
    status.map_or(0, |status| status.busy + status.ready + status.draining)
}

/// Asserts that no dial and no connection has ever failed.
///
/// # Panics
///
/// When one has.
pub fn assert_unharmed<T>(pool: &Pool<T>) {
    let snapshot = pool.snapshot();
    let is_unharmed =
        |address: &AddressSnapshot<_>| address.status.failures == 0 && address.last_error.is_none();
    assert!(snapshot.addresses.iter().all(is_unharmed), "{snapshot}");
}

/// Asserts that the call was under way when its connection broke, and that its caller learns that.
///
/// # Panics
///
/// When the call ended otherwise.
pub fn assert_lost<Request, Reply: Debug>(result: Result<Reply, CallError<Request>>) {
    let error = result.expect_err("its connection broke");
    assert!(matches!(error, CallError::MaybeSent { reason: MaybeSentReason::ServiceFailed(_) }), "{error:?}");
}
