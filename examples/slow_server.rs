//! Policies side by side, when one of three servers becomes slow and then hangs: `cargo run --example slow_server`.
//!
//! Every policy has a pool and three servers of its own. A call is in time if it is answered within a tenth of a second.
//! Look at the share that the third server gets: by turns it gets a third of the calls whatever becomes of them; by load
//! or latency it gets less from the first call that is late.

use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{SinkExt, StreamExt};
use pool_tokio::balance::{Balance, ConsistentHash, LeastLoaded, PeakEwma, RoundRobin, WeightedRoundRobin};
use pool_tokio::{BoxError, CallPool, call_pool_for, tcp};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, interval, sleep_until};
use tokio_util::codec::{Framed, LinesCodec};

/// What becomes of the third server, and how long it takes for an answer then.
const PHASES: [(&str, Duration); 3] =
    [("well", Duration::from_millis(5)), ("slow", Duration::from_millis(300)), ("hangs", Duration::MAX)];
const CALLS_PER_PHASE: u32 = 400;
const BETWEEN_CALLS: Duration = Duration::from_millis(3);
const IN_TIME: Duration = Duration::from_millis(100);
const LINE_MAX: usize = 1024;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    println!("calls in time, and the share of the third server");
    println!("{:22}{}", "", PHASES.map(|(phase, _)| format!("{phase:>18}")).concat());
    let rows = tokio::try_join!(
        row("round robin", RoundRobin::new()),
        row("weighted round robin", WeightedRoundRobin::new()),
        row("consistent hash", ConsistentHash::new()),
        row("least loaded", LeastLoaded::new()),
        row("peak EWMA", PeakEwma::new()),
    )?;
    for row in [rows.0, rows.1, rows.2, rows.3, rows.4] {
        println!("{row}");
    }
    Ok(())
}

/// How a policy does in all phases.
async fn row<B: Balance + Send + 'static>(name: &str, policy: B) -> Result<String, BoxError> {
    let mut servers = Vec::new();
    for _ in 0..3 {
        servers.push(Server::start().await?);
    }
    let pool = call_pool_for(tcp(LinesCodec::new_with_max_length(LINE_MAX)).pipelined())
        .connect_to_fixed(servers.iter().map(|server| server.address))
        .hash_addresses()
        .balancer(policy)
        .spawn()?;
    pool.ready(3).timeout(Duration::from_secs(5)).await?;
    let mut row = format!("{name:22}");
    for (_, latency) in PHASES {
        servers[2].answer_after(latency);
        let before = servers[2].asked();
        let in_time = calls_in_time(&pool).await;
        let share = servers[2].asked() - before;
        let percent = |calls: u32| f64::from(calls) / f64::from(CALLS_PER_PHASE) * 100.0;
        write!(row, "{:9.1} %,{:4.0} %", percent(in_time), percent(share))?;
    }
    Ok(row)
}

/// Makes the calls of a phase, at a steady rate. Returns how many are answered in time.
async fn calls_in_time(pool: &CallPool<String, String>) -> u32 {
    let mut pace = interval(BETWEEN_CALLS);
    let mut calls = Vec::new();
    for number in 0..CALLS_PER_PHASE {
        pace.tick().await;
        let pool = pool.clone();
        calls.push(tokio::spawn(async move {
            pool.call(number.to_string()).key(number).timeout(IN_TIME).await.is_ok()
        }));
    }
    let in_time = join_all(calls).await;
    in_time.into_iter().map(|answered| u32::from(matches!(answered, Ok(true)))).sum()
}

/// Answers each line with itself, in order, some time after it has come.
struct Server {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    latency_nanos: AtomicU64,
    asked: AtomicU32,
}

impl Server {
    async fn start() -> Result<Self, BoxError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (address, latency) = (listener.local_addr()?, PHASES[0].1);
        let state = State { latency_nanos: nanos(latency).into(), asked: AtomicU32::new(0) };
        let state = Arc::new(state);
        tokio::spawn({
            let state = Arc::clone(&state);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, Arc::clone(&state)));
                }
            }
        });
        Ok(Self { address, state })
    }

    fn answer_after(&self, latency: Duration) {
        self.state.latency_nanos.store(nanos(latency), Ordering::Relaxed);
    }

    fn asked(&self) -> u32 {
        self.state.asked.load(Ordering::Relaxed)
    }
}

async fn serve(stream: TcpStream, state: Arc<State>) {
    let (mut replies, mut requests) = Framed::new(stream, LinesCodec::new_with_max_length(LINE_MAX)).split();
    let (sender, mut due) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some((at, line)) = due.recv().await {
            sleep_until(at).await;
            if replies.send(line).await.is_err() {
                return;
            }
        }
    });
    while let Some(Ok(line)) = requests.next().await {
        state.asked.fetch_add(1, Ordering::Relaxed);
        let latency = Duration::from_nanos(state.latency_nanos.load(Ordering::Relaxed));
        // One that hangs answers within an hour, that is never.
        let at: Instant = Instant::now() + latency.min(Duration::from_secs(3600));
        if sender.send((at, line)).is_err() {
            return;
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
