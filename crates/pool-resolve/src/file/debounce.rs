//! When a file that has changed is read: not while it is still being changed, but some time.

use std::time::Duration;

use pool_core::Instant;

/// However often it changes, it is read after so many quiet times.
const QUIET_TIMES_MAX: u32 = 10;

#[derive(Debug)]
pub(super) struct Debounce {
    duration: Duration,
    /// Of the changes that it was not read after: when the first came, and when the last is old enough.
    since_and_until: Option<(Instant, Instant)>,
}

impl Debounce {
    pub(super) fn new(duration: Duration) -> Self {
        Self { duration, since_and_until: None }
    }

    pub(super) fn changed(&mut self, now: Instant) {
        let since = self.since_and_until.map_or(now, |(since, _)| since);
        let latest = since + self.duration * QUIET_TIMES_MAX;
        self.since_and_until = Some((since, latest.min(now + self.duration)));
    }

    /// When to read, if it has changed.
    pub(super) fn due(&self) -> Option<Instant> {
        self.since_and_until.map(|(_, until)| until)
    }

    pub(super) fn clear(&mut self) {
        self.since_and_until = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_when_it_has_been_quiet_and_some_time_in_any_case() {
        let mut quiet = Debounce::new(Duration::from_millis(100));
        let at = |millis: u64| Instant::from_nanos(millis * 1_000_000);
        assert_eq!(quiet.due(), None);
        quiet.changed(at(50));
        assert_eq!(quiet.due(), Some(at(150)));
        quiet.changed(at(140));
        assert_eq!(quiet.due(), Some(at(240)));
        for millis in 140..5000 {
            quiet.changed(at(millis));
        }
        assert_eq!(quiet.due(), Some(at(1050)));
        quiet.clear();
        assert_eq!(quiet.due(), None);
    }
}
