//! Calls that have no reply.

use std::collections::VecDeque;

use super::correlation::Flight;
use super::release_capacity;

/// Calls that were given to the transport, and end when they are flushed; what each caller gets then.
pub(super) struct Unanswered<Request, Reply> {
    calls: VecDeque<(Flight<Request, Reply>, Reply)>,
}

impl<Request, Reply> Unanswered<Request, Reply> {
    pub(super) fn new() -> Self {
        Self { calls: VecDeque::new() }
    }

    pub(super) fn push(&mut self, flight: Flight<Request, Reply>, reply: Reply) {
        self.calls.push_back((flight, reply));
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<(Flight<Request, Reply>, Reply)> {
        let call = self.calls.pop_front()?;
        release_capacity(&mut self.calls);
        Some(call)
    }

    /// All that are left, when the connection is over.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Flight<Request, Reply>> {
        std::mem::take(&mut self.calls).into_iter().map(|(flight, _)| flight)
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }
}
