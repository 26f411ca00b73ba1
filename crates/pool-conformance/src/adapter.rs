//! What a runtime adapter implements to be tested.

use pool_driver::Runtime;

use crate::task::Task;

/// A runtime adapter under test, and the executor it is for. Scenarios run in parallel, each on a
/// thread of its own.
///
/// ```
/// use pool_conformance::{Adapter, Task};
/// use pool_smol::{driver::Spawn, SmolRuntime};
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
///         Spawn::<SmolRuntime, _>::spawn(&self.0, "script", task).expect("an executor is always there");
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

    /// Its name in reports.
    const NAME: &'static str;

    /// How its time passes.
    const TIME: Time = Time::Real;

    /// Whether the connections of pools have a task of their own, beside the driver's:
    /// [`spawn_connections`](pool_driver::PoolBuilder::spawn_connections). Some scenarios are left out then: they count as
    /// arrived what is on its way to a connection, which may come back.
    const SPAWNS_CONNECTIONS: bool = false;

    /// Makes an executor for one scenario, or a handle to one that lives for ever. It takes all its chance
    /// from the seed.
    fn start(seed: u64) -> Self;

    /// Makes a runtime of this executor. It is called several times.
    fn runtime(&self) -> Self::Runtime;

    /// Starts a task. It runs until it ends by itself or the executor is dropped, also after the
    /// scenario. It ends by itself unless the scenario fails. `Task<R>` is `Send` if `R` and its timers
    /// are.
    fn spawn(&self, task: Task<Self::Runtime>);

    /// Runs a future to its end on the caller's thread, together with the spawned tasks.
    fn run(&self, script: impl Future<Output = ()> + 'static);

    /// A hash of the order in which tasks ran, if the adapter can repeat a run.
    fn history(&self) -> Option<u64> {
        None
    }

    /// Why the scenario of this name can't be run here: what is missing. `None` if it can.
    #[must_use]
    fn skip(scenario: &str) -> Option<&'static str> {
        let _ = scenario;
        None
    }
}

/// How time passes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_enums, reason = "time passes by itself, or it doesn't")]
pub enum Time {
    /// It jumps to the next timer when all tasks wait. Scenarios check that nothing is late.
    Virtual,
    /// It passes by itself. Scenarios run at twenty times its speed and don't check lateness.
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
