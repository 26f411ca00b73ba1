//! Runs futures on one thread, each only when it was woken, and counts how often.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

/// More polls than this without a step of time are an endless loop.
const POLLS_MAX: usize = 100_000;

#[derive(Default)]
pub(crate) struct Executor {
    tasks: Vec<Running>,
    woken: Arc<Woken>,
}

struct Running {
    future: Option<Pin<Box<dyn Future<Output = ()>>>>,
    flag: Arc<Flag>,
    polls: Rc<Cell<usize>>,
}

#[derive(Default)]
struct Woken(Mutex<VecDeque<usize>>);

struct Flag {
    index: usize,
    is_listed: AtomicBool,
    woken: Arc<Woken>,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        if !self.is_listed.swap(true, Ordering::AcqRel) {
            self.woken.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(self.index);
        }
    }
}

/// A future that was spawned, and what came of it.
pub(crate) struct Task<R> {
    index: usize,
    output: Rc<RefCell<Option<R>>>,
    polls: Rc<Cell<usize>>,
}

impl<R> Clone for Task<R> {
    fn clone(&self) -> Self {
        Self { index: self.index, output: Rc::clone(&self.output), polls: Rc::clone(&self.polls) }
    }
}

impl<R> Task<R> {
    pub(crate) fn polls(&self) -> usize {
        self.polls.get()
    }

    pub(crate) fn is_done(&self) -> bool {
        self.output.borrow().is_some()
    }

    /// What it returned, if it has.
    pub(crate) fn output(&self) -> Option<R> {
        self.output.borrow_mut().take()
    }
}

impl Executor {
    pub(crate) fn spawn<R: 'static>(&mut self, future: impl Future<Output = R> + 'static) -> Task<R> {
        let output = Rc::new(RefCell::new(None));
        let polls = Rc::new(Cell::new(0));
        let index = self.tasks.len();
        let flag = Flag { index, is_listed: AtomicBool::new(false), woken: Arc::clone(&self.woken) };
        let task = Task { index, output: Rc::clone(&output), polls: Rc::clone(&polls) };
        let future = Box::pin(async move {
            let done = future.await;
            *output.borrow_mut() = Some(done);
        });
        self.tasks.push(Running { future: Some(future), flag: Arc::new(flag), polls });
        Arc::clone(&self.tasks[index].flag).wake();
        task
    }

    /// Runs until nobody is woken.
    pub(crate) fn run(&mut self) {
        for _ in 0..POLLS_MAX {
            let Some(index) = self.next_woken() else { return };
            self.poll(index);
        }
        panic!("the tasks wake each other for ever");
    }

    /// Polls the tasks that are woken now, once each.
    pub(crate) fn run_round(&mut self) {
        let woken = self.woken.0.lock().unwrap_or_else(PoisonError::into_inner).len();
        for _ in 0..woken {
            if let Some(index) = self.next_woken() {
                self.poll(index);
            }
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.woken.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Drops the task's future, wherever it is.
    pub(crate) fn cancel<R>(&mut self, task: &Task<R>) {
        drop(self.tasks[task.index].future.take());
    }

    fn next_woken(&self) -> Option<usize> {
        self.woken.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn poll(&mut self, index: usize) {
        let task = &mut self.tasks[index];
        task.flag.is_listed.store(false, Ordering::Release);
        let Some(future) = &mut task.future else { return };
        task.polls.set(task.polls.get() + 1);
        let waker = Waker::from(Arc::clone(&task.flag));
        if future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            task.future = None;
        }
    }
}
