//! What passing an item on costs: producers -> X -> 8 connections in memory.
//!
//! `cargo xtask bench dispatch` runs this program once for each figure; see [`CASES`].

use core::convert::Infallible;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures_channel::mpsc;
use futures_util::{Sink, SinkExt, StreamExt};
use tokio::runtime::{Builder, Runtime};

const CASES: &str = "\
once SUBJECT PRODUCERS THREADS ITEMS         passes ITEMS on
pairs SUBJECT PRODUCERS THREADS ITEMS PAIRS  does so PAIRS times with the floor and the subject in
                                             turn; prints the nanoseconds of both for each pair
SUBJECT: floor, pool-tokio
THREADS: ct (current_thread), mt (two worker threads)";

/// Connections that items are spread over.
const CONNECTIONS: u32 = 8;
/// Items that may wait.
const QUEUE: usize = 128;
/// More time than the pool needs to hand over what is queued.
const SHUTDOWN: Duration = Duration::from_secs(10);

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["once", subject, producers, threads, items] => {
            let load = Load::new(producers, items);
            run(subject, &runtime(threads), load);
        }
        ["pairs", subject, producers, threads, items, pairs] => {
            let (load, runtime) = (Load::new(producers, items), runtime(threads));
            for _ in 0..number(pairs) {
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
        for subject in ["floor", "pool-tokio"] {
            run(subject, &runtime(threads), Load::new("4", "1000"));
        }
    }
}

/// Who sends how much.
#[derive(Clone, Copy)]
struct Load {
    producers: u64,
    items_per_producer: u64,
}

impl Load {
    fn new(producers: &str, items: &str) -> Self {
        let producers = number(producers);
        Self { producers, items_per_producer: number(items) / producers }
    }

    fn items(self) -> u64 {
        self.producers * self.items_per_producer
    }
}

fn run(subject: &str, runtime: &Runtime, load: Load) {
    let counter = Counter::default();
    match subject {
        "floor" => runtime.block_on(floor(load, &counter)),
        "pool-tokio" => runtime.block_on(pool(load, &counter)),
        _ => panic!("no such subject: {subject}"),
    }
    assert_eq!(counter.0.load(Ordering::Relaxed), load.items(), "every item arrives once");
}

/// One bounded channel and one loop, which gives each connection an item in turn.
async fn floor(load: Load, counter: &Counter) {
    let (sender, mut receiver) = mpsc::channel(QUEUE);
    let mut connections: Vec<_> = (0..CONNECTIONS).map(|_| CountingSink::new(counter)).collect();
    let consumer = tokio::spawn(async move {
        let mut turns = (0..connections.len()).cycle();
        while let Some(item) = receiver.next().await {
            let turn = turns.next().expect("turns go on for ever");
            let Ok(()) = Pin::new(&mut connections[turn]).start_send(item);
        }
    });
    for _ in 0..load.producers {
        let mut sender = sender.clone();
        tokio::spawn(async move {
            for item in 0..load.items_per_producer {
                sender.send(item).await.expect("the consumer outlives its producers");
            }
        });
    }
    drop(sender);
    consumer.await.expect("the consumer doesn't panic");
}

async fn pool(load: Load, counter: &Counter) {
    let counter = counter.clone();
    let connector = move |_: u32| {
        let connection = CountingSink::new(&counter);
        async move { Ok::<_, Infallible>(connection) }
    };
    let pool = pool_tokio::pool_for(connector).connect_to_fixed(0..CONNECTIONS).queue_size(QUEUE);
    let pool = pool.spawn::<u64>().expect("the settings make sense");
    let produce = |_| {
        let pool = pool.clone();
        tokio::spawn(async move {
            for item in 0..load.items_per_producer {
                pool.send(item).await.expect("the pool outlives its producers");
            }
        })
    };
    let producers: Vec<_> = (0..load.producers).map(produce).collect();
    for producer in producers {
        producer.await.expect("producers don't panic");
    }
    pool.shutdown(SHUTDOWN).await;
}

/// Counts the items of all connections, each of which adds what it got when it is dropped.
#[derive(Clone, Default)]
struct Counter(Arc<AtomicU64>);

/// A connection in memory: always ready.
struct CountingSink {
    items: u64,
    counter: Counter,
}

impl CountingSink {
    fn new(counter: &Counter) -> Self {
        Self { items: 0, counter: counter.clone() }
    }
}

impl Drop for CountingSink {
    fn drop(&mut self) {
        self.counter.0.fetch_add(self.items, Ordering::Relaxed);
    }
}

impl Sink<u64> for CountingSink {
    type Error = Infallible;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(mut self: Pin<&mut Self>, _: u64) -> Result<(), Infallible> {
        self.items += 1;
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
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

fn nanoseconds(work: impl FnOnce()) -> u128 {
    let start = Instant::now();
    work();
    start.elapsed().as_nanos()
}

fn number(argument: &str) -> u64 {
    argument.parse().expect("a number")
}
