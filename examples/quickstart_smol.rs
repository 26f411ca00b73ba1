//! The quickstart on smol: `cargo run --example quickstart_smol`.
//!
//! The same story, the same codec and the same arguments as in `quickstart.rs`, which says what to
//! look at. Look at the difference of the two files: the executor, the crate that `tcp` and
//! `pool_for` come from, and the timer.

use std::net::SocketAddr;
use std::process::ExitCode;

use pool_examples::Quickstart;
use pool_smol::{BoxError, errors::UndeliveredReason, events::Event, tcp};
use smol::{Timer, block_on};
use tokio_util::codec::LinesCodec;

fn main() -> ExitCode {
    block_on(run()).unwrap_or_else(|error| {
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
    let pool = pool_smol::pool_for(ledger.track(connector))
        .connect_to(address_sets)
        .connections_per_address(2)
        .on_undelivered(move |line: String, reason: UndeliveredReason| undelivered.undelivered(&line, reason))
        .observer(move |event: &Event<SocketAddr>| voice.observe(event))
        .spawn::<String>()?; // on smol's global executor

    quickstart.run(pool, Timer::interval).await
}
