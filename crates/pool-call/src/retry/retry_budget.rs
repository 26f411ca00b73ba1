//! How many calls may be repeated: retries must not make an outage worse.

use std::sync::Arc;

use parking_lot::Mutex;
use pool_driver::Instant;

use crate::policy::{RETRIES_PER_SECOND, RETRY_PERCENT, RETRY_WINDOW_SECONDS};

/// Bounds retries to a share of all calls, plus a few per second: what Finagle calls a
/// [`RetryBudget`](https://twitter.github.io/finagle/guide/Clients.html#retries).
///
/// In any ten seconds the retries are at most the share of the calls made in that time, plus ten times the
/// number per second. Time is that of the pool that calls: pools that share a budget run on one kind
/// of runtime. Clones share one budget: give one to every [`Retry`](crate::Retry) that talks to the same service.
///
/// ```
/// use pool_call::{Retry, RetryBudget};
///
/// let budget = RetryBudget::new(10, 5);
/// let (reads, writes) = (Retry::new().budget(budget.clone()), Retry::new().attempts_max(2).budget(budget));
/// ```
#[derive(Clone, Debug)]
pub struct RetryBudget {
    percent: u64,
    per_second: u64,
    window: Arc<Mutex<Window>>,
}

/// One more than the window has: it begins and ends within a second.
const SECONDS: usize = RETRY_WINDOW_SECONDS + 1;

/// The latest seconds, in a ring.
#[derive(Debug, Default)]
struct Window {
    seconds: [Counts; SECONDS],
    /// The latest second, by the pool's time.
    latest: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    calls: u64,
    retries: u64,
}

impl RetryBudget {
    /// `percent` of all calls may be repeated, plus `per_second`; 0 of both allows no retry.
    #[must_use]
    pub fn new(percent: u32, per_second: u32) -> Self {
        let (percent, per_second) = (percent.into(), per_second.into());
        Self { percent, per_second, window: Arc::default() }
    }

    /// A call is made.
    pub(crate) fn deposit(&self, now: Instant) {
        self.window.lock().second(second_of(now)).calls += 1;
    }

    /// Whether a call may be repeated. If so, it is counted.
    pub(crate) fn withdraw(&self, now: Instant) -> bool {
        let mut window = self.window.lock();
        window.second(second_of(now));
        // Of the oldest second a part may be in the window: its retries count, and its calls don't.
        let retries: u64 = window.seconds.iter().map(|second| second.retries).sum();
        let calls = window.seconds.iter().map(|second| second.calls).sum::<u64>() - window.oldest().calls;
        let is_allowed = retries
            < calls.saturating_mul(self.percent) / 100 + self.per_second * RETRY_WINDOW_SECONDS as u64;
        window.second(second_of(now)).retries += u64::from(is_allowed);
        is_allowed
    }
}

fn second_of(now: Instant) -> u64 {
    now.saturating_duration_since(Instant::ZERO).as_secs()
}

fn index_of(second: u64) -> usize {
    usize::try_from(second % SECONDS as u64).unwrap_or_default()
}

impl Default for RetryBudget {
    /// 20 % of all calls, plus 10 per second.
    fn default() -> Self {
        Self::new(RETRY_PERCENT, RETRIES_PER_SECOND)
    }
}

impl Window {
    /// The counts of a second, or of the latest if that is later. What is too old is forgotten.
    fn second(&mut self, second: u64) -> &mut Counts {
        if second > self.latest {
            let new = self.latest + 1..=second;
            new.take(SECONDS).for_each(|second| *self.at(second) = Counts::default());
            self.latest = second;
        }
        self.at(self.latest)
    }

    fn at(&mut self, second: u64) -> &mut Counts {
        &mut self.seconds[index_of(second)]
    }

    fn oldest(&self) -> &Counts {
        &self.seconds[index_of(self.latest + 1)]
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const START: Instant = Instant::from_nanos(5_000_000_000_000);

    fn withdrawals(budget: &RetryBudget, now: Instant) -> usize {
        (0..10_000).take_while(|_| budget.withdraw(now)).count()
    }

    #[test]
    fn a_fifth_of_the_calls_and_ten_a_second_may_be_repeated() {
        let budget = RetryBudget::default();
        assert_eq!(withdrawals(&budget, START), 100);
        (0..1000).for_each(|_| budget.deposit(START));
        assert_eq!(withdrawals(&budget.clone(), START), 200);
        assert_eq!(withdrawals(&budget, START), 0);
    }

    #[test]
    fn what_is_older_than_ten_seconds_is_forgotten() {
        let budget = RetryBudget::default();
        let at = |secs| START + Duration::from_secs(secs);
        (0..1000).for_each(|_| budget.deposit(at(3)));
        assert_eq!(withdrawals(&budget, at(4)), 300);
        assert_eq!(withdrawals(&budget, at(12)), 0);
        assert_eq!(withdrawals(&budget, at(13)), 0, "the calls are forgotten first");
        assert_eq!(withdrawals(&budget, at(14)), 0, "a part of that second is in the window");
        assert_eq!(withdrawals(&budget, at(15)), 100);
        assert_eq!(withdrawals(&budget, at(100_000)), 100);
    }

    #[test]
    fn no_ten_seconds_have_more_retries_than_the_budget_allows() {
        let budget = RetryBudget::new(0, 1);
        let at = |millis| START + Duration::from_millis(millis);
        assert_eq!(withdrawals(&budget, at(900)), 10);
        assert_eq!(withdrawals(&budget, at(10_100)), 0, "the ten of 9.2 s ago count");
        assert_eq!(withdrawals(&budget, at(11_000)), 10);
    }

    #[test]
    fn a_clock_that_goes_back_changes_nothing() {
        let budget = RetryBudget::new(0, 1);
        let later = START + Duration::from_secs(60);
        assert_eq!(withdrawals(&budget, later), 10);
        assert_eq!(withdrawals(&budget, START), 0);
    }

    #[test]
    fn extreme_budgets_allow_nothing_or_everything() {
        let now = START;
        assert_eq!(withdrawals(&RetryBudget::new(0, 0), now), 0);
        let all = RetryBudget::new(u32::MAX, u32::MAX);
        (0..1000).for_each(|_| all.deposit(now));
        assert_eq!(withdrawals(&all, now), 10_000);
    }
}
