//! The pool keeps its promises on Tokio: on one thread, on several, and on a `LocalSet`.

use pool_conformance::{Adapter, Task, Time, conformance};
use pool_tokio::{
    TokioRuntime,
    driver::{Ambient, Local, Spawn},
};
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;

/// Time is paused: it jumps to the next timer when all tasks wait.
fn current_thread() -> Runtime {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime without I/O needs nothing of the system")
}

mod on_the_current_thread {
    use super::*;

    struct CurrentThread(Runtime);

    impl Adapter for CurrentThread {
        type Runtime = TokioRuntime;
        const NAME: &'static str = "tokio-current-thread";
        const TIME: Time = Time::Virtual;

        fn start(_: u64) -> Self {
            Self(current_thread())
        }

        fn runtime(&self) -> TokioRuntime {
            TokioRuntime::new()
        }

        fn spawn(&self, task: Task<TokioRuntime>) {
            Spawn::<TokioRuntime, _>::spawn(Ambient, "script", task).expect("a script runs on the runtime");
        }

        fn run(&self, script: impl Future<Output = ()> + 'static) {
            self.0.block_on(script);
        }
    }

    conformance!(CurrentThread);
}

mod on_several_threads {
    use super::*;

    struct MultiThread(Runtime);

    impl Adapter for MultiThread {
        type Runtime = TokioRuntime;
        const NAME: &'static str = "tokio-multi-thread";

        fn start(_: u64) -> Self {
            let runtime = Builder::new_multi_thread().worker_threads(2).enable_time().build();
            Self(runtime.expect("the system has threads"))
        }

        fn runtime(&self) -> TokioRuntime {
            TokioRuntime::new()
        }

        fn spawn(&self, task: Task<TokioRuntime>) {
            Spawn::<TokioRuntime, _>::spawn(self.0.handle(), "script", task).expect("the runtime is there");
        }

        fn run(&self, script: impl Future<Output = ()> + 'static) {
            self.0.block_on(script);
        }
    }

    conformance!(MultiThread);
}

/// Drivers and connections run at the same time. What both do in any order is played on the simulated runtime.
mod on_several_threads_with_connections_in_tasks_of_their_own {
    use super::*;

    struct Spawning(Runtime);

    impl Adapter for Spawning {
        type Runtime = TokioRuntime;
        const NAME: &'static str = "tokio-spawned-connections";
        const SPAWNS_CONNECTIONS: bool = true;

        fn start(_: u64) -> Self {
            let runtime = Builder::new_multi_thread().worker_threads(2).enable_time().build();
            Self(runtime.expect("the system has threads"))
        }

        fn runtime(&self) -> TokioRuntime {
            TokioRuntime::new()
        }

        fn spawn(&self, task: Task<TokioRuntime>) {
            Spawn::<TokioRuntime, _>::spawn(self.0.handle(), "script", task).expect("the runtime is there");
        }

        fn run(&self, script: impl Future<Output = ()> + 'static) {
            self.0.block_on(script);
        }
    }

    conformance!(Spawning);
}

mod on_a_local_set {
    use super::*;

    struct Locally {
        runtime: Runtime,
        tasks: LocalSet,
    }

    impl Adapter for Locally {
        type Runtime = TokioRuntime;
        const NAME: &'static str = "tokio-local";
        const TIME: Time = Time::Virtual;

        fn start(_: u64) -> Self {
            Self { runtime: current_thread(), tasks: LocalSet::new() }
        }

        fn runtime(&self) -> TokioRuntime {
            TokioRuntime::new()
        }

        fn spawn(&self, task: Task<TokioRuntime>) {
            Spawn::<TokioRuntime, _>::spawn(Local, "script", task).expect("a script runs on the set");
        }

        fn run(&self, script: impl Future<Output = ()> + 'static) {
            self.tasks.block_on(&self.runtime, script);
        }
    }

    conformance!(Locally);
}
