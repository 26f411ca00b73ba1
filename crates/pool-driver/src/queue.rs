//! The queue between the handles and the driver: strictly bounded, first come first served.
//!
//! A place of the queue is held by an item in it, by an item in the driver's hand, or by a sender
//! that was granted the place and hasn't used it yet; together they are never more than the
//! capacity, whatever the number of handles (nor more than there were when it became smaller). Senders that find no place take a ticket, and a
//! place that becomes free is granted to the oldest. A sender that gives up passes its grant on.
//! The driver takes all items in one go when its hand is empty.
//!
//! Places are granted in the order of arrival, and items are delivered in the order in which they
//! took their places: a sender that was granted one and is slow to use it holds nobody up.
//!
//! Wakers, items and whatever else is the user's are never cloned, woken or dropped under the
//! lock.

use std::mem;
use std::sync::Arc;
use std::task::Waker;

use crate::backlog::Backlog;
use crate::error::{EndReason, RefusedReason, SendError};
use crate::panic::guard;
use crate::sync::{AtomicBool, Mutex, MutexGuard, Ordering};
use crate::wait_queue::WaitQueue;
use crate::wake_list::Signal;

pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    /// Tells the driver to look.
    signal: Arc<Signal>,
    /// Tells it to look for items that nobody wants, without its having to take the lock for that.
    is_search_due: AtomicBool,
}

struct State<T> {
    items: Vec<T>,
    /// The length up to which items are taken without further questions: the fast path of a send.
    /// Nothing while the queue is watched.
    limit: usize,
    /// The driver has seen all there is, and wants to be told of more.
    is_watched: bool,
    /// Items that the driver took and has not sent on.
    in_backlog: usize,
    capacity: usize,
    line: WaitQueue,
    intake: Intake,
    /// Items that the driver ever took.
    taken: u64,
    /// Items here or in hand that were reported as unwanted since the last search for them.
    unwanted: usize,
}

/// In a queue of up to so many items the first that is unwanted leaves its place at once; in a longer
/// one this share of the places may be taken by such items, so that a search costs each of them only
/// so many looks.
const LOOKS_PER_UNWANTED: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Intake {
    Open,
    FailingFast,
    Closed(EndReason),
}

/// Where a sender stands in the queue's line.
#[derive(Debug, Default)]
pub(crate) struct Permit {
    ticket: Option<usize>,
}

impl Permit {
    pub(crate) fn is_in_line(&self) -> bool {
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
    /// Places kept for senders that have been waiting for them.
    pub granted: usize,
    /// Senders that wait for a place.
    pub waiting: usize,
    /// The most that the first three can be together, if it wasn't more before.
    pub capacity: usize,
}

impl<T> Queue<T> {
    pub(crate) fn new(capacity: usize, signal: Arc<Signal>) -> Self {
        Self {
            signal,
            is_search_due: AtomicBool::new(false),
            state: Mutex::new(State {
                items: Vec::new(),
                limit: 0,
                is_watched: true,
                in_backlog: 0,
                capacity,
                line: WaitQueue::new(),
                intake: Intake::Open,
                taken: 0,
                unwanted: 0,
            }),
        }
    }

    #[inline]
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock()
    }

    /// Takes the item if there is a place that nobody older waits for.
    #[inline]
    pub(crate) fn try_push(&self, item: T) -> Result<(), SendError<T>> {
        self.try_push_free(item).map_err(|item| SendError { item, reason: self.refusal() })
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

    /// As long as the driver waits to be told, there seems to be no place.
    #[cold]
    fn try_push_watched(&self, state: MutexGuard<'_, State<T>>, item: T) -> Result<(), T> {
        if state.free() == 0 {
            return Err(item);
        }
        self.accept(state, item);
        Ok(())
    }

    fn accept(&self, mut state: MutexGuard<'_, State<T>>, item: T) {
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

    /// As [`try_push`](Self::try_push), for a sender that may be in line already: then it has to
    /// wait for its turn.
    #[inline]
    pub(crate) fn try_push_first(&self, place: &Permit, item: T) -> Result<(), T> {
        if place.is_in_line() { Err(item) } else { self.try_push_free(item) }
    }

    /// Asks for a place. `Some(Ok)` means that the place is held until [`push`](Self::push) or
    /// [`leave`](Self::leave); `None` that the waker will be woken.
    pub(crate) fn poll_place(&self, place: &mut Permit, waker: &Waker) -> Option<Result<(), RefusedReason>> {
        let waker = waker.clone();
        let mut state = self.lock();
        if let Some(settled) = state.settle_place(place) {
            drop(state);
            drop(waker);
            return Some(settled);
        }
        let mut previous = None;
        if let Some(ticket) = place.ticket {
            previous = Some(state.line.set_waker(ticket, waker));
        } else {
            place.ticket = Some(state.line.join(waker));
        }
        drop(state);
        drop(previous);
        None
    }

    /// Puts an item into the place that [`poll_place`](Self::poll_place) gave.
    pub(crate) fn push(&self, place: &mut Permit, item: T) -> Result<(), SendError<T>> {
        let Some(ticket) = place.ticket else { return self.try_push(item) };
        let mut state = self.lock();
        if let Some(reason) = state.refusal() {
            drop(state);
            self.leave(place);
            return Err(SendError { item, reason });
        }
        if !state.line.is_granted(ticket) {
            return Err(SendError { item, reason: RefusedReason::Full });
        }
        place.ticket = None;
        state.line.leave(ticket);
        self.accept(state, item);
        Ok(())
    }

    /// The sender gives up: its ticket goes, and a place it was granted passes on.
    pub(crate) fn leave(&self, place: &mut Permit) {
        let Some(ticket) = place.ticket.take() else { return };
        let mut woken = Vec::new();
        let mut state = self.lock();
        let waker = state.line.leave(ticket);
        state.grant(&mut woken);
        drop(state);
        drop(waker);
        wake_all(woken);
    }

    /// Whether somebody new would not have to wait, or has waited for long enough: there is a free
    /// place, an answer at once, or a turn in line has come. Reserves nothing. If not, the waker is
    /// woken when it is so.
    pub(crate) fn poll_room(&self, place: &mut Permit, waker: &Waker) -> bool {
        let waker = waker.clone();
        let mut state = self.lock();
        let has_room = state.refusal().is_some()
            || place.ticket.map_or_else(|| state.free() > 0, |ticket| state.line.is_told(ticket));
        let unused = match place.ticket {
            Some(ticket) if has_room => [state.line.leave(ticket), Some(waker)],
            Some(ticket) => [Some(state.line.set_waker(ticket, waker)), None],
            None if has_room => [Some(waker), None],
            None => {
                place.ticket = Some(state.line.join_readiness_waiter(waker));
                [None, None]
            }
        };
        drop(state);
        drop(unused);
        if has_room {
            place.ticket = None;
        }
        has_room
    }

    /// An item that is here or in the driver's hand is not wanted any more. The driver is told when a
    /// search is worth it.
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

    /// Takes all there is if it is to be searched for items that nobody wants.
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

    /// The driver has sent on `sent` items that it took before. If its hand is empty it takes
    /// all there are now; if there are none, it will be told of the next. Returns how many are left
    /// in the queue.
    pub(crate) fn turn_over(&self, sent: usize, backlog: &mut Backlog<T>) -> usize {
        let mut woken = Vec::new();
        let queued = {
            let mut state = self.lock();
            state.in_backlog -= sent;
            if backlog.is_empty() {
                let count = state.items.len();
                state.is_watched = count == 0;
                if count > 0 {
                    // About as many will come until the next time.
                    backlog.refill(mem::replace(&mut state.items, Vec::with_capacity(count)));
                    state.in_backlog += count;
                    state.taken += count as u64;
                }
            }
            state.grant(&mut woken);
            state.items.len()
        };
        wake_all(woken);
        queued
    }

    /// The driver can't hand on what it has, and wants to be told of more. Returns how many items
    /// are in the queue.
    pub(crate) fn watch(&self) -> usize {
        let mut state = self.lock();
        state.is_watched = true;
        state.update_limit();
        state.items.len()
    }

    /// Items that were sent on came back into the driver's hand.
    pub(crate) fn take_back(&self, items: usize) {
        let mut state = self.lock();
        state.in_backlog += items;
        state.update_limit();
    }

    /// Takes no item from now on. The first reason stands.
    pub(crate) fn close(&self, reason: EndReason) {
        let mut state = self.lock();
        if matches!(state.intake, Intake::Closed(_)) {
            return;
        }
        state.intake = Intake::Closed(reason);
        let woken = state.take_wakers();
        drop(state);
        wake_all(woken);
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

    /// Another size. Those in line have what was added at once; while there is more than fits, nothing
    /// is taken.
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

    /// How it looks, and how many items it ever took.
    pub(crate) fn snapshot(&self) -> (QueueSnapshot, u64) {
        let state = self.lock();
        let snapshot = QueueSnapshot {
            queued: state.items.len(),
            in_backlog: state.in_backlog,
            granted: state.line.granted(),
            waiting: state.line.waiting(),
            capacity: state.capacity,
        };
        (snapshot, state.taken + state.items.len() as u64)
    }
}

impl<T> State<T> {
    fn refusal(&self) -> Option<RefusedReason> {
        match self.intake {
            Intake::Open => None,
            Intake::FailingFast => Some(RefusedReason::FailingFast),
            Intake::Closed(reason) => Some(RefusedReason::Closed(reason)),
        }
    }

    /// Places that are neither used nor promised; none while the queue takes no items. While
    /// somebody waits there is none: what became free was granted to them.
    fn free(&self) -> usize {
        match self.intake {
            Intake::Open => {
                self.capacity.saturating_sub(self.items.len() + self.in_backlog + self.line.granted())
            }
            Intake::FailingFast | Intake::Closed(_) => 0,
        }
    }

    /// Call after whatever places are counted by has changed.
    fn update_limit(&mut self) {
        self.limit = if self.is_watched { 0 } else { self.items.len() + self.free() };
    }

    /// What can be said to a sender without its having to wait (any longer).
    fn settle_place(&mut self, place: &mut Permit) -> Option<Result<(), RefusedReason>> {
        if let Some(refusal) = self.refusal() {
            return Some(Err(refusal));
        }
        match place.ticket {
            Some(ticket) => self.line.is_granted(ticket).then_some(Ok(())),
            None if self.free() > 0 => {
                place.ticket = Some(self.line.join_granted());
                self.update_limit();
                Some(Ok(()))
            }
            None => None,
        }
    }

    /// Finds out what is free, and gives it to the oldest who wait.
    fn grant(&mut self, woken: &mut Vec<Waker>) {
        if self.line.is_anybody_waiting() {
            self.line.grant(self.free(), woken);
        }
        self.update_limit();
    }

    /// The wakers of all who wait for a place, after the intake has stopped.
    fn take_wakers(&mut self) -> Vec<Waker> {
        self.update_limit();
        self.line.take_wakers()
    }

    /// Whether enough items are unwanted to search them all: each pays for a look at so many others.
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

#[cfg(all(test, loom))]
mod loom_tests {
    use std::task::Wake;

    use loom::sync::Notify;
    use loom::thread;

    use super::*;
    use crate::wake_list::{WakeList, WakeUp};

    /// Stands for a task: a lost wake-up leaves it waiting, which loom calls a deadlock.
    struct Task(Notify);

    impl Task {
        fn new() -> (Arc<Self>, Waker) {
            let task = Arc::new(Self(Notify::new()));
            (Arc::clone(&task), Waker::from(task))
        }
    }

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.notify();
        }
    }

    fn queue(capacity: usize) -> (Arc<Queue<u32>>, Arc<WakeList>) {
        let list = Arc::new(WakeList::default());
        let signal = Signal::new(&list, WakeUp::Handles);
        (Arc::new(Queue::new(capacity, signal)), list)
    }

    /// Takes items, as a driver does, until it has `expected` of them.
    fn drive(queue: &Queue<u32>, list: &WakeList, expected: usize) -> Vec<u32> {
        let (task, waker) = Task::new();
        let (mut backlog, mut taken, mut sent) = (Backlog::new(), Vec::new(), 0);
        while taken.len() < expected {
            list.start_poll(&waker, &mut Vec::new());
            queue.signal.clear();
            loop {
                queue.turn_over(sent, &mut backlog);
                let before = taken.len();
                taken.extend(std::iter::from_fn(|| backlog.pop()));
                sent = taken.len() - before;
                if sent == 0 {
                    break;
                }
            }
            if taken.len() < expected {
                task.0.wait();
            }
        }
        list.stop();
        taken
    }

    /// Sends, as `Sending` does.
    fn send(queue: &Queue<u32>, item: u32) -> Result<(), SendError<u32>> {
        let (task, waker) = Task::new();
        let mut place = Permit::default();
        let Err(item) = queue.try_push_first(&place, item) else { return Ok(()) };
        loop {
            match queue.poll_place(&mut place, &waker) {
                Some(Ok(())) => return queue.push(&mut place, item),
                Some(Err(reason)) => {
                    queue.leave(&mut place);
                    return Err(SendError { item, reason });
                }
                None => task.0.wait(),
            }
        }
    }

    #[test]
    fn loom_every_item_reaches_a_driver_that_goes_to_sleep_between_them() {
        loom::model(|| {
            let (queue, list) = queue(1);
            let sender = Arc::clone(&queue);
            thread::spawn(move || {
                send(&sender, 1).expect("the queue is open");
                send(&sender, 2).expect("the queue is open");
            });
            assert_eq!(drive(&queue, &list, 2), [1, 2]);
        });
    }

    #[test]
    fn loom_a_place_that_a_sender_gives_up_goes_to_the_next_in_line() {
        loom::model(|| {
            let (queue, list) = queue(1);
            queue.try_push(1).expect("there is a place");
            let (_, waker) = Task::new();
            let mut quitter = Permit::default();
            assert!(queue.poll_place(&mut quitter, &waker).is_none());
            let sender = Arc::clone(&queue);
            thread::spawn(move || send(&sender, 2).expect("the queue is open"));
            let leaver = Arc::clone(&queue);
            thread::spawn(move || leaver.leave(&mut quitter));
            assert_eq!(drive(&queue, &list, 2), [1, 2]);
        });
    }

    #[test]
    fn loom_a_sender_that_joins_the_line_while_the_queue_closes_is_not_left_there() {
        loom::model(|| {
            let (queue, list) = queue(1);
            queue.try_push(1).expect("there is a place");
            let sender = Arc::clone(&queue);
            let sending = thread::spawn(move || send(&sender, 2));
            queue.close(EndReason::Shutdown);
            let refused = sending.join().expect("no panic").expect_err("closed while it waited");
            assert_eq!((refused.item, refused.reason), (2, RefusedReason::Closed(EndReason::Shutdown)));
            assert_eq!(drive(&queue, &list, 1), [1]);
        });
    }
}
