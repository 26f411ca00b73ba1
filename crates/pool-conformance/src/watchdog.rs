//! Ends a scenario that waits for what never comes.

use std::process;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::run::{Report, Verdict, note};
use crate::scene::Scene;

/// Lets a scenario go when it is dropped.
pub(crate) struct Watchdog {
    _is_done: mpsc::Sender<()>,
}

/// Scenarios take a second or two. None takes as long as this, however slow the machine is.
const SCENARIO_MAX: Duration = Duration::from_secs(40);
/// Time to tell why.
const LAST_WORDS_MAX: Duration = Duration::from_secs(10);

impl Watchdog {
    /// Tells the script to give up when it has taken too long. If it can't even do that, the report
    /// says so, and nothing is left but to end the process.
    pub(crate) fn watch(scene: &Arc<Scene>, mut report: Report) -> Self {
        let (is_done, done) = mpsc::channel();
        let scene = Arc::clone(scene);
        thread::spawn(move || {
            if done.recv_timeout(SCENARIO_MAX) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            scene.bell.give_up();
            if done.recv_timeout(LAST_WORDS_MAX) == Err(RecvTimeoutError::Timeout) {
                let step = scene.progress.lock().clone();
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
