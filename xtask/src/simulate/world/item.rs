//! Items, and what becomes of them.

use std::time::Duration;

use pool_core::Instant;

pub(super) type ItemId = u64;

/// An item that waits, or is in flight.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub(super) id: ItemId,
    /// Whose call it is, if anybody's.
    pub(super) caller: Option<usize>,
    pub(super) arrived: Instant,
}

/// The end of an item as its sender sees it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(in crate::simulate) struct Ended {
    pub(in crate::simulate) arrived: Instant,
    pub(in crate::simulate) at: Instant,
    /// Whose call it was, if anybody's.
    pub(in crate::simulate) caller: Option<usize>,
    /// Where it was sent.
    pub(in crate::simulate) server: Option<u32>,
    pub(in crate::simulate) end: End,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::simulate) enum End {
    Answered,
    /// The answer was that the server is overloaded.
    Refused,
    /// Its connection broke.
    Lost,
    /// Its caller waited for no longer.
    GivenUp,
}

impl Ended {
    /// From its coming to its end.
    pub(in crate::simulate) fn took(&self) -> Duration {
        self.at.saturating_duration_since(self.arrived)
    }

    pub(in crate::simulate) fn is_answered(&self) -> bool {
        self.end == End::Answered
    }
}
