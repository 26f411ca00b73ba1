//! Time that moves only when a test says so.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use pool_core::Instant;
use pool_driver::{Runtime, Timer};

#[derive(Clone, Default)]
pub(crate) struct Clock {
    state: Rc<RefCell<State>>,
}

#[derive(Default)]
struct State {
    now: Instant,
    waiting: BTreeMap<(Instant, u64), Waker>,
    timers: u64,
}

impl Clock {
    /// When the next timer is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.state.borrow().waiting.keys().next().map(|(at, _)| *at)
    }

    /// Fires all timers, due or not.
    pub(crate) fn fire_early(&self) {
        let waiting = std::mem::take(&mut self.state.borrow_mut().waiting);
        for waker in waiting.into_values() {
            waker.wake();
        }
    }

    /// Moves on and fires what is due.
    pub(crate) fn set(&self, now: Instant) {
        let due = {
            let mut state = self.state.borrow_mut();
            state.now = now;
            let later = state.waiting.split_off(&(now, u64::MAX));
            std::mem::replace(&mut state.waiting, later)
        };
        for waker in due.into_values() {
            waker.wake();
        }
    }
}

impl Runtime for Clock {
    type Timer = ManualTimer;

    fn now(&self) -> Instant {
        self.state.borrow().now
    }

    fn timer(&self) -> ManualTimer {
        let mut state = self.state.borrow_mut();
        state.timers += 1;
        ManualTimer { clock: self.clone(), name: state.timers, deadline: None }
    }
}

pub(crate) struct ManualTimer {
    clock: Clock,
    name: u64,
    deadline: Option<Instant>,
}

impl ManualTimer {
    fn disarm(&self) {
        if let Some(deadline) = self.deadline {
            let waker = self.clock.state.borrow_mut().waiting.remove(&(deadline, self.name));
            drop(waker);
        }
    }
}

impl Timer for ManualTimer {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.disarm();
        self.deadline = Some(deadline);
    }

    fn poll_expired(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else { return Poll::Pending };
        let mut state = self.clock.state.borrow_mut();
        if state.now >= deadline {
            return Poll::Ready(());
        }
        state.waiting.insert((deadline, self.name), cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for ManualTimer {
    fn drop(&mut self) {
        self.disarm();
    }
}
