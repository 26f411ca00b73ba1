//! Slots of finished calls, and what was special about these, kept so that the next calls need not allocate.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::{Mutex, MutexGuard};

use super::call_slot::CallSlot;
use crate::calling::Special;
use crate::policy::{FREE_SLOT_BYTES_MAX, FREE_SLOTS_MAX};

/// The number of shards that the handles of a pool share.
const SHARDS: usize = 8;

/// A few shards, so that threads which call through handles of their own don't wait for each other.
pub(crate) struct FreeList<Request, Reply> {
    shards: [Arc<Shard<Request, Reply>>; SHARDS],
    /// Handles that there ever were.
    handles: AtomicUsize,
}

/// On cache lines of its own.
#[repr(align(64))]
pub(crate) struct Shard<Request, Reply> {
    slots: Mutex<Vec<Arc<CallSlot<Request, Reply>>>>,
    /// Few calls have any.
    specials: Mutex<Vec<Box<Special<Request, Reply>>>>,
}

impl<Request, Reply> FreeList<Request, Reply> {
    pub(crate) fn new() -> Self {
        let shards =
            std::array::from_fn(|_| Arc::new(Shard { slots: Mutex::default(), specials: Mutex::default() }));
        Self { shards, handles: AtomicUsize::new(0) }
    }

    /// The shard of a new handle.
    pub(crate) fn next_shard(&self) -> Arc<Shard<Request, Reply>> {
        let handle = self.handles.fetch_add(1, Ordering::Relaxed);
        Arc::clone(&self.shards[handle % SHARDS])
    }
}

impl<Request, Reply> Shard<Request, Reply> {
    /// Takes the slot that was kept last.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "once for every call; outlined, it costs 1 % of one")]
    pub(super) fn take(&self) -> Option<Arc<CallSlot<Request, Reply>>> {
        self.slots.lock().pop()
    }

    /// Keeps an empty slot, or drops it if there are enough.
    #[inline]
    pub(super) fn keep(&self, slot: Arc<CallSlot<Request, Reply>>) {
        let mut slots = self.slots.lock();
        if slots.len() == slots.capacity() {
            return Self::keep_more(slots, slot);
        }
        slots.push(slot);
    }

    /// The shard is full, or has to grow. It grows to no more than it may keep, so that up to its capacity
    /// nothing has to be asked.
    #[cold]
    #[inline(never)]
    fn keep_more(
        mut slots: MutexGuard<'_, Vec<Arc<CallSlot<Request, Reply>>>>,
        slot: Arc<CallSlot<Request, Reply>>,
    ) {
        let max = kept_max::<CallSlot<Request, Reply>>();
        if slots.len() < max {
            let growth = slots.len().max(4).min(max - slots.len());
            slots.reserve_exact(growth);
            slots.push(slot);
        } else {
            drop(slots);
            drop(slot);
        }
    }
}

impl<Request, Reply> Shard<Request, Reply> {
    pub(crate) fn take_special(&self) -> Box<Special<Request, Reply>> {
        let kept = self.specials.lock().pop();
        kept.unwrap_or_else(|| Box::new(Special::new()))
    }

    /// Keeps what is cleared, or drops it if there is enough.
    pub(crate) fn keep_special(&self, special: Box<Special<Request, Reply>>) {
        let mut specials = self.specials.lock();
        let mut unused = None;
        if specials.len() < kept_max::<Special<Request, Reply>>() {
            specials.push(special);
        } else {
            unused = Some(special);
        }
        drop(specials);
        drop(unused);
    }
}

/// How many of this size a shard keeps.
const fn kept_max<T>() -> usize {
    let in_bytes_max = FREE_SLOT_BYTES_MAX / size_of::<T>();
    match in_bytes_max {
        0 => 1,
        1..FREE_SLOTS_MAX => in_bytes_max,
        FREE_SLOTS_MAX.. => FREE_SLOTS_MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept<Request>() -> usize {
        let shard = FreeList::<Request, ()>::new().next_shard();
        for _ in 0..2 * FREE_SLOTS_MAX {
            shard.keep(CallSlot::new_empty());
        }
        shard.slots.lock().len()
    }

    #[test]
    fn handles_in_turn_have_other_shards() {
        let list = FreeList::<u8, u8>::new();
        let shards: Vec<_> = (0..=SHARDS).map(|_| list.next_shard()).collect();
        shards[0].keep(CallSlot::new_empty());
        assert!(shards[1..SHARDS].iter().all(|shard| shard.take().is_none()));
        assert!(shards[SHARDS].take().is_some());
    }

    #[test]
    fn a_shard_keeps_a_bounded_number_of_slots() {
        assert_eq!(kept::<u8>(), FREE_SLOTS_MAX);
    }

    #[test]
    fn a_shard_keeps_a_bounded_number_of_bytes_and_always_one_slot() {
        let in_bytes = FREE_SLOT_BYTES_MAX / size_of::<CallSlot<[u8; 4096], ()>>();
        assert_eq!(kept::<[u8; 4096]>(), in_bytes);
        assert_eq!(kept_max::<[u8; FREE_SLOT_BYTES_MAX + 1]>(), 1);
    }
}
