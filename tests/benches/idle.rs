//! What a pool costs while nobody uses it: how often its driver wakes up, and the memory that it holds.
//!
//! `cargo xtask bench idle` runs this program; see [`CASES`].

use std::alloc::System;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use futures_util::future::poll_fn;
use futures_util::sink::drain;
use pool_tests::bench::{arguments, number, want_descriptors};
use pool_tokio::{Pool, tcp};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::codec::LinesCodec;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const CASES: &str = "\
wake-ups KIND CONNECTIONS HANDLES SETTLED SECONDS   prints how often the driver was polled in SECONDS, when nothing
                                                    had been sent for SETTLED seconds
bytes KIND CONNECTIONS HANDLES                      prints the bytes of the heap for each connection, with its address,
                                                    and for each handle
KIND: memory, tcp (on loopback)
Each connection has an address of its own.";

fn main() {
    let arguments = arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["wake-ups", kind, connections, handles, settled, seconds] => {
            let [settled, seconds] = [settled, seconds].map(|argument| Duration::from_secs(number(argument)));
            wake_ups_case(kind, number(connections), number(handles), settled, seconds);
        }
        ["bytes", kind, connections, handles] => bytes_case(kind, number(connections), number(handles)),
        [] => try_all(),
        _ => panic!("one of these, please:\n{CASES}"),
    }
}

/// Without arguments: every case once, so small that nothing is measured.
fn try_all() {
    for kind in ["memory", "tcp"] {
        wake_ups_case(kind, 10, 10, Duration::ZERO, Duration::ZERO);
        bytes_case(kind, 10, 10);
    }
}

fn wake_ups_case(kind: &str, connections: u32, handles: usize, settled: Duration, measured: Duration) {
    let runtime = runtime();
    let idle = Idle::start(kind, &runtime, connections);
    let handles = vec![idle.pool.clone(); handles];
    let polls = runtime.block_on(async {
        sleep(settled).await;
        let before = idle.polls.load(Ordering::Relaxed);
        sleep(measured).await;
        idle.polls.load(Ordering::Relaxed) - before
    });
    println!("{polls}");
    drop(handles);
    idle.end(&runtime);
}

/// What is there once, such as the runtime's own memory, is no connection's: it is in the pool of one connection, too.
fn bytes_case(kind: &str, connections: u32, handles: usize) {
    let [few, many] = [1, connections + 1].map(|connections| {
        let runtime = runtime();
        let before = live_bytes();
        let idle = Idle::start(kind, &runtime, connections);
        let bytes = live_bytes() - before;
        idle.end(&runtime);
        bytes
    });
    let runtime = runtime();
    let idle = Idle::start(kind, &runtime, 1);
    let before = live_bytes();
    let cloned = vec![idle.pool.clone(); handles];
    let of_handles = live_bytes() - before;
    drop(cloned);
    idle.end(&runtime);
    #[expect(clippy::cast_precision_loss, reason = "there are not so many bytes")]
    let each = |bytes: usize, parts: usize| bytes as f64 / parts as f64;
    println!("{} {}", each(many - few, connections as usize), each(of_handles, handles));
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("the system has a thread to give")
}

fn live_bytes() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// A pool with the default settings, all connections of which are up.
struct Idle {
    pool: Pool<String, SocketAddr>,
    driver: JoinHandle<()>,
    /// How often the driver was polled.
    polls: Arc<AtomicU64>,
}

impl Idle {
    fn start(kind: &str, runtime: &Runtime, connections: u32) -> Self {
        let (polls, port) = (Arc::new(AtomicU64::new(0)), if kind == "tcp" { serve(connections) } else { 1 });
        let first = Ipv4Addr::LOCALHOST.to_bits();
        let addresses = (first..).take(connections as usize);
        let addresses = addresses.map(|address| SocketAddr::from((Ipv4Addr::from_bits(address), port)));
        let (pool, driver) = match kind {
            "memory" => {
                let connector = async |_: SocketAddr| Ok::<_, Infallible>(drain());
                let pool = pool_tokio::sink_pool_for(connector).connect_to_fixed(addresses);
                let (pool, driver) = pool.build().expect("the settings make sense");
                (pool, runtime.spawn(count_polls(driver, Arc::clone(&polls))))
            }
            "tcp" => {
                let lines = tcp(LinesCodec::new()).on_item(|line: String| panic!("the server says {line}"));
                let pool = pool_tokio::pool_for(lines).connect_to_fixed(addresses);
                let (pool, driver) = pool.build().expect("the settings make sense");
                (pool, runtime.spawn(count_polls(driver, Arc::clone(&polls))))
            }
            _ => panic!("memory or tcp, please, not {kind}"),
        };
        runtime.block_on(pool.ready(connections as usize)).expect("connecting never fails");
        Self { pool, driver, polls }
    }

    /// Without goodbyes, for which the server doesn't wait.
    fn end(self, runtime: &Runtime) {
        self.driver.abort();
        assert!(runtime.block_on(self.driver).is_err_and(|end| end.is_cancelled()), "the pool is dropped");
    }
}

async fn count_polls(driver: impl Future, polls: Arc<AtomicU64>) {
    let mut driver = pin!(driver);
    poll_fn(|cx| {
        polls.fetch_add(1, Ordering::Relaxed);
        driver.as_mut().poll(cx).map(drop)
    })
    .await;
}

/// Accepts so many connections to one port of any address, and says nothing. Returns the port.
fn serve(connections: u32) -> u16 {
    // Both ends of every connection are here.
    want_descriptors(2 * u64::from(connections));
    let listener = StdListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("there is a free port");
    let port = listener.local_addr().expect("it is bound").port();
    thread::spawn(move || {
        let accepted = listener.incoming().take(connections as usize);
        let accepted: Vec<_> =
            accepted.map(|connection| connection.expect("there are descriptors")).collect();
        for mut connection in accepted {
            // Until the other end is closed.
            let _ = std::io::copy(&mut connection, &mut std::io::sink());
        }
    });
    port
}
