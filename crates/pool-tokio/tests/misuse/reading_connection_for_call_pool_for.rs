//! expect: wrap the transport by `Pipelined::new` or `Tagged::new`
use std::net::SocketAddr;
use pool_tokio::{CallPool, tcp};
use tokio_util::codec::LinesCodec;

fn main() {
    let reading = tcp(LinesCodec::new_with_max_length(8192)).on_item(|line: String| println!("{line}"));
    let _pool: Result<CallPool<String, String>, _> = pool_tokio::call_pool_for(reading)
        .connect_to_fixed([SocketAddr::from(([127, 0, 0, 1], 6379))])
        .spawn();
}
