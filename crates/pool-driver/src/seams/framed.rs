//! Transports that speak a codec of tokio-util, over any byte stream. With the feature `codec`.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::codec::{Decoder, Framed};

use crate::seams::read_driven::AsReadDriven;
use crate::seams::wrap::{Wrap, Wrapped};

/// A connector that frames what `connector` dials, a byte stream, by a clone of `codec` for each connection.
///
/// It makes transports: sinks of what the codec encodes that are streams of what it decodes. A transport
/// becomes a connection by what the peer's words are for:
///
/// - [`on_item`](Wrapped::on_item) gives them to a handler, and notices without traffic that a peer is gone.
/// - A pool of plain sinks ([`PoolBuilder::plain`](crate::PoolBuilder::plain)) takes the connector as it is. It
///   never reads: that is for peers that say nothing.
/// - `Pipelined` and `Tagged` of `pool-call` take them for answers: `Wrapped::new(connector, |framed|
///   Pipelined::new(framed).progress_by(buffered_bytes))`.
///
/// The runtime crates have `tcp`, which is this over their TCP. For all else, dial yourself:
///
/// ```
/// use std::io;
///
/// use pool_driver::framed;
/// use tokio::io::{DuplexStream, duplex};
/// use tokio_util::codec::LinesCodec;
///
/// // What has to be done before the first item, TLS or a greeting, is part of the dial. If that
/// // reads through a buffer, return the buffered stream: what it has read ahead is not to be lost.
/// async fn dial(_address: u16) -> io::Result<DuplexStream> {
///     let (ours, _theirs) = duplex(1024);
///     Ok(ours)
/// }
///
/// // A codec without a bound lets a peer fill the memory.
/// let codec = LinesCodec::new_with_max_length(8192);
/// let connector = framed(dial, codec).on_item(|line: String| println!("{line}"));
/// # fn connects_to<A>(_: impl pool_driver::Connect<A, Connection: pool_driver::Connection<String>>) {}
/// # connects_to::<u16>(connector);
/// ```
///
/// The byte stream is one in Tokio's sense, and codecs are tokio-util's; neither needs Tokio to
/// run. One in the sense of `futures` becomes such with `tokio_util::compat`.
pub fn framed<C, D>(connector: C, codec: D) -> Wrapped<C, AsFramed<D>> {
    Wrapped::new(connector, AsFramed::new(codec))
}

/// How many bytes a transport has read that are no whole item yet.
///
/// While an item trickles in, this grows: a peer that sends it is alive. It is what `progress_by` of the connections of
/// `pool-call` takes for transports that are framed. A codec that keeps what it has decoded to itself, and leaves
/// nothing in the buffer, needs a measure of its own.
///
/// ```
/// use futures_util::{FutureExt, StreamExt};
/// use pool_driver::buffered_bytes;
/// use tokio::io::{AsyncWriteExt, duplex};
/// use tokio_util::codec::{Framed, LinesCodec};
///
/// # async {
/// let (ours, mut theirs) = duplex(1024);
/// let mut lines = Framed::new(ours, LinesCodec::new());
/// theirs.write_all(b"hel").await?;
/// assert!(lines.next().now_or_never().is_none());
/// assert_eq!(buffered_bytes(&lines), 3);
/// # std::io::Result::Ok(()) }.now_or_never().expect("there is room")?;
/// # std::io::Result::Ok(())
/// ```
pub fn buffered_bytes<S, D>(framed: &Framed<S, D>) -> u64 {
    framed.read_buffer().len() as u64
}

/// Frames each byte stream by its codec: see [`framed`].
#[derive(Clone, Debug)]
pub struct AsFramed<D> {
    codec: D,
}

impl<D> AsFramed<D> {
    /// Each byte stream gets a clone of `codec`.
    pub fn new(codec: D) -> Self {
        Self { codec }
    }
}

impl<S: AsyncRead + AsyncWrite, D> Wrap<S> for AsFramed<D> {
    type Connection = Framed<S, D>;

    fn wrap(self, stream: S) -> Framed<S, D> {
        Framed::new(stream, self.codec)
    }
}

impl<C, D> Wrapped<C, AsFramed<D>> {
    /// A connector of connections that read: everything the peer sends goes to a clone of `on_item`, and a peer
    /// that closes is noticed without traffic. See [`read_driven`](crate::read_driven).
    pub fn on_item<F>(self, on_item: F) -> Wrapped<Self, AsReadDriven<F>>
    where
        D: Decoder,
        F: FnMut(D::Item) + Clone,
    {
        Wrapped::new(self, AsReadDriven::new(on_item))
    }
}
