//! The time, looked at once for many calls.

use std::time;

use pool_driver::Instant;

/// A look at the time costs as much as much else that is done for a call: those that are written or
/// answered together share one.
pub(crate) struct Clock {
    epoch: time::Instant,
    /// The latest look, if it still counts.
    latest: Option<Instant>,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { epoch: time::Instant::now(), latest: None }
    }

    /// The time of the latest look.
    pub(crate) fn now(&mut self) -> Instant {
        let Self { epoch, latest } = self;
        *latest.get_or_insert_with(|| Instant::ZERO + epoch.elapsed())
    }

    /// From now on time may have passed.
    pub(crate) fn forget(&mut self) {
        self.latest = None;
    }
}
