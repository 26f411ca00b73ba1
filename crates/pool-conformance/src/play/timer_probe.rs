//! A timer of the adapter that the script sets, to see whether it fires.

use std::cell::RefCell;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use pool_driver::{Instant, Runtime, Timer};

use crate::adapter::Adapter;
use crate::fixture::Fixture;
use crate::observed_runtime::{ClockWatch, ObservedRuntime, ObservedTimer};

/// The script's timer.
pub(crate) struct TimerProbe<R: Runtime> {
    runtime: ObservedRuntime<R>,
    /// Made when it is first set.
    timer: RefCell<Option<ProbedTimer<R>>>,
    fixture: Arc<Fixture>,
}

struct ProbedTimer<R: Runtime> {
    timer: Pin<Box<ObservedTimer<R::Timer>>>,
    deadline: Instant,
    is_armed: bool,
    /// How often it has fired before its deadline.
    early: usize,
}

/// A timer that fires early more often than this is broken.
const EARLY_MAX: usize = 100;

impl<R: Runtime> TimerProbe<R> {
    pub(crate) fn new<A: Adapter<Runtime = R>>(adapter: &A, fixture: &Arc<Fixture>) -> Self {
        let runtime = ObservedRuntime::new(adapter.runtime(), A::TIME.speed(), &ClockWatch::default());
        Self { runtime, timer: RefCell::new(None), fixture: Arc::clone(fixture) }
    }

    /// Sets the timer, the same one each time.
    pub(crate) fn set(&self, duration: Duration) {
        let deadline = self.runtime.now() + duration;
        let mut timer = self.timer.borrow_mut();
        let probed = timer.get_or_insert_with(|| ProbedTimer {
            timer: Box::pin(self.runtime.timer()),
            deadline,
            is_armed: true,
            early: 0,
        });
        probed.timer.as_mut().reset(deadline);
        (probed.deadline, probed.is_armed) = (deadline, true);
    }

    /// Looks whether the timer has fired. A timer may fire early, and is set again then, as a driver
    /// does. One that fires early for ever has not fired.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) {
        let mut timer = self.timer.borrow_mut();
        let Some(probed) = timer.as_mut().filter(|probed| probed.is_armed) else { return };
        if probed.timer.as_mut().poll_expired(cx).is_pending() {
            return;
        }
        if self.runtime.now() >= probed.deadline {
            probed.is_armed = false;
            self.fixture.users.lock().timer_fired += 1;
            return cx.waker().wake_by_ref();
        }
        probed.early += 1;
        probed.is_armed = probed.early < EARLY_MAX;
        probed.timer.as_mut().reset(probed.deadline);
        cx.waker().wake_by_ref();
    }
}
