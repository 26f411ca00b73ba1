//! What a map needs to know of the handles that it keeps.

use std::task::Waker;
use std::time::Duration;

use crate::error::Ended;
use crate::pool::Pool;
use crate::snapshot::Snapshot;

/// A handle of a pool, of which a [`PoolMap`](crate::PoolMap) keeps one for each name.
///
/// [`Pool`] is one. A type that wraps a pool becomes one by passing every method on: each of its clones has
/// to contain exactly one handle of the pool.
///
/// A map calls these methods outside of its locks. When one panics in a look of the map's driver, the map
/// drops its handle, and the name is free; no other name is harmed.
///
/// ```
/// use std::task::Waker;
/// use std::time::Duration;
/// use pool_driver::{Ended, Pool, PoolHandle, Snapshot};
///
/// /// Sends lines, numbered.
/// #[derive(Clone)]
/// struct Numbered(Pool<(u64, String), u16>);
///
/// impl PoolHandle for Numbered {
///     type Address = u16;
///
///     fn handles(&self) -> usize {
///         self.0.handles()
///     }
///
///     fn is_closed(&self) -> bool {
///         self.0.is_closed()
///     }
///
///     fn is_idle(&self) -> bool {
///         self.0.is_idle()
///     }
///
///     fn ended(&self) -> Option<Ended> {
///         self.0.ended()
///     }
///
///     fn closed(&self) -> impl Future<Output = Ended> {
///         self.0.closed()
///     }
///
///     fn snapshot(&self) -> Snapshot<u16> {
///         self.0.snapshot()
///     }
///
///     fn start_shutdown(&self, timeout: Duration) {
///         self.0.start_shutdown(timeout);
///     }
///
///     fn set_keeper(&self, keeper: Waker) {
///         self.0.set_keeper(keeper);
///     }
///
///     fn notify_when_idle(&self) {
///         self.0.notify_when_idle();
///     }
/// }
/// ```
pub trait PoolHandle: Clone {
    /// Where the pool connects to.
    type Address;

    /// How many handles the pool has, this one included.
    fn handles(&self) -> usize;

    /// Whether the pool takes no items any more, for good.
    fn is_closed(&self) -> bool;

    /// Whether this is the only handle, and all that was sent is dealt with: over a connection that reports
    /// outcomes it is answered, over any other it is sent.
    fn is_idle(&self) -> bool;

    /// How the pool ended, once it has.
    fn ended(&self) -> Option<Ended>;

    /// Waits until the pool has ended.
    fn closed(&self) -> impl Future<Output = Ended>;

    /// A look at the pool.
    fn snapshot(&self) -> Snapshot<Self::Address>;

    /// Ends the pool, for all handles: no item is taken from now on, and what is queued is delivered until
    /// the timeout. Returns at once. The shortest timeout of several calls counts.
    fn start_shutdown(&self, timeout: Duration);

    /// Sets the waker that is woken when the pool ends, and as
    /// [`notify_when_idle`](Self::notify_when_idle) says. A pool has one; another replaces it.
    fn set_keeper(&self, keeper: Waker);

    /// Wakes the [keeper](Self::set_keeper) once, as soon as the pool [is idle](Self::is_idle): at once if it
    /// is so now.
    fn notify_when_idle(&self);
}

impl<T, A> PoolHandle for Pool<T, A> {
    type Address = A;

    fn handles(&self) -> usize {
        self.shared().handles()
    }

    fn is_closed(&self) -> bool {
        self.shared().is_closed()
    }

    fn is_idle(&self) -> bool {
        self.shared().is_idle()
    }

    fn ended(&self) -> Option<Ended> {
        self.shared().ended()
    }

    fn closed(&self) -> impl Future<Output = Ended> {
        self.shared().closed()
    }

    fn snapshot(&self) -> Snapshot<A> {
        self.shared().snapshot()
    }

    fn start_shutdown(&self, timeout: Duration) {
        self.shared().shut_down(timeout);
    }

    fn set_keeper(&self, keeper: Waker) {
        self.shared().set_keeper(keeper);
    }

    fn notify_when_idle(&self) {
        self.shared().want_idle();
        // It may have become idle before the request was known.
        self.shared().tell_maybe_idle();
    }
}
