//! What the tests of pools of tower services share.

use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use pool_tokio::{AddressSnapshot, CallError, MaybeSentReason, Pool};
use tokio::sync::watch;
use tokio::time::timeout;

/// What never happens is noticed after so long.
pub(crate) const WATCHDOG: Duration = Duration::from_secs(120);

/// Waits for what shall happen, under the watchdog.
pub(crate) async fn until(is_so: impl FnMut() -> bool) {
    timeout(WATCHDOG, super::until(is_so)).await.expect("it comes to be so");
}

/// Waits until there are so many connections to each address.
pub(crate) async fn all_up<T>(pool: &Pool<T>, connections: u16) {
    let is_up = |address: &AddressSnapshot<_>| address.status.busy + address.status.ready == connections;
    until(|| {
        let addresses = pool.snapshot().addresses;
        !addresses.is_empty() && addresses.iter().all(is_up)
    })
    .await;
}

/// How many connections there are to an address, those that drain included.
pub(crate) fn connections_to<T>(pool: &Pool<T>, address: SocketAddr) -> u16 {
    let addresses = pool.snapshot().addresses;
    let status = addresses.iter().find(|row| *row.address == address).map(|row| &row.status);
    status.map_or(0, |status| status.busy + status.ready + status.draining)
}

/// No dial and no connection has ever failed.
pub(crate) fn assert_unharmed<T>(pool: &Pool<T>) {
    let snapshot = pool.snapshot();
    let is_unharmed =
        |address: &AddressSnapshot<_>| address.status.failures == 0 && address.last_error.is_none();
    assert!(snapshot.addresses.iter().all(is_unharmed), "{snapshot}");
}

/// The call was under way, its connection broke, and that is what its caller learns.
pub(crate) fn assert_lost<Request, Reply: fmt::Debug>(result: Result<Reply, CallError<Request>>) {
    let error = result.expect_err("its connection broke");
    assert!(matches!(error, CallError::MaybeSent { reason: MaybeSentReason::ServiceFailed(_) }), "{error:?}");
}

/// Keeps answers to `/held/…` back until it is opened; all else is answered at once.
#[derive(Clone)]
pub(crate) struct Gate(watch::Sender<bool>);

impl Gate {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    pub(crate) fn open(&self) {
        self.0.send_replace(true);
    }

    /// What a server shall do with a request for a path.
    pub(crate) fn answer(
        &self,
    ) -> impl Fn(String) -> Pin<Box<dyn Future<Output = String> + Send>> + Clone + Send + use<> {
        let gate = self.0.clone();
        move |path| {
            let mut is_open = gate.subscribe();
            Box::pin(async move {
                if path.starts_with("/held/") {
                    is_open.wait_for(|is_open| *is_open).await.expect("the gate is there");
                }
                path
            })
        }
    }
}
