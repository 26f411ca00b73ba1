//! Tasks that run inside another future.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;
use pool_driver::{BoxError, Spawn};

/// An executor that lives in somebody else's task, on any runtime: for connections that have tasks of their own. Clones
/// share it.
#[derive(Clone, Debug)]
pub(crate) struct Nursery {
    entrance: Arc<Entrance>,
}

/// Tells when the last handle is gone.
#[derive(Debug)]
struct Entrance(Arc<Mutex<Arrivals>>);

/// Looks at the tasks of a [`Nursery`]. It is no handle.
#[derive(Clone, Debug)]
pub(crate) struct NurseryWatch(Arc<Mutex<Arrivals>>);

#[derive(Default)]
struct Arrivals {
    tasks: Vec<ChildFuture>,
    is_closed: bool,
    /// In each round all tasks that were woken are polled.
    rounds_begun: u64,
    rounds_ended: u64,
    is_over: bool,
    waker: Option<Waker>,
}

type ChildFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs the tasks of a [`Nursery`], until all are over and no handle is left.
#[must_use = "a future does nothing unless it is polled"]
pub(crate) struct RunNursery {
    arrivals: Arc<Mutex<Arrivals>>,
    children: Vec<(ChildFuture, Arc<ChildWaker>)>,
}

#[derive(Debug)]
struct ChildWaker {
    is_woken: AtomicBool,
    parent: Mutex<Waker>,
}

impl fmt::Debug for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrivals").field("tasks", &self.tasks.len()).finish_non_exhaustive()
    }
}

impl Nursery {
    /// An executor, and the future that runs its tasks.
    pub(crate) fn new() -> (Self, RunNursery) {
        let arrivals = Arc::default();
        let entrance = Arc::new(Entrance(Arc::clone(&arrivals)));
        (Self { entrance }, RunNursery { arrivals, children: Vec::new() })
    }

    pub(crate) fn watch(&self) -> NurseryWatch {
        NurseryWatch(Arc::clone(&self.entrance.0))
    }
}

impl NurseryWatch {
    /// Has another round begin. Returns the number of one that begins after this.
    pub(crate) fn start_round(&self) -> u64 {
        let (round, waker) = {
            let mut arrivals = self.0.lock();
            (arrivals.rounds_begun + 1, arrivals.waker.take())
        };
        waker.into_iter().for_each(Waker::wake);
        round
    }

    pub(crate) fn has_ended(&self, round: u64) -> bool {
        let arrivals = self.0.lock();
        arrivals.is_over || arrivals.rounds_ended >= round
    }
}

impl Entrance {
    fn change(&self, change: impl FnOnce(&mut Arrivals)) {
        let waker = {
            let mut arrivals = self.0.lock();
            change(&mut arrivals);
            arrivals.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Drop for Entrance {
    fn drop(&mut self) {
        self.change(|arrivals| arrivals.is_closed = true);
    }
}

impl<R, F> Spawn<R, F> for Nursery
where
    F: Future<Output = ()> + Send + 'static,
{
    fn spawn(self, _: &str, future: F) -> Result<(), BoxError> {
        self.entrance.change(|arrivals| arrivals.tasks.push(Box::pin(future)));
        Ok(())
    }
}

impl Wake for ChildWaker {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Ordering::Release);
        let parent = self.parent.lock().clone();
        parent.wake();
    }
}

impl Future for RunNursery {
    type Output = ();

    /// Polls each task that was woken, once.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let (tasks, is_closed) = {
            let mut arrivals = this.arrivals.lock();
            arrivals.waker = Some(cx.waker().clone());
            arrivals.rounds_begun += 1;
            (std::mem::take(&mut arrivals.tasks), arrivals.is_closed)
        };
        this.children.extend(tasks.into_iter().map(|task| {
            let waker =
                ChildWaker { is_woken: AtomicBool::new(true), parent: Mutex::new(cx.waker().clone()) };
            (task, Arc::new(waker))
        }));
        this.children.retain_mut(|(task, waker)| {
            waker.parent.lock().clone_from(cx.waker());
            let is_woken = waker.is_woken.swap(false, Ordering::AcqRel);
            let waker = Waker::from(Arc::clone(waker));
            !is_woken || task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending()
        });
        let is_over = is_closed && this.children.is_empty();
        {
            let mut arrivals = this.arrivals.lock();
            arrivals.rounds_ended = arrivals.rounds_begun;
            arrivals.is_over = is_over;
        }
        if is_over { Poll::Ready(()) } else { Poll::Pending }
    }
}
