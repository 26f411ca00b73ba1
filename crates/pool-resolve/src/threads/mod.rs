//! Threads: how they are started, a pool of them for questions that block, and one that runs Tokio.

#[cfg(any(feature = "file", feature = "system"))]
mod blocking_lookup;
mod spawn;
#[cfg(any(feature = "file", feature = "system"))]
mod thread_pool;
#[cfg(any(feature = "dns", feature = "etcd"))]
mod tokio_thread;

#[cfg(any(feature = "file", feature = "system"))]
pub(crate) use blocking_lookup::{BlockingFuture, BlockingLookup};
#[cfg(any(feature = "dns", feature = "etcd"))]
pub(crate) use tokio_thread::{Task, TokioThread};
