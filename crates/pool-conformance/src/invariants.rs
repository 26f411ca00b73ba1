//! What must hold after every poll of the driver.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::fixture::Fixture;
use crate::observe::observe;
use crate::script::{Observation, Value};

/// The invariants of a scenario, and the first that was broken.
#[derive(Debug)]
pub(crate) struct Invariants {
    fixture: Arc<Fixture>,
    state: Mutex<InvariantsState>,
}

#[derive(Debug, Default)]
struct InvariantsState {
    invariants: Vec<Invariant>,
    broken: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) enum Invariant {
    NeverAbove(Observation, u64),
    Stays(Observation, Value),
}

impl Invariants {
    /// Without a script's own invariants. Some hold in every scenario.
    pub(crate) fn new(fixture: &Arc<Fixture>) -> Arc<Self> {
        Arc::new(Self { fixture: Arc::clone(fixture), state: Mutex::default() })
    }

    pub(crate) fn push(&self, invariant: Invariant) {
        self.state.lock().invariants.push(invariant);
    }

    /// Takes away the one that was pushed last.
    pub(crate) fn pop(&self) {
        self.state.lock().invariants.pop();
    }

    /// The first invariant that was broken, in a sentence.
    pub(crate) fn broken(&self) -> Option<String> {
        self.state.lock().broken.clone()
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.state.lock().broken.is_some()
    }

    /// Checks what holds when the driver returns, or the task of the connections, and all the others.
    pub(crate) fn check_after_poll(&self) {
        let neglected = self.fixture.world.servers.neglected_link();
        self.record(neglected.map(|link| {
            let (unflushed, address) = (link.unflushed(), link.address());
            format!("the task that polls them sleeps, and {unflushed} items at {address} were not flushed")
        }));
        self.check();
    }

    pub(crate) fn check(&self) {
        let contradiction = self.fixture.world.calls.contradiction();
        self.record(contradiction.map(|sentence| format!("harness: {sentence}")));
        let invariants = self.state.lock().invariants.clone();
        self.record(invariants.into_iter().find_map(|invariant| invariant.broken(&self.fixture)));
    }

    /// The first one is kept.
    fn record(&self, broken: Option<String>) {
        let mut state = self.state.lock();
        state.broken = state.broken.take().or(broken);
    }
}

impl Invariant {
    fn broken(self, fixture: &Fixture) -> Option<String> {
        match self {
            Self::NeverAbove(observation, max) => {
                let seen = observe(observation, fixture);
                let is_right = seen == Value::Nothing || seen.number().is_some_and(|number| number <= max);
                (!is_right).then(|| format!("{observation:?} was {seen}, and must never be above {max}"))
            }
            Self::Stays(observation, value) => {
                let seen = observe(observation, fixture);
                (seen != value).then(|| format!("{observation:?} became {seen} instead of staying {value}"))
            }
        }
    }
}
