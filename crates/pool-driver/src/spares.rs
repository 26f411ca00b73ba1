//! Items that are used up, kept for whoever makes the next.

use std::sync::Arc;

use crate::sync::{Mutex, MutexGuard};

/// Handles share so many shelves.
const SHELVES: usize = 8;

/// More items than this are not kept on a shelf.
const KEPT_MAX: usize = 1024;

/// A few shelves, so that those who send from several threads, through handles of their own, don't wait for
/// each other.
pub(crate) struct Spares<T> {
    shelves: [Arc<Shelf<T>>; SHELVES],
}

/// On cache lines of its own.
#[repr(align(64))]
pub(crate) struct Shelf<T> {
    items: Mutex<Vec<T>>,
}

impl<T> Spares<T> {
    pub(crate) fn new() -> Self {
        Self { shelves: std::array::from_fn(|_| Arc::new(Shelf { items: Mutex::new(Vec::new()) })) }
    }

    /// The shelf of the handle with this number.
    pub(crate) fn shelf(&self, number: usize) -> Arc<Shelf<T>> {
        Arc::clone(&self.shelves[number % SHELVES])
    }
}

impl<T> Shelf<T> {
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

    /// The shelf is full, or has to grow.
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
        let spares = Spares::new();
        for item in [1, 2] {
            spares.shelf(3).keep(item).expect("there is room");
        }
        assert_eq!(spares.shelf(4).take(), None);
        let taken: Vec<_> = (0..3).map(|_| spares.shelf(3 + SHELVES).take()).collect();
        assert_eq!(taken, [Some(2), Some(1), None]);
    }

    #[test]
    fn a_shelf_keeps_a_bounded_number() {
        let shelf = Spares::new().shelf(0);
        let kept = (0..2 * KEPT_MAX).filter(|&item| shelf.keep(item).is_ok()).count();
        assert_eq!(kept, KEPT_MAX);
    }
}
