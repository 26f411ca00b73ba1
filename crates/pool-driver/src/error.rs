//! Why an item was refused, why one that was taken was not sent, why the pool is over.

use std::error::Error;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::Duration;

/// An error of any type, as connectors, connections and name services return it.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// An error that is shared by the snapshot and by all who ask for it.
pub type SharedError = Arc<dyn Error + Send + Sync>;

/// An item that the pool did not take, and why.
///
/// ```
/// use pool_driver::{Pool, RefusedReason, SendError};
///
/// fn send_or_print(pool: &Pool<String>, line: String) {
///     match pool.try_send(line) {
///         Ok(()) => {}
///         Err(SendError { item, reason: RefusedReason::Full }) => println!("too fast: {item}"),
///         Err(SendError { item, reason }) => println!("{reason}: {item}"),
///     }
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "made to be taken apart")]
pub struct SendError<T> {
    /// The item, untouched.
    pub item: T,
    /// Why it was refused.
    pub reason: RefusedReason,
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError").field("reason", &self.reason).finish_non_exhaustive()
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl<T> Error for SendError<T> {}

/// Why the pool refuses an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusedReason {
    /// The queue is full. Only `try_send` says so; all else waits.
    Full,
    /// No connection has been up for as long as `fail_fast_after` allows. Try again later.
    FailingFast,
    /// This handle was closed as a sink; others may still be open.
    HandleClosed,
    /// The pool takes no more items, for good.
    Closed(EndReason),
}

impl fmt::Display for RefusedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("the pool's queue is full"),
            Self::FailingFast => f.write_str("the pool has no connection and fails fast"),
            Self::HandleClosed => f.write_str("this handle of the pool is closed"),
            Self::Closed(reason) => write!(f, "the pool is closed: {reason}"),
        }
    }
}

/// The error of a pool's `Sink`: it takes no item. Unlike [`SendError`] it has none to give back.
///
/// ```
/// use futures_util::{Sink, SinkExt};
/// use pool_driver::{Refused, RefusedReason};
///
/// async fn is_over(pool: &mut (impl Sink<u32, Error = Refused> + Unpin)) -> bool {
///     matches!(pool.send(1).await, Err(Refused { reason: RefusedReason::Closed(_) }))
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a name for its one field")]
pub struct Refused {
    /// Why the sink takes no item.
    pub reason: RefusedReason,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl Error for Refused {}

/// Why an item that the pool had taken was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UndeliveredReason {
    /// No connection had been up for as long as `fail_fast_after` allows.
    FailingFast,
    /// It was reported as no longer wanted: see [`Pool::report_unwanted`](crate::Pool::report_unwanted).
    Unwanted,
    /// The pool ended before a connection could take it.
    Closed(EndReason),
}

impl fmt::Display for UndeliveredReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FailingFast => RefusedReason::FailingFast.fmt(f),
            Self::Unwanted => f.write_str("nobody wanted it any more"),
            Self::Closed(reason) => RefusedReason::Closed(*reason).fmt(f),
        }
    }
}

/// Why the pool came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndReason {
    /// `shutdown` was called.
    Shutdown,
    /// The last handle was dropped.
    HandlesDropped,
    /// The stream of address sets ended.
    AddressesEnded,
    /// The stream of address sets panicked.
    AddressesPanicked,
    /// The balancer panicked, or the item policy while it gave pick arguments.
    BalancerPanicked,
    /// The driver was dropped: its task was aborted or panicked, or its runtime shut down.
    DriverDropped,
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shutdown => "it was shut down",
            Self::HandlesDropped => "all its handles were dropped",
            Self::AddressesEnded => "its address stream ended",
            Self::AddressesPanicked => "its address stream panicked",
            Self::BalancerPanicked => "its balancer panicked",
            Self::DriverDropped => "its driver was dropped",
        })
    }
}

/// The end of a pool: why, and what became of its items.
///
/// ```
/// use pool_driver::{EndReason, Pool};
///
/// async fn report(pool: &Pool<String>) {
///     let ended = pool.closed().await;
///     if ended.reason != EndReason::Shutdown {
///         eprintln!("{}: {} items were not sent", ended.reason, ended.counts.undelivered);
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ended {
    /// Why it ended.
    pub reason: EndReason,
    /// What became of the items it took.
    pub counts: Counts,
}

/// How many items went where. At the end of a pool, `accepted` is `sent` and `undelivered`
/// together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counts {
    /// Taken from senders.
    pub accepted: u64,
    /// Taken by connections, less those that came back unsent.
    pub sent: u64,
    /// Given to `on_undelivered`.
    pub undelivered: u64,
}

/// The error of a [`Pool::sleep`](crate::Pool::sleep) whose time has not come: the pool is over, and keeps no time
/// any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SleepError {
    /// Why the pool ended.
    pub reason: EndReason,
}

impl fmt::Display for SleepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the pool keeps no time any more: {}", self.reason)
    }
}

impl Error for SleepError {}

/// Why [`Pool::ready`](crate::Pool::ready) gave up.
///
/// ```
/// use std::time::Duration;
///
/// use pool_driver::{Pool, ReadyError};
///
/// async fn start(pool: &Pool<String>) -> Result<(), ReadyError> {
///     match pool.ready(2).timeout(Duration::from_secs(5)).await {
///         // One will do for the moment.
///         Err(ReadyError::TimedOut { connected: 1, .. }) => Ok(()),
///         other => other,
///     }
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ReadyError {
    /// Every address has failed since it last worked; only [`Ready::unless_failing`](crate::Ready::unless_failing)
    /// says so. The pool goes on trying.
    Failing {
        /// What the latest failure was.
        last_error: Option<SharedError>,
    },
    /// Not enough connections came up in time. The pool goes on trying.
    TimedOut {
        /// Connections that are up.
        connected: usize,
        /// Connections that were waited for.
        wanted: usize,
        /// How long.
        timeout: Duration,
        /// The latest error of the pool, or else of its name service.
        last_error: Option<SharedError>,
    },
    /// The pool is over.
    Closed(EndReason),
}

impl fmt::Display for ReadyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failing { last_error: Some(error) } => {
                write!(f, "no address can be reached; the last error: {error}")
            }
            Self::Failing { last_error: None } => f.write_str("no address can be reached"),
            Self::TimedOut { connected, wanted, timeout, last_error } => {
                let verb = if *wanted == 1 { "connection is" } else { "connections are" };
                write!(f, "{connected} of {wanted} {verb} up after {timeout:?}; ")?;
                match last_error {
                    Some(error) => write!(f, "the last error: {error}"),
                    None => f.write_str("there was no error"),
                }
            }
            Self::Closed(reason) => RefusedReason::Closed(*reason).fmt(f),
        }
    }
}

impl Error for ReadyError {}

// Errors are shown and dropped, which is all that can be done with one after a panic.
impl UnwindSafe for ReadyError {}
impl RefUnwindSafe for ReadyError {}

/// The error of a dial that took longer than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DialTimedOut;

impl fmt::Display for DialTimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the dial timed out")
    }
}

impl Error for DialTimedOut {}

/// The error of a connection that owed outcomes and reported none for as long as
/// [`outcome_timeout`](crate::PoolBuilder::outcome_timeout) allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutcomeTimedOut;

impl fmt::Display for OutcomeTimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the peer owes replies, and has been silent for too long")
    }
}

impl Error for OutcomeTimedOut {}

/// Why an address has lost a connection that ran in a task of its own: the executor has dropped the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionTaskDropped;

impl fmt::Display for ConnectionTaskDropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task of the connection was dropped")
    }
}

impl Error for ConnectionTaskDropped {}

/// Why an address has lost a connection in good order: its peer closed it. No failure, unless it came too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionClosed {
    /// How long it lived, from the start of its dial.
    pub lived: Duration,
    /// Items that it was sent.
    pub sent: u64,
}

impl fmt::Display for ConnectionClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "closed by the peer after {:.1} s, ", self.lived.as_secs_f64())?;
        match self.sent {
            0 => f.write_str("unused"),
            1 => f.write_str("and one item"),
            sent => write!(f, "and {sent} items"),
        }
    }
}

impl Error for ConnectionClosed {}

/// The error of a connection that was dropped while it drained: for longer than
/// [`drain_timeout`](crate::PoolBuilder::drain_timeout), or when too many drained at its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainCutOff {
    /// Items that it was sent in its life.
    pub sent: u64,
}

impl fmt::Display for DrainCutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection drained for too long, or beside too many others")
    }
}

impl Error for DrainCutOff {}
