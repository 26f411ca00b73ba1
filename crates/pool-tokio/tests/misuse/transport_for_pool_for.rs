//! expect: `tcp(codec).on_item(|item| …)`
use std::net::SocketAddr;
use tokio_util::codec::LinesCodec;

fn main() {
    let _pool = pool_tokio::pool_for(pool_tokio::tcp(LinesCodec::new_with_max_length(8192)))
        .connect_to_fixed([SocketAddr::from(([127, 0, 0, 1], 7001))])
        .spawn::<String>();
}
