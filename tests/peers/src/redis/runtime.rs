//! Where clients run, and how many threads and cores they have there.

use std::io;

use pool_tokio::BoxError;
use tokio::runtime::Builder;

use super::cores;
use crate::executor::{Executor, block_on_smol};
use crate::usage;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Runtime {
    OneThread,
    TwoWorkers,
    Smol,
}

const CLIENTS_CORE: usize = 0;
const SERVERS_CORE: usize = 1;

impl Runtime {
    pub(super) fn parse(name: &str) -> Result<Self, BoxError> {
        match name {
            "one-thread" => Ok(Self::OneThread),
            "two-workers" => Ok(Self::TwoWorkers),
            "smol" => Ok(Self::Smol),
            _ => Err(usage()),
        }
    }

    pub(super) fn executor(self) -> Executor {
        match self {
            Self::OneThread | Self::TwoWorkers => Executor::Tokio,
            Self::Smol => Executor::Smol,
        }
    }

    /// Starts servers. Where the client has one thread, it has a core to itself, and they have another.
    pub(super) fn start_apart<T>(self, start: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        if self == Self::TwoWorkers {
            return start();
        }
        cores::pin(SERVERS_CORE)?;
        let servers = start()?;
        cores::pin(CLIENTS_CORE)?;
        Ok(servers)
    }

    pub(super) fn block_on<T: Send + 'static>(
        self,
        task: impl Future<Output = Result<T, BoxError>> + Send + 'static,
    ) -> Result<T, BoxError> {
        let mut builder = match self {
            Self::OneThread => Builder::new_current_thread(),
            Self::TwoWorkers => {
                let mut builder = Builder::new_multi_thread();
                builder.worker_threads(2);
                builder
            }
            Self::Smol => return block_on_smol(task),
        };
        builder.enable_all().build()?.block_on(task)
    }
}
