//! The time of a pool's runtime, for code that does not know its type.

use std::fmt;
use std::sync::Arc;

use pool_core::Instant;

use crate::seams::runtime::Runtime;

/// A runtime's clock without the runtime's type. Handles read it on any task.
#[derive(Clone)]
pub(crate) struct Clock {
    now: Arc<dyn Fn() -> Instant + Send + Sync>,
}

impl Clock {
    pub(crate) fn of<R: Runtime>(runtime: R) -> Self {
        Self { now: Arc::new(move || runtime.now()) }
    }

    pub(crate) fn now(&self) -> Instant {
        (self.now)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").finish_non_exhaustive()
    }
}
