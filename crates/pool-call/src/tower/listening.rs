//! What is heard of a service's peer by the bytes that its client reads, and the calls that wait for it.

use std::mem;
use std::task::Waker;

use pool_driver::{Instant, Reads};

/// Calls whose callers have gone, and whose places are not free yet.
///
/// The future of such a call is dropped, and its client tells the peer, if it can. When the peer says something after
/// that, it is taken to be rid of the call: it works, and takes in what it is told. Until then it may have all such
/// calls before it, so they count as in flight. Without a count of the bytes that are read nobody knows, and there are
/// no such calls.
pub(super) struct Listening {
    /// `None` if nobody counts.
    reads: Option<Reads>,
    /// Bytes that had been read at the last look.
    seen: u64,
    abandoned: usize,
    /// When there was none of these for the last time.
    abandoned_since: Instant,
    /// Bytes that had been read when the last of these was abandoned.
    read_before: u64,
    /// At the last look something was waited for.
    is_waiting: bool,
    /// When the pool was told last that the peer lives, by an answer or by progress.
    told: Option<Instant>,
}

impl Listening {
    pub(super) fn new() -> Self {
        Self {
            reads: None,
            seen: 0,
            abandoned: 0,
            abandoned_since: Instant::ZERO,
            read_before: 0,
            is_waiting: false,
            told: None,
        }
    }

    pub(super) fn set_reads(&mut self, reads: Reads) {
        self.seen = reads.bytes();
        self.reads = Some(reads);
    }

    /// A caller has gone. Returns whether its call keeps its place.
    pub(super) fn abandon(&mut self, now: Instant) -> bool {
        let Some(reads) = &self.reads else { return false };
        if self.abandoned == 0 {
            self.abandoned_since = now;
        }
        self.read_before = reads.bytes();
        self.abandoned += 1;
        true
    }

    /// How many abandoned calls have a place.
    pub(super) fn abandoned(&self) -> usize {
        self.abandoned
    }

    /// Since when there are such calls, if there are.
    pub(super) fn abandoned_since(&self) -> Option<Instant> {
        (self.abandoned > 0).then_some(self.abandoned_since)
    }

    /// The places of so many are free: of those that were abandoned first.
    pub(super) fn release(&mut self, calls: usize) -> usize {
        let released = calls.min(self.abandoned);
        self.abandoned -= released;
        released
    }

    /// Bytes that come now are found by the next look.
    pub(super) fn unwatch(&self) {
        if let Some(reads) = &self.reads {
            reads.unwatch();
        }
    }

    /// The next bytes wake this waker.
    pub(super) fn watch(&self, waker: &Waker) {
        if let Some(reads) = &self.reads {
            reads.watch(waker);
        }
    }

    /// Looks whether bytes have come since the last look. Now something is waited for, or nothing.
    pub(super) fn look(&mut self, is_waiting: bool) -> Heard {
        let bytes = self.reads.as_ref().map_or(0, Reads::bytes);
        let released = if bytes > self.read_before { self.release(usize::MAX) } else { 0 };
        let has_bytes = bytes > self.seen;
        self.seen = bytes;
        let was_waited_for = mem::replace(&mut self.is_waiting, is_waiting) || is_waiting;
        Heard { has_bytes, was_waited_for, released }
    }

    /// The pool is told that the peer lives. Returns whether that is news: once for each point of time is enough.
    pub(super) fn tell(&mut self, now: Instant) -> bool {
        self.told.replace(now) != Some(now)
    }
}

/// What a look has found.
pub(super) struct Heard {
    /// Bytes have come.
    pub(super) has_bytes: bool,
    /// Something was waited for, now or at the look before.
    pub(super) was_waited_for: bool,
    /// So many abandoned calls are over by that.
    pub(super) released: usize,
}
