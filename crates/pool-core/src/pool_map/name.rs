//! One name: its id, and how far its pool has come.

use core::fmt;

use crate::slab::{Generational, SlabKey};

/// Stands for one name, from the first request for its pool to the pool's end.
///
/// Ids are generational: the id of a name that is gone never means a later one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameId {
    pub(super) key: SlabKey,
}

impl NameId {
    /// A small number, which a later name may have again: the index for a table beside the machine, which
    /// has to compare whole ids.
    #[must_use]
    pub fn index(self) -> usize {
        self.key.index as usize
    }
}

impl fmt::Debug for NameId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NameId({}.{})", self.key.index, self.key.generation)
    }
}

/// How far a name's pool has come; in the order of its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NamePhase {
    /// Waits for a permit.
    Waiting,
    /// Has a permit. The next who wants the pool creates it.
    Granted,
    /// A caller creates the pool.
    Creating,
    /// Has a pool.
    Open,
    /// The name is free again; the permit is not, until the pool has ended.
    Closing,
}

#[derive(Clone, Debug)]
pub(super) struct Name {
    generation: u32,
    pub(super) phase: NamePhase,
    /// Callers that wait for the pool, or that have been woken and haven't come for it.
    pub(super) waiters: usize,
    /// Looks that were ordered and not answered.
    looks: u32,
    /// How many of these, the oldest, were ordered before a caller got the pool.
    void_looks: u32,
}

impl Name {
    pub(super) fn new(key: SlabKey, phase: NamePhase, waiters: usize) -> Self {
        Self { generation: key.generation, phase, waiters, looks: 0, void_looks: 0 }
    }

    pub(super) fn order_look(&mut self) {
        self.looks += 1;
    }

    /// A caller gets the pool: looks that are under way can't know of it.
    pub(super) fn void_looks(&mut self) {
        self.void_looks = self.looks;
    }

    /// The oldest look is answered. Returns whether it counts.
    pub(super) fn answer_look(&mut self) -> bool {
        let is_ordered = self.looks > 0;
        let is_void = self.void_looks > 0;
        self.looks -= u32::from(is_ordered);
        self.void_looks -= u32::from(is_void);
        is_ordered && !is_void
    }
}

impl Generational for Name {
    fn generation(&self) -> u32 {
        self.generation
    }
}
