//! The future of [`Pool::closed`](crate::Pool::closed) and [`Pool::shutdown`](crate::Pool::shutdown).

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::error::Ended;
use crate::pool::shared::Shared;
use crate::watchers::Watcher;

/// Waits until a pool is over; made by [`Pool::closed`](crate::Pool::closed),
/// [`Pool::shutdown`](crate::Pool::shutdown) and [`WeakPool::closed`](crate::WeakPool::closed). It is no handle: it
/// doesn't keep the pool alive.
///
/// ```
/// use pool_driver::{Closed, Pool};
///
/// struct Service {
///     over: Closed<String, std::net::SocketAddr>,
/// }
///
/// fn watch(pool: &Pool<String>) -> Service {
///     Service { over: pool.closed() }
/// }
/// ```
#[must_use = "nobody waits unless this is polled"]
pub struct Closed<T, A> {
    shared: Arc<Shared<T, A>>,
    watcher: Watcher,
}

impl<T, A> Closed<T, A> {
    pub(crate) fn new(shared: &Arc<Shared<T, A>>) -> Self {
        Self { shared: Arc::clone(shared), watcher: Watcher::default() }
    }
}

impl<T, A> Future for Closed<T, A> {
    type Output = Ended;

    /// It stays ready.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended> {
        let Self { shared, watcher } = &mut *self;
        watcher.poll(shared.watchers_of_end(), cx, || shared.ended())
    }
}

impl<T, A> fmt::Debug for Closed<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closed").field("ended", &self.shared.ended()).finish_non_exhaustive()
    }
}

// Neither items nor addresses are pinned: they are behind a reference count.
impl<T, A> Unpin for Closed<T, A> {}

// As for `Pool`.
impl<T, A> UnwindSafe for Closed<T, A> {}
impl<T, A> RefUnwindSafe for Closed<T, A> {}
