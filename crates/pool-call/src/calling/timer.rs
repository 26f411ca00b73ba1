//! The time that a call has.

use std::task::Waker;
use std::time::Duration;

use pool_driver::{Instant, TimerKey, Timers};

/// The time of a call. A timer that runs is to be [stopped](Self::stop).
pub(crate) enum CallTimer {
    /// As long as it takes.
    None,
    /// This long, from the first poll on.
    Timeout(Duration),
    /// Until then.
    Running { deadline: Instant, timer: TimerKey },
    /// Until then, and nobody is woken.
    Stopped { deadline: Instant },
}

impl CallTimer {
    #[inline]
    pub(crate) fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Whether it is limited, and does not run yet.
    pub(super) fn is_set(&self) -> bool {
        matches!(self, Self::Timeout(_))
    }

    pub(crate) fn set_timeout(&mut self, timeout: Duration) {
        *self = Self::Timeout(timeout);
    }

    /// When the call ends, if it has begun.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::None | Self::Timeout(_) => None,
            Self::Running { deadline, .. } | Self::Stopped { deadline } => Some(*deadline),
        }
    }

    /// Time runs from now on, if it is limited. Returns whether there is none left.
    pub(super) fn begin(&mut self, timers: &Timers) -> bool {
        let now = timers.now();
        if let Self::Timeout(timeout) = self {
            *self = Self::Stopped { deadline: now + *timeout };
        }
        self.deadline().is_some_and(|deadline| deadline <= now)
    }

    pub(super) fn has_deadline(&self) -> bool {
        self.deadline().is_some()
    }

    /// Wakes this waker at the deadline. The timer is stopped before.
    pub(super) fn arm(&mut self, timers: &Timers, waker: &Waker) {
        let Some(deadline) = self.deadline() else { return };
        if let Some(timer) = timers.start(deadline, waker) {
            *self = Self::Running { deadline, timer };
        }
    }

    /// Whether the time is over.
    pub(super) fn is_over(&self, timers: &Timers) -> bool {
        self.deadline().is_some_and(|deadline| deadline <= timers.now())
    }

    /// Nobody is to be woken any more.
    pub(super) fn stop(&mut self, timers: &Timers) {
        if let Some(deadline) = self.deadline()
            && let Self::Running { timer, .. } = std::mem::replace(self, Self::Stopped { deadline })
        {
            timers.stop(timer);
        }
    }
}
