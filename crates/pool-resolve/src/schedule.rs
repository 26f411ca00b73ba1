//! When a name service that has to be asked is asked next.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use pool_core::{Backoff, ConfigError, Instant};

/// How often a name service is asked, and how long an answer may take.
///
/// ```
/// use std::time::Duration;
/// use pool_resolve::PollConfig;
///
/// let mut config = PollConfig::default();
/// config.interval = Duration::from_secs(10);
/// assert!(config.validate().is_ok());
///
/// config.timeout = Duration::ZERO;
/// assert_eq!(config.validate().unwrap_err().field(), "timeout");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PollConfig {
    /// The time from an answer to the next question, where the answer doesn't say how long it is
    /// valid; 30 s by default.
    pub interval: Duration,
    /// No answer is asked for again sooner than this, whatever it says, and no
    /// [`refresh`](pool_driver::AddressStream::refresh) asks sooner; 1 s by default.
    pub interval_min: Duration,
    /// No answer is trusted for longer, whatever it says; 5 min by default.
    pub interval_max: Duration,
    /// The same where the answer was that there is no such name; 30 s by default.
    pub no_such_name_interval_max: Duration,
    /// All these times are shortened by up to so much, drawn each time, so that clients which were
    /// started together don't ask together; from 0 to 90, 10 by default.
    pub jitter_percent: u32,
    /// When to ask again after a failure: from 1 s to 30 s by default.
    pub backoff: Backoff,
    /// A question that takes longer is given up, and has failed; 5 s by default.
    pub timeout: Duration,
    /// Makes what is left to chance repeatable. By default every stream has another seed.
    pub seed: Option<u64>,
}

impl Default for PollConfig {
    fn default() -> Self {
        let mut backoff = Backoff::default();
        backoff.base = Duration::from_secs(1);
        Self {
            interval: Duration::from_secs(30),
            interval_min: Duration::from_secs(1),
            interval_max: Duration::from_secs(300),
            no_such_name_interval_max: Duration::from_secs(30),
            jitter_percent: 10,
            backoff,
            timeout: Duration::from_secs(5),
            seed: None,
        }
    }
}

impl PollConfig {
    /// Says which field makes no sense, if one does.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] for the first field that is out of its range or contradicts another.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::check_duration("interval", self.interval)?;
        ConfigError::check_duration("interval_min", self.interval_min)?;
        ConfigError::check_duration("interval_max", self.interval_max)?;
        ConfigError::check_duration("no_such_name_interval_max", self.no_such_name_interval_max)?;
        ConfigError::check_duration("timeout", self.timeout)?;
        self.backoff.validate()?;
        if self.jitter_percent > JITTER_PERCENT_MAX {
            let (found, max) = (self.jitter_percent.into(), JITTER_PERCENT_MAX.into());
            return Err(ConfigError::out_of_range("jitter_percent", found, max));
        }
        for (field, duration) in [
            ("interval", self.interval),
            ("interval_max", self.interval_max),
            ("no_such_name_interval_max", self.no_such_name_interval_max),
        ] {
            if duration < self.interval_min {
                return Err(ConfigError::shorter_than(field, "interval_min"));
            }
        }
        if self.interval_max < self.interval {
            return Err(ConfigError::shorter_than("interval_max", "interval"));
        }
        Ok(())
    }
}

const JITTER_PERCENT_MAX: u32 = 90;

/// Decides when the next question is asked and when one is given up. It is told the time.
#[derive(Debug)]
pub(crate) struct Schedule {
    config: PollConfig,
    random: fastrand::Rng,
    failures: u32,
    asked_at: Option<Instant>,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Waiting { until: Instant },
    Asking { deadline: Instant },
}

impl Schedule {
    /// The first question is due at once. The settings make sense.
    pub(crate) fn new(config: PollConfig) -> Self {
        let seed = config.seed.unwrap_or_else(|| RandomState::new().build_hasher().finish());
        let state = State::Waiting { until: Instant::ZERO };
        Self { config, random: fastrand::Rng::with_seed(seed), failures: 0, asked_at: None, state }
    }

    /// When the next question is due, or when that which is in flight is given up.
    pub(crate) fn deadline(&self) -> Instant {
        match self.state {
            State::Waiting { until } => until,
            State::Asking { deadline } => deadline,
        }
    }

    pub(crate) fn asked(&mut self, now: Instant) {
        self.asked_at = Some(now);
        self.state = State::Asking { deadline: now + self.config.timeout };
    }

    pub(crate) fn answered(&mut self, valid_for: Option<Duration>, now: Instant) {
        self.wait_for(valid_for, self.config.interval_max, now);
    }

    pub(crate) fn no_such_name(&mut self, valid_for: Option<Duration>, now: Instant) {
        self.wait_for(valid_for, self.config.no_such_name_interval_max, now);
    }

    fn wait_for(&mut self, valid_for: Option<Duration>, max: Duration, now: Instant) {
        self.failures = 0;
        let min = self.config.interval_min;
        let interval = valid_for.unwrap_or(self.config.interval).clamp(min, max);
        let shortest = interval.saturating_sub(interval / 100 * self.config.jitter_percent);
        self.wait_between(shortest.max(min), interval, now);
    }

    pub(crate) fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        let delay = self.config.backoff.delay(self.failures);
        let spread = delay / 100 * self.config.backoff.jitter_percent;
        self.wait_between(delay.saturating_sub(spread), delay + spread, now);
    }

    fn wait_between(&mut self, min: Duration, max: Duration, now: Instant) {
        let spread = u64::try_from(max.saturating_sub(min).as_nanos()).unwrap_or(u64::MAX);
        let until = now + min + Duration::from_nanos(self.random.u64(0..=spread));
        self.state = State::Waiting { until };
    }

    /// Somebody wants to know sooner. A question that is in flight is soon enough.
    pub(crate) fn refresh(&mut self, now: Instant) {
        if let (State::Waiting { until }, Some(asked_at)) = (self.state, self.asked_at) {
            let earliest = now.max(asked_at + self.config.interval_min);
            self.state = State::Waiting { until: until.min(earliest) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_nanos(7_000_000_000);

    fn schedule(change: impl FnOnce(&mut PollConfig)) -> Schedule {
        let mut config = PollConfig { seed: Some(1), jitter_percent: 0, ..PollConfig::default() };
        config.backoff.jitter_percent = 0;
        change(&mut config);
        config.validate().expect("the settings make sense");
        Schedule::new(config)
    }

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn the_first_question_is_due_at_once() {
        assert_eq!(schedule(|_| ()).deadline(), Instant::ZERO);
    }

    #[test]
    fn an_answer_is_trusted_for_as_long_as_it_says_within_bounds() {
        for (valid_for, expected) in [
            (None, secs(30)),
            (Some(secs(60)), secs(60)),
            (Some(Duration::ZERO), secs(1)),
            (Some(Duration::MAX), secs(300)),
        ] {
            let mut schedule = schedule(|_| ());
            schedule.asked(NOW);
            schedule.answered(valid_for, NOW);
            assert_eq!(schedule.deadline(), NOW + expected, "{valid_for:?}");
        }
    }

    #[test]
    fn that_there_is_no_such_name_is_believed_for_half_a_minute_at_most() {
        for (valid_for, expected) in [
            (None, secs(30)),
            (Some(secs(3600)), secs(30)),
            (Some(secs(5)), secs(5)),
            (Some(secs(0)), secs(1)),
        ] {
            let mut schedule = schedule(|_| ());
            schedule.asked(NOW);
            schedule.no_such_name(valid_for, NOW);
            assert_eq!(schedule.deadline(), NOW + expected, "{valid_for:?}");
        }
    }

    #[test]
    fn jitter_only_ever_shortens_and_never_below_the_minimum() {
        let mut schedule = schedule(|config| config.jitter_percent = 10);
        let mut seen = Vec::new();
        for _ in 0..100 {
            schedule.answered(None, NOW);
            seen.push(schedule.deadline());
            assert!(schedule.deadline() >= NOW + secs(27) && schedule.deadline() <= NOW + secs(30));
            schedule.answered(Some(secs(1)), NOW);
            assert_eq!(schedule.deadline(), NOW + secs(1));
        }
        seen.sort();
        seen.dedup();
        assert!(seen.len() > 90, "drawn each time");
    }

    #[test]
    fn failures_back_off_and_an_answer_of_either_kind_starts_afresh() {
        let mut schedule = schedule(|_| ());
        for expected in [1000, 1600, 2560] {
            schedule.failed(NOW);
            assert_eq!(schedule.deadline(), NOW + Duration::from_millis(expected));
        }
        for _ in 0..100 {
            schedule.failed(NOW);
        }
        assert_eq!(schedule.deadline(), NOW + secs(30));
        schedule.answered(None, NOW);
        schedule.failed(NOW);
        assert_eq!(schedule.deadline(), NOW + secs(1));
        schedule.no_such_name(None, NOW);
        schedule.failed(NOW);
        assert_eq!(schedule.deadline(), NOW + secs(1));
    }

    #[test]
    fn a_refresh_asks_at_once_unless_it_was_asked_just_now() {
        let mut schedule = schedule(|_| ());
        schedule.asked(NOW);
        schedule.answered(None, NOW + Duration::from_millis(10));
        schedule.refresh(NOW + Duration::from_millis(500));
        assert_eq!(schedule.deadline(), NOW + secs(1));
        schedule.asked(NOW + secs(1));
        schedule.answered(None, NOW + secs(1));
        schedule.refresh(NOW + secs(9));
        assert_eq!(schedule.deadline(), NOW + secs(9));
    }

    #[test]
    fn a_refresh_changes_nothing_while_a_question_is_in_flight_or_due_sooner_anyway() {
        let mut schedule = schedule(|_| ());
        schedule.asked(NOW);
        schedule.refresh(NOW + secs(2));
        assert_eq!(schedule.deadline(), NOW + secs(5));
        schedule.answered(Some(secs(1)), NOW + secs(2));
        schedule.refresh(NOW + secs(4));
        assert_eq!(schedule.deadline(), NOW + secs(3));
    }

    #[test]
    fn settings_that_make_no_sense_are_refused_by_name() {
        let refuse = |expected: &str, change: fn(&mut PollConfig)| {
            let mut config = PollConfig::default();
            change(&mut config);
            let error = config.validate().expect_err(expected);
            assert_eq!(error.field(), expected, "{error}");
        };
        refuse("interval", |config| config.interval = Duration::ZERO);
        refuse("interval", |config| config.interval = Duration::from_millis(900));
        refuse("interval_min", |config| config.interval_min = Duration::MAX);
        refuse("interval_max", |config| config.interval_max = Duration::from_secs(29));
        refuse("no_such_name_interval_max", |config| config.no_such_name_interval_max = Duration::ZERO);
        refuse("timeout", |config| config.timeout = Duration::MAX);
        refuse("jitter_percent", |config| config.jitter_percent = 91);
        refuse("backoff.cap", |config| config.backoff.cap = Duration::from_millis(1));
        assert!(PollConfig::default().validate().is_ok());
    }
}
