//! Senders that wait for a place in the queue, and readiness_waiters that want to know when they would get one:
//! first come, first served.

use std::mem;
use std::task::Waker;

use slab::Slab;

/// A line of senders and readiness_waiters, each with a ticket. Joining, leaving and being granted a place
/// cost the same however long the line is; it takes as much room as its longest was.
#[derive(Debug)]
pub(crate) struct WaitQueue {
    senders: Slab<Sender>,
    /// Those who wait form a list, oldest first; those whose turn has come have left it.
    first: usize,
    last: usize,
    granted: usize,
    /// Those who have no use for a place.
    readiness_waiters: usize,
}

#[derive(Debug)]
enum Sender {
    Waiting {
        waker: Waker,
        previous: usize,
        next: usize,
        is_readiness_waiter: bool,
    },
    Granted,
    /// It is an readiness_waiter's turn; there is nothing to keep for it.
    Told,
}

/// The end of the list.
const NOBODY: usize = usize::MAX;

impl WaitQueue {
    pub(crate) const fn new() -> Self {
        Self { senders: Slab::new(), first: NOBODY, last: NOBODY, granted: 0, readiness_waiters: 0 }
    }

    /// Senders that were granted a place and haven't used it.
    pub(crate) fn granted(&self) -> usize {
        self.granted
    }

    /// Senders that wait for one.
    pub(crate) fn waiting(&self) -> usize {
        self.senders.len() - self.granted - self.readiness_waiters
    }

    /// Whether somebody waits, be it only to look on.
    pub(crate) fn is_anybody_waiting(&self) -> bool {
        self.first != NOBODY
    }

    pub(crate) fn is_granted(&self, ticket: usize) -> bool {
        matches!(self.senders.get(ticket), Some(Sender::Granted))
    }

    /// Whether it is this readiness_waiter's turn.
    pub(crate) fn is_told(&self, ticket: usize) -> bool {
        matches!(self.senders.get(ticket), Some(Sender::Told))
    }

    /// Joins at the end.
    pub(crate) fn join(&mut self, waker: Waker) -> usize {
        self.join_as(waker, false)
    }

    /// Joins at the end, without wanting a place.
    pub(crate) fn join_readiness_waiter(&mut self, waker: Waker) -> usize {
        self.readiness_waiters += 1;
        self.join_as(waker, true)
    }

    fn join_as(&mut self, waker: Waker, is_readiness_waiter: bool) -> usize {
        let sender = Sender::Waiting { waker, previous: self.last, next: NOBODY, is_readiness_waiter };
        let ticket = self.senders.insert(sender);
        self.link(self.last, ticket);
        self.link(ticket, NOBODY);
        ticket
    }

    /// Is granted a place at once.
    pub(crate) fn join_granted(&mut self) -> usize {
        self.granted += 1;
        self.senders.insert(Sender::Granted)
    }

    /// Gives a sender that waits another waker; returns the one before.
    pub(crate) fn set_waker(&mut self, ticket: usize, waker: Waker) -> Waker {
        match &mut self.senders[ticket] {
            Sender::Waiting { waker: before, .. } => mem::replace(before, waker),
            Sender::Granted | Sender::Told => waker,
        }
    }

    /// Leaves, whether granted a place or not. The waker is for the caller to drop.
    pub(crate) fn leave(&mut self, ticket: usize) -> Option<Waker> {
        match self.senders.remove(ticket) {
            Sender::Granted => {
                self.granted -= 1;
                None
            }
            Sender::Told => {
                self.readiness_waiters -= 1;
                None
            }
            Sender::Waiting { waker, previous, next, is_readiness_waiter } => {
                self.readiness_waiters -= usize::from(is_readiness_waiter);
                self.link(previous, next);
                Some(waker)
            }
        }
    }

    /// Grants a place to each of the oldest who wait, `places` in all at most, and tells readiness_waiters
    /// whose turn comes before the last of these places is gone.
    pub(crate) fn grant(&mut self, mut places: usize, woken: &mut Vec<Waker>) {
        while places > 0
            && let Some(sender) = self.senders.get_mut(self.first)
            && let Sender::Waiting { is_readiness_waiter, .. } = *sender
        {
            let turn = if is_readiness_waiter { Sender::Told } else { Sender::Granted };
            if let Sender::Waiting { waker, next, .. } = mem::replace(sender, turn) {
                woken.push(waker);
                self.link(NOBODY, next);
            }
            self.granted += usize::from(!is_readiness_waiter);
            places -= usize::from(!is_readiness_waiter);
        }
    }

    /// The wakers of all who wait, who will find another state of things and say what they want.
    pub(crate) fn take_wakers(&mut self) -> Vec<Waker> {
        let wakers = self.senders.iter_mut().filter_map(|(_, sender)| match sender {
            Sender::Waiting { waker, .. } => Some(mem::replace(waker, Waker::noop().clone())),
            Sender::Granted | Sender::Told => None,
        });
        wakers.collect()
    }

    /// Makes two senders neighbours; `NOBODY` stands for either end.
    fn link(&mut self, before: usize, after: usize) {
        match self.senders.get_mut(before) {
            Some(Sender::Waiting { next, .. }) => *next = after,
            _ => self.first = after,
        }
        match self.senders.get_mut(after) {
            Some(Sender::Waiting { previous, .. }) => *previous = before,
            _ => self.last = before,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waker() -> Waker {
        Waker::noop().clone()
    }

    #[test]
    fn places_are_granted_in_the_order_of_joining_whoever_leaves_meanwhile() {
        let mut line = WaitQueue::new();
        let tickets: Vec<usize> = (0..5).map(|_| line.join(waker())).collect();
        for gone in [0, 2, 4] {
            line.leave(tickets[gone]);
        }
        let late = line.join(waker());
        let order = [tickets[1], tickets[3], late];
        for granted in 0..3 {
            line.grant(1, &mut Vec::new());
            let seen: Vec<bool> = order.iter().map(|&ticket| line.is_granted(ticket)).collect();
            let expected: Vec<bool> = (0..3).map(|place| place <= granted).collect();
            assert_eq!(seen, expected);
        }
        assert_eq!((line.granted(), line.waiting()), (3, 0));
    }

    #[test]
    fn onlookers_are_told_in_their_turn_and_take_no_place() {
        let mut line = WaitQueue::new();
        let tickets =
            [line.join_readiness_waiter(waker()), line.join(waker()), line.join_readiness_waiter(waker())];
        let mut woken = Vec::new();
        line.grant(1, &mut woken);
        assert_eq!((woken.len(), line.granted(), line.waiting()), (2, 1, 0));
        let told = tickets.map(|ticket| line.is_told(ticket));
        assert_eq!((told, line.is_granted(tickets[1])), ([true, false, false], true));
        line.grant(1, &mut woken);
        assert_eq!((woken.len(), line.granted(), line.is_told(tickets[2])), (3, 1, true));
        for ticket in tickets {
            line.leave(ticket);
        }
        assert_eq!(
            (line.granted(), line.waiting(), line.readiness_waiters, line.is_anybody_waiting()),
            (0, 0, 0, false)
        );
    }

    #[test]
    fn nothing_is_left_of_those_who_left() {
        let mut line = WaitQueue::new();
        for _ in 0..1000 {
            let (waits, granted) = (line.join(waker()), line.join_granted());
            line.leave(granted);
            line.leave(waits);
        }
        assert_eq!((line.granted(), line.waiting(), line.senders.capacity() <= 4), (0, 0, true));
    }
}
