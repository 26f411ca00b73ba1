//! The pool of this repository, with its defaults but for the number of connections.

use std::net::SocketAddr;
use std::time::Duration;

use pool_examples::{Command, Reply, RespCodec};
use pool_tokio::call::MaybeSentReason;
use pool_tokio::{BoxError, CallError, CallPool, events::AddressSnapshot};

use super::resp::{answer, command};
use super::{Answer, Bookkeeping, CONNECTIONS_PER_SERVER, Client, Counting, Failure, Request};
use crate::executor::Executor;

/// As long as others take by default to give up a first connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A call that fails is not repeated.
#[derive(Clone)]
pub(crate) struct Pool {
    pool: CallPool<Command, Reply>,
}

/// What can be repeated is.
#[derive(Clone)]
pub(crate) struct RetryingPool {
    pool: Pool,
}

impl Client for Pool {
    async fn connect(executor: Executor, servers: &[SocketAddr]) -> Result<Self, BoxError> {
        let addresses = servers.iter().copied();
        let pool = match executor {
            Executor::Tokio => pool_tokio::call_pool_for(pool_tokio::tcp(RespCodec::default()).pipelined())
                .connect_to_fixed(addresses)
                .connections_per_address(CONNECTIONS_PER_SERVER)
                .spawn()?,
            Executor::Smol => pool_smol::call_pool_for(pool_smol::tcp(RespCodec::default()).pipelined())
                .connect_to_fixed(addresses)
                .connections_per_address(CONNECTIONS_PER_SERVER)
                .spawn()?,
        };
        pool.ready(servers.len() * CONNECTIONS_PER_SERVER as usize).timeout(CONNECT_TIMEOUT).await?;
        Ok(Self { pool })
    }

    async fn request(&self, request: Request) -> Result<Answer, Failure> {
        answer(self.pool.call(command(request)).await?)
    }

    async fn request_within(&self, timeout: Duration, request: Request) -> Result<Answer, Failure> {
        answer(self.pool.call(command(request)).timeout(timeout).await?)
    }
}

impl Counting for Pool {
    fn in_flight(&self, server: SocketAddr) -> u64 {
        self.row(server).map_or(0, |row| row.status.in_flight.into())
    }

    fn given(&self, server: SocketAddr) -> u64 {
        self.row(server).map_or(0, |row| row.sent)
    }

    fn bookkeeping(&self) -> Bookkeeping {
        Bookkeeping::Exact
    }
}

impl Pool {
    fn row(&self, server: SocketAddr) -> Option<AddressSnapshot<SocketAddr>> {
        self.pool.snapshot().addresses.into_iter().find(|row| *row.address == server)
    }
}

impl Client for RetryingPool {
    async fn connect(executor: Executor, servers: &[SocketAddr]) -> Result<Self, BoxError> {
        Ok(Self { pool: Pool::connect(executor, servers).await? })
    }

    async fn request(&self, request: Request) -> Result<Answer, Failure> {
        answer(self.pool.pool.call(command(request)).idempotent().await?)
    }

    async fn request_within(&self, timeout: Duration, request: Request) -> Result<Answer, Failure> {
        answer(self.pool.pool.call(command(request)).timeout(timeout).idempotent().await?)
    }
}

impl Counting for RetryingPool {
    fn in_flight(&self, server: SocketAddr) -> u64 {
        self.pool.in_flight(server)
    }

    fn given(&self, server: SocketAddr) -> u64 {
        self.pool.given(server)
    }

    fn bookkeeping(&self) -> Bookkeeping {
        Bookkeeping::ExactWithRepeats
    }
}

impl From<CallError<Command>> for Failure {
    fn from(error: CallError<Command>) -> Self {
        match error {
            error if error.is_not_sent() => Self::NotSent,
            CallError::MaybeSent { reason: MaybeSentReason::TimedOut } => Self::TimedOut,
            _ => Self::MaybeSent,
        }
    }
}
