//! Items on their way from the queue to connections.

use std::collections::VecDeque;
use std::vec;

/// Items that no connection has yet, oldest first: those that came back from a connection, then
/// what is left of a batch from the queue.
#[derive(Debug)]
pub(crate) struct Hand<T> {
    returned: VecDeque<T>,
    batch: vec::IntoIter<T>,
}

impl<T> Hand<T> {
    pub(crate) fn new() -> Self {
        Self { returned: VecDeque::new(), batch: Vec::new().into_iter() }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.returned.len() + self.batch.len()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.returned.is_empty() && self.batch.as_slice().is_empty()
    }

    /// Takes a batch. The one before must be used up.
    pub(crate) fn refill(&mut self, batch: Vec<T>) {
        debug_assert!(self.batch.as_slice().is_empty(), "a batch is not overwritten");
        self.batch = batch.into_iter();
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<T> {
        if self.returned.is_empty() { self.batch.next() } else { self.pop_returned() }
    }

    #[cold]
    fn pop_returned(&mut self) -> Option<T> {
        self.returned.pop_front()
    }

    /// An item that is older than all others.
    pub(crate) fn push_front(&mut self, item: T) {
        self.returned.push_front(item);
    }

    /// An item that is younger than all others.
    pub(crate) fn push_back(&mut self, item: T) {
        self.returned.extend(self.batch.by_ref());
        self.returned.push_back(item);
    }
}
