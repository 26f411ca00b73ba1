//! Request-reply with three real Redis servers, on smol: `cargo run --example redis_get_smol`.
//!
//! The same codec and the same calls as in `redis_get.rs`, which says what to look at. Look at the
//! difference of the two files: the executor, and the crates that pool and stream come from.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use pool_examples::{Command, Reply, RespCodec, redis_tour};
use pool_servers::{REDIS, RealServer};
use pool_smol::{BoxError, BuildError, CallTimeoutExt, Pipelined, Pool, call::Call};
use smol::{block_on, net::TcpStream};
use tokio_util::codec::Framed;
use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt};

fn main() -> Result<(), BoxError> {
    let Some(servers) = RealServer::start_or_skip(&REDIS, 3)? else { return Ok(()) };
    block_on(async {
        let pool = pool(&servers)?;
        let ping = pool.call_timeout(Command::new("PING"), Duration::from_secs(5));
        println!("PING              {:?}", ping.await?);
        redis_tour(&servers, &pool, connect).await
    })
}

pub(crate) fn pool(servers: &[RealServer]) -> Result<Pool<Call<Command, Reply>>, BuildError> {
    pool_smol::call_pool_for(connect)
        .connect_to_fixed(servers.iter().map(RealServer::address))
        .connections_per_address(2)
        .spawn::<Call<Command, Reply>>()
}

pub(crate) async fn connect(
    address: SocketAddr,
) -> io::Result<Pipelined<Framed<Compat<TcpStream>, RespCodec>, Command, Reply>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(Pipelined::new(Framed::new(stream.compat(), RespCodec::default())))
}
