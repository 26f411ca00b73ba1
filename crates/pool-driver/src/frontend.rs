//! What users hold of a pool.

use crate::pool::Pool;
use crate::seams::item_policy::ItemPolicy;

/// The kind of a pool: what its users hold, and what is asked about its items.
///
/// A builder has one from its first verb on: [`Items`] makes a [`Pool`], and `pool-call` has one whose pools
/// answer calls. Implement it for a handle of your own, so that the whole builder serves it:
///
/// ```
/// use std::net::SocketAddr;
///
/// use pool_driver::{DropUndelivered, Frontend, Pool};
///
/// /// Sends lines with their numbers.
/// struct NumberedLines<A>(Pool<(u64, String), A>);
///
/// struct Numbered;
///
/// impl Frontend<(u64, String)> for Numbered {
///     type Policy = DropUndelivered;
///     type Handle<A> = NumberedLines<A>;
///
///     fn into_policy(self) -> DropUndelivered {
///         DropUndelivered::default()
///     }
///
///     fn handle<A>(pool: Pool<(u64, String), A>, _: &DropUndelivered) -> NumberedLines<A> {
///         NumberedLines(pool)
///     }
/// }
/// ```
pub trait Frontend<T> {
    /// What is asked about items.
    type Policy: ItemPolicy<T>;
    /// What users hold of a pool that connects to addresses `A`.
    type Handle<A>;

    /// What the pool asks about its items.
    fn into_policy(self) -> Self::Policy;

    /// Makes the first handle.
    fn handle<A>(pool: Pool<T, A>, policy: &Self::Policy) -> Self::Handle<A>;
}

/// Pools of items that are sent and not answered.
#[derive(Clone, Copy, Debug, Default)]
pub struct Items<U> {
    policy: U,
}

impl<U> Items<U> {
    pub(crate) const fn new(policy: U) -> Self {
        Self { policy }
    }
}

impl<T, U: ItemPolicy<T>> Frontend<T> for Items<U> {
    type Policy = U;
    type Handle<A> = Pool<T, A>;

    fn into_policy(self) -> U {
        self.policy
    }

    fn handle<A>(pool: Pool<T, A>, _: &U) -> Pool<T, A> {
        pool
    }
}
