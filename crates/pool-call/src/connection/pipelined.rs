//! Connections whose replies come in the order of the requests.

use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::mem;

use pool_driver::Wrap;

use super::correlation::{Correlation, Flight};
use super::{CallConnection, release_capacity};
use crate::policy::IN_FLIGHT_MAX;

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
/// In a pool of calls its transport is dialled and wrapped: `call_pool_for(tcp(codec).pipelined())`, or by a connector of
/// your own, `call_pool_for(|address| async move { Ok(Pipelined::new(dial(address).await?)) })`. Its settings and what it does otherwise are those of every [`CallConnection`]. A reply that nobody waits
/// for breaks it: the replies after it would go to the wrong callers.
pub type Pipelined<T, Request, Reply> = CallConnection<T, Request, Reply, InOrder<Request, Reply>>;

impl<T, Request, Reply> Pipelined<T, Request, Reply> {
    /// Calls over a transport whose replies come in the order of the requests.
    pub fn new(transport: T) -> Self {
        Self::over(transport, InOrder { flights: VecDeque::new() }, IN_FLIGHT_MAX)
    }
}

/// Makes each transport a [`Pipelined`] connection: what `tcp(codec).pipelined()` of the runtime crates
/// [wraps](pool_driver::Wrapped) by. Where nothing has to be named, `Pipelined::new` does the same.
pub struct AsPipelined<Request, Reply> {
    _calls: PhantomData<fn(Request) -> Reply>,
}

impl<Request, Reply> AsPipelined<Request, Reply> {
    /// The connections have the default settings.
    #[must_use]
    pub fn new() -> Self {
        Self { _calls: PhantomData }
    }
}

impl<Request, Reply> Default for AsPipelined<Request, Reply> {
    fn default() -> Self {
        Self::new()
    }
}

impl<Request, Reply> Clone for AsPipelined<Request, Reply> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Request, Reply> Copy for AsPipelined<Request, Reply> {}

impl<Request, Reply> fmt::Debug for AsPipelined<Request, Reply> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AsPipelined")
    }
}

impl<T, Request, Reply> Wrap<T> for AsPipelined<Request, Reply> {
    type Connection = Pipelined<T, Request, Reply>;

    fn wrap(self, transport: T) -> Self::Connection {
        Pipelined::new(transport)
    }
}

/// Replies come in the order of their requests.
pub struct InOrder<Request, Reply> {
    flights: VecDeque<Flight<Request, Reply>>,
}

impl<Request, Reply> Correlation<Request, Reply> for InOrder<Request, Reply> {
    fn set_in_flight_max(&mut self, calls: usize) -> usize {
        calls
    }

    #[inline]
    fn begin(&mut self, _: &mut Request, flight: Flight<Request, Reply>) {
        self.flights.push_back(flight);
    }

    #[inline]
    fn finish(&mut self, _: &Reply) -> Option<Flight<Request, Reply>> {
        self.flights.pop_front()
    }

    fn take_all(&mut self) -> impl Iterator<Item = Flight<Request, Reply>> {
        mem::take(&mut self.flights).into_iter()
    }

    #[inline]
    fn len(&self) -> usize {
        self.flights.len()
    }

    fn release_memory(&mut self) {
        release_capacity(&mut self.flights);
    }
}
