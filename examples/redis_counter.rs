//! Counts in three real Redis servers, and adds up: `cargo run --example redis_counter`.
//!
//! 100,000 times `INCR` with replies off: nobody confirms anything, so only the counters tell
//! what arrived. Look at the shares, which differ by a few items, and at the sum, which is exact.
//!
//! `--seconds 10` sends at a steady rate instead; one of the servers is killed in mid-run, and
//! comes back. Look at the rate, which doesn't change, and at what is missing afterwards: only
//! what the killed server held.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use pool_examples::{CounterReader, Outage};
use pool_servers::{REDIS, RealServer};
use pool_tokio::{BoxError, connect::framed};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, interval};
use tokio_util::codec::LinesCodec;

type Pool = pool_tokio::Pool<&'static str>;

/// Redis understands plain lines, too.
const COMMAND: &str = "INCR counter";
const SERVERS: usize = 3;
const CONNECTIONS_PER_SERVER: u32 = 2;
const ITEMS: u64 = 100_000;
const ITEMS_PER_SECOND: u64 = 20_000;

/// Of the items, how far from a third each server may be.
const SHARE_TOLERANCE: f64 = 0.01;

/// Time enough for the pool to notice that a server is back.
const SECONDS_MIN: u64 = 5;

#[tokio::main]
async fn main() -> ExitCode {
    run().await.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}

async fn run() -> Result<ExitCode, BoxError> {
    let mut arguments = pico_args::Arguments::from_env();
    let seconds: Option<u64> = arguments.opt_value_from_str("--seconds")?;
    if let Some(unexpected) = arguments.finish().first() {
        let unexpected = unexpected.display();
        return Err(format!("{unexpected} is not understood; see the top of redis_counter.rs").into());
    }
    if seconds.is_some_and(|seconds| seconds < SECONDS_MIN) {
        return Err(format!("--seconds takes {SECONDS_MIN} or more").into());
    }
    let Some(servers) = RealServer::start_or_skip(&REDIS, SERVERS)? else {
        return Ok(ExitCode::SUCCESS);
    };
    // The connections will never be answered. They read all the same: that is how they learn at once that their
    // server is gone.
    let connector = framed(dial, LinesCodec::new_with_max_length(8192)).on_item(|_: String| ());
    let pool = pool_tokio::pool_for(connector)
        .connect_to_fixed(servers.iter().map(RealServer::address))
        .connections_per_address(CONNECTIONS_PER_SERVER)
        .spawn::<&'static str>()?;
    // One would do to send; equal shares from the first item on need all.
    pool.ready(SERVERS * CONNECTIONS_PER_SERVER as usize).timeout(Duration::from_secs(5)).await?;

    let is_as_promised = match seconds {
        None => share_out(&pool, &servers).await?,
        Some(seconds) => survive(&pool, servers, Duration::from_secs(seconds)).await?,
    };
    Ok(if is_as_promised { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What is said to a server before the first item is part of the dial.
async fn dial(address: SocketAddr) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    stream.write_all(b"CLIENT REPLY OFF\r\n").await?;
    Ok(stream)
}

/// Sends as fast as it goes.
async fn share_out(pool: &Pool, servers: &[RealServer]) -> Result<bool, BoxError> {
    let started = Instant::now();
    for _ in 0..ITEMS {
        pool.send(COMMAND).await?;
    }
    let ended = pool.shutdown(Duration::from_secs(10)).await;
    println!("{} items sent in {:.2?}\n", ended.counts.sent, started.elapsed());

    let mut table = Table::default();
    for server in servers {
        let address = server.address();
        let sent = sent_to(pool, address);
        let counter = CounterReader::connect(address)?.read_settled(sent)?;
        table.add(address.to_string(), sent, counter);
    }
    println!("{table}");
    #[expect(clippy::cast_precision_loss, reason = "the counters are small")]
    let is_third = |counter: u64| {
        let share = counter as f64 * SERVERS as f64 / ITEMS as f64;
        (share - 1.0).abs() <= SHARE_TOLERANCE
    };
    let is_even = table.rows.iter().all(|row| is_third(row.counter));
    Ok(is_even && table.is_exact() && table.counter() == ITEMS)
}

/// Sends at a steady rate, while a server is killed and comes back.
async fn survive(pool: &Pool, mut servers: Vec<RealServer>, duration: Duration) -> Result<bool, BoxError> {
    let handle = pool.clone();
    let watcher = thread::spawn(move || {
        let outage = Outage::watch(&handle, &mut servers[0], duration);
        outage.map(|outage| (outage, servers))
    });
    let mut tick = interval(Duration::from_millis(1));
    while !watcher.is_finished() {
        tick.tick().await;
        for _ in 0..ITEMS_PER_SECOND / 1000 {
            pool.send(COMMAND).await?;
        }
    }
    let (outage, servers) = watcher.join().map_err(|_| "the watcher panicked")??;
    pool.shutdown(Duration::from_secs(10)).await;
    println!("{} is killed and comes back.\n\n{outage}", outage.victim);

    let mut table = Table::default();
    for server in &servers {
        let address = server.address();
        let mut sent = sent_to(pool, address);
        let mut name = address.to_string();
        if address == outage.victim {
            sent -= outage.sent_before;
            name.push_str(", back");
        }
        table.add(name, sent, CounterReader::connect(address)?.read_settled(sent)?);
    }
    println!("{table}");
    let Outage { victim, sent_before, counter_before, .. } = outage;
    println!("{victim} was sent {sent_before} items before, and had counted {counter_before} of them");
    println!("at the last look: at most {} went with it.", sent_before - counter_before);
    let picked_up = outage.picked_up_after();
    match picked_up {
        Some(after) => println!("Its return was noticed after {} ms.", after.as_millis()),
        None => println!("Its return was not noticed."),
    }
    Ok(picked_up.is_some() && table.is_exact())
}

fn sent_to(pool: &Pool, address: SocketAddr) -> u64 {
    let addresses = pool.snapshot().addresses;
    addresses.iter().find(|row| *row.address == address).map_or(0, |row| row.sent)
}

/// What the pool says, and what the servers say.
#[derive(Default)]
struct Table {
    rows: Vec<Row>,
}

struct Row {
    name: String,
    sent: u64,
    counter: u64,
}

impl Table {
    fn add(&mut self, name: String, sent: u64, counter: u64) {
        self.rows.push(Row { name, sent, counter });
    }

    fn sent(&self) -> u64 {
        self.rows.iter().map(|row| row.sent).sum()
    }

    fn counter(&self) -> u64 {
        self.rows.iter().map(|row| row.counter).sum()
    }

    fn is_exact(&self) -> bool {
        self.rows.iter().all(|row| row.sent == row.counter && row.counter > 0)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<24} {:>9} {:>9}", "server", "sent", "counter")?;
        for Row { name, sent, counter } in &self.rows {
            writeln!(f, "{name:<24} {sent:>9} {counter:>9}")?;
        }
        writeln!(f, "{:<24} {:>9} {:>9}", "sum", self.sent(), self.counter())
    }
}
