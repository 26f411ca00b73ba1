//! How pools of calls are made.

use pool_driver::{Frontend, LeastLoaded, NoAddresses, NoObserver, Pool, PoolBuilder};

use super::{CallPool, ReturnToCaller};
use crate::call::Call;
use crate::policy::{FAIL_FAST_AFTER, OUTCOME_TIMEOUT, QUEUE_SIZE, SUSPECT_AFTER};

/// A [`PoolBuilder`] of a [`CallPool`], with defaults that suit calls: no call waits for a connection for longer than
/// [`FAIL_FAST_AFTER`]; a connection whose peer owes replies and says nothing gets no new calls after
/// [`SUSPECT_AFTER`], and is given up after [`OUTCOME_TIMEOUT`]. [`QUEUE_SIZE`] calls may wait. A call
/// goes to the [less loaded of two addresses](LeastLoaded), so one that is slow gets less to do. The runtime crates have `call_pool_for`, which adds the runtime.
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
/// If a reply may take longer, as that to a blocking command, set another
/// [`outcome_timeout`](PoolBuilder::outcome_timeout), or `None`. If connections don't report outcomes, set it and
/// [`suspect_after`](PoolBuilder::suspect_after) to `None`, and [`balancer`](PoolBuilder::balancer) to
/// [`RoundRobin`](pool_driver::RoundRobin).
pub fn call_pool_builder<C, R>(connector: C, runtime: R) -> CallPoolBuilder<C, R> {
    PoolBuilder::of(Calls::default(), connector, runtime)
        .balancer(LeastLoaded::new())
        .queue_size(QUEUE_SIZE)
        .fail_fast_after(FAIL_FAST_AFTER)
        .suspect_after(SUSPECT_AFTER)
        .outcome_timeout(OUTCOME_TIMEOUT)
}

/// A builder of a pool of calls, as it begins.
pub type CallPoolBuilder<C, R> = PoolBuilder<C, R, NoAddresses, Calls, NoObserver, LeastLoaded>;

/// Pools of calls: a builder of this kind makes a [`CallPool`]. What is asked and answered, the connections say.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Calls;

impl<Request: 'static, Reply: 'static> Frontend<Call<Request, Reply>> for Calls {
    type Policy = ReturnToCaller;
    type Handle<A> = CallPool<Request, Reply, A>;

    fn into_policy(self) -> ReturnToCaller {
        ReturnToCaller::default()
    }

    fn handle<A>(
        pool: Pool<Call<Request, Reply>, A>,
        policy: &ReturnToCaller,
    ) -> CallPool<Request, Reply, A> {
        CallPool::new(pool, policy.clone())
    }
}
