//! Four servers, one pool, and all that can happen to an address: `cargo run --example quickstart`.
//!
//! Numbered lines go out at a steady pace. Meanwhile one address leaves the set, one server dies
//! without a word and comes back, and a new address joins. Look at
//! - the table after each headline: who is connected, who is in backoff, who was handed what;
//! - the senders, which have no part in any of this: they just send;
//! - the last table: only what the dead server took with it is missing, line by line.
//!
//! `--connect HOST:PORT,HOST:PORT` sends to servers of yours for five seconds instead.

use std::convert::Infallible;
use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use futures_channel::mpsc;
use futures_util::future::try_join_all;
use pool_examples::{Ledger, Narrator, Story};
use pool_tokio::{BoxError, Event, Pool, SendError, UndeliveredReason, tcp};
use tokio::time::{Instant, interval};
use tokio_util::codec::LinesCodec;

const SENDERS: usize = 4;
/// Each sender's pace.
const PAUSE: Duration = Duration::from_millis(8);

#[tokio::main]
async fn main() -> ExitCode {
    run().await.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}

async fn run() -> Result<ExitCode, BoxError> {
    let mut arguments = pico_args::Arguments::from_env();
    let addresses: Option<String> = arguments.opt_value_from_str("--connect")?;
    if let Some(unexpected) = arguments.finish().first() {
        let unexpected = unexpected.display();
        return Err(format!("{unexpected} is not understood; see the top of quickstart.rs").into());
    }
    match addresses {
        Some(addresses) => send_to(&addresses).await,
        None => tell_story().await,
    }
}

/// Sends to servers that change under the pool's feet.
async fn tell_story() -> Result<ExitCode, BoxError> {
    let ledger = Ledger::default();
    let (narrator, voice) = Narrator::new();
    let (names, address_sets) = mpsc::unbounded();
    let publish = move |set| Ok(names.unbounded_send(Ok::<_, Infallible>(set))?);
    let story = Story::prepare(&ledger, voice.clone(), publish)?;

    let answers = ledger.clone();
    let undelivered = ledger.clone();
    let connector = tcp(LinesCodec::new, move |_answer| answers.answered());
    let pool = pool_tokio::pool_for_connections(ledger.track(connector))
        .connect_to(address_sets)
        .connections_per_address(2)
        .on_undelivered(move |line: String, reason: UndeliveredReason| undelivered.undelivered(&line, reason))
        .observer(move |event: &Event<SocketAddr>| voice.observe(event))
        .spawn::<String>()?;

    let snapshots = pool.clone();
    let narrator = narrator.start(move || snapshots.snapshot());
    let story = thread::spawn(|| story.tell());
    pool.ready().await?;
    send_lines(&pool, &ledger, || story.is_finished()).await?;

    let story = story.join().map_err(|_| "the story panicked")??;
    let ended = pool.shutdown(Duration::from_secs(5)).await;
    story.end()?;
    narrator.join().map_err(|_| "the narrator panicked")?;

    let report = ledger.report();
    println!("{report}");
    let counts = ended.counts;
    let is_agreed = (counts.accepted, counts.handed, counts.undelivered)
        == (report.sent as u64, report.handed as u64, report.undelivered as u64);
    if !is_agreed {
        println!("the pool says otherwise: {counts:?}");
    }
    Ok(if report.is_balanced() && is_agreed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Sends to servers that somebody else started.
async fn send_to(addresses: &str) -> Result<ExitCode, BoxError> {
    let mut resolved = Vec::new();
    for address in addresses.split(',') {
        resolved.extend(address.to_socket_addrs()?);
    }
    let pool = pool_tokio::pool_for_connections(tcp(LinesCodec::new, |_answer| {}))
        .connect_to_fixed(resolved)
        .connections_per_address(2)
        .spawn::<String>()?;
    pool.ready().await?;
    let end = Instant::now() + Duration::from_secs(5);
    send_lines(&pool, &Ledger::default(), || Instant::now() >= end).await?;
    pool.shutdown(Duration::from_secs(5)).await;
    println!("{}", pool.snapshot());
    Ok(ExitCode::SUCCESS)
}

/// All that a user of a pool has to do: `pool.send(item).await`.
async fn send_lines(
    pool: &Pool<String>,
    ledger: &Ledger,
    is_over: impl Fn() -> bool,
) -> Result<(), SendError<String>> {
    let send = async || {
        let mut pause = interval(PAUSE);
        while !is_over() {
            pause.tick().await;
            pool.send(ledger.write_line()).await?;
        }
        Ok(())
    };
    try_join_all((0..SENDERS).map(|_| send())).await.map(drop)
}
