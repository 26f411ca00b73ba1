//! The pool keeps its promises on smol: on the global executor, and on one of the thread's own.

use pool_conformance::{Adapter, Task, conformance};
use pool_smol::{
    SmolRuntime,
    driver::{Ambient, Spawn},
};
use smol::LocalExecutor;

mod on_the_global_executor {
    use super::*;

    struct Global;

    impl Adapter for Global {
        type Runtime = SmolRuntime;
        const NAME: &'static str = "smol";

        fn start(_: u64) -> Self {
            Self
        }

        fn runtime(&self) -> SmolRuntime {
            SmolRuntime::new()
        }

        fn spawn(&self, task: Task<SmolRuntime>) {
            Spawn::<SmolRuntime, _>::spawn(Ambient, "script", task)
                .expect("there is always a global executor");
        }

        fn run(&self, script: impl Future<Output = ()> + 'static) {
            smol::block_on(script);
        }
    }

    conformance!(Global);
}

mod on_a_local_executor {
    use super::*;

    struct Locally(LocalExecutor<'static>);

    impl Adapter for Locally {
        type Runtime = SmolRuntime;
        const NAME: &'static str = "smol-local";

        fn start(_: u64) -> Self {
            Self(LocalExecutor::new())
        }

        fn runtime(&self) -> SmolRuntime {
            SmolRuntime::new()
        }

        fn spawn(&self, task: Task<SmolRuntime>) {
            Spawn::<SmolRuntime, _>::spawn(&self.0, "script", task).expect("a script runs on the executor");
        }

        fn run(&self, script: impl Future<Output = ()> + 'static) {
            smol::block_on(self.0.run(script));
        }
    }

    conformance!(Locally);
}
