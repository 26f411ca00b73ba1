//! Plays what a script expects.

use std::sync::Arc;
use std::time::Duration;

use super::failure::Failure;
use super::waiting::Waiting;
use crate::adapter::Time;
use crate::fixture::Fixture;
use crate::invariants::{Invariant, Invariants};
use crate::observe::observe;
use crate::script::{CheckStep, Observation, Value};

/// Timers of Tokio fire on whole milliseconds.
const TIMER_GRANULARITY: Duration = Duration::from_millis(1);

/// Waits for what is expected.
pub(crate) struct Checks {
    fixture: Arc<Fixture>,
    invariants: Arc<Invariants>,
    waiting: Waiting,
    time: Time,
}

impl Checks {
    pub(crate) fn new(
        fixture: &Arc<Fixture>,
        invariants: &Arc<Invariants>,
        waiting: &Waiting,
        time: Time,
    ) -> Self {
        let (fixture, invariants) = (Arc::clone(fixture), Arc::clone(invariants));
        Self { fixture, invariants, waiting: waiting.clone(), time }
    }

    pub(crate) async fn play(&self, step: &CheckStep) -> Result<(), Failure> {
        match step {
            CheckStep::Expect(observation, value) => self.expect(*observation, value).await,
            CheckStep::ExpectAtLeast(observation, min) => {
                self.expect_number(*observation, |number| number >= *min).await
            }
            CheckStep::ExpectBetween(observation, min, max) => {
                let may_be_late = self.time == Time::Real && observation.is_time();
                let max = if may_be_late { u64::MAX } else { *max };
                self.expect_number(*observation, |number| (*min..=max).contains(&number)).await
            }
            CheckStep::ExpectWithin(limit, observation, value) => {
                self.expect_within(*limit, *observation, value).await
            }
            CheckStep::ExpectToStay(time, observation, value) => {
                self.expect(*observation, value).await?;
                self.hold(*time, Invariant::Stays(*observation, value.clone())).await
            }
            CheckStep::NeverAbove(observation, max) => {
                self.invariants.push(Invariant::NeverAbove(*observation, *max));
                Ok(())
            }
        }
    }

    async fn expect(&self, observation: Observation, value: &Value) -> Result<(), Failure> {
        let is_seen = self.waiting.until(|fixture| observe(observation, fixture) == *value).await;
        self.met(is_seen, observation)
    }

    async fn expect_number(
        &self,
        observation: Observation,
        is_right: impl Fn(u64) -> bool,
    ) -> Result<(), Failure> {
        let is_seen = |fixture: &Fixture| observe(observation, fixture).number().is_some_and(&is_right);
        let is_seen = self.waiting.until(is_seen).await;
        self.met(is_seen, observation)
    }

    async fn expect_within(
        &self,
        limit: Duration,
        observation: Observation,
        value: &Value,
    ) -> Result<(), Failure> {
        let limit = self.fixture.world.clock.sleep(limit + TIMER_GRANULARITY);
        self.expect(observation, value).await?;
        if self.time == Time::Virtual && limit.is_over() {
            return Err(format!("it came too late; seen {}", observe(observation, &self.fixture)).into());
        }
        Ok(())
    }

    /// Lets time pass, with one more invariant.
    async fn hold(&self, time: Duration, invariant: Invariant) -> Result<(), Failure> {
        self.invariants.push(invariant);
        let advanced = self.waiting.advance(time).await;
        self.invariants.check();
        self.invariants.pop();
        advanced
    }

    fn met(&self, is_met: bool, observation: Observation) -> Result<(), Failure> {
        if is_met {
            return Ok(());
        }
        let has_timed_out = self.fixture.script.has_timed_out();
        let why = if has_timed_out { "waited in vain" } else { "it will never be so" };
        let seen = observe(observation, &self.fixture);
        Err(format!("{why}; seen {seen}\n{}", self.fixture.table()).into())
    }
}
