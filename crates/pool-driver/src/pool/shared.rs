//! What handles and driver have in common: the queue, what handles ask of the driver, and what the watchers
//! of the pool are told.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use std::task::Waker;
use std::time::Duration;

use pool_core::Availability;

use crate::clock::Clock;
use crate::error::{EndReason, Ended, ReadyError, SharedError};
use crate::panic::{discard, guard};
use crate::pool::timer_queue::TimerQueue;
use crate::queue::Queue;
use crate::snapshot::{PoolStatus, Snapshot};
use crate::sync::{Mutex, MutexGuard};
use crate::wake_list::Signal;
use crate::watchers::Watchers;

pub(crate) struct Shared<T, A> {
    pub(crate) queue: Queue<T>,
    pub(crate) signal: Arc<Signal>,
    /// By the pool's runtime.
    pub(crate) clock: Clock,
    pub(crate) timers: Arc<TimerQueue>,
    pool_status: Arc<PoolStatus<A>>,
    handles: AtomicUsize,
    control: Mutex<Control<A>>,
    watchers: Watchers,
    reports_outcomes: bool,
    /// The keeper wants to be told when the pool is idle.
    is_idle_wanted: AtomicBool,
}

/// What handles have asked for since the driver last looked.
struct Control<A> {
    shutdown: Option<Duration>,
    is_connection_wanted: bool,
    retries: Vec<A>,
    /// The owner of a handle that is kept in case somebody asks for one.
    keeper: Option<Arc<Waker>>,
}

/// What the handles have asked for since the driver last looked.
pub(crate) struct Requests<A> {
    /// The shortest timeout of a shutdown.
    pub(crate) shutdown: Option<Duration>,
    /// Somebody waits for a connection.
    pub(crate) is_connection_wanted: bool,
    /// Addresses to dial at once.
    pub(crate) retries: Vec<A>,
    /// There is no handle left.
    pub(crate) is_abandoned: bool,
}

/// Requests to dial an address at once that are kept until the driver looks. More are dropped.
const RETRIES_MAX: usize = 1024;

impl<T, A> Shared<T, A> {
    pub(crate) fn new(
        queue_size: usize,
        signal: Arc<Signal>,
        clock: Clock,
        pool_status: Arc<PoolStatus<A>>,
        reports_outcomes: bool,
    ) -> Self {
        let control =
            Control { shutdown: None, is_connection_wanted: false, retries: Vec::new(), keeper: None };
        Self {
            queue: Queue::new(queue_size, Arc::clone(&signal)),
            timers: Arc::new(TimerQueue::new(Arc::clone(&signal), clock.clone())),
            signal,
            clock,
            pool_status,
            handles: AtomicUsize::new(0),
            control: Mutex::new(control),
            watchers: Watchers::new(),
            reports_outcomes,
            is_idle_wanted: AtomicBool::new(false),
        }
    }

    fn control(&self) -> MutexGuard<'_, Control<A>> {
        self.control.lock()
    }

    // What handles ask for.

    pub(crate) fn shut_down(&self, timeout: Duration) {
        self.close(EndReason::Shutdown);
        {
            let mut control = self.control();
            control.shutdown = Some(control.shutdown.map_or(timeout, |shorter| shorter.min(timeout)));
        }
        self.signal.raise();
    }

    pub(super) fn retry_now(&self, address: A) {
        let mut control = self.control();
        if control.retries.len() < RETRIES_MAX {
            control.retries.push(address);
        }
        drop(control);
        self.signal.raise();
    }

    fn want_connection(&self) {
        self.control().is_connection_wanted = true;
        self.signal.raise();
    }

    pub(crate) fn take_requests(&self) -> Requests<A> {
        let mut control = self.control();
        let shutdown = control.shutdown.take();
        let is_connection_wanted = mem::take(&mut control.is_connection_wanted);
        let retries = mem::take(&mut control.retries);
        drop(control);
        Requests { shutdown, is_connection_wanted, retries, is_abandoned: self.handles() == 0 }
    }

    // How many handles there are.

    pub(super) fn add_handle(&self) {
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn release_handle(&self) {
        match self.handles.fetch_sub(1, Ordering::AcqRel) {
            1 => self.signal.raise(),
            2 => {
                // Either the keeper sees that this handle is gone, or its request is seen here.
                fence(Ordering::SeqCst);
                self.tell_maybe_idle();
            }
            _ => {}
        }
    }

    pub(crate) fn handles(&self) -> usize {
        self.handles.load(Ordering::Acquire)
    }

    /// The keeper owns a handle, and is told of the pool's end.
    pub(crate) fn set_keeper(&self, keeper: Waker) {
        let previous = self.control().keeper.replace(Arc::new(keeper));
        discard(previous);
    }

    pub(crate) fn tell_keeper(&self) {
        // Counted, so that no code of the waker runs under the lock.
        let keeper = self.control().keeper.clone();
        if let Some(keeper) = keeper {
            let _ = guard(|| keeper.wake_by_ref());
        }
    }

    /// Lets the keeper know, once, when the pool has become idle. To be called before the look
    /// that decides whether to wait.
    pub(crate) fn want_idle(&self) {
        self.is_idle_wanted.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// To be called after the pool's status was written, and after handles are gone.
    pub(crate) fn tell_maybe_idle(&self) {
        if self.is_idle_wanted.load(Ordering::Relaxed) && self.is_idle() {
            self.is_idle_wanted.store(false, Ordering::Relaxed);
            self.tell_keeper();
        }
    }

    /// The keeper has the only handle, and every item has come to its end.
    pub(crate) fn is_idle(&self) -> bool {
        self.handles() <= 1 && self.pool_status.has_settled(self.queue.accepted(), self.reports_outcomes)
    }

    // What the watchers of the pool are told.

    /// Takes no item from now on, and tells everybody who waits. The first reason stands.
    pub(crate) fn close(&self, reason: EndReason) {
        if self.queue.close(reason) {
            self.tell_watchers();
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.queue.closed().is_some()
    }

    pub(crate) fn tell_watchers(&self) {
        self.watchers.tell();
    }

    pub(super) async fn ready(&self) -> Result<(), ReadyError> {
        loop {
            let changed = self.watchers.watch();
            let totals = self.pool_status.totals();
            if let Some(reason) = self.queue.closed() {
                return Err(ReadyError::Closed(reason));
            }
            if totals.availability == Availability::Usable {
                return Ok(());
            }
            if totals.is_failing {
                return Err(ReadyError::Failing { last_error: self.last_error() });
            }
            self.want_connection();
            // Whether told or cancelled, it is time to look again.
            let _ = changed.await;
        }
    }

    pub(crate) async fn closed(&self) -> Ended {
        loop {
            let changed = self.watchers.watch();
            if let Some(ended) = self.ended() {
                return ended;
            }
            // Whether told or cancelled, it is time to look again.
            let _ = changed.await;
        }
    }

    pub(crate) fn ended(&self) -> Option<Ended> {
        self.pool_status.ended()
    }

    pub(super) fn last_error(&self) -> Option<SharedError> {
        self.pool_status.last_error()
    }

    pub(crate) fn snapshot(&self) -> Snapshot<A> {
        self.pool_status.snapshot(|| self.queue.snapshot())
    }
}
