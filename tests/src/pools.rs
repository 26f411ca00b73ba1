//! What pools say of their connections and calls.

use std::fmt::Debug;
use std::net::SocketAddr;

use pool_call::{CallError, MaybeSentReason};
use pool_driver::{AddressSnapshot, PoolHandle};

use crate::WATCHDOG;

/// Waits until so many connections are up, to all addresses together; from then on turns are exact.
///
/// # Panics
///
/// When they are not after [`WATCHDOG`].
pub async fn all_up(pool: &impl PoolHandle, connections: usize) {
    let up = pool.pool().ready(connections).timeout(WATCHDOG).await;
    up.expect("there are as many");
}

/// What a pool says of one of its addresses.
///
/// # Panics
///
/// When the pool doesn't know the address.
#[must_use]
pub fn row(pool: &impl PoolHandle<Address = SocketAddr>, address: SocketAddr) -> AddressSnapshot<SocketAddr> {
    let addresses = pool.snapshot().addresses;
    addresses.into_iter().find(|row| *row.address == address).expect("the pool knows its addresses")
}

/// How many connections there are to an address, draining ones included.
#[must_use]
pub fn connections_to(pool: &impl PoolHandle<Address = SocketAddr>, address: SocketAddr) -> u16 {
    let addresses = pool.snapshot().addresses;
    let status = addresses.iter().find(|row| *row.address == address).map(|row| &row.status);
    status.map_or(0, |status| status.slots.connected() + status.slots.draining)
}

/// Asserts that no address is blamed for anything: connections may have ended in good order.
///
/// # Panics
///
/// When one is.
pub fn assert_unharmed(pool: &impl PoolHandle<Address = SocketAddr>) {
    let snapshot = pool.snapshot();
    let is_unharmed = |address: &AddressSnapshot<_>| address.status.failures == 0;
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
