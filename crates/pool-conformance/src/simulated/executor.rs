//! Runs futures on one thread, each only when it was woken, and counts their polls.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::hash::Hasher;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use parking_lot::Mutex;
use siphasher::sip::SipHasher13;

/// More polls than this without a step of time are an endless loop.
pub(super) const POLLS_MAX: usize = 100_000;

/// An executor whose order of tasks is the order in which they were woken, or one that is drawn.
#[derive(Debug, Default)]
pub struct Executor {
    tasks: Vec<ExecutorTask>,
    woken: Arc<WokenTasks>,
    order: Option<fastrand::Rng>,
    /// A hash of the order in which tasks were polled.
    history: SipHasher13,
}

struct ExecutorTask {
    future: Option<Pin<Box<dyn Future<Output = ()>>>>,
    waker: Arc<TaskWaker>,
    polls: Rc<Cell<usize>>,
}

impl fmt::Debug for ExecutorTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecutorTask").field("polls", &self.polls).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct WokenTasks(Mutex<VecDeque<usize>>);

#[derive(Debug)]
struct TaskWaker {
    index: usize,
    is_listed: AtomicBool,
    woken: Arc<WokenTasks>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_listed.swap(true, Ordering::AcqRel) {
            self.woken.0.lock().push_back(self.index);
        }
    }
}

/// A future that was spawned, and its output.
#[derive(Debug)]
pub struct Spawned<R> {
    index: usize,
    output: Rc<RefCell<Option<R>>>,
    polls: Rc<Cell<usize>>,
}

impl<R> Clone for Spawned<R> {
    fn clone(&self) -> Self {
        Self { index: self.index, output: Rc::clone(&self.output), polls: Rc::clone(&self.polls) }
    }
}

impl<R> Spawned<R> {
    /// How often it was polled.
    #[must_use]
    pub fn polls(&self) -> usize {
        self.polls.get()
    }

    /// Whether it has returned, and its output was not taken yet.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.output.borrow().is_some()
    }

    /// Takes its output, if it has returned.
    #[must_use]
    pub fn output(&self) -> Option<R> {
        self.output.borrow_mut().take()
    }
}

impl Executor {
    /// An executor that draws which of the woken tasks is polled next.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self { order: Some(fastrand::Rng::with_seed(seed)), ..Self::default() }
    }

    /// Adds a future, which is woken once to begin with.
    pub fn spawn<R: 'static>(&mut self, future: impl Future<Output = R> + 'static) -> Spawned<R> {
        let output = Rc::new(RefCell::new(None));
        let polls = Rc::new(Cell::new(0));
        let index = self.tasks.len();
        let waker = TaskWaker { index, is_listed: AtomicBool::new(false), woken: Arc::clone(&self.woken) };
        let task = Spawned { index, output: Rc::clone(&output), polls: Rc::clone(&polls) };
        let future = Box::pin(async move {
            let done = future.await;
            *output.borrow_mut() = Some(done);
        });
        self.tasks.push(ExecutorTask { future: Some(future), waker: Arc::new(waker), polls });
        self.tasks[index].waker.wake_by_ref();
        task
    }

    /// Runs until no task is woken.
    ///
    /// # Panics
    ///
    /// When the tasks wake each other for ever.
    pub fn run(&mut self) {
        for _ in 0..POLLS_MAX {
            if !self.step() {
                return;
            }
        }
        panic!("the tasks wake each other for ever");
    }

    /// Polls one task that is woken. Returns whether there was one.
    pub fn step(&mut self) -> bool {
        let Some(index) = self.next_woken() else { return false };
        self.poll(index);
        true
    }

    /// Polls the tasks that are woken now, once each.
    pub fn run_round(&mut self) {
        let woken = self.woken.0.lock().len();
        for _ in 0..woken {
            self.step();
        }
    }

    /// Whether no task is woken.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.woken.0.lock().is_empty()
    }

    /// Drops the task's future, also in the middle of its work.
    pub fn cancel<R>(&mut self, task: &Spawned<R>) {
        drop(self.tasks[task.index].future.take());
    }

    /// A hash of the order in which tasks were polled.
    #[must_use]
    pub fn history(&self) -> u64 {
        self.history.finish()
    }

    fn next_woken(&mut self) -> Option<usize> {
        let mut woken = self.woken.0.lock();
        match &mut self.order {
            Some(order) if woken.len() > 1 => {
                let drawn = order.usize(..woken.len());
                woken.swap_remove_back(drawn)
            }
            _ => woken.pop_front(),
        }
    }

    fn poll(&mut self, index: usize) {
        self.history.write_usize(index);
        let task = &mut self.tasks[index];
        task.waker.is_listed.store(false, Ordering::Release);
        let Some(future) = &mut task.future else { return };
        task.polls.set(task.polls.get() + 1);
        let waker = Waker::from(Arc::clone(&task.waker));
        if future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            task.future = None;
        }
    }
}
