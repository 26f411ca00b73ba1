//! The queue between the handles and the driver: strictly bounded, first come first served.
//!
//! A place of the queue is held by an item in it, by an item in the driver's hand, or by a sender
//! that was granted the place and hasn't used it yet; together they are never more than the
//! capacity, whatever the number of handles. Senders that find no place take a ticket, and a
//! place that becomes free is granted to the oldest. A sender that gives up passes its grant on.
//! The driver takes all items in one go, by swapping the queue with its empty hand.
//!
//! Wakers, items and whatever else is the user's are never cloned, woken or dropped under the
//! lock.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use crate::error::{EndReason, RefusedReason, SendError};

#[derive(Debug)]
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    /// Items that the driver took and has not handed on.
    in_hand: usize,
    /// Places given to waiting senders that haven't used them.
    granted: usize,
    capacity: usize,
    /// By ticket, so oldest first; all those granted come before all those that wait.
    tickets: BTreeMap<u64, Ticket>,
    next_ticket: u64,
    /// The oldest ticket that still waits is this or a later one.
    next_grant: u64,
    intake: Intake,
    accepted: u64,
}

#[derive(Debug)]
enum Ticket {
    Waiting(Waker),
    Granted,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Intake {
    Open,
    FailingFast,
    Closed(EndReason),
}

/// Where a sender stands in the queue's line.
#[derive(Debug, Default)]
pub(crate) struct Place {
    ticket: Option<u64>,
}

/// What a look at the queue shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct QueueSnapshot {
    /// Items in the queue.
    pub queued: usize,
    /// Items that the driver has taken and no connection has yet.
    pub in_hand: usize,
    /// Places kept for senders that have been waiting for them.
    pub granted: usize,
    /// Senders that wait for a place.
    pub waiting: usize,
    /// The most that the first three can be together.
    pub capacity: usize,
}

impl<T> Queue<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            state: Mutex::new(State {
                items: VecDeque::new(),
                in_hand: 0,
                granted: 0,
                capacity,
                tickets: BTreeMap::new(),
                next_ticket: 0,
                next_grant: 0,
                intake: Intake::Open,
                accepted: 0,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // No user code runs under the lock, so a poisoned one is still consistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the item if there is a place that nobody older waits for.
    pub(crate) fn try_push(&self, item: T) -> Result<(), SendError<T>> {
        let mut state = self.lock();
        match state.refusal() {
            None if state.has_free_place() => {
                state.accept(item);
                Ok(())
            }
            None => Err(SendError { item, reason: RefusedReason::Full }),
            Some(reason) => Err(SendError { item, reason }),
        }
    }

    /// As [`try_push`](Self::try_push), for a sender that may be in line already: then it has to
    /// wait for its turn.
    pub(crate) fn try_push_first(&self, place: &Place, item: T) -> Result<(), T> {
        if place.ticket.is_some() {
            return Err(item);
        }
        self.try_push(item).map_err(|refused| refused.item)
    }

    /// Asks for a place. `Some(Ok)` means that the place is held until [`push`](Self::push) or
    /// [`leave`](Self::leave); `None` that the waker will be woken.
    pub(crate) fn poll_place(&self, place: &mut Place, waker: &Waker) -> Option<Result<(), RefusedReason>> {
        if let Some(settled) = self.try_place(place) {
            return Some(settled);
        }
        let waker = waker.clone();
        let mut state = self.lock();
        // The state may have changed between the two locks.
        if let Some(settled) = state.settle_place(place) {
            drop(state);
            drop(waker);
            return Some(settled);
        }
        let ticket = *place.ticket.get_or_insert_with(|| {
            state.next_ticket += 1;
            state.next_ticket
        });
        let previous = state.tickets.insert(ticket, Ticket::Waiting(waker));
        drop(state);
        drop(previous);
        None
    }

    fn try_place(&self, place: &mut Place) -> Option<Result<(), RefusedReason>> {
        self.lock().settle_place(place)
    }

    /// Puts an item into the place that [`poll_place`](Self::poll_place) gave.
    pub(crate) fn push(&self, place: &mut Place, item: T) -> Result<(), SendError<T>> {
        let mut state = self.lock();
        let Some(ticket) = place.ticket.take() else {
            drop(state);
            return self.try_push(item);
        };
        let was_granted = matches!(state.tickets.remove(&ticket), Some(Ticket::Granted));
        state.granted -= usize::from(was_granted);
        match state.refusal() {
            None if was_granted => {
                state.accept(item);
                Ok(())
            }
            None => Err(SendError { item, reason: RefusedReason::Full }),
            Some(reason) => Err(SendError { item, reason }),
        }
    }

    /// The sender gives up: its ticket goes, and a place it was granted passes on.
    pub(crate) fn leave(&self, place: &mut Place) {
        let Some(ticket) = place.ticket.take() else { return };
        let mut woken = Vec::new();
        let mut state = self.lock();
        let left = state.tickets.remove(&ticket);
        if let Some(Ticket::Granted) = left {
            state.granted -= 1;
            state.grant(&mut woken);
        }
        drop(state);
        drop(left);
        wake_all(woken);
    }

    /// The driver has handed on `handed` items that it took before. If its hand is empty it takes
    /// all there are now. Returns how many are left in the queue.
    pub(crate) fn turn_over(&self, handed: usize, hand: &mut VecDeque<T>) -> usize {
        let mut woken = Vec::new();
        let queued = {
            let mut state = self.lock();
            state.in_hand -= handed;
            if hand.is_empty() {
                mem::swap(&mut state.items, hand);
                state.in_hand += hand.len();
            }
            state.grant(&mut woken);
            state.items.len()
        };
        wake_all(woken);
        queued
    }

    /// Items that were handed on came back into the driver's hand.
    pub(crate) fn take_back(&self, items: usize) {
        self.lock().in_hand += items;
    }

    /// Takes no item from now on. The first reason stands.
    pub(crate) fn close(&self, reason: EndReason) {
        let mut state = self.lock();
        if !matches!(state.intake, Intake::Closed(_)) {
            state.intake = Intake::Closed(reason);
        }
        let woken = state.all_waiting();
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
                woken = state.all_waiting();
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

    pub(crate) fn accepted(&self) -> u64 {
        self.lock().accepted
    }

    pub(crate) fn snapshot(&self) -> QueueSnapshot {
        let state = self.lock();
        QueueSnapshot {
            queued: state.items.len(),
            in_hand: state.in_hand,
            granted: state.granted,
            waiting: state.tickets.len() - state.granted,
            capacity: state.capacity,
        }
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

    fn accept(&mut self, item: T) {
        self.accepted += 1;
        self.items.push_back(item);
    }

    /// Places that are neither used nor promised.
    fn free(&self) -> usize {
        self.capacity.saturating_sub(self.items.len() + self.in_hand + self.granted)
    }

    fn has_free_place(&self) -> bool {
        // While somebody waits, what is free was granted to them.
        self.tickets.len() == self.granted && self.free() > 0
    }

    /// What can be said to a sender without its having to wait (any longer).
    fn settle_place(&mut self, place: &mut Place) -> Option<Result<(), RefusedReason>> {
        if let Some(refusal) = self.refusal() {
            return Some(Err(refusal));
        }
        match place.ticket {
            Some(ticket) => match self.tickets.get(&ticket) {
                Some(Ticket::Granted) => Some(Ok(())),
                _ => None,
            },
            None if self.has_free_place() => {
                self.next_ticket += 1;
                place.ticket = Some(self.next_ticket);
                self.tickets.insert(self.next_ticket, Ticket::Granted);
                self.granted += 1;
                self.next_grant = self.next_ticket + 1;
                Some(Ok(()))
            }
            None => None,
        }
    }

    /// Gives free places to the oldest who wait.
    fn grant(&mut self, woken: &mut Vec<Waker>) {
        if self.intake != Intake::Open {
            return;
        }
        let free = self.free();
        if free == 0 || self.tickets.len() == self.granted {
            return;
        }
        for (number, ticket) in self.tickets.range_mut(self.next_grant..).take(free) {
            if let Ticket::Waiting(waker) = mem::replace(ticket, Ticket::Granted) {
                woken.push(waker);
                self.granted += 1;
            }
            self.next_grant = number + 1;
        }
    }

    /// The wakers of all who wait, who will find another state of things.
    fn all_waiting(&mut self) -> Vec<Waker> {
        let waiting = self.tickets.values_mut().filter_map(|ticket| match ticket {
            Ticket::Waiting(waker) => Some(mem::replace(waker, Waker::noop().clone())),
            Ticket::Granted => None,
        });
        waiting.collect()
    }
}

fn wake_all(wakers: Vec<Waker>) {
    for waker in wakers {
        waker.wake();
    }
}
