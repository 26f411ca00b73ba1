//! TCP connections that speak a codec of tokio-util.

use std::io;
use std::pin::Pin;
use std::time::Duration;

#[cfg(feature = "call")]
use pool_call::{AsPipelined, AsTagged, Protocol};
#[cfg(feature = "call")]
use pool_driver::buffered_bytes;
use pool_driver::{AsFramed, AsReadDriven, Connect, DialContext, TcpOptions, Wrapped, WrappedDial};
use tokio::net::{TcpStream, ToSocketAddrs};
use tokio_util::codec::{Decoder, Framed};

/// What [`tcp`] connects to a peer: a sink of what the codec encodes, and a stream of what it decodes.
pub type TcpTransport<D> = Framed<TcpStream, D>;

/// A connector over TCP that gives each connection a clone of `codec`.
///
/// It makes [`TcpTransport`]s, which become connections by what the peer's words are for:
/// [`on_item`](TcpConnector::on_item) gives them to a handler. A pool of plain sinks takes the connector as it
/// is, for peers that say nothing: it never reads.
#[cfg_attr(
    feature = "call",
    doc = "[`pipelined`](TcpConnector::pipelined) and [`tagged`](TcpConnector::tagged) take them for the answers of calls."
)]
///
/// ```
/// use std::net::SocketAddr;
/// use std::time::Duration;
///
/// use pool_tokio::{BuildError, Pool, pool_for, tcp};
/// use tokio_util::codec::LinesCodec;
///
/// fn pool_of_lines(addresses: Vec<SocketAddr>) -> Result<Pool<String>, BuildError> {
///     // A codec without a bound lets a peer fill the memory.
///     let connector = tcp(LinesCodec::new_with_max_length(8192))
///         .keep_alive(Duration::from_secs(30))
///         .user_timeout(Duration::from_secs(20))
///         .on_item(|line: String| println!("{line}"));
///     pool_for(connector).connect_to_fixed(addresses).spawn()
/// }
/// ```
///
/// An address is whatever Tokio can connect to: a `SocketAddr`, or a host's name and a port, which the dial looks
/// up.
pub fn tcp<D: Clone>(codec: D) -> TcpConnector<D> {
    TcpConnector { options: TcpOptions::default(), codec }
}

/// The connector that [`tcp`] makes.
#[derive(Clone, Debug)]
#[must_use = "a connector does nothing without a pool"]
pub struct TcpConnector<D> {
    options: TcpOptions,
    codec: D,
}

impl<D> TcpConnector<D> {
    /// [`TcpOptions::nodelay`]: on by default.
    pub fn nodelay(mut self, nodelay: bool) -> Self {
        self.options = self.options.nodelay(nodelay);
        self
    }

    /// [`TcpOptions::keep_alive`]: off by default.
    pub fn keep_alive(mut self, interval: Duration) -> Self {
        self.options = self.options.keep_alive(interval);
        self
    }

    /// [`TcpOptions::user_timeout`]: the system's by default; ignored where the system has none.
    pub fn user_timeout(mut self, timeout: Duration) -> Self {
        self.options = self.options.user_timeout(timeout);
        self
    }

    /// A connector of connections that read: everything the peer sends goes to a clone of `on_item`, and a peer
    /// that closes is noticed without traffic. See [`read_driven`](crate::connect::read_driven).
    pub fn on_item<F>(self, on_item: F) -> Wrapped<Self, AsReadDriven<F>>
    where
        D: Decoder,
        F: FnMut(D::Item) + Clone,
    {
        Wrapped::new(self, AsReadDriven::new(on_item))
    }

    /// A connector of connections for calls whose replies come in the order of the requests: see
    /// [`Pipelined`](pool_call::Pipelined), whose settings are made by
    /// `Wrapped::new(tcp(codec), |transport| Pipelined::new(transport).in_flight_max(8))`.
    #[cfg(feature = "call")]
    pub fn pipelined<Request>(self) -> Wrapped<Self, AsPipelined<TcpTransport<D>, Request, D::Item>>
    where
        D: Decoder,
    {
        Wrapped::new(self, AsPipelined::new().progress_by(buffered_bytes))
    }

    /// As [`pipelined`](Self::pipelined), with a clone of `protocol` for each connection: it says what a peer may send
    /// besides replies, and what replies mean. See [`Protocol`].
    ///
    /// ```
    /// use pool_tokio::call::Rules;
    /// use pool_tokio::connect::Verdict;
    /// use pool_tokio::{BuildError, CallPool, call_pool_for, tcp};
    /// use tokio_util::codec::LinesCodec;
    ///
    /// fn pool(addresses: Vec<std::net::SocketAddr>) -> Result<CallPool<String, String>, BuildError> {
    ///     let rules = Rules::new().judge(|reply: &String| match &**reply {
    ///         "busy" => Verdict::Overloaded { pause: None },
    ///         _ => Verdict::Success,
    ///     });
    ///     let connector = tcp(LinesCodec::new_with_max_length(8192)).pipelined_with(rules);
    ///     call_pool_for(connector).connect_to_fixed(addresses).spawn()
    /// }
    /// ```
    #[cfg(feature = "call")]
    pub fn pipelined_with<Request, P>(
        self,
        protocol: P,
    ) -> Wrapped<Self, AsPipelined<TcpTransport<D>, Request, P::Reply, P>>
    where
        D: Decoder,
        P: Protocol<Request, D::Item> + Clone,
    {
        Wrapped::new(self, AsPipelined::with_protocol(protocol).progress_by(buffered_bytes))
    }

    /// A connector of connections for calls whose replies carry the ids of the requests: `stamp` puts an id into
    /// a request, `id_of` reads it from a reply. See [`Tagged`](pool_call::Tagged).
    #[cfg(feature = "call")]
    #[expect(clippy::type_complexity, reason = "all that it is made of")]
    pub fn tagged<Request, Stamp, IdOf>(
        self,
        stamp: Stamp,
        id_of: IdOf,
    ) -> Wrapped<Self, AsTagged<TcpTransport<D>, Request, D::Item, Stamp, IdOf>>
    where
        D: Decoder,
        Stamp: FnMut(&mut Request, u32) + Clone,
        IdOf: FnMut(&D::Item) -> Option<u32> + Clone,
    {
        Wrapped::new(self, AsTagged::new(stamp, id_of).progress_by(buffered_bytes))
    }

    /// As [`tagged`](Self::tagged), with a clone of `protocol` for each connection, as
    /// [`pipelined_with`](Self::pipelined_with) has it.
    #[cfg(feature = "call")]
    #[expect(clippy::type_complexity, reason = "all that it is made of")]
    pub fn tagged_with<Request, Stamp, IdOf, P>(
        self,
        stamp: Stamp,
        id_of: IdOf,
        protocol: P,
    ) -> Wrapped<Self, AsTagged<TcpTransport<D>, Request, P::Reply, Stamp, IdOf, P>>
    where
        D: Decoder,
        Stamp: FnMut(&mut Request, u32) + Clone,
        IdOf: FnMut(&P::Reply) -> Option<u32> + Clone,
        P: Protocol<Request, D::Item> + Clone,
    {
        Wrapped::new(self, AsTagged::with_protocol(stamp, id_of, protocol).progress_by(buffered_bytes))
    }
}

impl<A, D> Connect<A> for TcpConnector<D>
where
    A: ToSocketAddrs + Send + 'static,
    A::Future: Send,
    D: Clone,
{
    type Connection = TcpTransport<D>;
    type Error = io::Error;
    type Future = WrappedDial<<TcpDialer as Connect<A>>::Future, AsFramed<D>>;

    fn connect(&mut self, address: A, context: &DialContext) -> Self::Future {
        let dial = TcpDialer::new(self.options).connect(address, context);
        WrappedDial::new(dial, AsFramed::new(self.codec.clone()))
    }
}

/// A connector of byte streams over TCP, for what [`tcp`] is not enough for: TLS, a greeting.
///
/// ```
/// use pool_tokio::connect::framed;
/// use pool_tokio::types::TcpDialer;
/// use tokio_util::codec::LinesCodec;
///
/// // What `tcp(codec)` does.
/// let connector = framed(TcpDialer::default(), LinesCodec::new_with_max_length(8192));
/// # fn connects_to<A>(_: impl pool_tokio::connect::Connect<A>) {}
/// # connects_to::<std::net::SocketAddr>(connector);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpDialer {
    options: TcpOptions,
}

impl TcpDialer {
    /// Each socket gets these options.
    #[must_use]
    pub fn new(options: TcpOptions) -> Self {
        Self { options }
    }
}

impl<A> Connect<A> for TcpDialer
where
    A: ToSocketAddrs + Send + 'static,
    A::Future: Send,
{
    type Connection = TcpStream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

    fn connect(&mut self, address: A, _: &DialContext) -> Self::Future {
        let options = self.options;
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            options.apply_to(&stream)?;
            Ok(stream)
        })
    }
}
