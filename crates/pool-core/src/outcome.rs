//! What becomes of items, and how things fail.

use core::time::Duration;

/// What became of an item that a connection was sent, when nothing of it is owed any more.
///
/// An item may be *answered* before it is finished: the reply has begun to come. A connection that tells of
/// that ([`handle_answered`](crate::Uniform::handle_answered)) tells the latency then, and `None` here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// It was done.
    Success {
        /// From sending to the begin of the reply, unless that was told before.
        latency: Option<Duration>,
    },
    /// It failed, though the connection lives.
    Failure {
        /// From sending to failure, unless the item was answered before.
        latency: Option<Duration>,
        /// How.
        kind: FailureKind,
    },
    /// Nobody wants to know any more, and its place on the wire is free again.
    Cancelled,
    /// It provably never left and was given back, to be sent again.
    Unsent,
}

impl Outcome {
    /// How long it took until the reply began, unless that was told before or there was none.
    ///
    /// ```
    /// use core::time::Duration;
    /// use pool_core::Outcome;
    ///
    /// let latency = Some(Duration::from_millis(3));
    /// assert_eq!(Outcome::Success { latency }.latency(), latency);
    /// assert_eq!(Outcome::Cancelled.latency(), None);
    /// ```
    #[must_use]
    #[inline]
    pub const fn latency(&self) -> Option<Duration> {
        match self {
            Self::Success { latency } | Self::Failure { latency, .. } => *latency,
            Self::Cancelled | Self::Unsent => None,
        }
    }
}

/// How something failed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum FailureKind {
    /// It returned an error.
    Error,
    /// It panicked.
    Panicked,
    /// It took longer than it was allowed to.
    TimedOut,
}
