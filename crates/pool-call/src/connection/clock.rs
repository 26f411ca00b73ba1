//! The time, read once for many calls.

use std::time;

use pool_driver::Instant;

/// Reading the time costs about as much as the rest of a call. Calls that are written or answered
/// in one poll share one reading.
pub(super) struct Clock {
    epoch: time::Instant,
    /// `None` once time may have passed.
    latest: Option<Instant>,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { epoch: time::Instant::now(), latest: None }
    }

    /// The latest reading, or a new one if that is [forgotten](Self::forget).
    pub(super) fn now(&mut self) -> Instant {
        let Self { epoch, latest } = self;
        *latest.get_or_insert_with(|| Instant::ZERO + epoch.elapsed())
    }

    /// From now on time may have passed.
    pub(super) fn forget(&mut self) {
        self.latest = None;
    }
}
