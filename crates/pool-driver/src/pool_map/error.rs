//! Why there is no pool for a name, and how a map ended.

use std::error::Error;
use std::fmt;

use crate::error::{Counts, EndReason, SharedError};

/// No pool for this name, and why.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "made to be taken apart")]
pub struct GetError<N> {
    /// The name that was asked for.
    pub name: N,
    /// Why there is no pool for it.
    pub reason: GetErrorReason,
}

/// Why a [`PoolMap`](crate::PoolMap) has no pool for a name.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum GetErrorReason {
    /// There are as many pools as there may be; only `try_get` says so, `get` waits.
    Full,
    /// Another caller is creating it; only `try_get` says so, `get` waits.
    BeingCreated,
    /// A creator can't wait for a pool: the creator that it would wait for may be waiting for it, and for
    /// its own name that is certain.
    InCreator,
    /// The creator returned an error or panicked. The next `get` tries again.
    NotCreated(SharedError),
    /// The map is over.
    Closed(EndReason),
}

impl fmt::Display for GetErrorReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("there are as many pools as there may be"),
            Self::BeingCreated => f.write_str("it is being created"),
            Self::InCreator => f.write_str("a creator can't wait for another pool"),
            Self::NotCreated(_) => f.write_str("it could not be created"),
            Self::Closed(EndReason::Shutdown) => f.write_str("the map was shut down"),
            Self::Closed(EndReason::DriverDropped) => f.write_str("the map's driver was dropped"),
            Self::Closed(reason) => write!(f, "the map is over: {reason}"),
        }
    }
}

impl<N: fmt::Debug> fmt::Display for GetError<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no pool for {:?}: {}", self.name, self.reason)
    }
}

impl<N: fmt::Debug> Error for GetError<N> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.reason {
            GetErrorReason::NotCreated(error) => Some(&**error),
            _ => None,
        }
    }
}

/// The end of a map of pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolMapEnded {
    /// Why it ended.
    pub reason: EndReason,
    /// How many pools it has closed in its life, or found to be over.
    pub pools: u64,
    /// What became of the items of all these pools.
    pub counts: Counts,
}
