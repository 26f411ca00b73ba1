//! A look at a pool of calls that does not keep it alive.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use pool_driver::{Closed, Snapshot, WeakPool};

use super::{CallDefaults, CallPool, CallPoolShared};
use crate::call::Call;

/// Looks at a pool of calls without keeping it alive; made by [`CallPool::downgrade`].
///
/// ```
/// use pool_call::{CallPool, WeakCallPool};
///
/// fn watch(redis: &CallPool<String, String>) -> WeakCallPool<String, String> {
///     let weak = redis.downgrade();
///     println!("{}", weak.snapshot());
///     weak
/// }
/// ```
pub struct WeakCallPool<Request, Reply, A = SocketAddr> {
    pool: WeakPool<Call<Request, Reply>, A>,
    defaults: Option<Arc<CallDefaults<Reply>>>,
    shared: Arc<CallPoolShared<Request, Reply>>,
}

impl<Request, Reply, A> WeakCallPool<Request, Reply, A> {
    pub(super) fn new(pool: &CallPool<Request, Reply, A>) -> Self {
        Self {
            pool: pool.pool.downgrade(),
            defaults: pool.defaults.clone(),
            shared: Arc::clone(&pool.shared),
        }
    }

    /// A handle like the one this was made of. `None` once the last handle is gone or the pool is closed, as
    /// [`WeakPool::upgrade`].
    #[must_use]
    pub fn upgrade(&self) -> Option<CallPool<Request, Reply, A>> {
        Some(CallPool {
            pool: self.pool.upgrade()?,
            shard: self.shared.free_list.next_shard(),
            defaults: self.defaults.clone(),
            shared: Arc::clone(&self.shared),
        })
    }

    /// As [`WeakPool::snapshot`].
    #[must_use]
    pub fn snapshot(&self) -> Snapshot<A> {
        self.pool.snapshot()
    }

    /// As [`WeakPool::closed`].
    pub fn closed(&self) -> Closed<Call<Request, Reply>, A> {
        self.pool.closed()
    }

    /// As [`WeakPool::is_closed`].
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.pool.is_closed()
    }

    /// As [`WeakPool::name`].
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.pool.name()
    }
}

impl<Request, Reply, A> Clone for WeakCallPool<Request, Reply, A> {
    fn clone(&self) -> Self {
        Self { pool: self.pool.clone(), defaults: self.defaults.clone(), shared: Arc::clone(&self.shared) }
    }
}

impl<Request, Reply, A> fmt::Debug for WeakCallPool<Request, Reply, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakCallPool").field("pool", &self.pool).finish_non_exhaustive()
    }
}
