//! expect: use `sink_pool_for`
use std::net::SocketAddr;
use tokio_util::codec::{FramedWrite, LinesCodec};

fn main() {
    let _pool = pool_tokio::pool_for(|address: SocketAddr| async move {
        let stream = tokio::net::TcpStream::connect(address).await?;
        Ok::<_, std::io::Error>(FramedWrite::new(stream, LinesCodec::new_with_max_length(8192)))
    })
    .connect_to_fixed([SocketAddr::from(([127, 0, 0, 1], 7001))])
    .spawn::<String>();
}
