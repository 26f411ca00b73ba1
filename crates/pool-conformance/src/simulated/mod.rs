//! A simulated runtime: one thread, virtual time, and an order of tasks that a seed decides.
//!
//! The same seed gives the same run, poll by poll. Together with the connections of
//! [`world`](crate::world) it is what proofs about pools run on.

mod clock;
mod executor;

use std::cell::RefCell;

use crate::adapter::{Adapter, Time};
use crate::task::Task;

pub use clock::{Clock, ManualTimer, Sleep};
pub use executor::{Executor, Spawned};

/// The simulated runtime as an adapter.
#[derive(Debug)]
pub struct Simulated {
    clock: Clock,
    executor: RefCell<Executor>,
    /// Tasks that were spawned while the executor was running.
    spawned: RefCell<Vec<Task<Clock>>>,
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
        self.spawned.borrow_mut().push(task);
    }

    /// # Panics
    ///
    /// When all tasks wait and no timer is set: nothing will ever happen again.
    fn run(&self, script: impl Future<Output = ()> + 'static) {
        let script = self.executor.borrow_mut().spawn(script);
        loop {
            for task in self.spawned.take() {
                self.executor.borrow_mut().spawn(task);
            }
            if self.executor.borrow_mut().step() {
                if script.is_done() {
                    return;
                }
            } else if let Some(next) = self.clock.next() {
                self.clock.set(next);
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
