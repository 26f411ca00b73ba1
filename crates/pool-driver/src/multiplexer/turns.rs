//! Whose turn it is among the slots that were woken, and how much one poll of the driver does for them.

use std::collections::VecDeque;

use pool_core::SlotId;

/// Slots that were woken and not polled yet, and what is left of this poll's bounds.
///
/// Every woken slot is polled, in the order of the wake-ups. What one poll of the driver doesn't reach is
/// served first in the next one.
pub(super) struct Turns {
    waiting: VecDeque<SlotId>,
    slots_left: usize,
    events_left: usize,
    /// How many have ever stopped to wait.
    served: u64,
    /// When so many were served, none is left that was woken before a deadline was found to be over.
    timeout_after: Option<u64>,
}

/// Tokio lets a task do some 128 operations in one poll. Connections that are polled after that have to be
/// polled again, so that a longer round does more work, not less.
const SLOTS_PER_POLL_MAX: usize = 100;

/// After this many events the driver lets others run.
const EVENTS_PER_POLL_MAX: usize = 1024;

/// A connection that never stops telling must not keep the others waiting. Items that come back are not among these, and
/// are bounded by what it was sent.
const EVENTS_PER_SLOT_MAX: usize = 64;

impl Turns {
    pub(super) const fn new() -> Self {
        Self { waiting: VecDeque::new(), slots_left: 0, events_left: 0, served: 0, timeout_after: None }
    }

    /// A poll of the driver begins.
    pub(super) fn start_poll(&mut self) {
        self.slots_left = SLOTS_PER_POLL_MAX;
        self.events_left = EVENTS_PER_POLL_MAX;
    }

    /// Whether a slot that has just been woken can be polled now. If not, it waits.
    #[inline]
    pub(super) fn take_or_wait(&mut self, slot: SlotId) -> bool {
        let is_taken = self.take();
        if !is_taken {
            self.waiting.push_back(slot);
        }
        is_taken
    }

    /// The next of those that wait, if it can be polled now.
    pub(super) fn next_waiting(&mut self) -> Option<SlotId> {
        if self.waiting.is_empty() || !self.take() {
            return None;
        }
        self.served += 1;
        self.waiting.pop_front()
    }

    fn take(&mut self) -> bool {
        if self.slots_left == 0 || self.events_left == 0 {
            return false;
        }
        self.slots_left -= 1;
        true
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// How many events of one slot may be read now.
    pub(super) fn events_of_slot(&self) -> usize {
        self.events_left.min(EVENTS_PER_SLOT_MAX)
    }

    pub(super) fn count_events(&mut self, events: usize) {
        self.events_left -= events;
    }

    /// Whether the core may be told that its deadline is over. A late timer proves nothing about sockets that
    /// were not polled: slots that were woken before come first.
    pub(super) fn may_time_out(&mut self, is_due: bool) -> bool {
        if !is_due {
            self.timeout_after = None;
            return false;
        }
        let served_by_then = self.served + self.waiting.len() as u64;
        let is_time = self.served >= *self.timeout_after.get_or_insert(served_by_then);
        if is_time {
            self.timeout_after = None;
        }
        is_time
    }
}
