//! What the quickstarts do on any runtime, which is all but making the pool.

use std::convert::Infallible;
use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use futures_channel::mpsc;
use futures_util::future::try_join_all;
use futures_util::{Stream, StreamExt};
use pool_driver::{AddressSet, BoxError, Ended, Pool, SendError};

use crate::ledger::{Ledger, Report};
use crate::narrator::{Narrator, Voice};
use crate::story::Story;

/// What a name service says: a stream of address sets, which never fails here.
type AddressSets = mpsc::UnboundedReceiver<Result<AddressSet<SocketAddr>, Infallible>>;

/// The name service's end of that stream.
type AddressSender = mpsc::UnboundedSender<Result<AddressSet<SocketAddr>, Infallible>>;

/// The servers, and what records and tells what happens to them.
#[derive(Debug)]
pub struct Quickstart {
    ledger: Ledger,
    narrator: Narrator,
    voice: Voice,
    servers: Servers,
}

#[derive(Debug)]
enum Servers {
    /// They change under the pool's feet.
    Own(Box<Story>),
    /// Those of `--connect`. The pool would shut down if the stream of address sets ended.
    Given(AddressSender),
}

const SENDERS: usize = 4;
/// Each sender's pace.
const PAUSE: Duration = Duration::from_millis(8);
/// How long it sends to servers that it was given.
const VISIT: Duration = Duration::from_secs(5);
const SHUTDOWN: Duration = Duration::from_secs(5);

impl Quickstart {
    /// Starts the servers, unless the command line names some; and returns the address sets.
    ///
    /// # Errors
    ///
    /// When the command line makes no sense, or a server can't be started.
    pub fn from_arguments() -> Result<(Self, AddressSets), BoxError> {
        let mut arguments = pico_args::Arguments::from_env();
        let addresses: Option<String> = arguments.opt_value_from_str("--connect")?;
        if let Some(unexpected) = arguments.finish().first() {
            let unexpected = unexpected.display();
            return Err(format!("{unexpected} is not understood; see the top of quickstart.rs").into());
        }
        let ledger = Ledger::default();
        let (narrator, voice) = Narrator::new();
        let (servers, address_sets) = match addresses {
            Some(addresses) => given(&addresses)?,
            None => own(&ledger, voice.clone())?,
        };
        Ok((Self { ledger, narrator, voice, servers }, address_sets))
    }

    /// The record of every line.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.ledger.clone()
    }

    /// The one to be told what the pool does.
    #[must_use]
    pub fn voice(&self) -> Voice {
        self.voice.clone()
    }

    /// Sends through the pool until all is told, and shuts it down. `ticks` makes a runtime's
    /// stream that has an item at the end of each period.
    ///
    /// # Errors
    ///
    /// When nothing can be reached, or a server fails.
    pub async fn run<T: Stream + Unpin>(
        self,
        pool: Pool<String>,
        ticks: impl Fn(Duration) -> T,
    ) -> Result<ExitCode, BoxError> {
        let Self { ledger, narrator, voice, servers } = self;
        let story = match servers {
            Servers::Own(story) => story,
            Servers::Given(address_sets) => {
                visit(&pool, &ledger, ticks).await?;
                drop(address_sets);
                return Ok(ExitCode::SUCCESS);
            }
        };
        let snapshots = pool.downgrade();
        let narrator = narrator.start(move || snapshots.snapshot());
        drop(voice);
        let story = thread::spawn(|| story.tell());
        pool.ready(1).timeout(Duration::from_secs(5)).await?;
        send_lines(&pool, &ledger, ticks, || story.is_finished()).await?;

        let story = story.join().map_err(|_| "the story panicked")??;
        let ended = pool.shutdown(SHUTDOWN).await;
        story.end()?;
        narrator.join().map_err(|_| "the narrator panicked")?;
        Ok(verdict(&ledger.report(), ended))
    }
}

/// Servers that the story is about.
fn own(ledger: &Ledger, voice: Voice) -> Result<(Servers, AddressSets), BoxError> {
    let (names, address_sets) = mpsc::unbounded();
    let publish = move |set| Ok(names.unbounded_send(Ok(set))?);
    let story = Story::prepare(ledger, voice, publish)?;
    Ok((Servers::Own(Box::new(story)), address_sets))
}

/// Servers that somebody else started.
fn given(addresses: &str) -> Result<(Servers, AddressSets), BoxError> {
    let mut resolved: Vec<SocketAddr> = Vec::new();
    for address in addresses.split(',') {
        resolved.extend(address.to_socket_addrs()?);
    }
    let (names, address_sets) = mpsc::unbounded();
    names.unbounded_send(Ok(resolved.into_iter().collect()))?;
    Ok((Servers::Given(names), address_sets))
}

/// Sends to servers of which nothing is known, and shows who was sent what.
async fn visit<T: Stream + Unpin>(
    pool: &Pool<String>,
    ledger: &Ledger,
    ticks: impl Fn(Duration) -> T,
) -> Result<(), BoxError> {
    pool.ready(1).timeout(Duration::from_secs(5)).await?;
    let end = Instant::now() + VISIT;
    send_lines(pool, ledger, ticks, || Instant::now() >= end).await?;
    pool.shutdown(SHUTDOWN).await;
    println!("{}", pool.snapshot());
    Ok(())
}

/// All that a user of a pool has to do: `pool.send(item).await`.
async fn send_lines<T: Stream + Unpin>(
    pool: &Pool<String>,
    ledger: &Ledger,
    ticks: impl Fn(Duration) -> T,
    is_over: impl Fn() -> bool,
) -> Result<(), SendError<String>> {
    let send = async || {
        let mut ticks = ticks(PAUSE);
        while !is_over() {
            ticks.next().await;
            pool.send(ledger.write_line()).await?;
        }
        Ok(())
    };
    try_join_all((0..SENDERS).map(|_| send())).await.map(drop)
}

/// Whether every line is accounted for, and the pool agrees.
fn verdict(report: &Report, ended: Ended) -> ExitCode {
    println!("{report}");
    let counts = ended.counts;
    let is_agreed = (counts.accepted, counts.sent, counts.undelivered)
        == (report.accepted as u64, report.sent as u64, report.undelivered as u64);
    if !is_agreed {
        println!("the pool says otherwise: {counts:?}");
    }
    if report.is_balanced() && is_agreed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
