//! A look at a pool that does not keep it alive.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use super::closed::Closed;
use super::shared::Shared;
use super::{Pool, fmt_name};
use crate::snapshot::Snapshot;

/// Looks at a pool without keeping it alive; made by [`Pool::downgrade`]. For metrics, health checks and
/// caches, and for connectors and observers that need their own pool.
///
/// The pool ends when its last [`Pool`] is dropped, however many of these there are. What is left then is
/// the last snapshot, and why it ended.
///
/// ```
/// use pool_driver::WeakPool;
///
/// /// Prints how it stands as long as the pool lives.
/// async fn print_regularly(pool: WeakPool<String>, pause: impl AsyncFn()) {
///     while !pool.is_closed() {
///         println!("{}", pool.snapshot());
///         pause().await;
///     }
/// }
/// ```
pub struct WeakPool<T, A = std::net::SocketAddr> {
    shared: Arc<Shared<T, A>>,
}

impl<T, A> WeakPool<T, A> {
    pub(super) fn new(shared: &Arc<Shared<T, A>>) -> Self {
        Self { shared: Arc::clone(shared) }
    }

    /// A handle, which keeps the pool alive. `None` once the last handle is gone or the pool is closed: then it
    /// is so for ever.
    ///
    /// It counts like any other handle. A pool that a [`PoolMap`](crate::PoolMap) keeps is used by it, as by
    /// [`PoolMap::get`](crate::PoolMap::get); it is closed for all its handles if the map found it idle just before.
    ///
    /// ```
    /// use pool_driver::WeakPool;
    ///
    /// fn try_log(pool: &WeakPool<String>, line: String) -> bool {
    ///     pool.upgrade().is_some_and(|pool| pool.try_send(line).is_ok())
    /// }
    /// ```
    #[must_use]
    pub fn upgrade(&self) -> Option<Pool<T, A>> {
        if self.shared.is_closed() || !self.shared.add_handle_if_any() {
            return None;
        }
        Some(Pool::counted(Arc::clone(&self.shared)))
    }

    /// A look at the pool, as [`Pool::snapshot`]; the last one when it is over.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot<A> {
        self.shared.snapshot()
    }

    /// Waits until the pool is over, and tells why.
    pub fn closed(&self) -> Closed<T, A> {
        Closed::new(&self.shared)
    }

    /// Whether the pool takes no items any more, for good.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// The pool's name, if it has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.shared.name()
    }
}

impl<T, A> Clone for WeakPool<T, A> {
    fn clone(&self) -> Self {
        Self::new(&self.shared)
    }
}

impl<T, A> fmt::Debug for WeakPool<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_name(&mut f.debug_struct("WeakPool"), self.name()).finish_non_exhaustive()
    }
}

// As for `Pool`.
impl<T, A> Unpin for WeakPool<T, A> {}
impl<T, A> UnwindSafe for WeakPool<T, A> {}
impl<T, A> RefUnwindSafe for WeakPool<T, A> {}
