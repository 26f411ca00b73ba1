//! What a peer says besides answers, which is evidence that it lives.

use crate::policy::READS_PER_POLL_MAX;

/// Counts what is read, and finds out whether a pool is to be told of [progress](pool_driver::ConnectionEvent::Progress).
///
/// A pool that is told of an answer knows by it that the peer lives. Of pushes, parts, pings and replies that nobody waits
/// for it is told nothing, or only that a call is cancelled; of bytes that complete nothing, neither. One event for all
/// of it is enough in one poll, and none is needed beside an answer.
pub(super) struct Hearing<T> {
    /// A mark of the transport that changes when bytes come.
    mark_of: Option<fn(&T) -> u64>,
    mark: u64,
    /// Items that were read since the last pause.
    reads: usize,
    /// Those of them that were no answers.
    asides: usize,
    /// In this poll an answer was read.
    has_answer: bool,
    /// In this poll the peer has said something else.
    is_heard: bool,
    is_due: bool,
}

impl<T> Hearing<T> {
    pub(super) fn new() -> Self {
        Self {
            mark_of: None,
            mark: 0,
            reads: 0,
            asides: 0,
            has_answer: false,
            is_heard: false,
            is_due: false,
        }
    }

    pub(super) fn set_mark(&mut self, mark_of: Option<fn(&T) -> u64>, transport: &T) {
        self.mark_of = mark_of;
        self.mark = mark_of.map_or(0, |mark_of| mark_of(transport));
    }

    /// An item was read. Returns whether as many were read without a pause as there may be.
    #[inline]
    pub(super) fn count(&mut self) -> bool {
        self.reads += 1;
        self.reads == READS_PER_POLL_MAX
    }

    /// What is read is no answer.
    pub(super) fn count_aside(&mut self) {
        self.asides += 1;
    }

    /// Reading pauses. Returns whether anything was read.
    pub(super) fn pause(&mut self) -> bool {
        let has_read = self.reads > 0;
        self.has_answer |= self.reads > self.asides;
        self.is_heard |= self.asides > 0;
        (self.reads, self.asides) = (0, 0);
        has_read
    }

    /// The transport has nothing more to read. Returns whether bytes have come of what is not complete.
    pub(super) fn look_at(&mut self, transport: &T) -> bool {
        let Some(mark_of) = self.mark_of else { return false };
        let mark = mark_of(transport);
        let has_changed = mark != self.mark;
        self.mark = mark;
        self.is_heard |= has_changed;
        has_changed
    }

    /// The poll is over: the pool is told, if it can't know otherwise.
    pub(super) fn conclude(&mut self) {
        self.is_due |= self.is_heard && !self.has_answer;
        (self.is_heard, self.has_answer) = (false, false);
    }

    /// Whether the pool is to be told.
    #[inline]
    pub(super) fn is_due(&self) -> bool {
        self.is_due
    }

    /// The pool is told, if it is to be, and needs to hear no more in this poll.
    pub(super) fn take_due(&mut self) -> bool {
        self.has_answer |= self.is_due;
        std::mem::take(&mut self.is_due)
    }
}
