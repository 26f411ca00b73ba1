//! What runs tasks, so that load is made in one way on all of them.

use std::sync::mpsc;
use std::time::Duration;

use pool_tokio::BoxError;
use tokio::task::JoinHandle;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Executor {
    /// The runtime that the caller is in.
    Tokio,
    /// smol's own executor, of one thread.
    Smol,
}

/// A task that runs whether it is waited for or not.
pub(crate) enum Task<T> {
    Tokio(JoinHandle<T>),
    /// Whose result comes this way: dropped, a task of smol would end.
    Smol(smol::channel::Receiver<T>),
}

impl Executor {
    pub(crate) fn spawn<T: Send + 'static>(self, task: impl Future<Output = T> + Send + 'static) -> Task<T> {
        match self {
            Self::Tokio => Task::Tokio(tokio::spawn(task)),
            Self::Smol => {
                let (sender, receiver) = smol::channel::bounded(1);
                smol::spawn(async move { sender.send(task.await).await }).detach();
                Task::Smol(receiver)
            }
        }
    }

    pub(crate) async fn sleep(self, duration: Duration) {
        match self {
            Self::Tokio => tokio::time::sleep(duration).await,
            Self::Smol => drop(smol::Timer::after(duration).await),
        }
    }
}

impl<T> Task<T> {
    /// Its result, unless it panicked.
    pub(crate) async fn join(self) -> Result<T, BoxError> {
        match self {
            Self::Tokio(task) => Ok(task.await?),
            Self::Smol(receiver) => Ok(receiver.recv().await?),
        }
    }
}

/// Runs it on smol's own thread, so that this one has no part in it.
pub(crate) fn block_on_smol<T: Send + 'static>(
    task: impl Future<Output = Result<T, BoxError>> + Send + 'static,
) -> Result<T, BoxError> {
    let (sender, receiver) = mpsc::channel();
    smol::spawn(async move { sender.send(task.await) }).detach();
    receiver.recv()?
}
