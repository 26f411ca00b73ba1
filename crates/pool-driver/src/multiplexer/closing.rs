//! How far a close has come.

use pool_core::Instant;

use crate::error::EndReason;

/// Why and when the multiplexer closes, if it does.
#[derive(Default)]
pub(super) struct Closing {
    /// The first reason stays.
    reason: Option<EndReason>,
    /// A deadline that the core has not been told of yet.
    deadline: Option<Instant>,
    /// No slot is left.
    is_over: bool,
}

impl Closing {
    pub(super) fn reason(&self) -> Option<EndReason> {
        self.reason
    }

    /// The earliest of several deadlines counts.
    pub(super) fn request(&mut self, reason: EndReason, deadline: Instant) {
        self.note_reason(reason);
        self.deadline = Some(self.deadline.map_or(deadline, |earlier| earlier.min(deadline)));
    }

    pub(super) fn note_reason(&mut self, reason: EndReason) {
        self.reason.get_or_insert(reason);
    }

    /// The deadline that the core is to be told.
    pub(super) fn take_deadline(&mut self) -> Option<Instant> {
        self.deadline.take()
    }

    pub(super) fn on_closed(&mut self) {
        self.is_over = true;
    }

    /// The reason, once it is over.
    pub(super) fn over(&self) -> Option<EndReason> {
        self.reason.filter(|_| self.is_over)
    }
}
