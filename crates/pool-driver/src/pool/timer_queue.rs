//! What tasks that use a pool wait for until a time. The pool's driver keeps it, so that it works on every
//! runtime, in every task, and in virtual time.
//!
//! A binary heap of deadlines, in which every timer knows its place: one that is stopped leaves nothing behind, and
//! unlike in a tree nothing is allocated at a steady number of timers.
//! Wakers are never cloned, woken or dropped under the lock: that is user code.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use pool_core::Instant;
use slab::Slab;

use crate::clock::Clock;
use crate::error::EndReason;
use crate::panic::guard;
use crate::sync::Mutex;
use crate::wake_list::Signal;

pub(crate) struct TimerQueue {
    state: Mutex<TimerQueueState>,
    /// A timer was ever started: until then the driver has no look at the queue.
    is_used: AtomicBool,
    clock: Clock,
    /// Tells the driver that there is an earlier deadline.
    signal: Arc<Signal>,
}

#[derive(Default)]
struct TimerQueueState {
    /// The earliest first; the children of the deadline at `n` are at `2n + 1` and `2n + 2`.
    heap: Vec<HeapEntry>,
    timers: Slab<Timer>,
    /// When the driver polls next for the sake of this queue. It may be earlier than the earliest deadline: it is
    /// cheaper to be polled once in vain than to set the runtime's timer for each of many short waits.
    alarm: Option<Instant>,
    /// Why the pool is over, once it is.
    closed: Option<EndReason>,
}

#[derive(Clone, Copy)]
struct HeapEntry {
    deadline: Instant,
    timer: usize,
}

struct Timer {
    /// In the heap. `OUTSIDE` if it has fired or is not in use.
    place: usize,
    /// There while it is in the heap.
    waker: Option<Waker>,
}

const OUTSIDE: usize = usize::MAX;

/// A queue without timers keeps room for so many.
const IDLE_CAPACITY_MAX: usize = 256;

/// More timers than this that are due at once are left to the next poll, so that others run in between.
const WAKES_PER_POLL_MAX: usize = 1024;

/// A timer that was [started](crate::Timers::start), and is to be [stopped](crate::Timers::stop) by its owner.
#[derive(PartialEq, Eq, Debug)]
#[must_use = "a timer that is not stopped takes its place for as long as the pool lives"]
pub struct TimerKey(usize);

impl TimerQueue {
    pub(crate) fn new(signal: Arc<Signal>, clock: Clock) -> Self {
        let state = Mutex::new(TimerQueueState::default());
        Self { state, is_used: AtomicBool::new(false), clock, signal }
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().closed.is_some()
    }

    /// Starts a timer, unless the pool is over: then it says why.
    pub(crate) fn start(&self, deadline: Instant, waker: &Waker) -> Result<TimerKey, EndReason> {
        let waker = waker.clone();
        let mut state = self.state.lock();
        if let Some(reason) = state.closed {
            drop(state);
            drop(waker);
            return Err(reason);
        }
        let timer = state.insert(deadline, waker);
        let is_alarm_due = state.alarm.is_none_or(|alarm| deadline < alarm);
        drop(state);
        self.is_used.store(true, Ordering::Release);
        if is_alarm_due {
            self.signal.raise();
        }
        Ok(TimerKey(timer))
    }

    /// Whether a timer has fired. If not, the waker is woken when it does.
    pub(crate) fn poll(&self, TimerKey(timer): &TimerKey, waker: &Waker) -> bool {
        let waker = waker.clone();
        let mut state = self.state.lock();
        let timer = &mut state.timers[*timer];
        let has_fired = timer.place == OUTSIDE;
        let unused = if has_fired { Some(waker) } else { timer.waker.replace(waker) };
        drop(state);
        drop(unused);
        has_fired
    }

    /// Ends a timer, fired or not.
    pub(crate) fn stop(&self, TimerKey(timer): TimerKey) {
        let mut state = self.state.lock();
        let waker = state.remove(timer);
        drop(state);
        drop(waker);
    }

    /// Wakes tasks whose time has come, the earliest first, as many as one poll of the driver may. Returns whether
    /// nobody is left whose time had come when this round began.
    pub(crate) fn fire(&self, round: Instant, now: Instant) -> bool {
        !self.is_used.load(Ordering::Acquire)
            || (0..WAKES_PER_POLL_MAX).any(|_| !self.fire_one(now))
            || !self.state.lock().is_due(round)
    }

    /// Returns whether there was a timer whose time has come.
    fn fire_one(&self, now: Instant) -> bool {
        let mut state = self.state.lock();
        let Some(waker) = state.pop_due(now) else { return false };
        drop(state);
        // One that panics keeps nobody else asleep.
        let _ = guard(|| waker.wake());
        true
    }

    /// Why the pool is over, once it is.
    pub(crate) fn closed(&self) -> Option<EndReason> {
        self.state.lock().closed
    }

    /// When the driver is to be polled next.
    pub(crate) fn alarm(&self) -> Option<Instant> {
        if !self.is_used.load(Ordering::Acquire) {
            return None;
        }
        self.state.lock().set_alarm()
    }

    /// The pool is over: nobody waits any longer.
    pub(crate) fn close(&self, reason: EndReason) {
        self.state.lock().closed = Some(reason);
        self.is_used.store(true, Ordering::Release);
        while self.fire_one(Instant::from_nanos(u64::MAX)) {}
    }
}

impl TimerQueueState {
    fn insert(&mut self, deadline: Instant, waker: Waker) -> usize {
        let place = self.heap.len();
        let timer = self.timers.insert(Timer { place, waker: Some(waker) });
        self.heap.push(HeapEntry { deadline, timer });
        self.move_up(place);
        timer
    }

    fn remove(&mut self, timer: usize) -> Option<Waker> {
        let Timer { place, waker } = self.timers.remove(timer);
        if place != OUTSIDE {
            self.remove_at(place);
        }
        if self.timers.is_empty() && self.timers.capacity() > IDLE_CAPACITY_MAX {
            (self.heap, self.timers) = (Vec::new(), Slab::new());
        }
        waker
    }

    /// Whether there is a timer whose time has come.
    fn is_due(&self, now: Instant) -> bool {
        self.heap.first().is_some_and(|first| first.deadline <= now)
    }

    /// Takes out a timer whose time has come. It has to be stopped all the same.
    fn pop_due(&mut self, now: Instant) -> Option<Waker> {
        if self.alarm.is_some_and(|alarm| alarm <= now) {
            self.alarm = None;
        }
        let HeapEntry { deadline, timer } = *self.heap.first()?;
        if deadline > now {
            return None;
        }
        self.remove_at(0);
        let timer = &mut self.timers[timer];
        timer.place = OUTSIDE;
        timer.waker.take()
    }

    fn set_alarm(&mut self) -> Option<Instant> {
        let earliest = self.heap.first().map(|entry| entry.deadline);
        if self.alarm.is_none() || earliest.is_some_and(|earliest| Some(earliest) < self.alarm) {
            self.alarm = earliest;
        }
        self.alarm
    }

    fn remove_at(&mut self, place: usize) {
        self.heap.swap_remove(place);
        if place < self.heap.len() {
            self.timers[self.heap[place].timer].place = place;
            self.move_up(place);
            self.move_down(place);
        }
    }

    fn move_up(&mut self, mut place: usize) {
        while place > 0 {
            let parent = (place - 1) / 2;
            if self.heap[parent].deadline <= self.heap[place].deadline {
                return;
            }
            self.swap(place, parent);
            place = parent;
        }
    }

    fn move_down(&mut self, mut place: usize) {
        loop {
            let children = (2 * place + 1)..self.heap.len().min(2 * place + 3);
            let Some(child) = children.min_by_key(|&child| self.heap[child].deadline) else { return };
            if self.heap[place].deadline <= self.heap[child].deadline {
                return;
            }
            self.swap(place, child);
            place = child;
        }
    }

    fn swap(&mut self, one: usize, other: usize) {
        self.heap.swap(one, other);
        for place in [one, other] {
            self.timers[self.heap[place].timer].place = place;
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use pool_core::Random;

    fn at(nanos: u64) -> Instant {
        Instant::from_nanos(nanos)
    }

    #[test]
    fn timers_fire_in_the_order_of_time_and_stopped_ones_never() {
        for seed in 0..50 {
            let (mut random, mut state) = (Random::new(seed), TimerQueueState::default());
            let mut expected = Vec::new();
            for _ in 0..200 {
                let deadline = at(random.up_to(1_000));
                let timer = state.insert(deadline, Waker::noop().clone());
                if random.up_to(2) == 0 {
                    state.remove(timer);
                } else {
                    expected.push(deadline);
                }
            }
            expected.sort();
            let mut fired = Vec::new();
            while let Some(first) = state.heap.first().map(|entry| entry.deadline) {
                assert!(state.pop_due(first).is_some(), "seed {seed}");
                fired.push(first);
            }
            assert_eq!(fired, expected, "seed {seed}");
        }
    }

    #[test]
    fn a_fired_timer_is_known_as_such_until_it_is_stopped() {
        let mut state = TimerQueueState::default();
        let timer = state.insert(at(5), Waker::noop().clone());
        assert!(state.pop_due(at(4)).is_none());
        assert!(state.pop_due(at(5)).is_some());
        assert_eq!(state.timers[timer].place, OUTSIDE);
        assert!(state.remove(timer).is_none());
        assert_eq!(state.insert(at(9), Waker::noop().clone()), timer);
    }

    #[test]
    fn the_alarm_is_not_set_again_for_later_deadlines() {
        let mut state = TimerQueueState::default();
        let first = state.insert(at(5), Waker::noop().clone());
        assert_eq!(state.set_alarm(), Some(at(5)));
        state.remove(first);
        state.insert(at(7), Waker::noop().clone());
        assert_eq!(state.set_alarm(), Some(at(5)), "polled once in vain");
        assert!(state.pop_due(at(5)).is_none());
        assert_eq!(state.set_alarm(), Some(at(7)));
        state.insert(at(6), Waker::noop().clone());
        assert_eq!(state.set_alarm(), Some(at(6)));
    }

    #[test]
    fn a_burst_of_timers_leaves_no_memory_behind() {
        let mut state = TimerQueueState::default();
        let timers: Vec<_> =
            (0..10_000).map(|nanos| state.insert(at(nanos), Waker::noop().clone())).collect();
        for timer in timers {
            drop(state.remove(timer));
        }
        assert_eq!((state.heap.capacity(), state.timers.capacity()), (0, 0));
    }
}
