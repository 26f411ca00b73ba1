//! What a handle says of all its calls.

use std::time::Duration;

use crate::calling::Plan;
use crate::retry::Retry;

/// Settings of calls that don't say otherwise.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallDefaults {
    pub(super) timeout: Option<Duration>,
    pub(super) retry: Option<Retry>,
}

impl CallDefaults {
    /// Adds what a call that has not begun does not say itself.
    pub(crate) fn complete<Request>(&self, plan: &mut Plan<Request>) {
        if self.retry.is_some() {
            plan.attempts();
        }
        if let Some(timeout) = self.timeout.filter(|_| !plan.has_timeout()) {
            plan.set_timeout(timeout);
        }
    }
}
