//! The runtime under test, sped up, with its clock watched.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use pool_driver::{Instant, Runtime, Timer};

/// The latest time that a driver read from its clock, and how often the clock went back. Clones share
/// it.
///
/// What a driver does is recorded with this time. So delays are exact on a slow machine too.
#[derive(Clone, Debug, Default)]
pub struct ClockWatch {
    seen: Arc<SeenTimes>,
}

#[derive(Debug, Default)]
struct SeenTimes {
    latest: AtomicU64,
    went_back: AtomicUsize,
}

impl ClockWatch {
    /// The latest time that was read.
    #[must_use]
    pub fn now(&self) -> Instant {
        Instant::from_nanos(self.seen.latest.load(Ordering::Relaxed))
    }

    /// How often a time was read that is earlier than one before.
    #[must_use]
    pub fn went_back(&self) -> usize {
        self.seen.went_back.load(Ordering::Relaxed)
    }

    /// Reads the time. Tasks on other threads may read it at the same time, so it is compared with what was known
    /// before.
    fn read(&self, now: impl FnOnce() -> Instant) -> Instant {
        let previous = self.seen.latest.load(Ordering::SeqCst);
        let now = now();
        self.seen.latest.fetch_max(now.as_nanos(), Ordering::SeqCst);
        if now.as_nanos() < previous {
            self.seen.went_back.fetch_add(1, Ordering::Relaxed);
        }
        now
    }
}

/// A runtime whose time runs `speed` times as fast as that of the runtime inside.
#[derive(Clone, Debug)]
pub struct ObservedRuntime<R> {
    runtime: R,
    speed: u32,
    clock: ClockWatch,
}

impl<R> ObservedRuntime<R> {
    pub(crate) fn new(runtime: R, speed: u32, clock: &ClockWatch) -> Self {
        Self { runtime, speed, clock: clock.clone() }
    }
}

impl<R: Runtime> Runtime for ObservedRuntime<R> {
    type Timer = ObservedTimer<R::Timer>;

    fn now(&self) -> Instant {
        self.clock
            .read(|| Instant::from_nanos(self.runtime.now().as_nanos().saturating_mul(self.speed.into())))
    }

    fn timer(&self) -> Self::Timer {
        ObservedTimer { timer: Box::pin(self.runtime.timer()), speed: self.speed }
    }
}

/// A timer of an [`ObservedRuntime`].
#[derive(Debug)]
pub struct ObservedTimer<T> {
    timer: Pin<Box<T>>,
    speed: u32,
}

impl<T: Timer> Timer for ObservedTimer<T> {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        let deadline = deadline.as_nanos().div_ceil(self.speed.into());
        self.timer.as_mut().reset(Instant::from_nanos(deadline));
    }

    fn poll_expired(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.timer.as_mut().poll_expired(cx)
    }
}
