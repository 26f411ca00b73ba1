//! What passing an item on costs: producers -> X -> 8 connections in memory.
//!
//! `cargo xtask bench dispatch` runs this program once for each figure; see [`CASES`].

mod connections;
mod floor;
mod one_way;
mod request_reply;

use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pool_tests::bench::{arguments, nanoseconds, number};
use tokio::runtime::{Builder, Runtime};

const CASES: &str = "\
once SUBJECT PRODUCERS IN_FLIGHT THREADS ITEMS         passes ITEMS on
pairs SUBJECT PRODUCERS IN_FLIGHT THREADS ITEMS PAIRS  does so PAIRS times with the floor and the
                                                       subject in turn; prints the nanoseconds of
                                                       both for each pair
SUBJECT: floor; pool-tokio: without answers; pool-call, pipelined: with answers
IN_FLIGHT: requests that each producer has under way at a time; 0: items that nobody answers
THREADS: ct (current_thread), mt (two worker threads)";

/// Connections that items are spread over.
const CONNECTIONS: u32 = 8;
/// Items that may wait.
const QUEUE: usize = 128;
/// More time than the pool needs to send what is queued.
const SHUTDOWN: Duration = Duration::from_secs(10);

fn main() {
    let arguments = arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["once", subject, producers, in_flight, threads, items] => {
            let load = Load::new(producers, in_flight, items);
            run(subject, &runtime(threads), load);
        }
        ["pairs", subject, producers, in_flight, threads, items, pairs] => {
            let (load, runtime) = (Load::new(producers, in_flight, items), runtime(threads));
            for _ in 0..number::<u32>(pairs) {
                let floor = nanoseconds(|| run("floor", &runtime, load));
                let subject = nanoseconds(|| run(subject, &runtime, load));
                println!("{floor} {subject}");
            }
        }
        [] => try_all(),
        _ => panic!("one of these, please:\n{CASES}"),
    }
}

/// Without arguments: every case once, so small that nothing is measured.
fn try_all() {
    for threads in ["ct", "mt"] {
        for (in_flight, subject) in
            [("0", "pool-tokio"), ("32", "pool-call"), ("1", "pipelined"), ("32", "pipelined")]
        {
            for subject in ["floor", subject] {
                run(subject, &runtime(threads), Load::new("4", in_flight, "1000"));
            }
        }
    }
}

/// Who sends how much.
#[derive(Clone, Copy)]
struct Load {
    producers: u64,
    /// Requests that each producer has under way at a time; 0 if items are not answered.
    in_flight: usize,
    items_per_producer: u64,
}

impl Load {
    fn new(producers: &str, in_flight: &str, items: &str) -> Self {
        let (producers, items): (u64, u64) = (number(producers), number(items));
        let in_flight = in_flight.parse().expect("a number");
        Self { producers, in_flight, items_per_producer: items / producers }
    }

    fn items(self) -> u64 {
        self.producers * self.items_per_producer
    }
}

fn run(subject: &str, runtime: &Runtime, load: Load) {
    let counter = Counter::default();
    match (subject, load.in_flight) {
        ("floor", 0) => runtime.block_on(one_way::floor(load, &counter)),
        ("floor", _) => runtime.block_on(request_reply::floor(load, &counter)),
        ("pool-tokio", 0) => runtime.block_on(one_way::pool(load, &counter)),
        ("pool-call", 1..) => runtime.block_on(request_reply::pool(load, &counter)),
        ("pipelined", 1..) => runtime.block_on(request_reply::pipelined(load, &counter)),
        _ => panic!("no such subject: {subject}"),
    }
    assert_eq!(counter.count(), load.items(), "every item arrives once");
}

/// Counts the items of all connections, each of which adds what it got when it is dropped.
#[derive(Clone, Default)]
struct Counter(Arc<AtomicU64>);

impl Counter {
    fn add(&self, items: u64) {
        self.0.fetch_add(items, Ordering::Relaxed);
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

fn runtime(threads: &str) -> Runtime {
    let runtime = match threads {
        "ct" => Builder::new_current_thread().enable_all().build(),
        "mt" => Builder::new_multi_thread().worker_threads(2).enable_all().build(),
        _ => panic!("ct or mt, please, not {threads}"),
    };
    runtime.expect("the system has threads to give")
}
