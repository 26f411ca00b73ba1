//! Pools of calls.

use std::time::Duration;

use pool_driver::{NoAddresses, PoolBuilder};

use crate::undelivered::ReturnToCaller;

/// Calls that wait for a connection fail when there has been none for so long, by default: 3 s.
pub const FAIL_FAST_AFTER: Duration = Duration::from_secs(3);

/// A [`PoolBuilder`] with what suits calls: callers get back what can't be delivered
/// ([`ReturnToCaller`]), and nobody waits for connections for longer than [`FAIL_FAST_AFTER`]. The
/// runtime crates have `pool_for_calls`, which brings the runtime.
pub fn call_pool_builder<C, R>(connector: C, runtime: R) -> PoolBuilder<C, R, NoAddresses, ReturnToCaller> {
    PoolBuilder::new(connector, runtime).on_undelivered(ReturnToCaller).fail_fast_after(FAIL_FAST_AFTER)
}
