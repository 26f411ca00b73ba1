//! What a call asks for: by when it is begun, and where.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

use parking_lot::Mutex;
use pool_driver::Instant;

/// What a call asks for that is special, and whether its time is over.
///
/// It is the waker of the call's timer, which the pool's driver fires before it sends items. The driver tells a bounded
/// number of callers in one poll, so who is about to begin the call asks with the time: a call whose time is over is not
/// begun, however late its caller is told.
///
/// It is used again.
#[derive(Default)]
pub(crate) struct Terms {
    deadline: Option<Instant>,
    /// For balancers that keep equal keys at equal addresses.
    key: Option<u64>,
    is_over: AtomicBool,
    /// The caller's.
    waker: Mutex<Option<Waker>>,
}

impl Terms {
    /// Whether the time is over at this time, or was found to be.
    pub(crate) fn is_over_at(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now) || self.is_over()
    }

    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    /// Wakes this caller when the time is over.
    pub(crate) fn watch(&self, waker: &Waker) {
        let waker = waker.clone();
        let previous = self.waker.lock().replace(waker);
        drop(previous);
    }

    /// Sets what a call asks for that nobody has yet.
    pub(crate) fn set(this: &mut Arc<Self>, deadline: Option<Instant>, key: Option<u64>) {
        if let Some(unused) = Arc::get_mut(this) {
            (unused.deadline, unused.key) = (deadline, key);
        }
    }

    pub(crate) fn key(&self) -> Option<u64> {
        self.key
    }

    /// Makes it one for another call.
    pub(crate) fn renew(this: &mut Arc<Self>) {
        if let Some(unused) = Arc::get_mut(this) {
            (unused.deadline, unused.key) = (None, None);
            *unused.is_over.get_mut() = false;
            drop(unused.waker.get_mut().take());
            return;
        }
        // A timer may be just about to wake it, or a slot still has it: for as long as its connection owes the reply.
        let waker = this.waker.lock().take();
        drop(waker);
        *this = Arc::default();
    }
}

impl Wake for Terms {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_over.store(true, Ordering::Release);
        let waker = self.waker.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
