//! Pools that answer: the handle, how it is made, and what it says of its calls.

mod builder;
mod defaults;
mod policy;
mod weak;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pool_driver::{Closed, ConfigError, Instant, Pool, PoolConfig, PoolHandle, Ready, SharedError, Snapshot};

pub use builder::{CallPoolBuilder, Calls, call_pool_builder};
pub(crate) use defaults::CallDefaults;
pub use policy::ReturnToCaller;
pub use weak::WeakCallPool;

use crate::call::{Call, FreeList, Shard};
use crate::calling::{Calling, Special};
use crate::retry::Retry;

/// A handle to a pool that answers: ask it, and forget about addresses.
///
/// ```
/// use std::time::Duration;
///
/// use pool_call::{CallError, CallPool};
///
/// async fn visit(redis: &CallPool<String, String>) -> Result<String, CallError<String>> {
///     redis.call("INCR visits".to_owned()).timeout(Duration::from_secs(1)).await
/// }
///
/// async fn visits(redis: &CallPool<String, String>) -> Result<String, CallError<String>> {
///     // It may be asked twice, so it is repeated also if a server dies while it has the request.
///     redis.call("GET visits".to_owned()).timeout(Duration::from_secs(1)).idempotent().await
/// }
/// ```
///
/// Handles are cheap to clone and to move between threads and tasks, and share one pool. A handle can have
/// [a timeout](Self::with_timeout) and [rules of repetition](Self::with_retry) for its calls; clones have the same,
/// and each can be given others.
///
/// When the last handle is dropped, the pool delivers what is queued, waits for what is owed, and ends.
///
/// With the feature `tower` it is a service, too. On a `&mut CallPool`, and with tower's `Service` in scope, `.call(…)` is
/// the service's. It makes the same call, with the same settings, but for its error, which doesn't bring the request
/// back: as services should, it has one that can be shared, whatever the request is.
pub struct CallPool<Request, Reply, A = SocketAddr> {
    pub(crate) pool: Pool<Call<Request, Reply>, A>,
    /// Where it keeps the slots of finished calls.
    pub(crate) shard: Arc<Shard<Request, Reply>>,
    pub(crate) defaults: Option<Arc<CallDefaults<Reply>>>,
    shared: Arc<CallPoolShared<Request, Reply>>,
}

/// What all handles of a pool have in common.
struct CallPoolShared<Request, Reply> {
    free_list: FreeList<Request, Reply>,
    policy: ReturnToCaller,
    /// For calls that keep a copy, of handles without rules of their own.
    retry: Retry,
}

impl<Request: 'static, Reply: 'static, A> CallPool<Request, Reply, A> {
    fn new(pool: Pool<Call<Request, Reply>, A>, policy: ReturnToCaller) -> Self {
        let shared = Arc::new(CallPoolShared { free_list: FreeList::new(), policy, retry: Retry::default() });
        Self { pool, shard: shared.free_list.next_shard(), defaults: None, shared }
    }

    /// Sends a request and waits for its reply. The [`Calling`] that this returns takes settings before it is
    /// awaited.
    #[inline]
    pub fn call(&self, request: Request) -> Calling<&Self> {
        Calling::new(self, request)
    }

    /// An attempt of a call that is special is about to begin.
    pub(crate) fn prepare(&self, special: &mut Special<Request, Reply>) {
        if !special.is_new() {
            return;
        }
        let has_copy = special.copy.is_some();
        // Without a word on repetition only calls that keep a copy are repeated.
        let retry = special.retry.get_or_insert_with(|| {
            let retry = self.shared.retry.clone();
            if has_copy { retry } else { retry.attempts_max(1) }
        });
        retry.deposit(self.now());
        // Without this it is not known which address failed a call.
        self.shared.policy.ask_calls();
    }
}

impl<Request, Reply, A> CallPool<Request, Reply, A> {
    /// The same pool by a handle whose calls have this long each, unless they say otherwise:
    /// [`Calling::timeout`].
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.defaults_mut().timeout = Some(timeout);
        self
    }

    /// The same pool by a handle that repeats its calls by these rules, unless they say otherwise:
    /// [`Calling::retry`].
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.defaults_mut().retry = Some(retry);
        self
    }

    /// The same pool by a handle whose calls are repeated also after a reply for which this is true, unless they say
    /// otherwise: [`Calling::retry_on`]. Only calls that [keep a copy](Calling::copied) can be.
    #[must_use]
    pub fn with_retry_on(mut self, rejects: fn(&Reply) -> bool) -> Self {
        self.defaults_mut().rejects = Some(rejects);
        self
    }

    fn defaults_mut(&mut self) -> &mut CallDefaults<Reply> {
        Arc::make_mut(self.defaults.get_or_insert_default())
    }

    /// The pool below, of [`Call`]s: for what it has more than this.
    #[must_use]
    pub fn pool(&self) -> &Pool<Call<Request, Reply>, A> {
        &self.pool
    }

    /// As [`Pool::ready`]: waits until so many connections are up.
    pub fn ready(&self, connections: usize) -> Ready<Call<Request, Reply>, A> {
        self.pool.ready(connections)
    }

    /// As [`Pool::ready_at`]: waits until a connection to this address is up.
    pub fn ready_at(&self, address: A) -> Ready<Call<Request, Reply>, A>
    where
        A: PartialEq,
    {
        self.pool.ready_at(address)
    }

    /// As [`Pool::shutdown`]: what is queued is sent, and what is owed is waited for, within the deadlines.
    pub fn shutdown(&self, timeout: Duration) -> Closed<Call<Request, Reply>, A> {
        self.pool.shutdown(timeout)
    }

    /// As [`Pool::closed`].
    pub fn closed(&self) -> Closed<Call<Request, Reply>, A> {
        self.pool.closed()
    }

    /// A look at the pool that doesn't keep it alive.
    #[must_use]
    pub fn downgrade(&self) -> WeakCallPool<Request, Reply, A> {
        WeakCallPool::new(self)
    }

    /// As [`Pool::name`].
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.pool.name()
    }

    /// As [`Pool::config`].
    #[must_use]
    pub fn config(&self) -> PoolConfig {
        self.pool.config()
    }

    /// As [`Pool::reconfigure`].
    ///
    /// # Errors
    ///
    /// Names the setting that makes no sense; those before stay in force.
    pub fn reconfigure(&self, settings: PoolConfig) -> Result<(), ConfigError> {
        self.pool.reconfigure(settings)
    }

    /// As [`Pool::snapshot`].
    #[must_use]
    pub fn snapshot(&self) -> Snapshot<A> {
        self.pool.snapshot()
    }

    /// As [`Pool::last_error`].
    #[must_use]
    pub fn last_error(&self) -> Option<SharedError> {
        self.pool.last_error()
    }

    /// As [`Pool::retry_now`].
    pub fn retry_now(&self, address: A) {
        self.pool.retry_now(address);
    }

    /// As [`Pool::now`].
    #[must_use]
    pub fn now(&self) -> Instant {
        self.pool.now()
    }
}

impl<Request, Reply, A> Clone for CallPool<Request, Reply, A> {
    fn clone(&self) -> Self {
        Self {
            pool: self.pool.clone(),
            shard: self.shared.free_list.next_shard(),
            defaults: self.defaults.clone(),
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<Request, Reply, A> PoolHandle for CallPool<Request, Reply, A> {
    type Item = Call<Request, Reply>;
    type Address = A;

    fn pool(&self) -> &Pool<Call<Request, Reply>, A> {
        &self.pool
    }
}

impl<Request, Reply, A> fmt::Debug for CallPool<Request, Reply, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("CallPool");
        debug.field("pool", &self.pool).field("defaults", &self.defaults).finish_non_exhaustive()
    }
}
