//! Calls on the wire whose callers have gone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Waker;

use parking_lot::Mutex;

/// The number of orphans among some calls. A caller that goes adds one, its reply removes one.
#[derive(Debug, Default)]
pub struct Orphans {
    count: AtomicUsize,
    /// Of the connection, which looks at its orphans even if its peer is silent.
    waker: Mutex<Option<Waker>>,
}

impl Orphans {
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// A caller has gone. [`wake`](Self::wake) is called later, when no lock is held.
    pub(crate) fn add(&self) {
        self.count.fetch_add(1, Ordering::AcqRel);
    }

    /// The reply of an orphan has come.
    pub(crate) fn remove(&self) {
        self.count.fetch_sub(1, Ordering::AcqRel);
    }

    pub(crate) fn wake(&self) {
        let waker = self.waker.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Wakes this waker when the next caller goes.
    pub(crate) fn watch(&self, waker: &Waker) {
        if self.waker.lock().as_ref().is_some_and(|known| known.will_wake(waker)) {
            return;
        }
        let waker = waker.clone();
        let previous = self.waker.lock().replace(waker);
        drop(previous);
    }
}
