//! Pools of calls.

use std::time::Duration;

use pool_driver::{NoAddresses, PoolBuilder};

use crate::return_to_caller::ReturnToCaller;

/// Calls that wait for a connection fail when there has been none for so long, by default: 3 s.
pub const FAIL_FAST_AFTER: Duration = Duration::from_secs(3);

/// A connection that owes replies and gets none for so long is given up, by default: 30 s.
pub const OUTCOME_TIMEOUT: Duration = Duration::from_secs(30);

/// A [`PoolBuilder`] with what suits calls: callers get back what can't be delivered
/// ([`ReturnToCaller`]), nobody waits for connections for longer than [`FAIL_FAST_AFTER`], and a
/// connection whose peer doesn't answer is given up after [`OUTCOME_TIMEOUT`]. The runtime crates have
/// `pool_for_calls`, which brings the runtime.
///
/// Where a reply may take longer by right, as that to a blocking command, or where connections don't
/// report outcomes, set another [`outcome_timeout`](PoolBuilder::outcome_timeout), or `None`.
pub fn call_pool_builder<C, R>(connector: C, runtime: R) -> PoolBuilder<C, R, NoAddresses, ReturnToCaller> {
    PoolBuilder::new(connector, runtime)
        .item_policy(ReturnToCaller)
        .fail_fast_after(FAIL_FAST_AFTER)
        .outcome_timeout(OUTCOME_TIMEOUT)
}
