//! The adapter's own time, as the script uses it.

use std::cell::RefCell;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use pool_driver::{Instant, Runtime, Timer};

use crate::adapter::Adapter;
use crate::observed::{Observed, ObservedTimer, Stamp};
use crate::scene::Scene;

/// Moves the scene's clock with the adapter's, by one timer of the adapter.
pub(crate) struct Pacer<R: Runtime> {
    runtime: Observed<R>,
    timer: Pin<Box<ObservedTimer<R::Timer>>>,
    set_to: Option<Instant>,
    scene: Arc<Scene>,
}

impl<R: Runtime> Pacer<R> {
    pub(crate) fn new<A: Adapter<Runtime = R>>(adapter: &A, scene: &Arc<Scene>) -> Self {
        let runtime = Observed::new(adapter.runtime(), A::TIME.speed(), &Stamp::default());
        let timer = Box::pin(runtime.timer());
        Self { runtime, timer, set_to: None, scene: Arc::clone(scene) }
    }

    /// Wakes those whose time has come.
    pub(crate) fn move_on(&self) {
        self.scene.clock.set(self.runtime.now());
    }

    /// Sees to it that the script is polled when the next one's time comes.
    pub(crate) fn arm(&mut self, cx: &mut Context<'_>) {
        let next = self.scene.clock.next();
        if self.set_to != next {
            self.set_to = next;
            if let Some(next) = next {
                self.timer.as_mut().reset(next);
            }
        }
        if self.set_to.is_some() && self.timer.as_mut().poll_expired(cx).is_ready() {
            self.set_to = None;
            cx.waker().wake_by_ref();
        }
    }
}

/// A timer of the adapter that the script sets, to see whether it fires.
pub(crate) struct Alarm<R: Runtime> {
    runtime: Observed<R>,
    timer: RefCell<Option<ArmedTimer<R>>>,
    scene: Arc<Scene>,
}

struct ArmedTimer<R: Runtime> {
    timer: Pin<Box<ObservedTimer<R::Timer>>>,
    deadline: Instant,
    is_armed: bool,
    /// How often it has fired before its time.
    early: usize,
}

impl<R: Runtime> Alarm<R> {
    pub(crate) fn new<A: Adapter<Runtime = R>>(adapter: &A, scene: &Arc<Scene>) -> Self {
        let runtime = Observed::new(adapter.runtime(), A::TIME.speed(), &Stamp::default());
        Self { runtime, timer: RefCell::new(None), scene: Arc::clone(scene) }
    }

    pub(crate) fn set_timer(&self, duration: Duration) {
        let deadline = self.runtime.now() + duration;
        let mut timer = self.timer.borrow_mut();
        let armed = timer.get_or_insert_with(|| ArmedTimer {
            timer: Box::pin(self.runtime.timer()),
            deadline,
            is_armed: true,
            early: 0,
        });
        armed.timer.as_mut().reset(deadline);
        (armed.deadline, armed.is_armed) = (deadline, true);
    }

    /// Looks whether the timer has fired. It may fire early, and is set again then, as a driver
    /// does; one that does so for ever has not fired.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) {
        let mut timer = self.timer.borrow_mut();
        let Some(armed) = timer.as_mut().filter(|armed| armed.is_armed) else { return };
        if armed.timer.as_mut().poll_expired(cx).is_pending() {
            return;
        }
        if self.runtime.now() >= armed.deadline {
            armed.is_armed = false;
            self.scene.users.lock().timer_fired += 1;
            return cx.waker().wake_by_ref();
        }
        armed.early += 1;
        armed.is_armed = armed.early < EARLY_MAX;
        armed.timer.as_mut().reset(armed.deadline);
        cx.waker().wake_by_ref();
    }
}

/// A timer that fires early more often than this is broken.
const EARLY_MAX: usize = 100;
