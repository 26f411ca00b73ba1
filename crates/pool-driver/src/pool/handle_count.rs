//! How many handles a pool has.

use crate::sync::{AtomicUsize, Ordering};

/// A count that never leaves 0 again once the last handle is gone, unless a handle that was already released
/// makes another: see [`add_if_any`](Self::add_if_any).
pub(super) struct HandleCount(AtomicUsize);

impl HandleCount {
    pub(super) fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// One more: the first, or a clone of one that counts.
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// One more, unless the last one is gone. The check and the addition are one step, so that a pool that was
    /// found to be abandoned stays so.
    pub(super) fn add_if_any(&self) -> bool {
        let one_more = |count| if count == 0 { None } else { Some(count + 1) };
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).is_ok()
    }

    /// One less. Returns how many there were.
    pub(super) fn release(&self) -> usize {
        self.0.fetch_sub(1, Ordering::AcqRel)
    }

    pub(super) fn get(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use std::sync::Arc;

    use loom::thread;

    use super::*;

    #[test]
    fn loom_a_count_that_was_seen_at_zero_is_never_raised_again() {
        loom::model(|| {
            let count = Arc::new(HandleCount::new());
            count.add();
            let upgrader = {
                let count = Arc::clone(&count);
                thread::spawn(move || {
                    if count.add_if_any() {
                        count.release();
                    }
                })
            };
            count.release();
            let was_abandoned = count.get() == 0;
            let is_upgraded = count.add_if_any();
            assert!(!(was_abandoned && is_upgraded));
            if is_upgraded {
                count.release();
            }
            upgrader.join().expect("it does not panic");
            assert_eq!(count.get(), 0);
            assert!(!count.add_if_any());
        });
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::thread;

    use super::*;

    #[test]
    fn a_count_that_was_seen_at_zero_is_never_raised_again_whatever_threads_do() {
        for _ in 0..200 {
            let count = Arc::new(HandleCount::new());
            let is_abandoned = Arc::new(AtomicBool::new(false));
            count.add();
            let upgraders: Vec<_> = (0..3)
                .map(|_| {
                    let (count, is_abandoned) = (Arc::clone(&count), Arc::clone(&is_abandoned));
                    thread::spawn(move || {
                        loop {
                            let was_abandoned = is_abandoned.load(Ordering::Acquire);
                            if !count.add_if_any() {
                                return;
                            }
                            assert!(!was_abandoned, "a handle came back from nothing");
                            if count.release() == 1 {
                                is_abandoned.store(true, Ordering::Release);
                            }
                        }
                    })
                })
                .collect();
            if count.release() == 1 {
                is_abandoned.store(true, Ordering::Release);
            }
            for upgrader in upgraders {
                upgrader.join().expect("no handle came back");
            }
            assert_eq!(count.get(), 0);
        }
    }
}
