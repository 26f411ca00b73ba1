//! What a handle says of all its calls.

use std::fmt;
use std::time::Duration;

use crate::calling::{Rejects, Special};
use crate::retry::Retry;

/// Settings of calls that don't say otherwise.
pub(crate) struct CallDefaults<Reply> {
    pub(super) timeout: Option<Duration>,
    pub(super) retry: Option<Retry>,
    pub(super) rejects: Option<Rejects<Reply>>,
}

impl<Reply> CallDefaults<Reply> {
    /// Adds what a call that has not begun does not say itself.
    pub(crate) fn complete<Request>(&self, special: &mut Special<Request, Reply>) {
        if let Some(timeout) = self.timeout.filter(|_| special.timer_mut().is_none()) {
            special.timer_mut().set_timeout(timeout);
        }
        if special.retry.is_none() {
            special.retry.clone_from(&self.retry);
        }
        special.rejects = special.rejects.or(self.rejects);
    }
}

impl<Reply> Default for CallDefaults<Reply> {
    fn default() -> Self {
        Self { timeout: None, retry: None, rejects: None }
    }
}

impl<Reply> Clone for CallDefaults<Reply> {
    fn clone(&self) -> Self {
        Self { timeout: self.timeout, retry: self.retry.clone(), rejects: self.rejects }
    }
}

impl<Reply> fmt::Debug for CallDefaults<Reply> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { timeout, retry, rejects: _ } = self;
        f.debug_struct("CallDefaults").field("timeout", timeout).field("retry", retry).finish_non_exhaustive()
    }
}
