//! What a handle says of all its calls.

use std::time::Duration;

use crate::calling::CallTimer;
use crate::retry::Retry;

/// Settings of calls that don't say otherwise.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallDefaults {
    pub(super) timeout: Option<Duration>,
    pub(super) retry: Option<Retry>,
}

impl CallDefaults {
    /// Limits the time of a call that does not do so itself.
    pub(crate) fn complete(&self, timer: &mut CallTimer) {
        if let Some(timeout) = self.timeout.filter(|_| timer.is_none()) {
            timer.set_timeout(timeout);
        }
    }

    /// Whether calls may be repeated that say nothing of it.
    pub(crate) fn has_retry(&self) -> bool {
        self.retry.is_some()
    }
}
