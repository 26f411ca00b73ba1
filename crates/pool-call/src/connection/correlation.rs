//! Which call a reply answers.

use pool_driver::Instant;

use crate::call::Responder;

/// A call on the wire.
pub struct Flight<Request, Reply> {
    pub(super) responder: Responder<Request, Reply>,
    pub(super) begun: Instant,
}

/// Keeps the calls that are on the wire, and finds the one that a reply answers. Only this crate implements
/// it; it is public as far as it bounds the methods of a public type.
pub trait Correlation<Request, Reply> {
    /// Sets how many calls may be in flight, before the first. Returns how many of them can be told apart.
    fn set_in_flight_max(&mut self, calls: usize) -> usize;

    /// A request is about to be written.
    fn begin(&mut self, request: &mut Request, flight: Flight<Request, Reply>);

    /// The call that a reply answers, if there is one.
    fn finish(&mut self, reply: &Reply) -> Option<Flight<Request, Reply>>;

    /// All calls that are left, when the connection is over.
    fn take_all(&mut self) -> impl Iterator<Item = Flight<Request, Reply>>;

    /// How many calls are on the wire.
    fn len(&self) -> usize;

    /// No call is on the wire: releases memory that only a burst has needed.
    fn release_memory(&mut self);
}
