//! When a connection is given up though it has no error: too many orphans, or no reply.

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
    reply_timeout: Option<Duration>,
    /// Since when there have been too many orphans.
    crowded_since: Option<Instant>,
    /// Since when replies have been owed and none has come.
    silent_since: Option<Instant>,
}

/// What is to be done about a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Fine,
    /// Its calls can have their replies, but it takes no more.
    Replace,
    /// It has gone dumb.
    NotAnswering,
}

impl Health {
    pub(crate) fn new(in_flight_max: usize) -> Self {
        Self {
            orphans: Arc::default(),
            in_flight_max,
            orphans_max: None,
            reply_timeout: None,
            crowded_since: None,
            silent_since: None,
        }
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

    pub(crate) fn set_reply_timeout(&mut self, timeout: Duration) {
        self.reply_timeout = Some(timeout);
    }

    pub(crate) fn watch(&self, waker: &Waker) {
        self.orphans.watch(waker);
    }

    /// A request is written.
    pub(crate) fn on_begun(&mut self, now: Instant) {
        self.silent_since.get_or_insert(now);
    }

    /// A reply has come, and so many are still owed.
    pub(crate) fn on_reply(&mut self, owed: usize, now: Instant) {
        self.silent_since = (owed > 0).then_some(now);
    }

    /// Whether the clock has to be looked at.
    pub(crate) fn is_in_question(&mut self) -> bool {
        let is_crowded = self.is_crowded();
        if !is_crowded {
            self.crowded_since = None;
        }
        is_crowded || (self.reply_timeout.is_some() && self.silent_since.is_some())
    }

    fn is_crowded(&self) -> bool {
        self.orphans.count() > self.orphans_max.unwrap_or(self.in_flight_max / 2)
    }

    pub(crate) fn check(&mut self, now: Instant) -> Verdict {
        if let (Some(timeout), Some(since)) = (self.reply_timeout, self.silent_since)
            && now.saturating_duration_since(since) > timeout
        {
            return Verdict::NotAnswering;
        }
        if !self.is_crowded() {
            return Verdict::Fine;
        }
        let since = *self.crowded_since.get_or_insert(now);
        // Where all places are taken by orphans nothing can happen that would wake us later.
        let is_full = self.orphans.count() >= self.in_flight_max;
        let is_old = now.saturating_duration_since(since) > ORPHAN_AGE_MAX;
        if is_full || is_old { Verdict::Replace } else { Verdict::Fine }
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

    #[test]
    fn up_to_half_of_the_calls_may_be_orphans_for_ever() {
        let (mut health, now) = (with_orphans(4), Instant::ZERO);
        assert!(!health.is_in_question());
        assert_eq!(health.check(now + Duration::from_secs(100)), Verdict::Fine);
    }

    #[test]
    fn more_orphans_are_too_many_after_a_second() {
        let (mut health, now) = (with_orphans(5), Instant::ZERO);
        assert!(health.is_in_question());
        assert_eq!(health.check(now), Verdict::Fine);
        assert_eq!(health.check(now + ORPHAN_AGE_MAX), Verdict::Fine);
        assert_eq!(health.check(now + ORPHAN_AGE_MAX + Duration::from_millis(1)), Verdict::Replace);
    }

    #[test]
    fn orphans_that_were_few_in_between_count_from_anew() {
        let (mut health, now) = (with_orphans(5), Instant::ZERO);
        assert_eq!(health.check(now), Verdict::Fine);
        health.orphans.remove();
        assert!(!health.is_in_question());
        health.orphans.add();
        assert!(health.is_in_question());
        assert_eq!(health.check(now + Duration::from_secs(100)), Verdict::Fine);
    }

    #[test]
    fn nothing_but_orphans_is_too_many_at_once() {
        assert_eq!(with_orphans(8).check(Instant::ZERO), Verdict::Replace);
    }

    #[test]
    fn silence_counts_from_the_last_reply_and_only_while_one_is_owed() {
        let (mut health, now) = (with_orphans(0), Instant::ZERO);
        let at = |secs| now + Duration::from_secs(secs);
        health.set_reply_timeout(Duration::from_secs(5));
        assert!(!health.is_in_question());
        health.on_begun(at(1));
        health.on_begun(at(4));
        assert!(health.is_in_question());
        assert_eq!(health.check(at(6)), Verdict::Fine);
        assert_eq!(health.check(at(7)), Verdict::NotAnswering);
        health.on_reply(1, at(7));
        assert_eq!(health.check(at(12)), Verdict::Fine);
        health.on_reply(0, at(12));
        assert_eq!(health.check(at(100)), Verdict::Fine);
    }
}
