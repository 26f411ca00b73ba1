//! A thread with a small Tokio runtime, for clients that need one: so they serve pools on any runtime.

use std::io;
use std::sync::Arc;
use std::thread;

use futures_channel::oneshot;
use tokio::runtime::{Builder, Handle};
use tokio::task::JoinHandle;

/// The thread. It ends when the last clone and all tasks are gone.
#[derive(Clone, Debug)]
pub(crate) struct Background {
    thread: Arc<Thread>,
}

#[derive(Debug)]
struct Thread {
    handle: Handle,
    /// Dropped with the last clone, which ends the thread.
    _alive: oneshot::Sender<()>,
}

impl Background {
    /// Starts the thread, which debuggers show by this name.
    pub(crate) fn start(name: &str) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (alive, is_over) = oneshot::channel::<()>();
        let run = move || {
            // Nothing is ever sent: that it can't be any more is the news.
            let _ = runtime.block_on(is_over);
        };
        thread::Builder::new().name(name.to_owned()).spawn(run)?;
        Ok(Self { thread: Arc::new(Thread { handle, _alive: alive }) })
    }

    /// Runs a future there. Dropping the task cancels it.
    pub(crate) fn spawn<F>(&self, future: F) -> Task
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Task { running: self.thread.handle.spawn(future), _background: self.clone() }
    }
}

/// Something that runs in the background, for as long as this is kept.
#[derive(Debug)]
pub(crate) struct Task {
    running: JoinHandle<()>,
    _background: Background,
}

impl Drop for Task {
    fn drop(&mut self) {
        self.running.abort();
    }
}
