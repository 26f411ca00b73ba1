//! How servers answer dials.

use std::time::Duration;

/// How a server answers dials.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Dial {
    /// The connection is up at once.
    #[default]
    Accept,
    /// The connection is up at once, and the dials after it hang.
    AcceptOnce,
    /// The connection is up after so much time.
    AcceptAfter(Duration),
    /// The connection is up, and breaks when it is first looked at.
    AcceptThenDie,
    /// The connection is up, and the peer closes it in good order.
    AcceptThenClose,
    /// The connection is up, and the peer asks for no items.
    AcceptThenGoAway,
    /// The connection is up, and has found that its address is unfit.
    AcceptThenFindUnfit,
    /// The dial fails.
    Refuse,
    /// No answer, ever.
    Hang,
    /// The connector panics when it is called.
    PanicInCall,
    /// The dial panics when it is polled.
    PanicInFuture,
    /// The connection is up, and the dial panics when it is dropped.
    PanicInDrop,
}
