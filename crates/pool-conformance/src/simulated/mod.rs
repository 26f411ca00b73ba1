//! A simulated runtime: one thread, virtual time, and an order of tasks that a seed decides.
//!
//! The same seed gives the same run, poll by poll. The tests of `pool-driver` and `pool-call` run on it
//! too, with the connections of [`world`](crate::world).

mod executor;

use std::cell::RefCell;
use std::fmt;
use std::pin::Pin;

use crate::adapter::{Adapter, Time};
use crate::task::Task;

pub use crate::clock::{Clock, ManualTimer, Sleep};
use executor::POLLS_MAX;

pub use executor::{Executor, Spawned};

/// The simulated runtime as an adapter.
pub struct Simulated {
    clock: Clock,
    executor: RefCell<Executor>,
    /// Tasks that were spawned while the executor was running.
    spawned: RefCell<Vec<Pin<Box<dyn Future<Output = ()>>>>>,
}

impl Simulated {
    /// Starts to run any future.
    pub fn spawn_any(&self, future: impl Future<Output = ()> + 'static) {
        self.spawned.borrow_mut().push(Box::pin(future));
    }
}

impl fmt::Debug for Simulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulated").field("clock", &self.clock).finish_non_exhaustive()
    }
}

impl Adapter for Simulated {
    type Runtime = Clock;
    const NAME: &'static str = "sim";
    const TIME: Time = Time::Virtual;

    fn start(seed: u64) -> Self {
        Self {
            clock: Clock::default(),
            executor: RefCell::new(Executor::seeded(seed)),
            spawned: RefCell::default(),
        }
    }

    fn runtime(&self) -> Clock {
        self.clock.clone()
    }

    fn spawn(&self, task: Task<Clock>) {
        self.spawn_any(task);
    }

    /// # Panics
    ///
    /// When all tasks wait and no timer is set: nothing will ever happen again. When tasks wake each
    /// other so often that time would never move on.
    fn run(&self, script: impl Future<Output = ()> + 'static) {
        let script = self.executor.borrow_mut().spawn(script);
        let mut polls = 0;
        loop {
            for task in self.spawned.take() {
                self.executor.borrow_mut().spawn(task);
            }
            if self.executor.borrow_mut().step() {
                if script.is_done() {
                    return;
                }
                polls += 1;
                assert!(polls < POLLS_MAX, "time stands still: the tasks wake each other for ever");
            } else if let Some(next) = self.clock.next() {
                self.clock.set(next);
                polls = 0;
            } else if self.spawned.borrow().is_empty() {
                self.executor.borrow_mut().cancel(&script);
                panic!("all tasks wait and no timer is set: nothing will ever happen again");
            }
        }
    }

    fn history(&self) -> Option<u64> {
        Some(self.executor.borrow().history())
    }
}
