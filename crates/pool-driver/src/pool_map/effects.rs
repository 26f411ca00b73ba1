//! What has to be done once the map's lock is released.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use super::state::{Kept, Slot, Woken};
use crate::panic::{discard, guard};
use crate::pool::Shared as PoolShared;
use crate::wake_list::Signal;

pub(super) struct Effects<N, T, A> {
    wake: Vec<Waker>,
    raise: Vec<Arc<Signal<Woken>>>,
    shut_down: Vec<(Arc<PoolShared<T, A>>, Duration)>,
    kept: Vec<Kept<T, A>>,
    slots: Vec<Slot<N, T, A>>,
    wakers: Vec<Waker>,
    is_news: bool,
}

impl<N, T, A> Effects<N, T, A> {
    pub(super) const fn new() -> Self {
        Self {
            wake: Vec::new(),
            raise: Vec::new(),
            shut_down: Vec::new(),
            kept: Vec::new(),
            slots: Vec::new(),
            wakers: Vec::new(),
            is_news: false,
        }
    }

    pub(super) fn wake(&mut self, waker: Waker) {
        self.wake.push(waker);
    }

    /// The driver shall look at this pool.
    pub(super) fn raise(&mut self, signal: &Arc<Signal<Woken>>) {
        self.raise.push(Arc::clone(signal));
    }

    pub(super) fn tell_driver(&mut self) {
        self.is_news = true;
    }

    pub(super) fn shut_down(&mut self, kept: &Kept<T, A>, deadline: Duration) {
        self.shut_down.push((Arc::clone(kept.pool.shared()), deadline));
    }

    pub(super) fn drop_kept(&mut self, kept: Kept<T, A>) {
        self.kept.push(kept);
    }

    pub(super) fn drop_slot(&mut self, slot: Option<Slot<N, T, A>>) {
        self.slots.extend(slot);
    }

    pub(super) fn drop_waker(&mut self, waker: Option<Waker>) {
        self.wakers.extend(waker);
    }

    /// What panics here keeps nothing else from being done.
    pub(super) fn run(self, driver: &Signal<Woken>) {
        for (pool, deadline) in self.shut_down {
            let _ = guard(|| pool.shut_down(deadline));
        }
        for signal in self.raise {
            let _ = guard(|| signal.raise());
        }
        if self.is_news {
            let _ = guard(|| driver.raise());
        }
        for waker in self.wake {
            let _ = guard(|| waker.wake());
        }
        self.kept.into_iter().for_each(discard);
        self.slots.into_iter().for_each(discard);
        self.wakers.into_iter().for_each(discard);
    }
}
