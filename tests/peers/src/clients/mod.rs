//! Who is compared: all have two connections to each server.

mod bb8;
mod connection_manager;
mod deadpool;
mod fred;
mod hand_written;
mod pool;
mod redis_commands;
mod resp;
mod turns;

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use pool_tokio::BoxError;

use crate::executor::Executor;
pub(crate) use bb8::Bb8;
pub(crate) use connection_manager::ConnectionManagers;
pub(crate) use deadpool::Deadpool;
pub(crate) use fred::Freds;
pub(crate) use hand_written::HandWritten;
pub(crate) use pool::{Pool, RetryingPool};
pub(crate) use resp::command;

pub(crate) const CONNECTIONS_PER_SERVER: u32 = 2;

/// What all callers ask for.
pub(crate) const KEY: &str = "key";

/// What is asked of a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Request {
    Ping,
    /// The value of [`KEY`].
    Get,
    Set {
        key: &'static str,
        value: &'static [u8],
    },
}

/// What a server answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    Pong,
    Value(Option<Vec<u8>>),
    Stored,
}

/// Why there is no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Failure {
    NotSent,
    MaybeSent,
    /// It took too long, and has been sent for all that is known.
    TimedOut,
    /// Nobody says whether it was sent.
    Other,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSent => "a request was not sent",
            Self::MaybeSent => "a request may have been sent, and has no answer",
            Self::TimedOut => "a request has no answer in time",
            Self::Other => "a request has no answer, or a wrong one",
        })
    }
}

impl Error for Failure {}

/// A client of all servers, which many callers use at a time.
pub(crate) trait Client: Clone + Send + Sync + 'static {
    /// One that has all its connections, with its defaults but for their number.
    fn connect(
        executor: Executor,
        servers: &[SocketAddr],
    ) -> impl Future<Output = Result<Self, BoxError>> + Send;

    /// What one of the servers answers.
    fn request(&self, request: Request) -> impl Future<Output = Result<Answer, Failure>> + Send;

    /// As `request`, for who waits no longer than this. On Tokio only, unless the client has time of its own.
    fn request_within(
        &self,
        timeout: Duration,
        request: Request,
    ) -> impl Future<Output = Result<Answer, Failure>> + Send {
        let request = tokio::time::timeout(timeout, self.request(request));
        async { request.await.unwrap_or(Err(Failure::TimedOut)) }
    }
}

/// A client that says what it gave to whom.
pub(crate) trait Counting: Client {
    /// Requests that wait for an answer of this server, as far as it is known now.
    fn in_flight(&self, server: SocketAddr) -> u64;

    /// Requests that were given to connections to this server.
    fn given(&self, server: SocketAddr) -> u64;

    /// How these have to add up with what servers and callers say, if they are exact.
    fn bookkeeping(&self) -> Bookkeeping {
        Bookkeeping::Vague
    }
}

/// What a client's numbers are worth.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bookkeeping {
    /// A request was not always sent when its connection was chosen.
    Vague,
    /// Each request is sent once.
    Exact,
    /// A request whose connection broke is sent once more.
    ExactWithRepeats,
}

/// Refuses others than Tokio, for a client that runs nowhere else.
fn ensure_tokio(executor: Executor, client: &str) -> Result<(), BoxError> {
    if executor == Executor::Tokio { Ok(()) } else { Err(format!("{client} needs Tokio").into()) }
}
