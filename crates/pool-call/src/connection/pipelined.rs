//! Connections whose replies come in the order of the requests.

use std::fmt;
use std::marker::PhantomData;

use pool_driver::Wrap;

use super::CallConnection;
use super::in_order::InOrder;
use crate::policy::IN_FLIGHT_MAX;
use crate::protocol::RepliesOnly;

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
pub type Pipelined<T, Request, Reply, P = RepliesOnly> =
    CallConnection<T, Request, Reply, InOrder<Request, Reply>, P>;

impl<T, Request, Reply> Pipelined<T, Request, Reply> {
    /// Calls over a transport whose replies come in the order of the requests. Each item that comes is a reply, each
    /// reply a success: see [`RepliesOnly`].
    pub fn new(transport: T) -> Self {
        Self::with_protocol(transport, RepliesOnly)
    }
}

impl<T, Request, Reply, P> Pipelined<T, Request, Reply, P> {
    /// As [`new`](Pipelined::new), by a [protocol](crate::Protocol) that says what else may come, and what replies
    /// mean.
    ///
    /// ```
    /// use pool_call::{Pipelined, Rules};
    /// use pool_driver::Verdict;
    ///
    /// # fn connection<T>(transport: T) -> impl Sized where T: futures_core::Stream<Item = std::io::Result<String>> {
    /// let rules = Rules::new().judge(|reply: &String| match reply.split_once(' ') {
    ///     Some(("-LOADING", _)) => Verdict::Overloaded { pause: None },
    ///     Some(("-READONLY", _)) => Verdict::Unfit,
    ///     _ => Verdict::Success,
    /// });
    /// let connection: Pipelined<T, String, String, _> = Pipelined::with_protocol(transport, rules);
    /// # connection }
    /// ```
    pub fn with_protocol(transport: T, protocol: P) -> Self {
        Self::over(transport, protocol, InOrder::new(), IN_FLIGHT_MAX)
    }
}

/// Makes each transport a [`Pipelined`] connection: what `tcp(codec).pipelined()` of the runtime crates
/// [wraps](pool_driver::Wrapped) by. Where nothing has to be named, `Pipelined::new` does the same.
pub struct AsPipelined<T, Request, Reply, P = RepliesOnly> {
    protocol: P,
    progress_by: Option<fn(&T) -> u64>,
    _calls: PhantomData<fn(Request) -> Reply>,
}

impl<T, Request, Reply> AsPipelined<T, Request, Reply> {
    /// The connections have the default settings.
    #[must_use]
    pub fn new() -> Self {
        Self::with_protocol(RepliesOnly)
    }
}

impl<T, Request, Reply, P> AsPipelined<T, Request, Reply, P> {
    /// The connections have the default settings, and a clone of the protocol each.
    #[must_use]
    pub fn with_protocol(protocol: P) -> Self {
        Self { protocol, progress_by: None, _calls: PhantomData }
    }

    /// By what the connections know that bytes come: see [`CallConnection::progress_by`].
    #[must_use]
    pub fn progress_by(self, mark: fn(&T) -> u64) -> Self {
        Self { progress_by: Some(mark), ..self }
    }
}

impl<T, Request, Reply> Default for AsPipelined<T, Request, Reply> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, Request, Reply, P: Clone> Clone for AsPipelined<T, Request, Reply, P> {
    fn clone(&self) -> Self {
        Self { protocol: self.protocol.clone(), progress_by: self.progress_by, _calls: PhantomData }
    }
}

impl<T, Request, Reply, P: Copy> Copy for AsPipelined<T, Request, Reply, P> {}

impl<T, Request, Reply, P> fmt::Debug for AsPipelined<T, Request, Reply, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AsPipelined")
    }
}

impl<T, Request, Reply, P> Wrap<T> for AsPipelined<T, Request, Reply, P> {
    type Connection = Pipelined<T, Request, Reply, P>;

    fn wrap(self, transport: T) -> Self::Connection {
        Pipelined::with_protocol(transport, self.protocol).with_progress_by(self.progress_by)
    }
}
