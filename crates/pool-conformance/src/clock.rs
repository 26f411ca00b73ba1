//! A clock that is set by hand.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use pool_driver::{Instant, Runtime, Timer};

/// A clock that is set by hand. It is also a [`Runtime`], which makes the time of a pool virtual. Clones
/// share the time.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    state: Arc<Mutex<ClockState>>,
}

#[derive(Debug, Default)]
struct ClockState {
    now: Instant,
    waiting: BTreeMap<(Instant, u64), Waker>,
    timers: u64,
}

impl Clock {
    /// When the next timer is due.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.state.lock().waiting.keys().next().map(|(at, _)| *at)
    }

    /// Fires all timers, due or not.
    pub fn fire_early(&self) {
        let waiting = std::mem::take(&mut self.state.lock().waiting);
        waiting.into_values().for_each(Waker::wake);
    }

    /// Sets the time, and fires the timers that are due.
    pub fn set(&self, now: Instant) {
        let due = {
            let mut state = self.state.lock();
            state.now = now;
            let later = state.waiting.split_off(&(now, u64::MAX));
            std::mem::replace(&mut state.waiting, later)
        };
        due.into_values().for_each(Waker::wake);
    }

    /// Lets time pass, from timer to timer. `run` runs what is woken: at first, and after each step.
    pub fn advance(&self, duration: Duration, mut run: impl FnMut()) {
        run();
        let end = self.now() + duration;
        while let Some(next) = self.next().filter(|next| *next <= end) {
            self.set(next);
            run();
        }
        self.set(end);
        run();
    }

    /// A future that is ready when this much time has passed from now on.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        let mut timer = self.timer();
        timer.deadline = Some(self.now() + duration);
        Sleep { timer }
    }
}

impl Runtime for Clock {
    type Timer = ManualTimer;

    fn now(&self) -> Instant {
        self.state.lock().now
    }

    fn timer(&self) -> ManualTimer {
        let mut state = self.state.lock();
        state.timers += 1;
        ManualTimer { clock: self.clone(), id: state.timers, deadline: None }
    }
}

/// A timer of a [`Clock`].
#[derive(Debug)]
pub struct ManualTimer {
    clock: Clock,
    id: u64,
    deadline: Option<Instant>,
}

impl ManualTimer {
    fn disarm(&self) {
        if let Some(deadline) = self.deadline {
            let waker = self.clock.state.lock().waiting.remove(&(deadline, self.id));
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
        let waker = cx.waker().clone();
        let mut state = self.clock.state.lock();
        if state.now >= deadline {
            return Poll::Ready(());
        }
        let previous = state.waiting.insert((deadline, self.id), waker);
        drop(state);
        drop(previous);
        Poll::Pending
    }
}

impl Drop for ManualTimer {
    fn drop(&mut self) {
        self.disarm();
    }
}

/// A wait for a [`Clock`] to move on; made by [`Clock::sleep`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are polled"]
pub struct Sleep {
    timer: ManualTimer,
}

impl Sleep {
    /// Whether it is later now than the end of the wait.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.timer.deadline.is_some_and(|deadline| deadline < self.timer.clock.now())
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.timer).poll_expired(cx)
    }
}
