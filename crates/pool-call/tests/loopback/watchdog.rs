//! Ends a run that hangs.

use std::process;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// No run takes as long as this, however slow the machine is.
const RUN_MAX: Duration = Duration::from_secs(10 * 60);

/// Lets a run go when it is dropped.
pub(crate) struct Watchdog {
    _is_done: mpsc::Sender<()>,
}

impl Watchdog {
    pub(crate) fn start(what: String) -> Self {
        let (is_done, done) = mpsc::channel();
        thread::spawn(move || {
            if done.recv_timeout(RUN_MAX) == Err(RecvTimeoutError::Timeout) {
                eprintln!("it hangs: {what}");
                process::exit(101);
            }
        });
        Self { _is_done: is_done }
    }
}
