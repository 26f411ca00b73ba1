//! The simulated runtime keeps the promises with connections in tasks of their own, too.

use pool_conformance::simulated::{Clock, Simulated};
use pool_conformance::{Adapter, Task, Time, conformance};

/// The simulated runtime draws whether the driver or its connections go on.
struct Spawning(Simulated);

impl Adapter for Spawning {
    type Runtime = Clock;
    const NAME: &'static str = "sim-spawned-connections";
    const TIME: Time = Time::Virtual;
    const SPAWNS_CONNECTIONS: bool = true;

    fn start(seed: u64) -> Self {
        Self(Simulated::start(seed))
    }

    fn runtime(&self) -> Clock {
        self.0.runtime()
    }

    fn spawn(&self, task: Task<Clock>) {
        self.0.spawn(task);
    }

    fn run(&self, script: impl Future<Output = ()> + 'static) {
        self.0.run(script);
    }

    fn history(&self) -> Option<u64> {
        self.0.history()
    }
}

conformance!(Spawning);
