//! Connections whose replies say by an id which request they answer.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_sink::Sink;
use pin_project::pin_project;
use pool_driver::{BoxError, Connection, ConnectionEvent};

use crate::call::Call;
use crate::correlation::ById;
use crate::error::ConnectionError;
use crate::exchange::Exchange;
use crate::pipelined::IN_FLIGHT_MAX;

/// A connection that answers calls in any order, each by the id of its request: NATS with reply
/// subjects, Cassandra's streams, most framings of one's own.
///
/// The transport is a sink of requests that is a stream of replies too. The connection chooses the
/// ids; `stamp` puts one into a request before it is written, `id_of` reads it from a reply.
///
/// ```
/// use pool_call::Tagged;
///
/// struct Request { id: u32, question: String }
/// struct Reply { id: u32, answer: String }
///
/// # let transport = ();
/// let connection = Tagged::new(
///     transport,
///     |request: &mut Request, id| request.id = id,
///     |reply: &Reply| Some(reply.id),
/// );
/// ```
///
/// It is a [`Pipelined`](crate::Pipelined) connection in all but these:
///
/// - The id of a call whose caller has gone stays in use until its reply comes, however late.
/// - A reply whose id is not in use, or that has none, breaks the connection. No id is used again
///   soon, so a second reply to the same request doesn't go to somebody else.
#[pin_project]
pub struct Tagged<T, Request, Reply, Stamp, IdOf> {
    #[pin]
    exchange: Exchange<T, Request, Reply, ById<Request, Reply, Stamp, IdOf>>,
}

impl<T, Request, Reply, Stamp, IdOf> Tagged<T, Request, Reply, Stamp, IdOf>
where
    Stamp: FnMut(&mut Request, u32),
    IdOf: FnMut(&Reply) -> Option<u32>,
{
    /// Calls over a transport.
    pub fn new(transport: T, stamp: Stamp, id_of: IdOf) -> Self {
        let calls = ById::new(stamp, id_of, IN_FLIGHT_MAX);
        Self { exchange: Exchange::new(transport, calls, IN_FLIGHT_MAX) }
    }

    /// How many calls may be waiting in it or on the wire, together; 256 by default, 1 at least,
    /// and at most as many as there are ids.
    #[must_use]
    pub fn in_flight_max(mut self, calls: usize) -> Self {
        self.exchange.calls.set_places_max(calls);
        self.limit_in_flight()
    }

    /// The largest id that the protocol can carry: `u32::MAX` by default; ids start at 0. The more
    /// there are, the later one is used again.
    #[must_use]
    pub fn id_max(mut self, id: u32) -> Self {
        self.exchange.calls.set_id_max(id);
        self.limit_in_flight()
    }

    /// No more calls than ids.
    fn limit_in_flight(mut self) -> Self {
        let places_max = self.exchange.calls.places_max();
        self.exchange.health.set_in_flight_max(places_max);
        self
    }

    /// As for [`Pipelined`](crate::Pipelined::orphans_max).
    #[must_use]
    pub fn orphans_max(mut self, calls: usize) -> Self {
        self.exchange.health.set_orphans_max(calls);
        self
    }
}

impl<T, Request, Reply, E, Stamp, IdOf> Connection<Call<Request, Reply>>
    for Tagged<T, Request, Reply, Stamp, IdOf>
where
    T: Sink<Request, Error: Into<BoxError>> + Stream<Item = Result<Reply, E>>,
    E: Into<BoxError>,
    Stamp: FnMut(&mut Request, u32),
    IdOf: FnMut(&Reply) -> Option<u32>,
{
    const REPORTS_OUTCOMES: bool = true;

    fn poll_event(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<ConnectionEvent<Call<Request, Reply>>, ConnectionError>> {
        self.project().exchange.poll_event(cx)
    }

    fn give_up(self: Pin<&mut Self>) {
        self.project().exchange.give_up();
    }
}

impl<T, Request, Reply, E, Stamp, IdOf> Sink<Call<Request, Reply>> for Tagged<T, Request, Reply, Stamp, IdOf>
where
    T: Sink<Request, Error: Into<BoxError>> + Stream<Item = Result<Reply, E>>,
    E: Into<BoxError>,
    Stamp: FnMut(&mut Request, u32),
    IdOf: FnMut(&Reply) -> Option<u32>,
{
    type Error = ConnectionError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        self.project().exchange.poll_ready(cx)
    }

    fn start_send(self: Pin<&mut Self>, call: Call<Request, Reply>) -> Result<(), ConnectionError> {
        self.project().exchange.start_send(call);
        Ok(())
    }

    /// Ready when all calls are written. It reads replies too, unless a pool does.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        self.project().exchange.poll_flush(cx)
    }

    /// Ready when all replies have come and the transport is closed.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        self.project().exchange.poll_close(cx)
    }
}
