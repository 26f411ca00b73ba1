//! The future that closes what is idle and waits for the ends of pools.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pool_core::Instant;

use super::error::PoolMapEnded;
use super::state::Woken;
use super::{Shared, Signal};
use crate::error::EndReason;
use crate::runtime::{Runtime, Timer};

/// Runs what a [`PoolMap`](crate::PoolMap) does by itself. Spawn it, or poll it anywhere; it ends when
/// the map does, and says why.
///
/// Dropping it earlier ends the map: everybody who waits is told, and there are no more pools. Those that
/// somebody has a handle of live on, the others deliver what they have and end.
#[must_use = "a map makes no room and closes nothing unless its driver is polled"]
pub struct PoolMapDriver<N, T, A, R: Runtime> {
    shared: Arc<Shared<N, T, A>>,
    runtime: R,
    timer: Option<Pin<Box<R::Timer>>>,
    timer_signal: Arc<Signal<Woken>>,
    /// What the timer is set to.
    timer_deadline: Option<Instant>,
    woken: Vec<Woken>,
    idle_timeout: Option<Duration>,
    /// When to look for idle pools again; never while there are no pools.
    sweep_at: Option<Instant>,
}

/// So often a pool has to be found idle before it is closed. It has been idle for longer than it need
/// be by one of these times at most.
const LOOKS: u32 = 4;

// Nothing in it is pinned but behind a `Box`.
impl<N, T, A, R: Runtime> Unpin for PoolMapDriver<N, T, A, R> {}

impl<N, T, A, R: Runtime> PoolMapDriver<N, T, A, R> {
    pub(super) fn new(shared: Arc<Shared<N, T, A>>, runtime: R, idle_timeout: Option<Duration>) -> Self {
        Self {
            timer_signal: Signal::new(&shared.wakes, Woken::Timer),
            shared,
            runtime,
            timer: None,
            timer_deadline: None,
            woken: Vec::new(),
            idle_timeout,
            sweep_at: None,
        }
    }

    fn handle_woken(&mut self) {
        for woken in self.woken.drain(..) {
            match woken {
                Woken::Handles => self.shared.signal.clear(),
                Woken::Timer => {
                    self.timer_signal.clear();
                    self.timer_deadline = None;
                }
                Woken::Pool(key) => self.shared.with(|state, effects| state.look_at(key, effects)),
            }
        }
    }

    fn sweep(&mut self) {
        let Some(idle_timeout) = self.idle_timeout else { return };
        let now = self.runtime.now();
        let timeout = self.shared.shutdown_timeout;
        if self.sweep_at.is_some_and(|at| at <= now) {
            self.shared.with(|state, effects| state.sweep(now, idle_timeout, timeout, effects));
            self.sweep_at = None;
        }
        let has_open = self.shared.state.lock().has_open();
        self.sweep_at = has_open.then(|| self.sweep_at.unwrap_or(now + idle_timeout / LOOKS));
    }

    fn set_timer(&mut self) {
        let Some(deadline) = self.sweep_at.filter(|_| self.timer_deadline != self.sweep_at) else { return };
        self.timer_deadline = Some(deadline);
        let runtime = &self.runtime;
        let timer = self.timer.get_or_insert_with(|| Box::pin(runtime.timer()));
        timer.as_mut().reset(deadline);
        let waker = Waker::from(Arc::clone(&self.timer_signal));
        if timer.as_mut().poll_expired(&mut Context::from_waker(&waker)).is_ready() {
            self.timer_signal.raise();
        }
    }

    fn end(&self, reason: EndReason) -> PoolMapEnded {
        let ended = self.shared.state.lock().end(reason);
        self.shared.wakes.stop();
        self.shared.watchers.tell();
        ended
    }
}

impl<N, T, A, R: Runtime> Future for PoolMapDriver<N, T, A, R> {
    type Output = PoolMapEnded;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<PoolMapEnded> {
        let this = &mut *self;
        let ended = this.shared.state.lock().ended;
        if let Some(ended) = ended {
            return Poll::Ready(ended);
        }
        this.shared.wakes.start_poll(cx.waker(), &mut this.woken);
        this.handle_woken();
        let timeout = this.shared.shutdown_timeout;
        if this.shared.handles.load(Ordering::Acquire) == 0 && !this.is_closed() {
            let reason = EndReason::HandlesDropped;
            this.shared.with(|state, effects| state.abandon(reason, timeout, effects));
        }
        this.shared.with(|state, effects| state.make_room(timeout, effects));
        this.sweep();
        this.set_timer();
        let closed = {
            let state = this.shared.state.lock();
            state.closed.filter(|_| state.is_over())
        };
        closed.map_or(Poll::Pending, |reason| Poll::Ready(this.end(reason)))
    }
}

impl<N, T, A, R: Runtime> PoolMapDriver<N, T, A, R> {
    fn is_closed(&self) -> bool {
        self.shared.state.lock().closed.is_some()
    }
}

impl<N, T, A, R: Runtime> Drop for PoolMapDriver<N, T, A, R> {
    fn drop(&mut self) {
        if self.shared.state.lock().ended.is_some() {
            return;
        }
        let (reason, timeout) = (EndReason::DriverDropped, self.shared.shutdown_timeout);
        self.shared.with(|state, effects| {
            // In one step: a creator that returns now must find nobody to wait for its pool.
            state.abandon(reason, timeout, effects);
            state.end(reason);
        });
        self.end(reason);
    }
}
