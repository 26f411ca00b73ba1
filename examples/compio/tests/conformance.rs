//! The pool keeps its promises on compio.

use compio::runtime::Runtime;
use pool_compio::CompioRuntime;
use pool_conformance::{Adapter, Task, conformance};
use pool_driver::Spawn;

/// One runtime for each scenario, on the scenario's own thread.
struct Compio(Runtime);

impl Adapter for Compio {
    type Runtime = CompioRuntime;
    const NAME: &'static str = "compio";

    fn start(_: u64) -> Self {
        Self(Runtime::new().expect("the system has io_uring or a poller"))
    }

    fn runtime(&self) -> CompioRuntime {
        CompioRuntime::new()
    }

    /// `Task` is not `Send` here, since its timer is not, and nothing asks for it.
    fn spawn(&self, task: Task<CompioRuntime>) {
        Spawn::<CompioRuntime, _>::spawn(&self.0, "script", task).expect("the runtime is there");
    }

    fn run(&self, script: impl Future<Output = ()> + 'static) {
        self.0.block_on(script);
    }
}

conformance!(Compio);
