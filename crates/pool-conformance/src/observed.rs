//! The runtime under test, with somebody who looks at its clock.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use pool_driver::{Instant, Runtime, Timer};

/// The time that a driver has last seen, and how often its clock went back.
///
/// What a driver does is stamped with this time, so that what is said about delays holds on a
/// machine that is slow to write it down, too.
#[derive(Clone, Debug, Default)]
pub struct Stamp {
    seen: Arc<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    now: AtomicU64,
    went_back: AtomicUsize,
}

impl Stamp {
    /// The latest time that was seen.
    #[must_use]
    pub fn now(&self) -> Instant {
        Instant::from_nanos(self.seen.now.load(Ordering::Relaxed))
    }

    /// How often the clock was seen to go back.
    #[must_use]
    pub fn went_back(&self) -> usize {
        self.seen.went_back.load(Ordering::Relaxed)
    }

    fn see(&self, now: Instant) {
        let previous = self.seen.now.fetch_max(now.as_nanos(), Ordering::Relaxed);
        if now.as_nanos() < previous {
            self.seen.went_back.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A runtime whose time goes faster for the driver: a scenario of a minute takes seconds where
/// time is real.
#[derive(Debug)]
pub struct Observed<R> {
    runtime: R,
    speed: u32,
    stamp: Stamp,
}

impl<R> Observed<R> {
    pub(crate) fn new(runtime: R, speed: u32, stamp: &Stamp) -> Self {
        Self { runtime, speed, stamp: stamp.clone() }
    }
}

impl<R: Runtime> Runtime for Observed<R> {
    type Timer = ObservedTimer<R::Timer>;

    fn now(&self) -> Instant {
        let now = self.runtime.now().as_nanos().saturating_mul(self.speed.into());
        let now = Instant::from_nanos(now);
        self.stamp.see(now);
        now
    }

    fn timer(&self) -> Self::Timer {
        ObservedTimer { timer: Box::pin(self.runtime.timer()), speed: self.speed }
    }
}

/// A timer of an [`Observed`] runtime.
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
