//! Used items, kept so that the next ones can use what they allocated.

use std::sync::Arc;

use crate::sync::{Mutex, MutexGuard};

/// The number of shards that handles share.
const SHARDS: usize = 8;

/// A shard keeps at most this many items,
const KEPT_MAX: usize = 1024;

/// which together hold at most this many bytes. One item is kept whatever its size.
const KEPT_BYTES_MAX: usize = 128 << 10;

/// A few shards, so that threads which send through handles of their own don't wait for each other.
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

    /// Keeps an item that holds so many bytes, the same for all, or hands it back if there are enough.
    #[inline]
    pub(crate) fn keep(&self, item: T, bytes: usize) -> Result<(), T> {
        let mut items = self.items.lock();
        if items.len() == items.capacity() {
            return Self::keep_more(items, item, bytes);
        }
        items.push(item);
        Ok(())
    }

    /// The shard is full, or has to grow. It grows to no more than it may keep, so that up to its capacity
    /// nothing has to be asked.
    #[cold]
    #[inline(never)]
    fn keep_more(mut items: MutexGuard<'_, Vec<T>>, item: T, bytes: usize) -> Result<(), T> {
        let max = (KEPT_BYTES_MAX / bytes.max(1)).clamp(1, KEPT_MAX);
        if items.len() >= max {
            return Err(item);
        }
        let growth = items.len().max(4).min(max - items.len());
        items.reserve_exact(growth);
        items.push(item);
        Ok(())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn kept(bytes: usize) -> usize {
        let shard = Recycler::new().shard(0);
        (0..2 * KEPT_MAX).filter(|&item| shard.keep(item, bytes).is_ok()).count()
    }

    #[test]
    fn what_was_kept_last_is_taken_first_from_the_same_shard_only() {
        let recycler = Recycler::new();
        for item in [1, 2] {
            recycler.shard(3).keep(item, 1).expect("there is room");
        }
        assert_eq!(recycler.shard(4).take(), None);
        let taken: Vec<_> = (0..3).map(|_| recycler.shard(3 + SHARDS).take()).collect();
        assert_eq!(taken, [Some(2), Some(1), None]);
    }

    #[test]
    fn a_shard_keeps_a_bounded_number_of_items() {
        assert_eq!(kept(1), KEPT_MAX);
        assert_eq!(kept(0), KEPT_MAX);
    }

    #[test]
    fn a_shard_keeps_a_bounded_number_of_bytes_and_always_one_item() {
        assert_eq!(kept(4096), KEPT_BYTES_MAX / 4096);
        assert_eq!(kept(5000), KEPT_BYTES_MAX / 5000);
        assert_eq!(kept(usize::MAX), 1);
    }
}
