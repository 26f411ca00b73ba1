//! TCP connections that speak a codec of tokio-util.

use std::io;
use std::pin::Pin;

use pool_driver::{Connect, DialContext, FramedConnector, ReadDriven, framed};
use tokio::net::{TcpStream, ToSocketAddrs};
use tokio_util::codec::{Decoder, Framed};

/// A connection that [`tcp`] makes.
pub type TcpConnection<D, F> = ReadDriven<Framed<TcpStream, D>, F>;

/// The connector that [`tcp`] makes.
pub type TcpConnector<M, F> = FramedConnector<TcpDialer, M, F>;

/// A connector for [`pool_for`](crate::pool_for): TCP with Nagle's
/// algorithm off, framed by the codec that `codec` makes for each connection. Everything the peer
/// sends goes to `on_item`, and a peer that closes is noticed without traffic.
pub fn tcp<M, D, F>(codec: M, on_item: F) -> TcpConnector<M, F>
where
    M: FnMut() -> D,
    D: Decoder,
    F: FnMut(D::Item) + Clone,
{
    framed(TcpDialer, codec, on_item)
}

/// Dials what [`tcp`] frames: byte streams over TCP, with Nagle's algorithm off.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "it has no settings")]
pub struct TcpDialer;

impl<A> Connect<A> for TcpDialer
where
    A: ToSocketAddrs + Send + 'static,
    A::Future: Send,
{
    type Connection = TcpStream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

    fn connect(&mut self, address: A, _: &DialContext) -> Self::Future {
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        })
    }
}
