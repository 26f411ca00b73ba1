//! When a connection has too many orphans, and is replaced though it works.

use std::sync::Arc;
use std::task::Waker;

use pool_driver::Instant;

use super::Orphans;
use crate::policy::ORPHAN_AGE_MAX;

pub(super) struct OrphanLimit {
    orphans: Arc<Orphans>,
    /// Half of what may be in flight, unless it is set.
    orphans_max: Option<usize>,
    /// The time since which there have been more.
    exceeded_since: Option<Instant>,
}

impl OrphanLimit {
    pub(super) fn new(orphans: Arc<Orphans>) -> Self {
        Self { orphans, orphans_max: None, exceeded_since: None }
    }

    #[inline]
    pub(super) fn watch(&self, waker: &Waker) {
        self.orphans.watch(waker);
    }

    pub(super) fn set_orphans_max(&mut self, calls: usize) {
        self.orphans_max = Some(calls);
    }

    /// Whether the connection is to be replaced.
    #[inline]
    pub(super) fn is_exceeded(&mut self, in_flight_max: usize, now: Instant) -> bool {
        let orphans = self.orphans.count();
        if orphans <= self.orphans_max.unwrap_or(in_flight_max / 2) {
            self.exceeded_since = None;
            return false;
        }
        let since = *self.exceeded_since.get_or_insert(now);
        // With nothing but orphans in flight nothing can happen that would wake the connection later.
        orphans >= in_flight_max || now.saturating_duration_since(since) > ORPHAN_AGE_MAX
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn with_orphans(count: usize) -> OrphanLimit {
        let limit = OrphanLimit::new(Arc::default());
        (0..count).for_each(|_| limit.orphans.add());
        limit
    }

    fn is_exceeded(limit: &mut OrphanLimit, age: Duration) -> bool {
        limit.is_exceeded(8, Instant::ZERO + age)
    }

    #[test]
    fn up_to_half_of_the_calls_may_be_orphans_for_ever() {
        let mut limit = with_orphans(4);
        assert!(!is_exceeded(&mut limit, Duration::ZERO));
        assert!(!is_exceeded(&mut limit, Duration::from_secs(100)));
    }

    #[test]
    fn more_orphans_are_too_many_after_a_second() {
        let mut limit = with_orphans(5);
        assert!(!is_exceeded(&mut limit, Duration::ZERO));
        assert!(!is_exceeded(&mut limit, ORPHAN_AGE_MAX));
        assert!(is_exceeded(&mut limit, ORPHAN_AGE_MAX + Duration::from_millis(1)));
    }

    #[test]
    fn orphans_that_were_few_in_between_count_from_anew() {
        let mut limit = with_orphans(5);
        assert!(!is_exceeded(&mut limit, Duration::ZERO));
        limit.orphans.remove();
        assert!(!is_exceeded(&mut limit, Duration::from_secs(50)));
        limit.orphans.add();
        assert!(!is_exceeded(&mut limit, Duration::from_secs(100)));
    }

    #[test]
    fn nothing_but_orphans_is_too_many_at_once() {
        assert!(is_exceeded(&mut with_orphans(8), Duration::ZERO));
    }
}
