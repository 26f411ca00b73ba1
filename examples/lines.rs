//! The shortest useful program: `cargo run --example lines`.
//!
//! It sends a thousand lines to two servers (which it starts itself), prints who has what, and
//! shuts down. Look at the shares: equal, but for the lines that went out before the second server
//! was connected.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

use pool_tokio::{errors::UndeliveredReason, tcp};
use tokio_util::codec::LinesCodec;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let servers = [start_server()?, start_server()?];

    // Lines out; every line that comes back goes to the closure.
    let connector = tcp(LinesCodec::new_with_max_length(8192)).on_item(|line: String| println!("{line}"));
    let pool = pool_tokio::pool_for(connector)
        .connect_to_fixed(servers)
        .connections_per_address(2)
        .on_undelivered(|line: String, reason: UndeliveredReason| {
            eprintln!("not delivered, {reason}: {line}");
        })
        .spawn::<String>()?;

    pool.ready(1).timeout(Duration::from_secs(5)).await?;
    for number in 0..1000 {
        pool.send(format!("line {number}")).await?; // waits while nothing can take more
    }
    println!("{}", pool.snapshot()); // who has what, as a table
    println!("{:?}", pool.shutdown(Duration::from_secs(5)).await);
    Ok(())
}

/// Reads lines and says how many there were when the client has sent its last.
fn start_server() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let count = BufReader::new(&stream).lines().map_while(Result::ok).count();
                // The client may be gone.
                let _ = writeln!(&stream, "{address} has read {count} lines");
            });
        }
    });
    Ok(address)
}
