//! Pools of calls.

use pool_driver::{NoAddresses, PoolBuilder};

use crate::policy::{FAIL_FAST_AFTER, OUTCOME_TIMEOUT};
use crate::return_to_caller::ReturnToCaller;

/// A [`PoolBuilder`] with defaults that suit calls. Requests that can't be delivered return to their callers
/// ([`ReturnToCaller`]), no call waits for a connection for longer than [`FAIL_FAST_AFTER`], and a
/// connection whose peer doesn't answer is given up after [`OUTCOME_TIMEOUT`]. The runtime crates have
/// `pool_for_calls`, which adds the runtime.
///
/// ```
/// use std::time::Duration;
///
/// use pool_call::call_pool_builder;
///
/// # fn settings<C, R>(connector: C, runtime: R) {
/// let pool = call_pool_builder(connector, runtime)
///     .outcome_timeout(Duration::from_secs(120)) // reports take a minute
///     .fail_fast_after(Duration::from_secs(1));
/// # }
/// ```
///
/// If a reply may take longer, as that to a blocking command, or if connections don't report outcomes, set
/// another [`outcome_timeout`](PoolBuilder::outcome_timeout), or `None`.
pub fn call_pool_builder<C, R>(connector: C, runtime: R) -> PoolBuilder<C, R, NoAddresses, ReturnToCaller> {
    PoolBuilder::new(connector, runtime)
        .item_policy(ReturnToCaller)
        .fail_fast_after(FAIL_FAST_AFTER)
        .outcome_timeout(OUTCOME_TIMEOUT)
}
