//! The pool of this repository, with its defaults but for the number of connections.

use std::net::SocketAddr;
use std::time::Duration;

use pool_examples::{Command, Reply, RespCodec};
use pool_tokio::{BoxError, CallError, CallPool, call_pool_for, events::AddressSnapshot, tcp};

use super::{CONNECTIONS_PER_SERVER, Client, Failure, KEY};

/// As long as others take by default to give up a first connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A call that fails is not repeated.
#[derive(Clone)]
pub(crate) struct Pool {
    pool: CallPool<Command, Reply>,
}

/// Reads can be repeated, and are.
#[derive(Clone)]
pub(crate) struct RetryingPool {
    pool: Pool,
}

impl Pool {
    fn row(&self, server: SocketAddr) -> Option<AddressSnapshot<SocketAddr>> {
        self.pool.snapshot().addresses.into_iter().find(|row| *row.address == server)
    }
}

impl Client for Pool {
    async fn connect(servers: &[SocketAddr]) -> Result<Self, BoxError> {
        let pool = call_pool_for(tcp(RespCodec::default()).pipelined())
            .connect_to_fixed(servers.iter().copied())
            .connections_per_address(CONNECTIONS_PER_SERVER)
            .spawn()?;
        pool.ready(servers.len() * CONNECTIONS_PER_SERVER as usize).timeout(CONNECT_TIMEOUT).await?;
        Ok(Self { pool })
    }

    async fn get(&self) -> Result<Option<Vec<u8>>, Failure> {
        value(self.pool.call(get()).await)
    }

    fn in_flight(&self, server: SocketAddr) -> u64 {
        self.row(server).map_or(0, |row| row.status.in_flight.into())
    }

    fn sent(&self, server: SocketAddr) -> Option<u64> {
        self.row(server).map(|row| row.sent)
    }
}

impl Client for RetryingPool {
    async fn connect(servers: &[SocketAddr]) -> Result<Self, BoxError> {
        Ok(Self { pool: Pool::connect(servers).await? })
    }

    async fn get(&self) -> Result<Option<Vec<u8>>, Failure> {
        value(self.pool.pool.call(get()).idempotent().await)
    }

    fn in_flight(&self, server: SocketAddr) -> u64 {
        self.pool.in_flight(server)
    }

    fn sent(&self, server: SocketAddr) -> Option<u64> {
        self.pool.sent(server)
    }

    fn repeats(&self) -> bool {
        true
    }
}

fn get() -> Command {
    Command::new("GET").arg(KEY)
}

fn value(result: Result<Reply, CallError<Command>>) -> Result<Option<Vec<u8>>, Failure> {
    match result {
        Ok(Reply::Bulk(value)) => Ok(value.map(|value| value.to_vec())),
        Ok(_) => Err(Failure::Other),
        Err(error) if error.is_not_sent() => Err(Failure::NotSent),
        Err(_) => Err(Failure::MaybeSent),
    }
}
