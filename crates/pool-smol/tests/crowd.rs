//! 100,000 calls over real TCP on smol.

#[path = "../../pool-call/tests/loopback/mod.rs"]
mod loopback;
#[path = "../../pool-driver/tests/on_runtimes/crowd.rs"]
mod scenarios;

/// What the scenarios need of a runtime.
mod adapter {
    use std::io;
    use std::net::SocketAddr;

    pub(crate) use pool_smol::call::Call;
    pub(crate) use pool_smol::{Connection, Pipelined, Tagged, call_pool_for};
    pub(crate) use smol::block_on;

    use smol::net::TcpStream;
    use tokio_util::codec::Framed;
    use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt};

    use super::loopback::ClientCodec;

    pub(crate) const CALLS: usize = 100_000;

    pub(crate) type Transport = Framed<Compat<TcpStream>, ClientCodec>;

    pub(crate) async fn dial(address: SocketAddr) -> io::Result<Transport> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Framed::new(stream.compat(), ClientCodec))
    }

    /// Spawns all, and waits until they are done.
    pub(crate) async fn run_all(futures: Vec<impl Future<Output = ()> + Send + 'static>) {
        let tasks: Vec<_> = futures.into_iter().map(smol::spawn).collect();
        for task in tasks {
            task.await;
        }
    }
}
