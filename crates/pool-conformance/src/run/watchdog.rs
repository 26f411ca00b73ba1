//! Ends a scenario that takes too long.

use std::process;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::report::{Report, Verdict, note};
use crate::fixture::Fixture;

/// Watches a scenario until it is dropped.
pub(crate) struct Watchdog {
    _is_done: mpsc::Sender<()>,
}

/// Scenarios take a second or two. None takes as long as this, however slow the machine is.
const SCENARIO_MAX: Duration = Duration::from_secs(40);
/// The time in which the script must then fail by itself.
const LAST_WORDS_MAX: Duration = Duration::from_secs(10);

impl Watchdog {
    /// Fails the script when it has taken too long. If it is not even polled for that, the report says
    /// so, and the process ends: nothing else can stop it.
    pub(crate) fn watch(fixture: &Arc<Fixture>, mut report: Report) -> Self {
        let (is_done, done) = mpsc::channel();
        let fixture = Arc::clone(fixture);
        thread::spawn(move || {
            if done.recv_timeout(SCENARIO_MAX) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            fixture.script.time_out();
            if done.recv_timeout(LAST_WORDS_MAX) == Err(RecvTimeoutError::Timeout) {
                let step = fixture.progress.lock().clone();
                report.verdict = Verdict::Failed(format!(
                    "stuck in step {step}: for {LAST_WORDS_MAX:?} the script was not polled, although it was \
                     woken, or is waiting for a poll of the driver to end"
                ));
                note(&report);
                eprintln!("{report}");
                process::exit(101);
            }
        });
        Self { _is_done: is_done }
    }
}
