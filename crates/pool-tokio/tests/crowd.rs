//! A million calls over real TCP on Tokio, with two workers. It is a million in debug builds too: some seconds
//! for each kind of connection.

#[path = "../../pool-call/tests/loopback/mod.rs"]
mod loopback;
#[path = "../../pool-driver/tests/on_runtimes/crowd.rs"]
mod scenarios;

/// What the scenarios need of a runtime.
mod adapter {
    use std::io;
    use std::net::SocketAddr;

    pub(crate) use pool_tokio::call::Call;
    pub(crate) use pool_tokio::{Connection, Pipelined, Tagged, call_pool_for};

    use tokio::net::TcpStream;
    use tokio::runtime::Builder;
    use tokio_util::codec::Framed;

    use super::loopback::ClientCodec;

    pub(crate) const CALLS: usize = 1_000_000;

    pub(crate) type Transport = Framed<TcpStream, ClientCodec>;

    pub(crate) async fn dial(address: SocketAddr) -> io::Result<Transport> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Framed::new(stream, ClientCodec))
    }

    pub(crate) fn block_on<T>(test: impl Future<Output = T>) -> T {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("the system has threads").block_on(test)
    }

    /// Spawns all, and waits until they are done.
    pub(crate) async fn run_all(futures: Vec<impl Future<Output = ()> + Send + 'static>) {
        let tasks: Vec<_> = futures.into_iter().map(tokio::spawn).collect();
        for task in tasks {
            task.await.expect("nothing panics");
        }
    }
}
