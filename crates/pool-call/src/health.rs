//! When a connection is replaced though it has no error: it has too many orphans.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use pool_driver::Instant;

use crate::orphans::Orphans;

/// Orphans are normal for so long; then the peer is thought to have forgotten them.
const ORPHAN_AGE_MAX: Duration = Duration::from_secs(1);

pub(crate) struct Health {
    pub(crate) orphans: Arc<Orphans>,
    in_flight_max: usize,
    /// More orphans than this are too many. Half of what may be in flight, unless it is set.
    orphans_max: Option<usize>,
    /// Since when there have been too many orphans.
    too_many_since: Option<Instant>,
}

impl Health {
    pub(crate) fn new(in_flight_max: usize) -> Self {
        Self { orphans: Arc::default(), in_flight_max, orphans_max: None, too_many_since: None }
    }

    pub(crate) fn in_flight_max(&self) -> usize {
        self.in_flight_max
    }

    pub(crate) fn set_in_flight_max(&mut self, calls: usize) {
        self.in_flight_max = calls.max(1);
    }

    pub(crate) fn set_orphans_max(&mut self, calls: usize) {
        self.orphans_max = Some(calls);
    }

    pub(crate) fn watch(&self, waker: &Waker) {
        self.orphans.watch(waker);
    }

    /// Whether the connection is to be replaced. The clock is looked at only if that is in question.
    pub(crate) fn has_too_many_orphans(&mut self, now: impl FnOnce() -> Instant) -> bool {
        let orphans = self.orphans.count();
        if orphans <= self.orphans_max.unwrap_or(self.in_flight_max / 2) {
            self.too_many_since = None;
            return false;
        }
        let now = now();
        let since = *self.too_many_since.get_or_insert(now);
        // Where all places are taken by orphans nothing can happen that would wake us later.
        orphans >= self.in_flight_max || now.saturating_duration_since(since) > ORPHAN_AGE_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_orphans(count: usize) -> Health {
        let health = Health::new(8);
        (0..count).for_each(|_| health.orphans.add());
        health
    }

    fn has_too_many_orphans(health: &mut Health, age: Duration) -> bool {
        health.has_too_many_orphans(|| Instant::ZERO + age)
    }

    #[test]
    fn up_to_half_of_the_calls_may_be_orphans_for_ever() {
        let mut health = with_orphans(4);
        assert!(!has_too_many_orphans(&mut health, Duration::ZERO));
        assert!(!has_too_many_orphans(&mut health, Duration::from_secs(100)));
    }

    #[test]
    fn more_orphans_are_too_many_after_a_second() {
        let mut health = with_orphans(5);
        assert!(!has_too_many_orphans(&mut health, Duration::ZERO));
        assert!(!has_too_many_orphans(&mut health, ORPHAN_AGE_MAX));
        assert!(has_too_many_orphans(&mut health, ORPHAN_AGE_MAX + Duration::from_millis(1)));
    }

    #[test]
    fn orphans_that_were_few_in_between_count_from_anew() {
        let mut health = with_orphans(5);
        assert!(!has_too_many_orphans(&mut health, Duration::ZERO));
        health.orphans.remove();
        assert!(!has_too_many_orphans(&mut health, Duration::from_secs(50)));
        health.orphans.add();
        assert!(!has_too_many_orphans(&mut health, Duration::from_secs(100)));
    }

    #[test]
    fn nothing_but_orphans_is_too_many_at_once() {
        assert!(has_too_many_orphans(&mut with_orphans(8), Duration::ZERO));
    }
}
