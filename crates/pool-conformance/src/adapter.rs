//! What a runtime adapter has to show of itself to be tested.

use pool_driver::Runtime;

use crate::task::Task;

/// A runtime adapter under test, and the executor it is for. Scenarios run in parallel, each on a
/// thread of its own.
///
/// ```
/// use pool_conformance::{Adapter, Task};
/// use pool_smol::{SmolRuntime, SpawnOn};
/// use smol::LocalExecutor;
///
/// struct OnALocalExecutor(LocalExecutor<'static>);
///
/// impl Adapter for OnALocalExecutor {
///     type Runtime = SmolRuntime;
///     const NAME: &'static str = "smol-local";
///
///     fn start(_seed: u64) -> Self {
///         Self(LocalExecutor::new())
///     }
///
///     fn runtime(&self) -> SmolRuntime {
///         SmolRuntime::new()
///     }
///
///     fn spawn(&self, task: Task<SmolRuntime>) {
///         SmolRuntime::spawn_on(&self.0, task).expect("an executor is always there");
///     }
///
///     fn run(&self, script: impl Future<Output = ()> + 'static) {
///         smol::block_on(self.0.run(script));
///     }
/// }
///
/// // In a test:
/// pool_conformance::conformance!(OnALocalExecutor);
/// ```
///
/// `runtime` and `spawn` are called from within `run`, on its thread.
pub trait Adapter: Sized {
    /// The clock and the timers.
    type Runtime: Runtime + 'static;

    /// How reports call it.
    const NAME: &'static str;

    /// What kind of time it has.
    const TIME: Time = Time::Real;

    /// Makes an executor for one scenario, or a handle to one that lives for ever. Whatever it
    /// leaves to chance it should take from the seed.
    fn start(seed: u64) -> Self;

    /// A runtime of this executor. It is asked for several.
    fn runtime(&self) -> Self::Runtime;

    /// Starts to run a task, which goes on when the scenario is over, until it ends by itself or
    /// the executor is dropped. `Task<R>` is `Send` if `R` and its timers are. It ends by itself
    /// unless the scenario fails.
    fn spawn(&self, task: Task<Self::Runtime>);

    /// Runs a future to its end on the caller's thread, while what was spawned runs too.
    fn run(&self, script: impl Future<Output = ()> + 'static);

    /// A number that stands for the order in which everything ran, where that can be repeated.
    fn history(&self) -> Option<u64> {
        None
    }

    /// Why the scenario of this name can't be run here, if it can't. Say what is missing.
    #[must_use]
    fn skip(scenario: &str) -> Option<&'static str> {
        let _ = scenario;
        None
    }
}

/// How time passes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_enums, reason = "it passes by itself, or it doesn't")]
pub enum Time {
    /// It jumps to the next timer when all tasks wait. Scenarios check that nothing comes late.
    Virtual,
    /// It passes by itself. Scenarios run at twenty times its speed, and wait for what shall
    /// happen as long as need be.
    Real,
}

impl Time {
    pub(crate) const fn speed(self) -> u32 {
        match self {
            Self::Virtual => 1,
            Self::Real => 20,
        }
    }
}
