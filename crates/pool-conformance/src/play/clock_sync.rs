//! Moves the script's clock with the adapter's.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;

use pool_driver::{Instant, Runtime, Timer};

use crate::adapter::Adapter;
use crate::fixture::Fixture;
use crate::observed_runtime::{ClockWatch, ObservedRuntime, ObservedTimer};

/// Sets the script's clock to the adapter's time, and has the script polled when one of its waits is
/// over. It needs one timer of the adapter for that.
pub(crate) struct ClockSync<R: Runtime> {
    runtime: ObservedRuntime<R>,
    timer: Pin<Box<ObservedTimer<R::Timer>>>,
    armed: Option<Instant>,
    fixture: Arc<Fixture>,
}

impl<R: Runtime> ClockSync<R> {
    pub(crate) fn new<A: Adapter<Runtime = R>>(adapter: &A, fixture: &Arc<Fixture>) -> Self {
        let runtime = ObservedRuntime::new(adapter.runtime(), A::TIME.speed(), &ClockWatch::default());
        let timer = Box::pin(runtime.timer());
        Self { runtime, timer, armed: None, fixture: Arc::clone(fixture) }
    }

    /// Sets the script's clock, which wakes the waits that are over.
    pub(crate) fn set_clock(&self) {
        self.fixture.world.clock.set(self.runtime.now());
    }

    /// Arms the timer for the wait that ends first.
    pub(crate) fn arm(&mut self, cx: &mut Context<'_>) {
        let next = self.fixture.world.clock.next();
        if self.armed != next {
            self.armed = next;
            if let Some(next) = next {
                self.timer.as_mut().reset(next);
            }
        }
        if self.armed.is_some() && self.timer.as_mut().poll_expired(cx).is_ready() {
            self.armed = None;
            cx.waker().wake_by_ref();
        }
    }
}
