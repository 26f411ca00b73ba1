//! Items on their way from the queue to connections.

use std::collections::VecDeque;
use std::{iter, mem, vec};

/// Items that no connection has yet, oldest first: those that came back from a connection, then
/// what is left of a batch from the queue.
#[derive(Debug)]
pub(crate) struct Backlog<T> {
    returned: VecDeque<T>,
    batch: vec::IntoIter<T>,
    /// The room of the batch.
    batch_capacity: usize,
}

impl<T> Backlog<T> {
    pub(crate) fn new() -> Self {
        Self { returned: VecDeque::new(), batch: Vec::new().into_iter(), batch_capacity: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.returned.len() + self.batch.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.returned.is_empty() && self.batch.as_slice().is_empty()
    }

    /// Takes a batch, and returns the room of the one before, which must be used up.
    pub(crate) fn refill(&mut self, batch: Vec<T>) -> Vec<T> {
        debug_assert!(self.batch.as_slice().is_empty(), "a batch is not overwritten");
        self.batch_capacity = batch.capacity();
        let used = mem::replace(&mut self.batch, batch.into_iter());
        // Nothing is collected in place: the standard library keeps the room.
        used.take(0).collect()
    }

    /// Lets go of the room that items took, unless it holds no more than this. There must be no items.
    pub(crate) fn release_buffers(&mut self, idle_capacity_max: usize) {
        debug_assert!(self.is_empty(), "no item is dropped");
        if self.batch_capacity > idle_capacity_max {
            self.refill(Vec::new());
        }
        if self.returned.capacity() > 0 {
            self.returned = VecDeque::new();
        }
    }

    /// Puts a batch behind all that is there.
    pub(crate) fn extend(&mut self, batch: Vec<T>) {
        if self.is_empty() {
            self.refill(batch);
            return;
        }
        self.returned.extend(self.batch.by_ref());
        self.returned.extend(batch);
    }

    /// Takes out the items that are not to be kept, oldest first.
    pub(crate) fn remove_unless(&mut self, keep: impl Fn(&T) -> bool) -> Vec<T> {
        let (kept, removed) = iter::from_fn(|| self.pop()).partition(keep);
        self.returned = kept;
        Vec::from(removed)
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        self.returned.pop_front().or_else(|| self.batch.next())
    }

    pub(crate) fn has_returned(&self) -> bool {
        !self.returned.is_empty()
    }

    /// The items that came back, to be taken from one by one.
    pub(crate) fn returned(&mut self) -> impl Items<T> {
        PopFront(&mut self.returned)
    }

    /// What is left of the batch, to be taken from one by one.
    pub(crate) fn batch(&mut self) -> &mut vec::IntoIter<T> {
        &mut self.batch
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

/// Items that are looked at before they are taken.
pub(crate) trait Items<T>: ExactSizeIterator<Item = T> {
    fn first(&self) -> Option<&T>;
}

impl<T> Items<T> for vec::IntoIter<T> {
    #[inline]
    fn first(&self) -> Option<&T> {
        self.as_slice().first()
    }
}

impl<T> Items<T> for PopFront<'_, T> {
    fn first(&self) -> Option<&T> {
        self.0.front()
    }
}

/// Takes items out only as they are asked for, unlike a drain, which takes all.
struct PopFront<'a, T>(&'a mut VecDeque<T>);

impl<T> Iterator for PopFront<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.pop_front()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.len(), Some(self.0.len()))
    }
}

impl<T> ExactSizeIterator for PopFront<'_, T> {}
