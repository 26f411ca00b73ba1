//! Who makes room in a full map: the least recently used of the names that are idle.
//!
//! A name that waits for a permit needs one pool closed. Pools that are closing already count: each will
//! give up its permit. Only names that are known to be idle are looked at, whatever the size of the map.

use super::NameId;
use super::idle_names::IdleNames;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Eviction {
    /// A caller that didn't wait was refused, and may come again.
    is_room_wanted: bool,
}

impl Eviction {
    /// A caller was refused for want of a permit.
    pub(super) fn handle_refused(&mut self) {
        self.is_room_wanted = true;
    }

    /// All idle names have been looked at: a refused caller has to come again.
    pub(super) fn handle_searched(&mut self) {
        self.is_room_wanted = false;
    }

    /// Whether another pool has to be closed.
    pub(super) fn is_due(self, waiting: usize, closing: usize) -> bool {
        closing < waiting.max(usize::from(self.is_room_wanted))
    }

    /// The name to be closed next, if it turns out to be still idle.
    pub(super) fn candidate(self, waiting: usize, closing: usize, idle: &IdleNames) -> Option<NameId> {
        if self.is_due(waiting, closing) { idle.least_recently_used() } else { None }
    }
}
