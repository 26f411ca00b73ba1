//! What has to be done once the map's lock is released: everything that runs user code.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use super::MapWakeUp;
use super::handle::PoolHandle;
use super::names::{Held, NameEntry};
use crate::panic::{discard, guard};
use crate::wake_list::Signal;

pub(super) struct Effects<N, H> {
    wake: Vec<Waker>,
    raise: Vec<Arc<Signal<MapWakeUp>>>,
    shut_down: Vec<(Arc<Held<H>>, Duration)>,
    notify_when_idle: Vec<Arc<Held<H>>>,
    dropped_handles: Vec<Arc<Held<H>>>,
    dropped_entries: Vec<NameEntry<N, H>>,
    dropped_wakers: Vec<Waker>,
    wakes_driver: bool,
}

impl<N, H> Effects<N, H> {
    pub(super) const fn new() -> Self {
        Self {
            wake: Vec::new(),
            raise: Vec::new(),
            shut_down: Vec::new(),
            notify_when_idle: Vec::new(),
            dropped_handles: Vec::new(),
            dropped_entries: Vec::new(),
            dropped_wakers: Vec::new(),
            wakes_driver: false,
        }
    }

    pub(super) fn wake(&mut self, waker: Waker) {
        self.wake.push(waker);
    }

    /// The driver shall look at this pool.
    pub(super) fn raise(&mut self, held: &Held<H>) {
        self.raise.push(Arc::clone(&held.signal));
    }

    pub(super) fn wake_driver(&mut self) {
        self.wakes_driver = true;
    }

    pub(super) fn shut_down(&mut self, held: &Arc<Held<H>>, timeout: Duration) {
        self.shut_down.push((Arc::clone(held), timeout));
    }

    pub(super) fn notify_when_idle(&mut self, held: &Arc<Held<H>>) {
        self.notify_when_idle.push(Arc::clone(held));
    }

    pub(super) fn drop_handle(&mut self, held: Option<Arc<Held<H>>>) {
        self.dropped_handles.extend(held);
    }

    pub(super) fn drop_entry(&mut self, entry: Option<NameEntry<N, H>>) {
        self.dropped_entries.extend(entry);
    }

    pub(super) fn drop_waker(&mut self, waker: Option<Waker>) {
        self.dropped_wakers.extend(waker);
    }
}

impl<N, H: PoolHandle> Effects<N, H> {
    /// What panics here keeps nothing else from being done. Without a signal the driver isn't woken: it runs
    /// just now.
    pub(super) fn run(self, driver: Option<&Signal<MapWakeUp>>) {
        for (held, timeout) in self.shut_down {
            let _ = guard(|| held.handle.start_shutdown(timeout));
            discard(held);
        }
        for held in self.notify_when_idle {
            let _ = guard(|| held.notify_when_idle());
            discard(held);
        }
        for signal in self.raise {
            let _ = guard(|| signal.raise());
        }
        if let Some(driver) = driver.filter(|_| self.wakes_driver) {
            let _ = guard(|| driver.raise());
        }
        for waker in self.wake {
            let _ = guard(|| waker.wake());
        }
        self.dropped_handles.into_iter().for_each(discard);
        self.dropped_entries.into_iter().for_each(discard);
        self.dropped_wakers.into_iter().for_each(discard);
    }
}
