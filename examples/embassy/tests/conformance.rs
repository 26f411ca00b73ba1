//! The pool keeps its promises on embassy.

use std::sync::{OnceLock, mpsc};
use std::thread;

use embassy_executor::{Executor, SendSpawner};
use pool_conformance::{Adapter, Task, conformance};
use pool_embassy::EmbassyRuntime;

/// The handle to the one executor that runs the tasks of all scenarios. An executor of embassy
/// lives for ever and has to be run for ever: a task that was woken gives its place back only when
/// its turn comes.
struct Embassy(SendSpawner);

/// A scenario has a driver and up to about 100 users, and as many scenarios run at a time as there
/// are processors. One that fails leaves its tasks in their places.
const TASKS_MAX: usize = 4096;

/// A task of embassy must not be generic, and needn't be: whatever is spawned is a `Task`. This one
/// may come from another thread, since it is `Send` together with the timer.
#[embassy_executor::task(pool_size = TASKS_MAX)]
async fn run(task: Task<EmbassyRuntime>) {
    task.await;
}

fn start_executor() -> SendSpawner {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        Box::leak(Box::new(Executor::new())).run(|spawner| {
            sender.send(spawner.make_send()).expect("somebody waits for it");
        });
    });
    receiver.recv().expect("the executor starts")
}

impl Adapter for Embassy {
    type Runtime = EmbassyRuntime;
    const NAME: &'static str = "embassy";

    fn start(_: u64) -> Self {
        static SPAWNER: OnceLock<SendSpawner> = OnceLock::new();
        Self(*SPAWNER.get_or_init(start_executor))
    }

    fn runtime(&self) -> EmbassyRuntime {
        EmbassyRuntime
    }

    fn spawn(&self, task: Task<EmbassyRuntime>) {
        self.0.spawn(run(task).expect("there are places for more tasks than scenarios have"));
    }

    fn run(&self, script: impl Future<Output = ()> + 'static) {
        pollster::block_on(script);
    }
}

conformance!(Embassy);
