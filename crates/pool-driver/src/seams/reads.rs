//! How much was read of a stream by somebody else than its connection.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

use crate::sync::Mutex;

/// Says how many bytes were read of a stream, to a connection that doesn't read it by itself: a client whose background
/// future or task reads. Clones count together.
///
/// A stream that is wrapped by `counted` (feature `codec`) counts by itself. Others are counted by hand:
///
/// ```
/// use pool_driver::Reads;
///
/// let reads = Reads::new();
/// let count = reads.clone();
/// // Where the bytes come:
/// let read = |bytes: &[u8]| count.add(bytes.len());
/// read(b"hello");
/// assert_eq!(reads.bytes(), 5);
/// ```
#[derive(Clone, Default)]
pub struct Reads {
    state: Arc<ReadsState>,
}

#[derive(Default)]
struct ReadsState {
    bytes: AtomicU64,
    /// Of who wants to know of the next bytes.
    waker: Mutex<Option<Waker>>,
}

impl Reads {
    /// Nothing was read yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// So many bytes have come. Wakes who [watches](Self::watch); none are no news.
    pub fn add(&self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        self.state.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        let waker = self.state.waker.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// How many bytes have come so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.state.bytes.load(Ordering::Relaxed)
    }

    /// Wakes this waker once, with the next bytes that come. One is kept: that of the last watcher. Look at
    /// [`bytes`](Self::bytes) after that, and what comes in between is not missed.
    pub fn watch(&self, waker: &Waker) {
        if self.state.waker.lock().as_ref().is_some_and(|known| known.will_wake(waker)) {
            return;
        }
        let waker = waker.clone();
        let previous = self.state.waker.lock().replace(waker);
        drop(previous);
    }

    /// Wakes nobody until the next [`watch`](Self::watch): who is about to read, and to look, need not be woken by that.
    pub fn unwatch(&self) {
        let previous = self.state.waker.lock().take();
        drop(previous);
    }
}

impl fmt::Debug for Reads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reads").field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}
