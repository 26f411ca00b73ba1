//! How a timer is set: a runtime's clock, and one timer that is armed for the earliest deadline.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use pool_core::Instant;

use crate::seams::runtime::{Runtime, Timer};
use crate::wake_list::{Signal, WakeUp};

/// A clock that never goes back, and a timer that raises a signal when a deadline has come.
///
/// The runtime is asked for the time and for the timer in a poll of the driver, not before: both may rely
/// on the runtime's context. The timer is reset only when the deadline has changed. It may fire early, so
/// its owner compares the deadline with [`now`](Self::now).
///
/// ```text
/// signal listed ──▶ on_woken() … read now(), do what is due … ──▶ arm(next deadline)
/// ```
pub(crate) struct DeadlineTimer<R: Runtime, W = WakeUp> {
    runtime: R,
    /// Made when the first deadline is set.
    timer: Option<Pin<Box<R::Timer>>>,
    /// What the timer is set to.
    armed: Option<Instant>,
    signal: Arc<Signal<W>>,
    /// The latest time that was read.
    now: Instant,
}

impl<R, W> DeadlineTimer<R, W>
where
    R: Runtime,
    W: Copy + Send + Sync + 'static,
{
    pub(crate) fn new(runtime: R, signal: Arc<Signal<W>>) -> Self {
        Self { runtime, timer: None, armed: None, signal, now: Instant::ZERO }
    }

    /// Reads the clock. A clock that went back stands still until it has caught up.
    pub(crate) fn now(&mut self) -> Instant {
        self.now = self.now.max(self.runtime.now());
        self.now
    }

    /// The signal was listed: the timer has to be set again, whatever made it fire.
    pub(crate) fn on_woken(&mut self) {
        self.armed = None;
    }

    /// Sets the timer to the deadline, if it is not set to it already. `None` lets it fire in vain.
    pub(crate) fn arm(&mut self, deadline: Option<Instant>) {
        if self.armed == deadline {
            return;
        }
        self.armed = deadline;
        let Some(deadline) = deadline else { return };
        let runtime = &self.runtime;
        let timer = self.timer.get_or_insert_with(|| Box::pin(runtime.timer()));
        self.signal.clear();
        let waker = Waker::from(Arc::clone(&self.signal));
        timer.as_mut().reset(deadline);
        // A timer is polled only after it was set; from then on it raises the signal by itself.
        if timer.as_mut().poll_expired(&mut Context::from_waker(&waker)).is_ready() {
            self.signal.raise();
        }
    }
}
