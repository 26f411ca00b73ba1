//! What a connection says by itself: its answers to pings.

use std::collections::VecDeque;

use super::release_capacity;
use crate::policy::CONTROLS_MAX;

/// Answers to the peer that wait to be written.
pub(super) struct Controls<Request> {
    /// Oldest first.
    waiting: VecDeque<Request>,
    /// Something has been added and not been flushed.
    is_unflushed: bool,
}

impl<Request> Controls<Request> {
    pub(super) fn new() -> Self {
        Self { waiting: VecDeque::new(), is_unflushed: false }
    }

    /// Returns whether there was room.
    pub(super) fn push(&mut self, control: Request) -> bool {
        self.is_unflushed = true;
        if self.waiting.len() < CONTROLS_MAX {
            self.waiting.push_back(control);
            return true;
        }
        false
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn pop(&mut self) -> Option<Request> {
        self.waiting.pop_front()
    }

    #[inline]
    pub(super) fn is_unflushed(&self) -> bool {
        self.is_unflushed
    }

    pub(super) fn set_flushed(&mut self) {
        self.is_unflushed = false;
        release_capacity(&mut self.waiting);
    }
}
