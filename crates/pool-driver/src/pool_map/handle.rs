//! What a map needs to know of the handles that it keeps.

use std::task::Waker;
use std::time::Duration;

use crate::error::Ended;
use crate::pool::{Closed, Pool};
use crate::snapshot::Snapshot;

/// A handle of a pool, of which a [`PoolMap`](crate::PoolMap) keeps one for each name.
///
/// [`Pool`] is one. A type that wraps a pool becomes one by saying where the pool is; the rest follows from that.
/// Each of its clones has to contain exactly one handle of the pool, always the same pool.
///
/// A map calls these methods outside of its locks. When one panics in a look of the map's driver, the map
/// drops its handle, and the name is free; no other name is harmed.
///
/// ```
/// use pool_driver::{Pool, PoolHandle};
///
/// /// Sends lines, numbered.
/// #[derive(Clone)]
/// struct Numbered(Pool<(u64, String), u16>);
///
/// impl PoolHandle for Numbered {
///     type Item = (u64, String);
///     type Address = u16;
///
///     fn pool(&self) -> &Pool<(u64, String), u16> {
///         &self.0
///     }
/// }
/// ```
pub trait PoolHandle: Clone {
    /// What the pool sends.
    type Item;
    /// Where the pool connects to.
    type Address;

    /// The handle of the pool that is in this one.
    fn pool(&self) -> &Pool<Self::Item, Self::Address>;

    /// How many handles the pool has, this one included.
    fn handles(&self) -> usize {
        self.pool().shared().handles()
    }

    /// Whether the pool takes no items any more, for good.
    fn is_closed(&self) -> bool {
        self.pool().shared().is_closed()
    }

    /// Whether this is the only handle, and all that was sent is dealt with: over a connection that reports
    /// outcomes it is answered, over any other it is sent.
    fn is_idle(&self) -> bool {
        self.pool().shared().is_idle()
    }

    /// How the pool ended, once it has.
    fn ended(&self) -> Option<Ended> {
        self.pool().shared().ended()
    }

    /// Waits until the pool has ended.
    fn closed(&self) -> Closed<Self::Item, Self::Address> {
        Closed::new(self.pool().shared())
    }

    /// A look at the pool.
    fn snapshot(&self) -> Snapshot<Self::Address> {
        self.pool().shared().snapshot()
    }

    /// Ends the pool, for all handles: no item is taken from now on, and what is queued is delivered until
    /// the timeout. Returns at once. The shortest timeout of several calls counts.
    fn start_shutdown(&self, timeout: Duration) {
        self.pool().shared().shut_down(timeout);
    }

    /// Sets the waker that is woken when the pool ends, and as
    /// [`notify_when_idle`](Self::notify_when_idle) says. A pool has one; another replaces it.
    fn set_keeper(&self, keeper: Waker) {
        self.pool().shared().set_keeper(keeper);
    }

    /// Wakes the [keeper](Self::set_keeper) once, as soon as the pool [is idle](Self::is_idle): at once if it
    /// is so now.
    fn notify_when_idle(&self) {
        let shared = self.pool().shared();
        shared.want_idle();
        // It may have become idle before the request was known.
        shared.tell_maybe_idle();
    }
}

impl<T, A> PoolHandle for Pool<T, A> {
    type Item = T;
    type Address = A;

    fn pool(&self) -> &Self {
        self
    }
}
