//! TCP connections that speak a codec of tokio-util.

use std::future::Future;
use std::io;
use std::pin::Pin;

use pool_driver::{Connect, DialContext, ReadDriven, read_driven};
use tokio::net::{TcpStream, ToSocketAddrs};
use tokio_util::codec::{Decoder, Framed};

/// A connection that [`tcp`] makes.
pub type TcpConnection<D, F> = ReadDriven<Framed<TcpStream, D>, F>;

/// A connector for [`pool_for_connections`](crate::pool_for_connections): TCP with Nagle's
/// algorithm off, framed by the codec that `codec` makes for each connection. Everything the peer
/// sends goes to `on_item`, and a peer that closes is noticed without traffic.
pub fn tcp<M, D, F>(codec: M, on_item: F) -> TcpConnect<M, F>
where
    M: FnMut() -> D,
    D: Decoder,
    F: FnMut(D::Item) + Clone,
{
    TcpConnect { codec, on_item }
}

/// The connector that [`tcp`] makes.
#[derive(Clone, Debug)]
pub struct TcpConnect<M, F> {
    codec: M,
    on_item: F,
}

impl<A, M, D, F> Connect<A> for TcpConnect<M, F>
where
    A: ToSocketAddrs + Send + 'static,
    A::Future: Send,
    M: FnMut() -> D,
    D: Decoder + Send + 'static,
    F: FnMut(D::Item) + Clone + Send + 'static,
{
    type Connection = TcpConnection<D, F>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Connection>> + Send>>;

    fn connect(&mut self, address: A, _: &DialContext) -> Self::Future {
        let codec = (self.codec)();
        let on_item = self.on_item.clone();
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(read_driven(Framed::new(stream, codec), on_item))
        })
    }
}
