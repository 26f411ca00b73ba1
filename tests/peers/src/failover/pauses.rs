//! How late the machine itself makes a thread that only sleeps, because others are at work: what takes
//! no longer than that says nothing of a client.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const SLEEP: Duration = Duration::from_millis(1);

pub(crate) struct Pauses {
    is_over: Arc<AtomicBool>,
    sleeper: JoinHandle<Duration>,
}

impl Pauses {
    pub(crate) fn watch() -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&is_over);
        let sleeper = thread::spawn(move || {
            let mut longest = Duration::ZERO;
            while !flag.load(Ordering::Relaxed) {
                let asleep = Instant::now();
                thread::sleep(SLEEP);
                longest = longest.max(asleep.elapsed().saturating_sub(SLEEP));
            }
            longest
        });
        Self { is_over, sleeper }
    }

    /// The longest one.
    pub(crate) fn longest(self) -> Duration {
        self.is_over.store(true, Ordering::Relaxed);
        self.sleeper.join().unwrap_or_default()
    }
}
