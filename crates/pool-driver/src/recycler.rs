//! Items that are used up, kept for whoever makes the next.

use std::sync::Arc;

use crate::sync::{Mutex, MutexGuard};

/// Handles share so many shards.
const SHARDS: usize = 8;

/// More items than this are not kept on a shard.
const KEPT_MAX: usize = 1024;

/// A few shards, so that those who send from several threads, through handles of their own, don't wait for
/// each other.
pub(crate) struct Recycler<T> {
    shards: [Arc<Shard<T>>; SHARDS],
}

/// On cache lines of its own.
#[repr(align(64))]
pub(crate) struct Shard<T> {
    items: Mutex<Vec<T>>,
}

impl<T> Recycler<T> {
    pub(crate) fn new() -> Self {
        Self { shards: std::array::from_fn(|_| Arc::new(Shard { items: Mutex::new(Vec::new()) })) }
    }

    /// The shard of the handle with this number.
    pub(crate) fn shard(&self, number: usize) -> Arc<Shard<T>> {
        Arc::clone(&self.shards[number % SHARDS])
    }
}

impl<T> Shard<T> {
    /// Takes the item that was kept last.
    #[inline]
    pub(crate) fn take(&self) -> Option<T> {
        self.items.lock().pop()
    }

    /// Keeps an item, or hands it back if there are enough.
    #[inline]
    pub(crate) fn keep(&self, item: T) -> Result<(), T> {
        let mut items = self.items.lock();
        if items.len() == items.capacity() {
            return Self::keep_more(items, item);
        }
        items.push(item);
        Ok(())
    }

    /// The shard is full, or has to grow.
    #[cold]
    #[inline(never)]
    fn keep_more(mut items: MutexGuard<'_, Vec<T>>, item: T) -> Result<(), T> {
        if items.len() >= KEPT_MAX {
            return Err(item);
        }
        items.push(item);
        Ok(())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_last_is_taken_first_from_the_same_shelf_only() {
        let recycler = Recycler::new();
        for item in [1, 2] {
            recycler.shard(3).keep(item).expect("there is room");
        }
        assert_eq!(recycler.shard(4).take(), None);
        let taken: Vec<_> = (0..3).map(|_| recycler.shard(3 + SHARDS).take()).collect();
        assert_eq!(taken, [Some(2), Some(1), None]);
    }

    #[test]
    fn a_shelf_keeps_a_bounded_number() {
        let shard = Recycler::new().shard(0);
        let kept = (0..2 * KEPT_MAX).filter(|&item| shard.keep(item).is_ok()).count();
        assert_eq!(kept, KEPT_MAX);
    }
}
