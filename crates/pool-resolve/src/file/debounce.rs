//! When a changed file is read: once it is quiet, and after ten times as long in any case.

use std::time::Duration;

use pool_core::Instant;

/// A file that is never quiet is read after this many times the debounce time.
const FACTOR_MAX: u32 = 10;

/// Turns many changes into one read.
#[derive(Debug)]
pub(super) struct Debounce {
    time: Duration,
    /// Changes that no read has followed yet.
    changes: Option<Changes>,
}

#[derive(Debug)]
struct Changes {
    first_at: Instant,
    deadline: Instant,
}

impl Debounce {
    pub(super) fn new(time: Duration) -> Self {
        Self { time, changes: None }
    }

    pub(super) fn on_change(&mut self, now: Instant) {
        let first_at = self.changes.as_ref().map_or(now, |changes| changes.first_at);
        let latest = first_at + self.time * FACTOR_MAX;
        self.changes = Some(Changes { first_at, deadline: latest.min(now + self.time) });
    }

    /// When to read, if there was a change.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.changes.as_ref().map(|changes| changes.deadline)
    }

    /// A read follows the changes.
    pub(super) fn clear(&mut self) {
        self.changes = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_when_it_is_quiet_and_after_ten_times_as_long_in_any_case() {
        let mut debounce = Debounce::new(Duration::from_millis(100));
        let at = |millis: u64| Instant::from_nanos(millis * 1_000_000);
        assert_eq!(debounce.deadline(), None);
        debounce.on_change(at(50));
        assert_eq!(debounce.deadline(), Some(at(150)));
        debounce.on_change(at(140));
        assert_eq!(debounce.deadline(), Some(at(240)));
        for millis in 140..5000 {
            debounce.on_change(at(millis));
        }
        assert_eq!(debounce.deadline(), Some(at(1050)));
        debounce.clear();
        assert_eq!(debounce.deadline(), None);
    }
}
