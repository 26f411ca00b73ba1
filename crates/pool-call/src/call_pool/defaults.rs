//! What a handle says of all its calls.

use std::time::Duration;

use crate::calling::Special;
use crate::retry::Retry;

/// Settings of calls that don't say otherwise.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallDefaults {
    pub(super) timeout: Option<Duration>,
    pub(super) retry: Option<Retry>,
}

impl CallDefaults {
    /// Adds what a call that has not begun does not say itself.
    pub(crate) fn complete<Request>(&self, special: &mut Special<Request>) {
        if let Some(timeout) = self.timeout.filter(|_| special.timer_mut().is_none()) {
            special.timer_mut().set_timeout(timeout);
        }
        if special.retry.is_none() {
            special.retry.clone_from(&self.retry);
        }
    }
}
