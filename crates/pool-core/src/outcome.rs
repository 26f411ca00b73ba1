//! What becomes of items, and how things fail.

use core::time::Duration;

/// What became of an item that a connection was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// It was done.
    Success {
        /// From sending to reply.
        latency: Duration,
    },
    /// It failed, though the connection lives.
    Failure {
        /// From sending to failure.
        latency: Duration,
        /// How.
        kind: FailureKind,
    },
    /// Nobody wants to know any more, and its place on the wire is free again.
    Cancelled,
    /// It provably never left and was given back, to be sent again.
    Unsent,
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
