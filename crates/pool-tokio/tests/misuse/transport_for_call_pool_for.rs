//! expect: wrap the transport by `Pipelined::new` or `Tagged::new`
use std::net::SocketAddr;
use pool_tokio::CallPool;
use tokio_util::codec::LinesCodec;

fn main() {
    let _pool: Result<CallPool<String, String>, _> =
        pool_tokio::call_pool_for(pool_tokio::tcp(LinesCodec::new_with_max_length(8192)))
            .connect_to_fixed([SocketAddr::from(([127, 0, 0, 1], 6379))])
            .spawn();
}
