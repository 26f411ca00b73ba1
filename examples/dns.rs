//! Follows a name in DNS: `cargo run --example dns -- some.name:80`.
//!
//! It connects to every address that the name has, and prints a table whenever something has changed:
//! who is there, in which state, and what share of the lines each was sent.
//! - `some.name:80` is a host with A and AAAA records; `_service._tcp.some.name` is a service with SRV
//!   records, which have ports, priorities and weights;
//! - `--server 127.0.0.1:5353` asks this name server, in place of those of `/etc/resolv.conf`;
//! - `--send` sends a line every 10 ms, for servers that like lines. Look at the shares then.
//!
//! "Follow a name" in the README starts a name server whose records can be changed meanwhile.

use std::fmt::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use pico_args::Arguments;
use pool_resolve::{Dns, DnsName, Resolve};
use pool_tokio::{BoxError, Pool, TokioRuntime, events::Snapshot, tcp};
use tokio_util::codec::BytesCodec;

const PACE: Duration = Duration::from_millis(10);

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let Options { name, server, is_sending } = Options::from_arguments()?;
    let dns = match server {
        Some(server) => Dns::with_servers([server], TokioRuntime::new())?,
        None => Dns::system(TokioRuntime::new())?,
    };

    // Whatever comes back is thrown away.
    let pool = pool_tokio::pool_for(tcp(BytesCodec::new()).on_item(|_| ()))
        .follow(dns.subscribe(&name))
        .spawn::<Bytes>()?;

    println!("{name}");
    show_changes(&pool, is_sending).await
}

struct Options {
    name: DnsName,
    server: Option<SocketAddr>,
    is_sending: bool,
}

impl Options {
    fn from_arguments() -> Result<Self, BoxError> {
        let mut arguments = Arguments::from_env();
        let server = arguments.opt_value_from_str("--server")?;
        let is_sending = arguments.contains("--send");
        let name = arguments.free_from_str()?;
        match arguments.finish().first() {
            Some(unexpected) => Err(format!("{} is not understood", unexpected.display()).into()),
            None => Ok(Self { name, server, is_sending }),
        }
    }
}

/// Looks at the pool again and again; an observer would be told, but has no use for so many tables.
async fn show_changes(pool: &Pool<Bytes>, is_sending: bool) -> Result<(), BoxError> {
    let mut pace = tokio::time::interval(PACE);
    let mut shown = String::new();
    loop {
        pace.tick().await;
        if is_sending {
            // Nothing can take more while nobody is connected.
            let _ = pool.try_send(Bytes::from_static(b"hello\n"));
        }
        let snapshot = pool.snapshot();
        let states = states(&snapshot)?;
        if states != shown {
            print!("{}", Table(&snapshot));
            shown = states;
        }
    }
}

/// All that is worth a new table: not how much was sent, nor how long ago anything was.
fn states(snapshot: &Snapshot<SocketAddr>) -> Result<String, fmt::Error> {
    let mut text = format!("{:?} ", snapshot.source.state);
    for row in &snapshot.addresses {
        let status = &row.status;
        let is_open = status.slots.connected() > 0;
        write!(text, "{} {is_open} {} {} ", row.address, status.priority, status.weight)?;
        write!(text, "{} {} ", status.slots.draining, status.failures)?;
    }
    Ok(text)
}

/// What `Snapshot` prints, and priorities, weights and shares.
struct Table<'a>(&'a Snapshot<SocketAddr>);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Snapshot { addresses, counts, source, .. } = self.0;
        writeln!(f, "\nname service: {source}")?;
        writeln!(
            f,
            "{:<24} {:<9} {:>8} {:>6} {:>5} {:>6} {:>6}  last error",
            "address", "state", "priority", "weight", "open", "lines", "share"
        )?;
        for row in addresses {
            let status = &row.status;
            let (address, open) = (row.address.to_string(), status.slots.connected());
            let percent = row.sent * 100 / counts.sent.max(1);
            write!(f, "{address:<24} {:<9} {:>8} ", status.state, status.priority)?;
            write!(f, "{:>6} {open:>5} {:>6} {percent:>5}%  ", status.weight, row.sent)?;
            match &row.last_error {
                Some(error) => writeln!(f, "{error}")?,
                None => writeln!(f, "-")?,
            }
        }
        Ok(())
    }
}
