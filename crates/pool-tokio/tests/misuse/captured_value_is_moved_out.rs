//! expect: FnMut
use std::net::SocketAddr;
use pool_tokio::connect::Plain;

fn main() {
    let token = "secret".to_owned();
    let _pool = pool_tokio::pool_for(async move |_address: SocketAddr| {
        let _greeting = token;
        Ok::<_, std::io::Error>(Plain::new(futures_util::sink::drain::<String>()))
    })
    .connect_to_fixed([SocketAddr::from(([127, 0, 0, 1], 7001))])
    .spawn::<String>();
}
