//! Why there is no client of etcd, and why etcd has no answer.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

/// Why there is no client of etcd.
#[derive(Debug)]
#[non_exhaustive]
pub enum EtcdConnectError {
    /// No endpoint was given.
    NoEndpoints,
    /// An endpoint is malformed.
    BadEndpoint {
        /// As it was given.
        endpoint: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The thread for all subscriptions could not be started.
    Thread(io::Error),
}

impl fmt::Display for EtcdConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEndpoints => f.write_str("an etcd needs an endpoint"),
            Self::BadEndpoint { endpoint, reason } => {
                write!(f, "`{endpoint}` is no endpoint of etcd: {reason}")
            }
            Self::Thread(error) => write!(f, "the thread for etcd could not be started: {error}"),
        }
    }
}

impl Error for EtcdConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Thread(error) => Some(error),
            Self::NoEndpoints | Self::BadEndpoint { .. } => None,
        }
    }
}

/// Why etcd has no answer: what `SourceState::Failed` holds.
#[derive(Debug)]
#[non_exhaustive]
pub enum EtcdError {
    /// An endpoint can't be reached, or it refused. It is tried again after the others.
    Endpoint {
        /// As it was given.
        endpoint: String,
        /// What it said.
        error: etcd_client::Error,
    },
    /// An endpoint has no answer within the timeout, as when etcd has lost its quorum.
    TimedOut {
        /// As it was given.
        endpoint: String,
        /// How long it had.
        after: Duration,
    },
    /// The watch ended. All keys are read again before the next.
    WatchEnded {
        /// The endpoint, as it was given.
        endpoint: String,
        /// What it said, if it said anything.
        reason: String,
    },
    /// The value of a key is neither an address nor JSON with one.
    BadValue {
        /// The first of the keys.
        key: String,
        /// What is wrong with its value.
        reason: String,
        /// How many more there are.
        others: usize,
    },
    /// There are more keys under the prefix than can be addresses.
    TooManyKeys {
        /// How many there may be.
        max: usize,
    },
    /// Etcd has another history than before, and no keys under the prefix yet.
    DataLost {
        /// How far it has got now.
        revision: i64,
        /// How far it was before.
        revision_before: i64,
    },
}

impl fmt::Display for EtcdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Only the message of a status is for people.
            Self::Endpoint { endpoint, error: etcd_client::Error::GRpcStatus(status) }
                if !status.message().is_empty() =>
            {
                write!(f, "etcd at {endpoint}: {}", status.message())
            }
            Self::Endpoint { endpoint, error } => write!(f, "etcd at {endpoint}: {error}"),
            Self::TimedOut { endpoint, after } => write!(f, "etcd at {endpoint} didn't answer in {after:?}"),
            Self::WatchEnded { endpoint, reason } if reason.is_empty() => {
                write!(f, "etcd at {endpoint} ended the watch")
            }
            Self::WatchEnded { endpoint, reason } => {
                write!(f, "etcd at {endpoint} ended the watch: {reason}")
            }
            Self::BadValue { key, reason, others: 0 } => {
                write!(f, "the value of {key} makes no sense: {reason}")
            }
            Self::BadValue { key, reason, others } => {
                write!(f, "the values of {key} and {others} more keys make no sense: {reason}")
            }
            Self::TooManyKeys { max } => write!(f, "there are more than {max} keys under the prefix"),
            Self::DataLost { revision, revision_before } => write!(
                f,
                "etcd has lost its data (revision {revision} after {revision_before}), and has no keys under the \
                 prefix yet"
            ),
        }
    }
}

impl Error for EtcdError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            // The message has it already.
            Self::Endpoint { error, .. } => error.source(),
            _ => None,
        }
    }
}
