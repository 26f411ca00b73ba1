//! Real TCP over the loopback on Tokio.

#[path = "../../pool-driver/tests/on_runtimes/tcp.rs"]
mod scenarios;

/// What the scenarios need of a runtime.
mod adapter {
    use std::io;

    pub(crate) use pool_tokio::{
        Pool,
        call::{AsPipelined, AsTagged, Call},
        call_pool_for,
        connect::{AsReadDriven, Plain, Wrapped},
        errors::ReadyError,
        pool_for, sink_pool_for, tcp,
        types::{TcpConnector, TcpTransport},
    };
    pub(crate) use tokio::net::TcpListener as Listener;
    pub(crate) use tokio::task::yield_now;

    use socket2::SockRef;
    use tokio::net::TcpStream;
    use tokio_util::codec::{Framed, LinesCodec};

    pub(crate) type Peer = Framed<TcpStream, LinesCodec>;

    pub(crate) async fn listen() -> io::Result<Listener> {
        Listener::bind("127.0.0.1:0").await
    }

    pub(crate) fn frame(stream: TcpStream) -> Peer {
        Framed::new(stream, LinesCodec::new_with_max_length(8192))
    }

    pub(crate) fn socket(transport: &TcpTransport<LinesCodec>) -> SockRef<'_> {
        SockRef::from(transport.get_ref())
    }

    pub(crate) fn block_on(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("the system has a reactor").block_on(test);
    }
}
