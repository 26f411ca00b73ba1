//! expect: can't run a pool's driver on the runtime
use std::net::SocketAddr;

fn main() {
    let _pool = pool_tokio::sink_pool_for(async |_: SocketAddr| {
        Ok::<_, std::io::Error>(futures_util::sink::drain::<String>())
    })
    .connect_to_fixed([SocketAddr::from(([127, 0, 0, 1], 7001))])
    .spawn_on::<String>(std::thread::current());
}
