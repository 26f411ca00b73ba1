//! What a pool for each name costs: to open one, to get one that is there, to send to one, and its memory.
//!
//! `cargo xtask bench names` runs this program; see [`CASES`].

use std::alloc::System;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::future::ready;
use futures_util::sink::{SinkExt, drain};
use pool_tests::bench::{arguments, nanoseconds, number};
use pool_tokio::map::PoolMap;
use pool_tokio::{BuildError, Pool};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::runtime::{Builder, Runtime};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const CASES: &str = "\
open NAMES          opens the pools of NAMES, one after the other, and waits until each is connected
get NAMES TIMES     gets the pool of a random name, TIMES times
send NAMES ITEMS    gets the pool of a random name and sends an item to it, ITEMS times
Each prints the nanoseconds of that alone; NAMES have their pools before the others begin.
bytes NAMES         prints the bytes of the heap for each name, with its pool, connection and task";

fn main() {
    let arguments = arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["open", names] => open_case(number(names)),
        ["get", names, times] => get_case(number(names), number(times)),
        ["send", names, items] => send_case(number(names), number(items)),
        ["bytes", names] => bytes_case(number(names)),
        [] => try_all(),
        _ => panic!("one of these, please:\n{CASES}"),
    }
}

/// Without arguments: every case once, so small that nothing is measured.
fn try_all() {
    open_case(10);
    get_case(10, 100);
    send_case(10, 100);
    bytes_case(10);
}

fn open_case(names: u32) {
    let runtime = runtime();
    let pools = runtime.block_on(async { map(names, &Sent::default()) });
    println!("{}", nanoseconds(|| runtime.block_on(open_all(&pools, names))));
}

fn get_case(names: u32, times: u32) {
    let runtime = runtime();
    let pools = runtime.block_on(opened(names, &Sent::default()));
    let mut random = Random::new(names);
    let get = async {
        for _ in 0..times {
            pools.get(&random.next()).await.expect("creating never fails");
        }
    };
    println!("{}", nanoseconds(|| runtime.block_on(get)));
    assert_eq!(pools.len(), names as usize, "no other name was asked for");
}

fn send_case(names: u32, items: u32) {
    let runtime = runtime();
    let arrived = Sent::default();
    let pools = runtime.block_on(opened(names, &arrived));
    let mut random = Random::new(names);
    let send = async {
        for item in 0..items {
            let pool = pools.get(&random.next()).await.expect("creating never fails");
            pool.send(item).await.expect("nobody closes it");
        }
        while arrived.load(Ordering::Relaxed) < items {
            tokio::task::yield_now().await;
        }
    };
    println!("{}", nanoseconds(|| runtime.block_on(send)));
}

/// What is there once is no name's: it is in the map without names, too.
fn bytes_case(names: u32) {
    let [none, all] = [0, names].map(|names| {
        let runtime = runtime();
        let before = live_bytes();
        let pools = runtime.block_on(opened(names, &Sent::default()));
        let bytes = live_bytes() - before;
        drop(pools);
        bytes
    });
    #[expect(clippy::cast_precision_loss, reason = "there are not so many bytes")]
    let bytes = (all - none) as f64;
    println!("{}", bytes / f64::from(names));
}

type Pools = PoolMap<u32, Pool<u32, u32>>;
/// How many items all connections have got.
type Sent = Arc<AtomicU32>;

/// A map with room for so many names. Each has a pool of one connection in memory, with the default settings.
fn map(names: u32, sent: &Sent) -> Pools {
    let sent = Arc::clone(sent);
    let create = move |name: &u32| -> Result<Pool<u32, u32>, BuildError> {
        let sent = Arc::clone(&sent);
        let connector = move |_: u32| {
            let sent = Arc::clone(&sent);
            let count = move |item: u32| {
                sent.fetch_add(1, Ordering::Relaxed);
                ready(Ok::<_, Infallible>(item))
            };
            ready(Ok::<_, Infallible>(drain().with(count)))
        };
        pool_tokio::sink_pool_for(connector).connect_to_fixed([*name]).spawn()
    };
    pool_tokio::pool_map(create).names_max((names as usize).max(1)).spawn().expect("the settings make sense")
}

async fn opened(names: u32, sent: &Sent) -> Pools {
    let pools = map(names, sent);
    open_all(&pools, names).await;
    pools
}

async fn open_all(pools: &Pools, names: u32) {
    for name in 0..names {
        let pool = pools.get(&name).await.expect("creating never fails");
        pool.ready(1).await.expect("connecting never fails");
    }
}

/// The same names at every run.
struct Random {
    state: u32,
    names: u32,
}

impl Random {
    fn new(names: u32) -> Self {
        Self { state: 1, names }
    }

    /// Marsaglia's xorshift.
    fn next(&mut self) -> u32 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 17;
        self.state ^= self.state << 5;
        self.state % self.names
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("the system has a thread to give")
}

fn live_bytes() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}
