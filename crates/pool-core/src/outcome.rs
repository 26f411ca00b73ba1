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
    /// The address has too much to do: it is to get less, and no connection dies of it.
    ///
    /// It rests: other addresses of its priority get its items, while they can take them. When the rest is over, one
    /// item tries it; the others follow when that one, or one that it had to take meanwhile, has succeeded. An
    /// overload in return for an item that was sent before the rest began lengthens it only if it asks for a longer
    /// pause.
    Overloaded {
        /// From sending to the begin of the reply, unless that was told before.
        latency: Option<Duration>,
        /// For how long it is to get none, if it said so; ten minutes at most. It rests for no less than it would
        /// without: [`backoff`](crate::Config::backoff)'s curve over overloads in a row, up to 4 s.
        pause: Option<Duration>,
    },
    /// The address can't do what it is asked to, as a replica that only reads: it is to rest, and its connections
    /// stay.
    ///
    /// It rests as in [`backoff`](crate::Config::backoff), and gets nothing, also where no other address is there: for
    /// items it is as if it were not connected. When the rest is over, one item tries it. If that
    /// succeeds, it is back; if it says so again, the rest is longer. The length is forgotten when the address
    /// has been back for as long as it rested.
    Unfit {
        /// From sending to the begin of the reply, unless that was told before.
        latency: Option<Duration>,
    },
    /// Nobody wants to know any more, and its place on the wire is free again.
    Cancelled,
    /// It provably never left and was given back, to be sent again.
    Unsent,
}

impl Outcome {
    /// Whether it shows that the peer is alive. That nobody wants to know any more, and that an item never left, says
    /// nothing of the peer.
    pub(crate) const fn is_answer(&self) -> bool {
        !matches!(self, Self::Cancelled | Self::Unsent)
    }

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
            Self::Success { latency }
            | Self::Failure { latency, .. }
            | Self::Overloaded { latency, .. }
            | Self::Unfit { latency } => *latency,
            Self::Cancelled | Self::Unsent => None,
        }
    }
}

/// What a reply means for its connection and its address.
///
/// | verdict | the caller | the connection | the address |
/// |---|---|---|---|
/// | `Success` | gets the reply | - | is cleared of failures |
/// | `Failure` | gets the reply | - | the reply counts against its health |
/// | `Overloaded` | gets the reply, or another attempt | - | gets no items for the pause, while others can take them |
/// | `Goodbye` | gets the reply | drains, and is replaced | - |
/// | `Unfit` | gets the reply, or another attempt | stays | rests as in backoff, then one item tries it |
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// It was done.
    #[default]
    Success,
    /// It failed, for a reason that lies with the address.
    Failure,
    /// The address has too much to do.
    Overloaded {
        /// For how long it asks to be left alone; `None`: it didn't say.
        pause: Option<Duration>,
    },
    /// It was done, and the connection is about to close.
    Goodbye,
    /// The address can't do what it is asked to.
    Unfit,
}

impl Verdict {
    /// The outcome of an item with such a reply.
    ///
    /// ```
    /// use pool_core::{Outcome, Verdict};
    ///
    /// assert_eq!(Verdict::Goodbye.outcome(None), Outcome::Success { latency: None });
    /// ```
    #[must_use]
    #[inline]
    pub const fn outcome(self, latency: Option<Duration>) -> Outcome {
        match self {
            Self::Success | Self::Goodbye => Outcome::Success { latency },
            Self::Failure => Outcome::Failure { latency, kind: FailureKind::Error },
            Self::Overloaded { pause } => Outcome::Overloaded { latency, pause },
            Self::Unfit => Outcome::Unfit { latency },
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
