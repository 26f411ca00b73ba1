//! Connections with tasks of their own.
//!
//! ```text
//!   driver                     mailbox                     task, on any worker
//!   SpawnedConnection ─── items, what is wished ───▶ ConnectionTask
//!                     ◀── events, items, end ─────
//!                          the connection ◀──────▶ for the time of a poll
//! ```
//!
//! Each side works on queues of its own, and swaps them with those of the mailbox: one lock for a batch. The pool
//! decides as ever: who gets an item, in which order, and when a connection is given up. The connection lies in the
//! mailbox while its task is not polled, so its owner has it at once when it gives it up.

mod connection;
mod last_words;
#[cfg(all(test, loom))]
mod loom_tests;
mod mailbox;
mod task;

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project::pin_project;

use crate::error::BoxError;
use crate::seams::connect::{Connect, DialContext};
use crate::seams::connection::Connection;
use crate::seams::runtime::Runtime;
use crate::seams::spawn::Spawn;

pub use connection::SpawnedConnection;
pub use task::ConnectionTask;

/// A connector whose connections run in tasks of their own: what
/// [`spawn_connections`](crate::PoolBuilder::spawn_connections) makes of a connector.
///
/// The dial stays with the driver. When it has succeeded, its connection moves to a [`ConnectionTask`]. When that has run
/// for the first time, the pool gets a [`SpawnedConnection`], and knows what it takes. A task that can't be spawned is a
/// dial that failed.
pub struct SpawnedConnector<C, E, R, T> {
    connector: C,
    executor: E,
    runtime: R,
    _items: PhantomData<fn(T) -> T>,
}

impl<C, E, R, T> SpawnedConnector<C, E, R, T> {
    pub(crate) fn new(connector: C, executor: E, runtime: R) -> Self {
        Self { connector, executor, runtime, _items: PhantomData }
    }
}

impl<C: Clone, E: Clone, R: Clone, T> Clone for SpawnedConnector<C, E, R, T> {
    fn clone(&self) -> Self {
        Self::new(self.connector.clone(), self.executor.clone(), self.runtime.clone())
    }
}

impl<C: fmt::Debug, E, R, T> fmt::Debug for SpawnedConnector<C, E, R, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SpawnedConnector").field(&self.connector).finish()
    }
}

impl<A, C, E, R, T> Connect<A> for SpawnedConnector<C, E, R, T>
where
    C: Connect<A, Connection: Connection<T>>,
    E: Spawn<R, ConnectionTask<T, C::Connection, R>> + Clone,
    R: Runtime,
{
    type Connection = SpawnedConnection<T, C::Connection>;
    type Error = BoxError;
    type Future = SpawnedDial<C::Future, C::Connection, E, R, T>;

    fn connect(&mut self, address: A, context: &DialContext) -> Self::Future {
        SpawnedDial {
            dial: self.connector.connect(address, context),
            spawner: Some((self.executor.clone(), self.runtime.clone())),
            spawned: None,
        }
    }
}

/// The dial of a [`SpawnedConnector`].
#[pin_project]
pub struct SpawnedDial<F, K, E, R, T> {
    #[pin]
    dial: F,
    /// Until the connection is there.
    spawner: Option<(E, R)>,
    /// Until its task has run.
    spawned: Option<SpawnedConnection<T, K>>,
}

impl<F, K, E, R, T> fmt::Debug for SpawnedDial<F, K, E, R, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SpawnedDial")
    }
}

impl<F, E, R, T, K, X> Future for SpawnedDial<F, K, E, R, T>
where
    F: Future<Output = Result<K, X>>,
    K: Connection<T>,
    X: Into<BoxError>,
    E: Spawn<R, ConnectionTask<T, K, R>>,
    R: Runtime,
{
    type Output = Result<SpawnedConnection<T, K>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if this.spawned.is_none() {
            let connection = ready!(this.dial.poll(cx)).map_err(Into::into)?;
            let (executor, runtime) = this.spawner.take().expect("a dial is not polled after its end");
            let (connection, task) = SpawnedConnection::split(connection, runtime);
            *this.spawned = Some(connection);
            executor.spawn("pool connection", task)?;
        }
        match this.spawned.take() {
            Some(connection) if connection.poll_up(cx).is_pending() => {
                *this.spawned = Some(connection);
                Poll::Pending
            }
            connection => Poll::Ready(connection.ok_or_else(|| "the dial is over".into())),
        }
    }
}
