//! Who was woken: one list for all that a driver waits for.
//!
//! Every slot has a waker of its own, and so have the address stream, the timer and the queue.
//! A wake-up puts the source on the list, once, and wakes the driver, which then polls exactly
//! what is on the list. No waker of the driver's caller ever reaches a connection, so the driver
//! may move between tasks.

use std::sync::Arc;
use std::task::{Wake, Waker};

#[cfg(loom)]
use loom::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering},
};
#[cfg(not(loom))]
use std::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering},
};

use pool_core::SlotId;

/// What can wake a driver.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    Slot(SlotId),
    Addresses,
    Timer,
    /// The handles: new items, a shutdown, an address to retry.
    Handles,
}

#[derive(Debug, Default)]
pub(crate) struct WakeList {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    woken: Vec<Source>,
    /// The driver's own waker; gone once it has been woken, until it polls again.
    driver: Option<Waker>,
}

impl WakeList {
    /// Starts a poll of the driver: moves the list into `woken`, which should be empty, and keeps
    /// the waker in the same step, so that whatever is woken from now on wakes the driver.
    pub(crate) fn start_poll(&self, waker: &Waker, woken: &mut Vec<Source>) {
        let waker = Some(waker.clone());
        let previous = {
            let mut state = self.lock();
            std::mem::swap(&mut state.woken, woken);
            std::mem::replace(&mut state.driver, waker)
        };
        // Dropped here: wakers are user code, which never runs under a lock.
        drop(previous);
    }

    /// The driver is over: its waker isn't needed any more.
    pub(crate) fn stop(&self) {
        let driver = self.lock().driver.take();
        drop(driver);
    }

    fn push(&self, source: Source) {
        let driver = {
            let mut state = self.lock();
            state.woken.push(source);
            state.driver.take()
        };
        if let Some(driver) = driver {
            driver.wake();
        }
    }

    #[cfg(not(loom))]
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // Nothing that can panic runs under this lock.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    #[cfg(loom)]
    fn lock(&self) -> loom::sync::MutexGuard<'_, State> {
        self.state.lock().expect("loom's locks are not poisoned")
    }
}

/// The waker of one source.
#[derive(Debug)]
pub(crate) struct Signal {
    list: Arc<WakeList>,
    source: Source,
    /// Whether the source is on the list.
    listed: AtomicBool,
}

impl Signal {
    pub(crate) fn new(list: &Arc<WakeList>, source: Source) -> Arc<Self> {
        Arc::new(Self { list: Arc::clone(list), source, listed: AtomicBool::new(false) })
    }

    /// To be called *before* the source is looked at: a wake-up that comes while it is looked at
    /// must list it again.
    pub(crate) fn clear(&self) {
        self.listed.swap(false, Ordering::AcqRel);
    }

    pub(crate) fn raise(&self) {
        if !self.listed.swap(true, Ordering::AcqRel) {
            self.list.push(self.source);
        }
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.raise();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.raise();
    }
}
