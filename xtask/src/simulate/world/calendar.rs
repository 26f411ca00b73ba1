//! What happens when.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use pool_core::{Instant, SlotId};

use super::item::ItemId;

/// A thing that happens to a client or a server.
#[derive(Clone, Copy, Debug)]
pub(super) enum Happening {
    /// An item comes to a client by its load.
    Arrival { client: usize },
    /// A caller of a client makes its next call.
    Call { client: usize, caller: usize },
    /// A caller of a client has waited for long enough.
    GiveUp { client: usize, caller: usize, item: ItemId },
    /// A client's machine may want to be called.
    Wake { client: usize },
    /// A dial has reached its server.
    Dialled { client: usize, slot: SlotId },
    /// A server looks whether a connection has been idle for too long.
    IdleCheck { client: usize, slot: SlotId },
    /// A server has done an item.
    Served { server: u32, life: u32, job: Job },
}

/// An item at a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    pub(super) client: usize,
    pub(super) slot: SlotId,
    pub(super) item: ItemId,
}

/// What happens at the same time happens in the order in which it was entered.
#[derive(Debug, Default)]
pub(super) struct Calendar {
    entries: BinaryHeap<Reverse<Entry>>,
    entered: u64,
}

#[derive(Debug)]
struct Entry {
    at: Instant,
    number: u64,
    what: Happening,
}

impl Calendar {
    pub(super) fn enter(&mut self, at: Instant, what: Happening) {
        self.entries.push(Reverse(Entry { at, number: self.entered, what }));
        self.entered += 1;
    }

    /// The next one, if it happens by this time.
    pub(super) fn next_until(&mut self, end: Instant) -> Option<(Instant, Happening)> {
        let Reverse(first) = self.entries.peek()?;
        if first.at > end {
            return None;
        }
        self.entries.pop().map(|Reverse(Entry { at, what, .. })| (at, what))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}
