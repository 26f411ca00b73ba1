//! When the next question is asked, and when one is given up.

use std::time::Duration;

use pool_core::{Instant, Random};

use super::config::PollConfig;
use crate::jitter;

/// Decides when to ask. It has no clock: it is told the time.
#[derive(Debug)]
pub(crate) struct Schedule {
    config: PollConfig,
    random: Random,
    failures: u32,
    asked_at: Option<Instant>,
    state: PollState,
}

#[derive(Clone, Copy, Debug)]
enum PollState {
    /// No question is in flight.
    Waiting { until: Instant },
    /// A question is in flight.
    Asking { deadline: Instant },
}

impl Schedule {
    /// The first question is due at once. The settings are valid.
    pub(crate) fn new(config: PollConfig) -> Self {
        let random = jitter::random(config.seed);
        let state = PollState::Waiting { until: Instant::ZERO };
        Self { config, random, failures: 0, asked_at: None, state }
    }

    /// How long a question may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.config.timeout
    }

    /// When the next question is due, or when the one in flight is given up.
    pub(crate) fn deadline(&self) -> Instant {
        match self.state {
            PollState::Waiting { until } => until,
            PollState::Asking { deadline } => deadline,
        }
    }

    pub(crate) fn on_question(&mut self, now: Instant) {
        self.asked_at = Some(now);
        self.state = PollState::Asking { deadline: now + self.config.timeout };
    }

    pub(crate) fn on_answer(&mut self, valid_for: Option<Duration>, now: Instant) {
        self.wait_for(valid_for, self.config.interval_max, now);
    }

    pub(crate) fn on_no_such_name(&mut self, valid_for: Option<Duration>, now: Instant) {
        self.wait_for(valid_for, self.config.no_such_name_interval_max, now);
    }

    fn wait_for(&mut self, valid_for: Option<Duration>, max: Duration, now: Instant) {
        self.failures = 0;
        let min = self.config.interval_min;
        let interval = valid_for.unwrap_or(self.config.interval).clamp(min, max);
        let shortest = interval.saturating_sub(interval / 100 * self.config.jitter_percent);
        self.state = PollState::Waiting { until: now + self.random.between(shortest.max(min), interval) };
    }

    pub(crate) fn on_failure(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        let delay = self.config.backoff.jittered(self.failures, &mut self.random);
        let earliest = self.asked_at.map_or(now, |asked_at| asked_at + self.config.interval_min);
        self.state = PollState::Waiting { until: earliest.max(now + delay) };
    }

    /// Asks as soon as `interval_min` allows. A question in flight is soon enough.
    pub(crate) fn refresh(&mut self, now: Instant) {
        if let (PollState::Waiting { until }, Some(asked_at)) = (self.state, self.asked_at) {
            let earliest = now.max(asked_at + self.config.interval_min);
            self.state = PollState::Waiting { until: until.min(earliest) };
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
        config.validate().expect("the settings are valid");
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
    fn an_answer_is_valid_for_its_time_to_live_within_bounds() {
        for (valid_for, expected) in [
            (None, secs(30)),
            (Some(secs(60)), secs(60)),
            (Some(Duration::ZERO), secs(1)),
            (Some(Duration::MAX), secs(300)),
        ] {
            let mut schedule = schedule(|_| ());
            schedule.on_question(NOW);
            schedule.on_answer(valid_for, NOW);
            assert_eq!(schedule.deadline(), NOW + expected, "{valid_for:?}");
        }
    }

    #[test]
    fn no_such_name_is_valid_for_half_a_minute_at_most() {
        for (valid_for, expected) in [
            (None, secs(30)),
            (Some(secs(3600)), secs(30)),
            (Some(secs(5)), secs(5)),
            (Some(secs(0)), secs(1)),
        ] {
            let mut schedule = schedule(|_| ());
            schedule.on_question(NOW);
            schedule.on_no_such_name(valid_for, NOW);
            assert_eq!(schedule.deadline(), NOW + expected, "{valid_for:?}");
        }
    }

    #[test]
    fn jitter_only_ever_shortens_and_never_below_the_minimum() {
        let mut schedule = schedule(|config| config.jitter_percent = 10);
        let mut seen = Vec::new();
        for _ in 0..100 {
            schedule.on_answer(None, NOW);
            seen.push(schedule.deadline());
            assert!(schedule.deadline() >= NOW + secs(27) && schedule.deadline() <= NOW + secs(30));
            schedule.on_answer(Some(secs(1)), NOW);
            assert_eq!(schedule.deadline(), NOW + secs(1));
        }
        seen.sort();
        seen.dedup();
        assert!(seen.len() > 90, "drawn each time");
    }

    #[test]
    fn a_question_that_fails_at_once_is_not_asked_again_within_the_least_interval() {
        for seed in 0..20 {
            let config = PollConfig { seed: Some(seed), ..PollConfig::default() };
            let earliest = NOW + config.interval_min;
            let mut schedule = Schedule::new(config);
            schedule.on_question(NOW);
            schedule.on_failure(NOW);
            assert!(schedule.deadline() >= earliest, "seed {seed}: {:?}", schedule.deadline());
        }
    }

    #[test]
    fn failures_back_off_and_an_answer_of_either_kind_resets_the_backoff() {
        let mut schedule = schedule(|_| ());
        for expected in [1000, 1600, 2560] {
            schedule.on_failure(NOW);
            assert_eq!(schedule.deadline(), NOW + Duration::from_millis(expected));
        }
        for _ in 0..100 {
            schedule.on_failure(NOW);
        }
        assert_eq!(schedule.deadline(), NOW + secs(30));
        schedule.on_answer(None, NOW);
        schedule.on_failure(NOW);
        assert_eq!(schedule.deadline(), NOW + secs(1));
        schedule.on_no_such_name(None, NOW);
        schedule.on_failure(NOW);
        assert_eq!(schedule.deadline(), NOW + secs(1));
    }

    #[test]
    fn a_refresh_asks_at_once_but_not_within_the_least_interval() {
        let mut schedule = schedule(|_| ());
        schedule.on_question(NOW);
        schedule.on_answer(None, NOW + Duration::from_millis(10));
        schedule.refresh(NOW + Duration::from_millis(500));
        assert_eq!(schedule.deadline(), NOW + secs(1));
        schedule.on_question(NOW + secs(1));
        schedule.on_answer(None, NOW + secs(1));
        schedule.refresh(NOW + secs(9));
        assert_eq!(schedule.deadline(), NOW + secs(9));
    }

    #[test]
    fn a_refresh_changes_nothing_while_a_question_is_in_flight_or_due_sooner_anyway() {
        let mut schedule = schedule(|_| ());
        schedule.on_question(NOW);
        schedule.refresh(NOW + secs(2));
        assert_eq!(schedule.deadline(), NOW + secs(5));
        schedule.on_answer(Some(secs(1)), NOW + secs(2));
        schedule.refresh(NOW + secs(4));
        assert_eq!(schedule.deadline(), NOW + secs(3));
    }
}
