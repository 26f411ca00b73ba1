//! Items of the multiplexer's own: those that came back, and the one that no connection could take.

use std::sync::Arc;
use std::{iter, mem};

use crate::driver::backlog::Backlog;
use crate::panic::discard;
use crate::wake_list::Signal;

/// Items that no connection has, oldest first.
pub(super) struct Held<T> {
    items: Backlog<T>,
    /// Some of them came back since they were last looked at.
    has_returned: bool,
    /// Has them looked at in the next poll: this one may have done so already.
    signal: Arc<Signal>,
}

impl<T> Held<T> {
    pub(super) fn new(signal: Arc<Signal>) -> Self {
        Self { items: Backlog::new(), has_returned: false, signal }
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether items came back since these were last taken.
    pub(super) fn has_returned(&self) -> bool {
        self.has_returned
    }

    pub(super) fn on_woken(&self) {
        self.signal.clear();
    }

    /// Items that came back from a connection go before all others, in their order.
    pub(super) fn return_items(&mut self, unsent: Vec<T>) {
        if unsent.is_empty() {
            return;
        }
        self.has_returned = true;
        self.signal.raise();
        for item in unsent.into_iter().rev() {
            self.items.push_front(item);
        }
    }

    /// An item that is younger than all others.
    pub(super) fn push_back(&mut self, item: T) {
        self.items.push_back(item);
    }

    /// Takes all of them.
    pub(super) fn take(&mut self) -> Backlog<T> {
        self.has_returned = false;
        mem::replace(&mut self.items, Backlog::new())
    }

    /// What is left of those that were taken. What came back meanwhile goes first.
    pub(super) fn put_back(&mut self, mut left: Backlog<T>) {
        iter::from_fn(|| left.pop()).for_each(|item| self.items.push_back(item));
    }
}

impl<T> Drop for Held<T> {
    fn drop(&mut self) {
        iter::from_fn(|| self.items.pop()).for_each(discard);
    }
}
