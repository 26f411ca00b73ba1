//! Real TCP over the loopback on smol, with a codec that knows nothing of smol.

#[path = "../../pool-driver/tests/on_runtimes/tcp.rs"]
mod scenarios;

/// What the scenarios need of a runtime.
mod adapter {
    use std::io;

    pub(crate) use pool_smol::{
        Pool,
        call::{AsPipelined, AsTagged, Call},
        call_pool_for,
        connect::{AsReadDriven, Plain, Wrapped},
        errors::ReadyError,
        pool_for, sink_pool_for, tcp,
        types::{TcpConnector, TcpTransport},
    };
    pub(crate) use smol::block_on;
    pub(crate) use smol::future::yield_now;
    pub(crate) use smol::net::TcpListener as Listener;

    use smol::net::TcpStream;
    use socket2::SockRef;
    use tokio_util::codec::{Framed, LinesCodec};
    use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt};

    pub(crate) type Peer = Framed<Compat<TcpStream>, LinesCodec>;

    pub(crate) async fn listen() -> io::Result<Listener> {
        Listener::bind("127.0.0.1:0").await
    }

    pub(crate) fn frame(stream: TcpStream) -> Peer {
        Framed::new(stream.compat(), LinesCodec::new_with_max_length(8192))
    }

    pub(crate) fn socket(transport: &TcpTransport<LinesCodec>) -> SockRef<'_> {
        SockRef::from(transport.get_ref().get_ref())
    }
}
