//! How threads are started: a seam, so that a test can refuse.

use std::error::Error;
use std::fmt;
use std::io;
use std::panic::RefUnwindSafe;
use std::thread;

/// Starts threads.
pub(super) trait Spawn: Send + Sync + RefUnwindSafe {
    /// Runs `run` on a new thread, which debuggers show by this name.
    fn spawn(&self, name: &str, run: Box<dyn FnOnce() + Send>) -> Result<(), ThreadError>;
}

/// Threads of the system.
pub(super) struct SystemThreads;

impl Spawn for SystemThreads {
    fn spawn(&self, name: &str, run: Box<dyn FnOnce() + Send>) -> Result<(), ThreadError> {
        let started = thread::Builder::new().name(name.to_owned()).spawn(run);
        started.map(drop).map_err(|error| ThreadError::new(name, error))
    }
}

/// A thread could not be started.
#[derive(Debug)]
pub(crate) struct ThreadError {
    name: String,
    error: io::Error,
}

impl ThreadError {
    pub(super) fn new(name: &str, error: io::Error) -> Self {
        Self { name: name.to_owned(), error }
    }

    /// Why it could not be started.
    #[cfg(feature = "etcd")]
    pub(crate) fn into_io_error(self) -> io::Error {
        self.error
    }
}

impl fmt::Display for ThreadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the thread `{}` could not be started: {}", self.name, self.error)
    }
}

impl Error for ThreadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // The message has it already.
        self.error.source()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Starts nothing.
    pub(crate) struct NoThreads;

    impl Spawn for NoThreads {
        fn spawn(&self, name: &str, _: Box<dyn FnOnce() + Send>) -> Result<(), ThreadError> {
            Err(ThreadError::new(name, io::ErrorKind::WouldBlock.into()))
        }
    }
}
