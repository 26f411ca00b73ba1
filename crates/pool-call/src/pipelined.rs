//! Connections whose replies come in the order of the requests.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_sink::Sink;
use pin_project::pin_project;
use pool_driver::{BoxError, Connection, ConnectionEvent};

use crate::call::Call;
use crate::correlation::InOrder;
use crate::error::ConnectionError;
use crate::exchange::Exchange;

/// Calls that may be under way on a connection, unless it is set.
pub(crate) const IN_FLIGHT_MAX: usize = 256;

/// A connection that answers calls in the order in which they were sent: Redis, memcached,
/// HTTP/1.1 with pipelining, most line protocols.
///
/// The transport is a sink of requests that is a stream of replies too, such as a `Framed`.
///
/// ```
/// use pool_call::{Call, CallExt, Pipelined};
/// # use futures_util::{FutureExt, SinkExt, StreamExt, sink, stream};
/// # struct Transport(std::collections::VecDeque<String>);
/// # impl futures_sink::Sink<String> for Transport {
/// #     type Error = std::io::Error;
/// #     fn poll_ready(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> { std::task::Poll::Ready(Ok(())) }
/// #     fn start_send(mut self: std::pin::Pin<&mut Self>, item: String) -> Result<(), Self::Error> { self.0.push_back(item); Ok(()) }
/// #     fn poll_flush(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> { std::task::Poll::Ready(Ok(())) }
/// #     fn poll_close(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> { std::task::Poll::Ready(Ok(())) }
/// # }
/// # impl futures_core::Stream for Transport {
/// #     type Item = std::io::Result<usize>;
/// #     fn poll_next(mut self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<Option<Self::Item>> { match self.0.pop_front() { Some(line) => std::task::Poll::Ready(Some(Ok(line.len()))), None => std::task::Poll::Pending } }
/// # }
/// # let transport = Transport(Default::default()); // answers a line with its length
/// # async {
/// let mut connection = Pipelined::new(transport);
/// let length: usize = connection.call("how long?".to_owned()).await?;
/// assert_eq!(length, 9);
/// # Ok::<(), pool_call::CallError<String>>(()) }.now_or_never().unwrap().unwrap();
/// ```
///
/// In a pool, make one in the connector:
/// `pool_for_connections(|address| async move { Ok(Pipelined::new(dial(address).await?)) })`.
///
/// - Calls wait in it until they are flushed, and all that wait are written as one batch. It takes
///   no more when [`in_flight_max`](Self::in_flight_max) are waiting or on the wire.
/// - It reads whenever it is polled, also while its writes are blocked.
/// - If it breaks, calls on the wire fail as [`MaybeSent`](crate::CallError::MaybeSent); those that
///   were not begun go back to the pool, for another connection.
/// - The reply of a call whose caller has gone is read and thrown away, in its turn.
/// - A reply that nobody waits for breaks it: from there on nothing would be certain.
#[pin_project]
pub struct Pipelined<T, Request, Reply> {
    #[pin]
    exchange: Exchange<T, Request, Reply, InOrder<Request, Reply>>,
}

impl<T, Request, Reply> Pipelined<T, Request, Reply> {
    /// Calls over a transport.
    pub fn new(transport: T) -> Self {
        Self { exchange: Exchange::new(transport, InOrder::new(), IN_FLIGHT_MAX) }
    }

    /// How many calls may be waiting in it or on the wire, together; 256 by default, 1 at least.
    #[must_use]
    pub fn in_flight_max(mut self, calls: usize) -> Self {
        self.exchange.health.set_in_flight_max(calls);
        self
    }

    /// How many calls on the wire may have lost their callers; half of
    /// [`in_flight_max`](Self::in_flight_max) by default.
    ///
    /// With more of them for longer than a second, or with nothing but them, the connection asks
    /// to be replaced: it takes no more calls, reads what it is owed, and closes. It has no timer: it
    /// looks when callers go, replies come or calls are sent. As many as may be in flight are never
    /// too many.
    #[must_use]
    pub fn orphans_max(mut self, calls: usize) -> Self {
        self.exchange.health.set_orphans_max(calls);
        self
    }
}

impl<T, Request, Reply, E> Connection<Call<Request, Reply>> for Pipelined<T, Request, Reply>
where
    T: Sink<Request, Error: Into<BoxError>> + Stream<Item = Result<Reply, E>>,
    E: Into<BoxError>,
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

impl<T, Request, Reply, E> Sink<Call<Request, Reply>> for Pipelined<T, Request, Reply>
where
    T: Sink<Request, Error: Into<BoxError>> + Stream<Item = Result<Reply, E>>,
    E: Into<BoxError>,
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
