//! Connections that speak a codec of tokio-util, over any byte stream. With the feature `codec`.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project::pin_project;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::codec::{Decoder, Framed};

use crate::seams::connect::{Connect, DialContext};
use crate::seams::connection::{ReadDriven, read_driven};

/// A connector that frames what `connector` dials, a byte stream, by the codec that `codec` makes
/// for each connection. Everything the peer sends goes to `on_item`, and a peer that closes is
/// noticed without traffic: see [`read_driven`].
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
/// // Whatever is to be done before the first item, TLS or a greeting, is part of the dial. If that
/// // reads through a buffer, return the buffered stream: what it has read ahead is not to be lost.
/// async fn dial(_address: u16) -> io::Result<DuplexStream> {
///     let (ours, _theirs) = duplex(1024);
///     Ok(ours)
/// }
///
/// let connector = framed(dial, LinesCodec::new, |line: String| println!("{line}"));
/// # fn connects_to<A>(_: impl pool_driver::Connect<A>) {}
/// # connects_to::<u16>(connector);
/// ```
///
/// The byte stream is one in Tokio's sense, and codecs are tokio-util's; neither needs Tokio to
/// run. One in the sense of `futures` becomes such with `tokio_util::compat`.
pub fn framed<C, M, D, F>(connector: C, codec: M, on_item: F) -> FramedConnector<C, M, F>
where
    M: FnMut() -> D,
    D: Decoder,
    F: FnMut(D::Item) + Clone,
{
    FramedConnector { connector, codec, on_item }
}

/// The connector that [`framed`] makes.
#[derive(Clone, Debug)]
pub struct FramedConnector<C, M, F> {
    connector: C,
    codec: M,
    on_item: F,
}

impl<A, C, M, D, F> Connect<A> for FramedConnector<C, M, F>
where
    C: Connect<A, Connection: AsyncRead + AsyncWrite>,
    M: FnMut() -> D,
    D: Decoder,
    F: FnMut(D::Item) + Clone,
{
    type Connection = ReadDriven<Framed<C::Connection, D>, F>;
    type Error = C::Error;
    type Future = FramedDial<C::Future, D, F>;

    fn connect(&mut self, address: A, context: &DialContext) -> Self::Future {
        let dial = self.connector.connect(address, context);
        FramedDial { dial, frame: Some(((self.codec)(), self.on_item.clone())) }
    }
}

/// The dial of a [`FramedConnector`].
#[derive(Debug)]
#[pin_project]
pub struct FramedDial<Dial, D, F> {
    #[pin]
    dial: Dial,
    /// What the byte stream is wrapped in, until it is there.
    frame: Option<(D, F)>,
}

impl<Dial, S, E, D, F> Future for FramedDial<Dial, D, F>
where
    Dial: Future<Output = Result<S, E>>,
    S: AsyncRead + AsyncWrite,
    D: Decoder,
{
    type Output = Result<ReadDriven<Framed<S, D>, F>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let stream = ready!(this.dial.poll(cx))?;
        let (codec, on_item) = this.frame.take().expect("a dial is not polled after its end");
        Poll::Ready(Ok(read_driven(Framed::new(stream, codec), on_item)))
    }
}
