//! A panic in user code costs what panicked, not the pool.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What user code panicked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panicked {
    message: String,
}

impl Panicked {
    /// The panic's message, where it had one.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What `catch_unwind` has caught. A payload that panics when it is dropped does no harm.
    #[must_use]
    #[cold]
    pub fn from_payload(payload: Box<dyn Any + Send>) -> Self {
        let text = payload.downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        // A payload may itself panic when it is dropped.
        if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            mem::forget(second);
        }
        Self { message: text.unwrap_or_else(|| "a value that is no text".into()) }
    }
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "panicked: {}", self.message)
    }
}

impl Error for Panicked {}

/// Runs user code. Whatever it touches is dropped or no longer relied upon after a panic.
pub(crate) fn guard<R>(user_code: impl FnOnce() -> R) -> Result<R, Panicked> {
    catch_unwind(AssertUnwindSafe(user_code)).map_err(Panicked::from_payload)
}

/// Drops something of the user's; a panic in its drop goes no further.
pub(crate) fn discard<R>(something: R) {
    // The panic hook has told of it; there is nothing left that could fail.
    let _ = guard(|| drop(something));
}
