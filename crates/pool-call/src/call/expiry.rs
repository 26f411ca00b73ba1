//! The end of a call's time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

use parking_lot::Mutex;

/// Whether the time of a call is over. It is the waker of the call's timer, which the pool's driver fires before it
/// sends items: a call whose time is over is not begun, however late its caller is told.
///
/// It is used again.
#[derive(Default)]
pub(crate) struct Expiry {
    is_over: AtomicBool,
    /// The caller's.
    waker: Mutex<Option<Waker>>,
}

impl Expiry {
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

    /// Makes it one for another call.
    pub(crate) fn renew(this: &mut Arc<Self>) {
        if let Some(unused) = Arc::get_mut(this) {
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

impl Wake for Expiry {
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
