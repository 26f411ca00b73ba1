//! Calls into user code, counted; scripted panics.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use parking_lot::Mutex;

/// Counts the calls into user code, and makes one of them panic. Clones share the counts.
///
/// A pool catches panics of user code. So a contradiction is recorded here instead of panicking.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    count: Arc<AtomicUsize>,
    panic_at: Arc<Mutex<Option<usize>>>,
    panics: Arc<AtomicUsize>,
    driver_polls: Arc<AtomicUsize>,
    contradiction: Arc<Mutex<Option<String>>>,
}

impl Calls {
    /// Calls so far.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// The call with this number panics. The first call has number 1.
    pub fn panic_at(&self, call: usize) {
        *self.panic_at.lock() = Some(call);
    }

    /// Starts a call, which lasts as long as the returned value lives.
    ///
    /// # Panics
    ///
    /// When [`panic_at`](Self::panic_at) named this call.
    pub fn enter(&self) -> Entered<'_> {
        let entered = Entered { calls: self, panics: self.panics(), was_panicking: thread::panicking() };
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let is_due = *self.panic_at.lock() == Some(count);
        if is_due && !thread::panicking() {
            self.panic(&format!("in call {count}"));
        }
        entered
    }

    /// Panics, because a script says so.
    ///
    /// # Panics
    ///
    /// Always.
    pub fn panic(&self, place: &str) -> ! {
        self.panics.fetch_add(1, Ordering::Relaxed);
        panic!("a scripted panic {place}")
    }

    /// Scripted panics so far.
    pub fn panics(&self) -> usize {
        self.panics.load(Ordering::Relaxed)
    }

    /// A poll of the driver starts.
    pub fn start_poll(&self) {
        self.driver_polls.fetch_add(1, Ordering::Relaxed);
    }

    /// The number of the current poll of the driver.
    pub(super) fn driver_poll(&self) -> usize {
        self.driver_polls.load(Ordering::Relaxed)
    }

    /// Records a contradiction. The first one is kept, because later ones may follow from it.
    pub fn contradict(&self, sentence: &str) {
        self.contradiction.lock().get_or_insert_with(|| sentence.to_owned());
    }

    /// The first contradiction that was recorded.
    pub fn contradiction(&self) -> Option<String> {
        self.contradiction.lock().clone()
    }
}

/// A call into user code that has not returned yet.
#[derive(Debug)]
pub struct Entered<'a> {
    calls: &'a Calls,
    /// Scripted panics before.
    panics: usize,
    was_panicking: bool,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let panics = thread::panicking() && !self.was_panicking;
        if panics && self.calls.panics() == self.panics {
            self.calls.contradict("user code panicked, and no script ordered it");
        }
    }
}
