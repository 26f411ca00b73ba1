//! Senders that wait for a place in the queue: first come, first served.

use std::mem;
use std::task::Waker;

use slab::Slab;

/// A line of senders, each with a ticket. Joining, leaving and being granted a place cost the same
/// however long the line is; it takes as much room as its longest was.
#[derive(Debug)]
pub(crate) struct Line {
    senders: Slab<Sender>,
    /// Those who wait form a list, oldest first; those granted a place have left it.
    first: usize,
    last: usize,
    granted: usize,
}

#[derive(Debug)]
enum Sender {
    Waiting { waker: Waker, previous: usize, next: usize },
    Granted,
}

/// The end of the list.
const NOBODY: usize = usize::MAX;

impl Line {
    pub(crate) const fn new() -> Self {
        Self { senders: Slab::new(), first: NOBODY, last: NOBODY, granted: 0 }
    }

    /// Senders that were granted a place and haven't used it.
    pub(crate) fn granted(&self) -> usize {
        self.granted
    }

    pub(crate) fn waiting(&self) -> usize {
        self.senders.len() - self.granted
    }

    pub(crate) fn is_granted(&self, ticket: usize) -> bool {
        matches!(self.senders.get(ticket), Some(Sender::Granted))
    }

    /// Joins at the end.
    pub(crate) fn join(&mut self, waker: Waker) -> usize {
        let ticket = self.senders.insert(Sender::Waiting { waker, previous: self.last, next: NOBODY });
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
            Sender::Granted => waker,
        }
    }

    /// Leaves, whether granted a place or not. The waker is for the caller to drop.
    pub(crate) fn leave(&mut self, ticket: usize) -> Option<Waker> {
        match self.senders.remove(ticket) {
            Sender::Granted => {
                self.granted -= 1;
                None
            }
            Sender::Waiting { waker, previous, next } => {
                self.link(previous, next);
                Some(waker)
            }
        }
    }

    /// Grants a place to each of the oldest who wait, `places` in all at most.
    pub(crate) fn grant(&mut self, places: usize, woken: &mut Vec<Waker>) {
        for _ in 0..places {
            let Some(sender) = self.senders.get_mut(self.first) else { return };
            if let Sender::Waiting { waker, next, .. } = mem::replace(sender, Sender::Granted) {
                woken.push(waker);
                self.granted += 1;
                self.link(NOBODY, next);
            }
        }
    }

    /// The wakers of all who wait, who will find another state of things and say what they want.
    pub(crate) fn take_wakers(&mut self) -> Vec<Waker> {
        let wakers = self.senders.iter_mut().filter_map(|(_, sender)| match sender {
            Sender::Waiting { waker, .. } => Some(mem::replace(waker, Waker::noop().clone())),
            Sender::Granted => None,
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
        let mut line = Line::new();
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
    fn nothing_is_left_of_those_who_left() {
        let mut line = Line::new();
        for _ in 0..1000 {
            let (waits, granted) = (line.join(waker()), line.join_granted());
            line.leave(granted);
            line.leave(waits);
        }
        assert_eq!((line.granted(), line.waiting(), line.senders.capacity() <= 4), (0, 0, true));
    }
}
