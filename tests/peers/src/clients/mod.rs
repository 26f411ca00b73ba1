//! Who is compared: all have two connections to each server.

mod bb8;
mod connection_manager;
mod fred;
mod pool;
mod turns;

use std::net::SocketAddr;

use pool_tokio::BoxError;

pub(crate) use bb8::Bb8;
pub(crate) use connection_manager::ConnectionManagers;
pub(crate) use fred::Freds;
pub(crate) use pool::{Pool, RetryingPool};

pub(crate) const CONNECTIONS_PER_SERVER: u32 = 2;

/// What all callers ask for.
pub(crate) const KEY: &str = "key";

/// A client of all servers, which many callers use at a time.
pub(crate) trait Client: Clone + Send + Sync + 'static {
    /// One that has all its connections, with its defaults but for their number.
    fn connect(servers: &[SocketAddr]) -> impl Future<Output = Result<Self, BoxError>> + Send;

    /// What one of the servers has under [`KEY`].
    fn get(&self) -> impl Future<Output = Result<Option<Vec<u8>>, Failure>> + Send;

    /// Calls that wait for an answer of this server, as far as it is known now.
    fn in_flight(&self, server: SocketAddr) -> u64;

    /// Calls that were given to connections to this server, by a client that counts them.
    fn sent(&self, _: SocketAddr) -> Option<u64> {
        None
    }

    /// Whether a call whose connection broke is made again.
    fn repeats(&self) -> bool {
        false
    }
}

/// Why there is no value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Failure {
    NotSent,
    MaybeSent,
    /// Nobody says whether it was sent.
    Other,
}
