//! What handles and driver have in common: the queue, what handles ask of the driver, and what the watchers
//! of the pool are told.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use std::task::Waker;
use std::time::Duration;

use crate::clock::Clock;
use crate::config::PoolConfig;
use crate::error::{EndReason, Ended, SharedError};
use crate::panic::{discard, guard};
use crate::pool::handle_count::HandleCount;
use crate::pool::sleep::Timers;
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
    pub(crate) timers: Timers,
    pool_status: Arc<PoolStatus<A>>,
    handles: HandleCount,
    /// A handle was made that the keeper knows nothing of.
    was_upgraded: AtomicBool,
    /// Tasks that wait for connections: a lazy pool connects for them as for an item.
    waiting: AtomicUsize,
    control: Mutex<Control<A>>,
    /// Wait for the pool's end.
    watchers_of_end: Watchers,
    /// Wait for connections. They are told of more connections, of failures, and of the close.
    watchers_of_connections: Watchers,
    reports_outcomes: bool,
    /// The keeper wants to be told when the pool is idle.
    is_idle_wanted: AtomicBool,
}

/// What handles have asked for since the driver last looked.
struct Control<A> {
    shutdown: Option<Duration>,
    /// The settings last asked for, or in force if the driver has seen those.
    config: PoolConfig,
    /// The driver has not seen them.
    is_config_new: bool,
    retries: Vec<A>,
    /// The owner of a handle that is kept in case somebody asks for one.
    keeper: Option<Arc<Waker>>,
}

/// What the handles have asked for since the driver last looked.
pub(crate) struct Requests<A> {
    /// The shortest timeout of a shutdown.
    pub(crate) shutdown: Option<Duration>,
    /// Other settings.
    pub(crate) config: Option<PoolConfig>,
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
        config: PoolConfig,
        signal: Arc<Signal>,
        clock: Clock,
        pool_status: Arc<PoolStatus<A>>,
        reports_outcomes: bool,
    ) -> Self {
        let queue = Queue::new(config.queue_size, Arc::clone(&signal));
        let control =
            Control { shutdown: None, config, is_config_new: false, retries: Vec::new(), keeper: None };
        Self {
            queue,
            timers: Timers::new(TimerQueue::new(Arc::clone(&signal), clock.clone())),
            signal,
            clock,
            pool_status,
            handles: HandleCount::new(),
            was_upgraded: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            control: Mutex::new(control),
            watchers_of_end: Watchers::new(),
            watchers_of_connections: Watchers::new(),
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

    /// A task waits for connections, until [`stop_waiting`](Self::stop_waiting).
    pub(super) fn start_waiting(&self) {
        if self.waiting.fetch_add(1, Ordering::AcqRel) == 0 {
            self.signal.raise();
        }
    }

    pub(super) fn stop_waiting(&self) {
        if self.waiting.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.signal.raise();
        }
    }

    /// The settings make sense. Of several that the driver has not seen the last one counts.
    pub(super) fn reconfigure(&self, config: PoolConfig) {
        {
            let mut control = self.control();
            control.config = config;
            control.is_config_new = true;
        }
        self.signal.raise();
    }

    pub(super) fn config(&self) -> PoolConfig {
        self.control().config.clone()
    }

    /// The driver works by these settings now.
    pub(crate) fn note_config(&self, config: PoolConfig) {
        let mut control = self.control();
        if !control.is_config_new {
            control.config = config;
        }
    }

    pub(crate) fn take_requests(&self) -> Requests<A> {
        let mut control = self.control();
        let shutdown = control.shutdown.take();
        let config = mem::take(&mut control.is_config_new).then(|| control.config.clone());
        let retries = mem::take(&mut control.retries);
        drop(control);
        let is_connection_wanted = self.waiting.load(Ordering::Acquire) > 0;
        let is_abandoned = self.handles() == 0;
        Requests { shutdown, config, is_connection_wanted, retries, is_abandoned }
    }

    // How many handles there are.

    pub(super) fn add_handle(&self) {
        self.handles.add();
    }

    /// Returns whether there is another handle now: none comes after the last one.
    pub(super) fn add_handle_if_any(&self) -> bool {
        let is_added = self.handles.add_if_any();
        if is_added {
            // It is read after the count of handles, which orders it.
            self.was_upgraded.store(true, Ordering::Relaxed);
        }
        is_added
    }

    /// Whether a handle was made that the keeper knows nothing of, since this was asked last. To be called after the
    /// look that finds that there is none now.
    pub(crate) fn take_upgraded(&self) -> bool {
        self.was_upgraded.load(Ordering::Relaxed) && self.was_upgraded.swap(false, Ordering::Relaxed)
    }

    pub(super) fn release_handle(&self) {
        match self.handles.release() {
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
        self.handles.get()
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
            self.tell_of_connections();
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed_for().is_some()
    }

    /// Why it takes no items any more, if it doesn't.
    pub(super) fn closed_for(&self) -> Option<EndReason> {
        self.queue.closed()
    }

    /// To be called after the pool's status was written.
    pub(crate) fn tell_of_connections(&self) {
        self.watchers_of_connections.tell();
    }

    /// As [`tell_of_connections`](Self::tell_of_connections).
    pub(crate) fn tell_of_end(&self) {
        self.watchers_of_end.tell();
    }

    pub(super) fn watchers_of_end(&self) -> &Watchers {
        &self.watchers_of_end
    }

    pub(super) fn watchers_of_connections(&self) -> &Watchers {
        &self.watchers_of_connections
    }

    pub(super) fn pool_status(&self) -> &PoolStatus<A> {
        &self.pool_status
    }

    pub(super) fn reports_outcomes(&self) -> bool {
        self.reports_outcomes
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.pool_status.name()
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
