//! A thread that runs Tokio, for clients that need it. So they serve pools on any runtime.

use std::io;
use std::sync::{Arc, Mutex, mpsc};

use futures_channel::oneshot;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

use super::spawn::{Spawn, SystemThreads, ThreadError};

/// The thread. It ends when the last clone and all tasks are gone.
#[derive(Clone, Debug)]
pub(crate) struct TokioThread {
    thread: Arc<Thread>,
}

#[derive(Debug)]
struct Thread {
    handle: Handle,
    /// Dropped with the last clone, which ends the thread. Never locked: the mutex makes it unwind safe.
    _alive: Mutex<oneshot::Sender<()>>,
}

impl TokioThread {
    /// Starts the thread, which debuggers show by this name.
    pub(crate) fn start(name: &str) -> Result<Self, ThreadError> {
        Self::start_with(name, &SystemThreads)
    }

    /// The thread comes first, then its runtime. So a runtime is never dropped here, where it would panic
    /// if this is async code.
    fn start_with(name: &str, spawn: &dyn Spawn) -> Result<Self, ThreadError> {
        let (give, given) = mpsc::channel::<Runtime>();
        let (alive, is_over) = oneshot::channel::<()>();
        let run = move || {
            if let Ok(runtime) = given.recv() {
                // Nothing is ever sent: the end of the channel is the signal.
                let _ = runtime.block_on(is_over);
            }
        };
        spawn.spawn(name, Box::new(run))?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| ThreadError::new(name, error))?;
        let handle = runtime.handle().clone();
        if let Err(mpsc::SendError(runtime)) = give.send(runtime) {
            runtime.shutdown_background();
            return Err(ThreadError::new(name, io::Error::other("it has ended")));
        }
        Ok(Self { thread: Arc::new(Thread { handle, _alive: Mutex::new(alive) }) })
    }

    /// Runs a future there. Dropping the task cancels it.
    pub(crate) fn spawn<F>(&self, future: F) -> Task
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Task { running: self.thread.handle.spawn(future), _thread: self.clone() }
    }
}

/// A future on the thread. It runs for as long as this is kept.
#[derive(Debug)]
pub(crate) struct Task {
    running: JoinHandle<()>,
    _thread: TokioThread,
}

impl Drop for Task {
    fn drop(&mut self) {
        self.running.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::spawn::tests::NoThreads;

    fn in_async_code<T>(run: impl FnOnce() -> T) -> T {
        let runtime = Builder::new_current_thread().build().expect("it needs no thread");
        runtime.block_on(async { run() })
    }

    #[test]
    fn a_thread_that_can_not_be_had_in_async_code_is_an_error() {
        let refused = in_async_code(|| TokioThread::start_with("pool-test", &NoThreads));
        let error = refused.expect_err("no thread").to_string();
        assert!(error.starts_with("the thread `pool-test` could not be started"), "{error}");
    }

    /// Says that it has started a thread, which ends at once.
    struct ShortLived;

    impl Spawn for ShortLived {
        fn spawn(&self, _: &str, run: Box<dyn FnOnce() + Send>) -> Result<(), ThreadError> {
            drop(run);
            Ok(())
        }
    }

    #[test]
    fn a_thread_that_ends_at_once_is_an_error_in_async_code_too() {
        let refused = in_async_code(|| TokioThread::start_with("pool-test", &ShortLived));
        assert!(refused.expect_err("no thread").to_string().ends_with("it has ended"));
    }

    #[test]
    fn the_last_clone_may_be_dropped_in_async_code() {
        let (tell, told) = mpsc::channel();
        let task = in_async_code(|| {
            let thread = TokioThread::start("pool-test").expect("a thread");
            thread.spawn(async move { tell.send(()).expect("somebody waits") })
        });
        assert_eq!(told.recv(), Ok(()));
        in_async_code(|| drop(task));
    }
}
