//! Plays a script, step by step.

mod callers;
mod checks;
mod clock_sync;
mod environment;
mod failure;
mod sleepers;
mod timer_probe;
mod users;
mod waiting;

use std::rc::Rc;
use std::sync::Arc;

use crate::adapter::Adapter;
use crate::fixture::Fixture;
use crate::invariants::Invariants;
use crate::nursery::{Nursery, NurseryWatch};
use crate::observe::observe;
use crate::observed_runtime::ObservedRuntime;
use crate::script::{Observation, Script, Step, Value};
use crate::task::Task;

use checks::Checks;
use users::PoolUsers;
use waiting::Waiting;

pub(crate) use clock_sync::ClockSync;
pub(crate) use failure::Failure;
pub(crate) use timer_probe::TimerProbe;

/// Plays a script on a fixture.
pub(crate) struct Player<A: Adapter> {
    adapter: Rc<A>,
    fixture: Arc<Fixture>,
    invariants: Arc<Invariants>,
    timer: Rc<TimerProbe<A::Runtime>>,
    waiting: Waiting,
    users: PoolUsers<A>,
    checks: Checks,
    /// Of the connections, if they have tasks of their own.
    nursery: Option<NurseryWatch>,
}

impl<A: Adapter + 'static> Player<A> {
    pub(crate) fn new(adapter: &Rc<A>, fixture: &Arc<Fixture>, timer: &Rc<TimerProbe<A::Runtime>>) -> Self {
        let invariants = Invariants::new(fixture);
        let waiting = Waiting::new(fixture, &invariants);
        Self {
            adapter: Rc::clone(adapter),
            fixture: Arc::clone(fixture),
            timer: Rc::clone(timer),
            users: PoolUsers::new(adapter, fixture, &waiting),
            checks: Checks::new(fixture, &invariants, &waiting, A::TIME),
            invariants,
            waiting,
            nursery: None,
        }
    }

    /// Makes the pool, plays all steps, ends the pool, and checks that all items are accounted for.
    pub(crate) async fn play(mut self, script: Script, seed: u64) -> Result<(), Failure> {
        let driver_clock = &self.fixture.world.driver_clock;
        let runtime = ObservedRuntime::new(self.adapter.runtime(), A::TIME.speed(), driver_clock);
        let nursery = A::SPAWNS_CONNECTIONS.then(|| {
            let (nursery, connections) = Nursery::new();
            self.nursery = Some(nursery.watch());
            self.adapter.spawn(Task::connections(connections, &self.fixture, &self.invariants));
            nursery
        });
        match self.fixture.build(nursery, runtime, &script, seed) {
            Ok(driver) => self.adapter.spawn(Task::driver(driver, &self.fixture, &self.invariants)),
            Err(error) => {
                if !script.expects_build_error() {
                    return Err(format!("the pool could not be built: {error}").into());
                }
                self.fixture.users.lock().build_error = Some(error.to_string());
                return self.play_all(&script.steps, "").await;
            }
        }
        self.play_all(&script.steps, "").await?;
        self.end().await
    }

    async fn play_all(&mut self, steps: &[Step], prefix: &str) -> Result<(), Failure> {
        for (index, step) in steps.iter().enumerate() {
            let number = format!("{prefix}{}", index + 1);
            self.fixture.progress.lock().clone_from(&number);
            if let Step::Repeat(times, steps) = step {
                for round in 1..=*times {
                    Box::pin(self.play_all(steps, &format!("{number}, round {round}, "))).await?;
                }
                continue;
            }
            let played = self.play_step(step).await;
            self.check_invariants()?;
            played.map_err(|failure| format!("step {number}: {step:?}\n       {failure}"))?;
        }
        Ok(())
    }

    async fn play_step(&mut self, step: &Step) -> Result<(), Failure> {
        let world = &self.fixture.world;
        match step {
            Step::Server(step) => environment::play_server(step, &world.servers),
            Step::Stream(step) => {
                environment::play_stream(step, &world.names, &world.settings);
                Ok(())
            }
            Step::Harness(step) => environment::play_harness(step, &self.fixture, &self.timer),
            Step::User(step) => self.users.play(step),
            Step::Wait(step) => self.users.wait(step).await,
            Step::Check(step) => self.checks.play(step).await,
            Step::Repeat(..) => unreachable!("its steps are played one by one"),
        }
    }

    fn check_invariants(&self) -> Result<(), Failure> {
        self.invariants.check();
        let Some(broken) = self.invariants.broken() else { return Ok(()) };
        Err(format!("after step {}: {broken}", self.fixture.progress.lock()).into())
    }

    /// The end of every scenario. The driver is dropped if it has not ended.
    async fn end(mut self) -> Result<(), Failure> {
        "the end".clone_into(&mut self.fixture.progress.lock());
        if self.fixture.ended().is_none() {
            self.let_connections_run().await;
            self.fixture.driver.condemn();
        }
        self.users.drop_handles();
        let seen_at_end = self.check_end().await;
        self.check_invariants()?;
        seen_at_end
    }

    /// What is on its way to a connection when its driver is dropped counts as sent, and nobody has got it.
    async fn let_connections_run(&self) {
        if let Some(nursery) = &self.nursery {
            {
                let _turn = self.fixture.driver.between_polls();
                self.fixture.driver.hold();
            }
            let round = nursery.start_round();
            self.waiting.until(|_| nursery.has_ended(round)).await;
        }
    }

    /// What is expected at the end of every scenario.
    async fn check_end(&self) -> Result<(), Failure> {
        for (observation, value) in [
            (Observation::Accounts, Value::from("balanced")),
            (Observation::Sending, Value::Number(0)),
            (Observation::PollsAfterEnd, Value::Number(0)),
            (Observation::ClockWentBack, Value::Number(0)),
            (Observation::Unasked, Value::Number(0)),
        ] {
            let has_ended =
                |fixture: &Fixture| fixture.ended().is_some() && observe(observation, fixture) == value;
            if !self.waiting.until(has_ended).await {
                let seen = observe(observation, &self.fixture);
                let sentence =
                    format!("at the end of every scenario {observation:?} is {value}, but was {seen}");
                return Err(sentence.into());
            }
        }
        Ok(())
    }
}
