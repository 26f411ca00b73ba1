//! Four servers, one pool, and all that can happen to an address: `cargo run --example quickstart`.
//!
//! Numbered lines go out at a steady pace. Meanwhile one address leaves the set, one server dies
//! without a word and comes back, and a new address joins. Look at
//! - the table after each headline: who is connected, who is in backoff, who was sent what;
//! - the senders, which have no part in any of this: they just send;
//! - the last table: only what the dead server took with it is missing, line by line.
//!
//! `--connect HOST:PORT,HOST:PORT` sends to servers of yours for five seconds instead.
//!
//! The pool is made here; the servers, the senders and the tables are in `support/quickstart.rs`.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use futures_util::stream::{Stream, poll_fn};
use pool_examples::Quickstart;
use pool_tokio::{BoxError, errors::UndeliveredReason, events::Event, tcp};
use tokio_util::codec::LinesCodec;

#[tokio::main]
async fn main() -> ExitCode {
    run().await.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}

async fn run() -> Result<ExitCode, BoxError> {
    let (quickstart, address_sets) = Quickstart::from_arguments()?;
    let (ledger, voice) = (quickstart.ledger(), quickstart.voice());
    let (answers, undelivered) = (ledger.clone(), ledger.clone());

    // Lines out; every line that comes back goes to the closure.
    let connector =
        tcp(LinesCodec::new_with_max_length(8192)).on_item(move |_answer: String| answers.answered());
    let pool = pool_tokio::pool_for(ledger.track(connector))
        .connect_to(address_sets)
        .connections_per_address(2)
        .on_undelivered(move |line: String, reason: UndeliveredReason| undelivered.undelivered(&line, reason))
        .observer(move |event: &Event<SocketAddr>| voice.observe(event))
        .spawn::<String>()?;

    quickstart.run(pool, ticks).await
}

/// The pace of a sender.
fn ticks(period: Duration) -> impl Stream + Unpin {
    let mut interval = tokio::time::interval(period);
    poll_fn(move |cx| interval.poll_tick(cx).map(Some))
}
