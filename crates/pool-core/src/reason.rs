//! Why connections drain, and why they end.

use core::fmt;

use crate::outcome::FailureKind;

/// Why a connection drains.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DrainReason {
    /// Its address left the set.
    AddressLeft,
    /// The connection asked for it.
    GoingAway,
    /// It reached its lifetime, and its replacement is up.
    Lifetime,
    /// It was idle for too long.
    Idle,
    /// Its address has one too many: the settings changed, or a suspect that one was made beside is none any more.
    Surplus,
    /// It was a suspect, and owes nothing any more, without a word of its peer.
    Silent,
    /// The pool closes.
    PoolClosing,
}

/// Why a dial or a connection is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SlotEnd {
    /// It closed in good order.
    Closed,
    /// It failed. A dial that ran into its timeout has failed with `TimedOut`.
    Failed(FailureKind),
    /// It was silent while it owed outcomes, and that is not held against its address: another connection was
    /// answered ([`suspect_after`](crate::Silence::suspect_after)), or nobody waited for what was in flight.
    Silent,
    /// The drain took too long.
    DrainTimedOut,
    /// It was draining, and a newer draining connection to the same address needed the place.
    DrainDisplaced,
    /// It was a dial, and its address left the set.
    AddressLeft,
    /// It was a dial, and the pool closes.
    PoolClosing,
    /// It was a dial, and its address has one too many: the settings changed, or a suspect is none any more.
    Surplus,
}

/// Why an address rests: what its replies said.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum RestReason {
    /// It has too much to do. It gets what no other address can take.
    Overloaded,
    /// It can't do what it is asked to. It gets nothing.
    Unfit,
}

impl fmt::Display for RestReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Overloaded => "overloaded",
            Self::Unfit => "unfit",
        })
    }
}
