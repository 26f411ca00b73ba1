//! The queue between the handles and the driver: strictly bounded, first come, first served.
//!
//! At any time the items in the queue, the items in the driver's backlog and the permits that were granted
//! and not used are together at most the capacity, whatever the number of handles. (A queue that becomes
//! smaller drops nothing: it grants nothing until it has room.) Senders that find no room wait; a permit
//! that becomes free is granted to the oldest. A sender that gives up passes its permit on. The driver takes
//! all items in one go when its backlog is empty.
//!
//! Permits are granted in the order of arrival, and items are delivered in the order in which they entered
//! the queue: a sender that is slow to use its permit delays nobody.
//!
//! Wakers and items are never cloned, woken or dropped under the lock: that is user code.

use std::mem;
use std::sync::Arc;
use std::task::Waker;

use crate::driver::backlog::Backlog;
use crate::error::{EndReason, RefusedReason, SendError};
use crate::panic::guard;
use crate::sync::{AtomicBool, Mutex, MutexGuard, Ordering};
use crate::wake_list::Signal;

use self::wait_queue::{WaitQueue, Wants};

#[cfg(all(test, loom))]
mod loom_tests;
mod wait_queue;

pub(crate) struct Queue<T> {
    state: Mutex<QueueState<T>>,
    /// Tells the driver to look.
    signal: Arc<Signal>,
    /// Tells the driver to look for unwanted items, so that it takes the lock for that only when it is due.
    is_search_due: AtomicBool,
}

struct QueueState<T> {
    items: Vec<T>,
    /// The length up to which items are taken without further questions: the fast path of a send.
    /// Nothing while the queue is watched.
    limit: usize,
    /// The driver has seen all there is, and wants to be told of more.
    is_watched: bool,
    /// Items that the driver took and has not sent.
    in_backlog: usize,
    capacity: usize,
    waiters: WaitQueue,
    intake: Intake,
    /// Items that the driver ever took.
    taken: u64,
    /// Items, here or in the backlog, that were reported as unwanted since the last search for them.
    unwanted: usize,
}

/// One search looks at this many items at most for each that was reported as unwanted. So in a queue of up
/// to this many items each report starts a search, and in a longer one unwanted items hold at most this
/// share of it.
const LOOKS_PER_UNWANTED: usize = 64;

/// Each of the queue's two buffers may be this large while the queue is empty and the driver waits. A larger one is let go.
const IDLE_BYTES_MAX: usize = 64 << 10;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Intake {
    Open,
    FailingFast,
    Closed(EndReason),
}

/// A permit to put an item into the queue, or the wait for one; by default neither.
///
/// It takes the queue to drop it: [`Queue::leave`].
#[derive(Debug, Default)]
pub(crate) struct Permit {
    ticket: Option<usize>,
}

impl Permit {
    /// Whether it is waited for or held.
    pub(crate) fn is_requested(&self) -> bool {
        self.ticket.is_some()
    }
}

/// What a look at the queue shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct QueueSnapshot {
    /// Items in the queue.
    pub queued: usize,
    /// Items that the driver has taken and no connection has yet.
    pub in_backlog: usize,
    /// Permits that senders waited for and have not used yet.
    pub granted: usize,
    /// Senders that wait for a permit.
    pub waiting: usize,
    /// The most that `queued`, `in_backlog` and `granted` are together, unless the queue was larger before.
    pub capacity: usize,
}

impl<T> Queue<T> {
    pub(crate) fn new(capacity: usize, signal: Arc<Signal>) -> Self {
        Self {
            signal,
            is_search_due: AtomicBool::new(false),
            state: Mutex::new(QueueState {
                items: Vec::new(),
                limit: 0,
                is_watched: true,
                in_backlog: 0,
                capacity,
                waiters: WaitQueue::new(),
                intake: Intake::Open,
                taken: 0,
                unwanted: 0,
            }),
        }
    }

    #[inline]
    fn lock(&self) -> MutexGuard<'_, QueueState<T>> {
        self.state.lock()
    }

    /// Takes the item if there is room that nobody older waits for.
    #[inline]
    pub(crate) fn try_push(&self, item: T) -> Result<(), SendError<T>> {
        self.try_push_free(item).map_err(|item| SendError { item, reason: self.refusal() })
    }

    /// As [`try_push`](Self::try_push), for a sender that may have requested a permit: then it has to use that.
    #[inline]
    pub(crate) fn try_push_first(&self, permit: &Permit, item: T) -> Result<(), T> {
        if permit.is_requested() { Err(item) } else { self.try_push_free(item) }
    }

    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "the fast path of every send; as a call it costs half as much again"
    )]
    fn try_push_free(&self, item: T) -> Result<(), T> {
        let mut state = self.lock();
        if state.items.len() >= state.limit {
            return self.try_push_watched(state, item);
        }
        state.items.push(item);
        Ok(())
    }

    /// While the driver waits to be told, the limit is nothing, so room has to be counted.
    #[cold]
    fn try_push_watched(&self, state: MutexGuard<'_, QueueState<T>>, item: T) -> Result<(), T> {
        if state.room() == 0 {
            return Err(item);
        }
        self.accept(state, item);
        Ok(())
    }

    fn accept(&self, mut state: MutexGuard<'_, QueueState<T>>, item: T) {
        state.items.push(item);
        let must_tell = mem::take(&mut state.is_watched);
        state.update_limit();
        drop(state);
        if must_tell {
            self.signal.raise();
        }
    }

    fn refusal(&self) -> RefusedReason {
        self.lock().refusal().unwrap_or(RefusedReason::Full)
    }

    /// Asks for a permit. `Some(Ok)`: it is held until [`push`](Self::push) or [`leave`](Self::leave).
    /// `None`: the waker will be woken.
    pub(crate) fn poll_permit(
        &self,
        permit: &mut Permit,
        waker: &Waker,
    ) -> Option<Result<(), RefusedReason>> {
        let waker = waker.clone();
        let mut state = self.lock();
        if let Some(settled) = state.settle(permit) {
            drop(state);
            drop(waker);
            return Some(settled);
        }
        let mut unused = None;
        if let Some(ticket) = permit.ticket {
            unused = Some(state.waiters.set_waker(ticket, waker));
        } else {
            permit.ticket = Some(state.waiters.join(waker, Wants::Permit));
        }
        drop(state);
        drop(unused);
        None
    }

    /// Uses the permit that [`poll_permit`](Self::poll_permit) gave.
    pub(crate) fn push(&self, permit: &mut Permit, item: T) -> Result<(), SendError<T>> {
        let Some(ticket) = permit.ticket else { return self.try_push(item) };
        let mut state = self.lock();
        if let Some(reason) = state.refusal() {
            drop(state);
            self.leave(permit);
            return Err(SendError { item, reason });
        }
        if !state.waiters.is_granted(ticket) {
            return Err(SendError { item, reason: RefusedReason::Full });
        }
        permit.ticket = None;
        state.waiters.leave(ticket);
        self.accept(state, item);
        Ok(())
    }

    /// Gives up a permit, or the wait for it. A permit that was granted passes on.
    pub(crate) fn leave(&self, permit: &mut Permit) {
        let Some(ticket) = permit.ticket.take() else { return };
        let mut woken = Vec::new();
        let mut state = self.lock();
        let waker = state.waiters.leave(ticket);
        state.grant(&mut woken);
        drop(state);
        drop(waker);
        wake_all(woken);
    }

    /// Whether a new sender would not have to wait: there is room, or it would be refused at once; also once
    /// the turn of this waiter has come. Reserves nothing. If not, the waker is woken when it is so.
    pub(crate) fn poll_room(&self, permit: &mut Permit, waker: &Waker) -> bool {
        let waker = waker.clone();
        let mut state = self.lock();
        let has_room = state.refusal().is_some()
            || permit.ticket.map_or_else(|| state.room() > 0, |ticket| state.waiters.is_ready(ticket));
        let unused = match permit.ticket {
            Some(ticket) if has_room => [state.waiters.leave(ticket), Some(waker)],
            Some(ticket) => [Some(state.waiters.set_waker(ticket, waker)), None],
            None if has_room => [Some(waker), None],
            None => {
                permit.ticket = Some(state.waiters.join(waker, Wants::Readiness));
                [None, None]
            }
        };
        drop(state);
        drop(unused);
        if has_room {
            permit.ticket = None;
        }
        has_room
    }

    /// An item, here or in the backlog, is not wanted any more. The driver is told when a search is worth it.
    pub(crate) fn report_unwanted(&self) {
        let mut state = self.lock();
        state.unwanted += 1;
        let is_due = state.is_search_due();
        drop(state);
        if is_due {
            self.is_search_due.store(true, Ordering::Release);
            self.signal.raise();
        }
    }

    /// Moves all items to the backlog if a search for unwanted ones is due.
    pub(crate) fn take_for_search(&self, backlog: &mut Backlog<T>) -> bool {
        if !self.is_search_due.load(Ordering::Acquire) {
            return false;
        }
        self.is_search_due.store(false, Ordering::Release);
        let mut state = self.lock();
        state.unwanted = 0;
        let items = mem::take(&mut state.items);
        state.in_backlog += items.len();
        state.taken += items.len() as u64;
        state.update_limit();
        drop(state);
        backlog.extend(items);
        true
    }

    /// The driver has sent `sent` items that it took before. If its backlog is empty it takes all there are
    /// now; if there are none, it will be told of the next. Returns how many are left in the queue.
    pub(crate) fn turn_over(&self, sent: usize, backlog: &mut Backlog<T>) -> usize {
        let mut woken = Vec::new();
        let mut unused = Vec::new();
        let queued = {
            let mut state = self.lock();
            state.in_backlog -= sent;
            if backlog.is_empty() {
                let count = state.items.len();
                state.is_watched = count == 0;
                if count > 0 {
                    // Two buffers in turns: at a steady load nothing is allocated.
                    let items = mem::take(&mut state.items);
                    state.items = backlog.refill(items);
                    state.in_backlog += count;
                    state.taken += count as u64;
                } else {
                    unused = state.take_idle_buffer();
                    backlog.release_buffers(QueueState::<T>::IDLE_CAPACITY_MAX);
                }
            }
            state.grant(&mut woken);
            state.items.len()
        };
        drop(unused);
        wake_all(woken);
        queued
    }

    /// The driver can't send what it has, and wants to be told of more. Returns how many items are in the
    /// queue.
    pub(crate) fn watch(&self) -> usize {
        let mut state = self.lock();
        state.is_watched = true;
        state.update_limit();
        state.items.len()
    }

    /// Items that were sent came back into the driver's backlog.
    pub(crate) fn take_back(&self, items: usize) {
        let mut state = self.lock();
        state.in_backlog += items;
        state.update_limit();
    }

    /// Takes no item from now on. The first reason stands. Returns whether this is the first: then the pool's
    /// watchers are to be told.
    #[must_use]
    pub(crate) fn close(&self, reason: EndReason) -> bool {
        let mut state = self.lock();
        if matches!(state.intake, Intake::Closed(_)) {
            return false;
        }
        state.intake = Intake::Closed(reason);
        let woken = state.take_wakers();
        drop(state);
        wake_all(woken);
        true
    }

    /// Refuses items until told otherwise.
    pub(crate) fn set_failing_fast(&self, is_failing: bool) {
        let mut woken = Vec::new();
        let mut state = self.lock();
        match (state.intake, is_failing) {
            (Intake::Open, true) => {
                state.intake = Intake::FailingFast;
                woken = state.take_wakers();
            }
            (Intake::FailingFast, false) => {
                state.intake = Intake::Open;
                state.grant(&mut woken);
            }
            _ => {}
        }
        drop(state);
        wake_all(woken);
    }

    /// Another capacity. What is added is granted at once to the senders that wait; while there is more than
    /// fits, nothing is granted.
    pub(crate) fn resize(&self, capacity: usize) {
        let mut woken = Vec::new();
        let mut state = self.lock();
        state.capacity = capacity;
        state.grant(&mut woken);
        drop(state);
        wake_all(woken);
    }

    /// Why it takes no items any more, if it doesn't.
    pub(crate) fn closed(&self) -> Option<EndReason> {
        match self.lock().intake {
            Intake::Closed(reason) => Some(reason),
            Intake::Open | Intake::FailingFast => None,
        }
    }

    /// How many items it ever took.
    pub(crate) fn accepted(&self) -> u64 {
        self.lock().accepted()
    }

    /// How it looks, and how many items it ever took: both of the same moment.
    pub(crate) fn snapshot(&self) -> (QueueSnapshot, u64) {
        let state = self.lock();
        let snapshot = QueueSnapshot {
            queued: state.items.len(),
            in_backlog: state.in_backlog,
            granted: state.waiters.granted(),
            waiting: state.waiters.senders(),
            capacity: state.capacity,
        };
        (snapshot, state.accepted())
    }
}

impl<T> QueueState<T> {
    /// A buffer that waits for items holds no more.
    const IDLE_CAPACITY_MAX: usize = IDLE_BYTES_MAX / if size_of::<T>() > 0 { size_of::<T>() } else { 1 };

    fn accepted(&self) -> u64 {
        self.taken + self.items.len() as u64
    }

    fn refusal(&self) -> Option<RefusedReason> {
        match self.intake {
            Intake::Open => None,
            Intake::FailingFast => Some(RefusedReason::FailingFast),
            Intake::Closed(reason) => Some(RefusedReason::Closed(reason)),
        }
    }

    /// For how many more items there is room; for none while the queue refuses them. There is also none while
    /// somebody waits, because room that became free was granted.
    fn room(&self) -> usize {
        match self.intake {
            Intake::Open => {
                self.capacity.saturating_sub(self.items.len() + self.in_backlog + self.waiters.granted())
            }
            Intake::FailingFast | Intake::Closed(_) => 0,
        }
    }

    /// To be called after any change of what [`room`](Self::room) is counted by.
    fn update_limit(&mut self) {
        self.limit = if self.is_watched { 0 } else { self.items.len() + self.room() };
    }

    /// What can be said at once to a sender that asks for a permit.
    fn settle(&mut self, permit: &mut Permit) -> Option<Result<(), RefusedReason>> {
        if let Some(refusal) = self.refusal() {
            return Some(Err(refusal));
        }
        match permit.ticket {
            Some(ticket) => self.waiters.is_granted(ticket).then_some(Ok(())),
            None if self.room() > 0 => {
                permit.ticket = Some(self.waiters.join_granted());
                self.update_limit();
                Some(Ok(()))
            }
            None => None,
        }
    }

    /// Grants what room there is to the oldest who wait.
    fn grant(&mut self, woken: &mut Vec<Waker>) {
        if self.waiters.is_anybody_waiting() {
            self.waiters.grant(self.room(), woken);
        }
        self.update_limit();
    }

    /// The wakers of all who wait, after the intake has stopped.
    fn take_wakers(&mut self) -> Vec<Waker> {
        self.update_limit();
        self.waiters.take_wakers()
    }

    /// The buffer of an empty queue, if it is larger than one that waits for items should be.
    #[inline]
    fn take_idle_buffer(&mut self) -> Vec<T> {
        let is_large = self.items.capacity() > Self::IDLE_CAPACITY_MAX;
        if is_large { mem::take(&mut self.items) } else { Vec::new() }
    }

    /// Whether enough items are unwanted to look at all of them.
    fn is_search_due(&self) -> bool {
        self.unwanted > 0
            && self.unwanted.saturating_mul(LOOKS_PER_UNWANTED) >= self.items.len() + self.in_backlog
    }
}

fn wake_all(wakers: Vec<Waker>) {
    for waker in wakers {
        // One that panics keeps nobody else asleep.
        let _ = guard(|| waker.wake());
    }
}
