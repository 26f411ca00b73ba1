//! Waiters for a full queue, first come, first served: senders wait for a permit, others only until the
//! queue is ready for one.

use std::mem;
use std::task::Waker;

use slab::Slab;

/// A line of waiters, each with a ticket. Joining, leaving and being granted a permit cost the same however
/// long the line is.
#[derive(Debug)]
pub(crate) struct WaitQueue {
    waiters: Slab<Waiter>,
    /// Those in state `Waiting` form a list, oldest first; a waiter whose turn has come has left it.
    first: usize,
    last: usize,
    /// Waiters that hold a permit.
    granted: usize,
    /// Waiters, in any state, that take no permit.
    for_readiness: usize,
}

/// What a waiter waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wants {
    /// A permit, which is kept for it.
    Permit,
    /// Its turn, in which it would be granted a permit. Nothing is kept for it.
    Readiness,
}

#[derive(Debug)]
enum Waiter {
    Waiting {
        waker: Waker,
        previous: usize,
        next: usize,
        wants: Wants,
    },
    Granted,
    /// The turn of a waiter for readiness has come.
    Ready,
}

/// The end of the list.
const NOBODY: usize = usize::MAX;

/// Room for more waiters than this is given back when the last of them leaves.
const ROOM_KEPT_MAX: usize = 128;

impl WaitQueue {
    pub(crate) const fn new() -> Self {
        Self { waiters: Slab::new(), first: NOBODY, last: NOBODY, granted: 0, for_readiness: 0 }
    }

    /// Permits that were granted and not used yet.
    pub(crate) fn granted(&self) -> usize {
        self.granted
    }

    /// Senders that wait for a permit.
    pub(crate) fn senders(&self) -> usize {
        self.waiters.len() - self.granted - self.for_readiness
    }

    /// Whether anything is left to be granted or told.
    pub(crate) fn is_anybody_waiting(&self) -> bool {
        self.first != NOBODY
    }

    pub(crate) fn is_granted(&self, ticket: usize) -> bool {
        matches!(self.waiters.get(ticket), Some(Waiter::Granted))
    }

    /// Whether the turn of a waiter for readiness has come.
    pub(crate) fn is_ready(&self, ticket: usize) -> bool {
        matches!(self.waiters.get(ticket), Some(Waiter::Ready))
    }

    /// Joins at the end.
    pub(crate) fn join(&mut self, waker: Waker, wants: Wants) -> usize {
        self.for_readiness += usize::from(wants == Wants::Readiness);
        let ticket = self.waiters.insert(Waiter::Waiting { waker, previous: self.last, next: NOBODY, wants });
        self.link(self.last, ticket);
        self.link(ticket, NOBODY);
        ticket
    }

    /// Is granted a permit at once.
    pub(crate) fn join_granted(&mut self) -> usize {
        self.granted += 1;
        self.waiters.insert(Waiter::Granted)
    }

    /// Gives a waiter another waker, and returns the one that is not used.
    pub(crate) fn set_waker(&mut self, ticket: usize, waker: Waker) -> Waker {
        match &mut self.waiters[ticket] {
            Waiter::Waiting { waker: before, .. } => mem::replace(before, waker),
            Waiter::Granted | Waiter::Ready => waker,
        }
    }

    /// Leaves, in any state. The waker is for the caller to drop.
    pub(crate) fn leave(&mut self, ticket: usize) -> Option<Waker> {
        let waker = match self.waiters.remove(ticket) {
            Waiter::Granted => {
                self.granted -= 1;
                None
            }
            Waiter::Ready => {
                self.for_readiness -= 1;
                None
            }
            Waiter::Waiting { waker, previous, next, wants } => {
                self.for_readiness -= usize::from(wants == Wants::Readiness);
                self.link(previous, next);
                Some(waker)
            }
        };
        if self.waiters.is_empty() && self.waiters.capacity() > ROOM_KEPT_MAX {
            self.waiters = Slab::new();
        }
        waker
    }

    /// Grants permits to the oldest senders, `permits` in all at most. Waiters for readiness are told whose
    /// turn comes before the last of these permits is gone.
    pub(crate) fn grant(&mut self, mut permits: usize, woken: &mut Vec<Waker>) {
        while permits > 0
            && let Some(waiter) = self.waiters.get_mut(self.first)
            && let Waiter::Waiting { wants, .. } = *waiter
        {
            let turn = if wants == Wants::Permit { Waiter::Granted } else { Waiter::Ready };
            if let Waiter::Waiting { waker, next, .. } = mem::replace(waiter, turn) {
                woken.push(waker);
                self.link(NOBODY, next);
            }
            self.granted += usize::from(wants == Wants::Permit);
            permits -= usize::from(wants == Wants::Permit);
        }
    }

    /// The wakers of all who wait. They keep their turns, and ask again when they are woken.
    pub(crate) fn take_wakers(&mut self) -> Vec<Waker> {
        let wakers = self.waiters.iter_mut().filter_map(|(_, waiter)| match waiter {
            Waiter::Waiting { waker, .. } => Some(mem::replace(waker, Waker::noop().clone())),
            Waiter::Granted | Waiter::Ready => None,
        });
        wakers.collect()
    }

    /// Makes two waiters neighbours; `NOBODY` stands for either end.
    fn link(&mut self, before: usize, after: usize) {
        match self.waiters.get_mut(before) {
            Some(Waiter::Waiting { next, .. }) => *next = after,
            _ => self.first = after,
        }
        match self.waiters.get_mut(after) {
            Some(Waiter::Waiting { previous, .. }) => *previous = before,
            _ => self.last = before,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(waiters: &mut WaitQueue, wants: Wants) -> usize {
        waiters.join(Waker::noop().clone(), wants)
    }

    #[test]
    fn permits_are_granted_in_the_order_of_joining_also_when_others_leave_meanwhile() {
        let mut waiters = WaitQueue::new();
        let tickets: Vec<usize> = (0..5).map(|_| join(&mut waiters, Wants::Permit)).collect();
        for gone in [0, 2, 4] {
            waiters.leave(tickets[gone]);
        }
        let late = join(&mut waiters, Wants::Permit);
        let order = [tickets[1], tickets[3], late];
        for granted in 0..3 {
            waiters.grant(1, &mut Vec::new());
            let seen: Vec<bool> = order.iter().map(|&ticket| waiters.is_granted(ticket)).collect();
            let expected: Vec<bool> = (0..3).map(|turn| turn <= granted).collect();
            assert_eq!(seen, expected);
        }
        assert_eq!((waiters.granted(), waiters.senders()), (3, 0));
    }

    #[test]
    fn waiters_for_readiness_are_told_in_their_turn_and_take_no_permit() {
        let mut waiters = WaitQueue::new();
        let tickets =
            [Wants::Readiness, Wants::Permit, Wants::Readiness].map(|wants| join(&mut waiters, wants));
        let mut woken = Vec::new();
        waiters.grant(1, &mut woken);
        assert_eq!((woken.len(), waiters.granted(), waiters.senders()), (2, 1, 0));
        assert_eq!(tickets.map(|ticket| waiters.is_ready(ticket)), [true, false, false]);
        assert!(waiters.is_granted(tickets[1]));
        waiters.grant(1, &mut woken);
        assert_eq!((woken.len(), waiters.granted()), (3, 1));
        assert!(waiters.is_ready(tickets[2]));
        for ticket in tickets {
            waiters.leave(ticket);
        }
        assert_eq!((waiters.granted(), waiters.senders(), waiters.for_readiness), (0, 0, 0));
        assert!(!waiters.is_anybody_waiting());
    }

    #[test]
    fn waiters_that_leave_at_once_take_no_more_room_the_more_they_are() {
        let mut waiters = WaitQueue::new();
        for _ in 0..1000 {
            let (waits, granted) = (join(&mut waiters, Wants::Permit), waiters.join_granted());
            waiters.leave(granted);
            waiters.leave(waits);
        }
        assert_eq!((waiters.granted(), waiters.senders()), (0, 0));
        assert!(waiters.waiters.capacity() <= 4);
    }

    #[test]
    fn the_room_of_a_crowd_is_given_back_when_the_last_has_left() {
        let mut waiters = WaitQueue::new();
        let tickets: Vec<usize> = (0..10_000).map(|_| join(&mut waiters, Wants::Permit)).collect();
        for ticket in tickets {
            waiters.leave(ticket);
        }
        assert!(waiters.waiters.capacity() <= ROOM_KEPT_MAX);
        let ticket = join(&mut waiters, Wants::Permit);
        waiters.grant(1, &mut Vec::new());
        assert!(waiters.is_granted(ticket));
    }
}
