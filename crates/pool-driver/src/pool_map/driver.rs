//! The future that looks at pools, closes what has to be closed and waits for their ends.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use pool_core::Instant;

use super::MapWakeUp;
use super::error::PoolMapEnded;
use super::handle::PoolHandle;
use super::shared::Shared;
use super::state::{Condition, Look, MapState};
use crate::deadline_timer::DeadlineTimer;
use crate::error::EndReason;
use crate::panic::{discard, guard};
use crate::seams::runtime::Runtime;
use crate::wake_list::Signal;

/// Runs what a [`PoolMap`](crate::PoolMap) does by itself. Spawn it, or poll it anywhere; it ends when
/// the map does, and says why.
///
/// Dropping it earlier ends the map: callers that wait are told, and no pool is made from now on. Pools that
/// have other handles live on; the others deliver what they have and end.
#[must_use = "a map makes no room and closes nothing unless its driver is polled"]
pub struct PoolMapDriver<N, H: PoolHandle, R: Runtime> {
    shared: Arc<Shared<N, H>>,
    timer: DeadlineTimer<R, MapWakeUp>,
    woken: Vec<MapWakeUp>,
}

/// More looks than this are left to the next poll, so that others run in between.
const LOOKS_PER_POLL: usize = 128;

// Nothing in it is pinned but behind a `Box`.
impl<N, H: PoolHandle, R: Runtime> Unpin for PoolMapDriver<N, H, R> {}

impl<N, H: PoolHandle, R: Runtime> PoolMapDriver<N, H, R> {
    pub(super) fn new(shared: Arc<Shared<N, H>>, runtime: R) -> Self {
        let signal = Signal::new(&shared.wakes, MapWakeUp::Timer);
        Self { shared, timer: DeadlineTimer::new(runtime, signal), woken: Vec::new() }
    }

    fn handle_woken(&mut self) {
        for woken in self.woken.drain(..) {
            match woken {
                MapWakeUp::Handles => self.shared.signal.clear(),
                MapWakeUp::Timer => self.timer.on_woken(),
                MapWakeUp::Pool(id) => self.shared.drive(|state| state.handle_news(id)),
            }
        }
    }

    /// First what pools have told, then what is due.
    fn look_at_pools(&mut self) {
        let now = self.timer.now();
        let mut looks = LOOKS_PER_POLL;
        if self.answer_looks(&mut looks, now) {
            self.shared.drive(|state| state.handle_timeout(now));
            if self.answer_looks(&mut looks, now) {
                return;
            }
        }
        self.shared.signal.raise();
    }

    /// Returns whether all looks have been taken.
    fn answer_looks(&self, looks: &mut usize, now: Instant) -> bool {
        loop {
            if *looks == 0 {
                return false;
            }
            let Some(look) = self.shared.state.lock().next_look() else { return true };
            *looks -= 1;
            let condition = look.take();
            self.shared.drive(|state| state.handle_look(look.id, condition, now));
            discard(look);
        }
    }

    /// The last handle of the map is gone. Pools that somebody else has a handle of live on.
    fn close_unheld(&self) {
        let open = self.shared.drive(|state| {
            state.close(EndReason::HandlesDropped);
            state.open()
        });
        let timeout = self.shared.shutdown_timeout;
        for open in open {
            let is_held = guard(|| open.held.handle.handles() > 1).unwrap_or(false);
            self.shared.drive(|state| {
                if is_held {
                    state.forget_name(open.id);
                } else {
                    state.close_name(open.id, timeout);
                }
            });
            discard(open);
        }
    }

    fn tell_end(&self) {
        self.shared.wakes.stop();
        self.shared.watchers.tell();
    }
}

impl<H: PoolHandle> Look<H> {
    /// To be called outside of the lock. A pool is in use once more if a handle was upgraded since the last look,
    /// which the map would not know otherwise.
    fn take(&self) -> Condition {
        let handle = &self.held.handle;
        let is_idle = || !self.is_claimed && handle.is_idle() && !handle.pool().shared().take_upgraded();
        let look = || match handle.ended() {
            Some(ended) => Condition::Ended(ended),
            None if handle.is_closed() => Condition::Closed,
            None if is_idle() => Condition::Idle,
            None => Condition::InUse,
        };
        guard(look).unwrap_or(Condition::Broken)
    }
}

impl<N, H: PoolHandle, R: Runtime> Future for PoolMapDriver<N, H, R> {
    type Output = PoolMapEnded;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<PoolMapEnded> {
        let this = &mut *self;
        let ended = this.shared.state.lock().ended;
        if let Some(ended) = ended {
            return Poll::Ready(ended);
        }
        this.shared.wakes.start_poll(cx.waker(), &mut this.woken);
        this.handle_woken();
        let is_closed = this.shared.state.lock().closed.is_some();
        if !is_closed && this.shared.handles.load(Ordering::Acquire) == 0 {
            this.close_unheld();
        }
        this.look_at_pools();
        let deadline = this.shared.state.lock().arm();
        this.timer.arm(deadline);
        let ended = {
            let mut state = this.shared.state.lock();
            state.over().map(|reason| state.end(reason))
        };
        let Some(ended) = ended else { return Poll::Pending };
        this.tell_end();
        Poll::Ready(ended)
    }
}

impl<N, H: PoolHandle, R: Runtime> Drop for PoolMapDriver<N, H, R> {
    fn drop(&mut self) {
        let has_ended = self.shared.state.lock().ended.is_some();
        if !has_ended {
            // In one step: a creator that returns now must find that nobody waits for its pool.
            self.shared.drive(MapState::abandon);
            self.tell_end();
        }
    }
}
