//! Many connections that all get a message. The same number of messages over fewer connections is the floor.

use core::convert::Infallible;
use core::future::{poll_fn, ready};
use core::ops::Range;
use core::pin::Pin;
use core::task::Poll;
use std::collections::VecDeque;

use pool_tests::bench::nanoseconds;
use pool_tokio::{CallPool, Pipelined, Pool};
use tokio::runtime::Runtime;

use crate::connections::{Counter, CountingSink, Loopback};
use crate::runtime;

/// Requests that are under way at a time, however many connections there are.
const IN_FLIGHT: usize = 1_000;

/// What of the time counts.
#[derive(Clone, Copy)]
pub(crate) enum Phase {
    /// From the start of the pools to the last message.
    Whole,
    /// The messages. The pools are there already, all at once: both sides have as many connections, and so as much memory.
    Messages,
    /// The messages, all of which the small pool gets, whose connections stay in the caches.
    Again,
}

impl Phase {
    pub(crate) fn parse(argument: &str) -> Self {
        match argument {
            "whole" => Self::Whole,
            "messages" => Self::Messages,
            "again" => Self::Again,
            _ => panic!("whole, messages or again, please, not {argument}"),
        }
    }
}

/// How many connections a pool has.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) connections: u32,
    pub(crate) per_address: u32,
}

impl Size {
    fn addresses(self) -> Range<u32> {
        assert!(self.connections.is_multiple_of(self.per_address), "each address has as many connections");
        0..self.connections / self.per_address
    }

    fn times(self, times: u32) -> Self {
        Self { connections: self.connections * times, ..self }
    }
}

pub(crate) fn case(phase: Phase, kind: &str, size: Size, times: u32, pairs: u32) {
    match kind {
        "send" => compare::<Senders>(phase, size, times, pairs),
        "call" => compare::<Callers>(phase, size, times, pairs),
        _ => panic!("send or call, please, not {kind}"),
    }
}

pub(crate) fn once_case(kind: &str, size: Size, times: u32) {
    match kind {
        "send" => println!("{}", repeat(&Senders::new(size), times)),
        "call" => println!("{}", repeat(&Callers::new(size), times)),
        _ => panic!("send or call, please, not {kind}"),
    }
}

fn compare<C: Crowd>(phase: Phase, size: Size, times: u32, pairs: u32) {
    match phase {
        Phase::Whole => {
            for _ in 0..pairs {
                let few = nanoseconds(|| (0..times).for_each(|_| C::new(size).message_each()));
                let many = nanoseconds(|| C::new(size.times(times)).message_each());
                println!("{few} {many}");
            }
        }
        Phase::Messages => {
            let few: Vec<_> = (0..times).map(|_| C::new(size)).collect();
            let many = C::new(size.times(times));
            for _ in 0..pairs {
                let few = nanoseconds(|| few.iter().for_each(C::message_each));
                println!("{few} {}", repeat(&many, 1));
            }
        }
        Phase::Again => {
            let (few, many) = (C::new(size), C::new(size.times(times)));
            for _ in 0..pairs {
                println!("{} {}", repeat(&few, times), repeat(&many, 1));
            }
        }
    }
}

fn repeat(crowd: &impl Crowd, times: u32) -> u128 {
    nanoseconds(|| (0..times).for_each(|_| crowd.message_each()))
}

/// A pool, all connections of which are up.
trait Crowd {
    fn new(size: Size) -> Self;

    /// Each connection gets a message, and is done with it.
    fn message_each(&self);
}

/// A pool of connections that get messages.
struct Senders {
    runtime: Runtime,
    connections: u32,
    counter: Counter,
    pool: Pool<u32, u32>,
}

impl Crowd for Senders {
    fn new(size: Size) -> Self {
        let (runtime, counter) = (runtime(), Counter::default());
        let made = counter.clone();
        let connector = move |_: u32| ready(Ok::<_, Infallible>(CountingSink::new(&made)));
        let pool = runtime.block_on(async {
            // Turns of one message: each connection gets one before any gets another.
            let pool = pool_tokio::sink_pool_for(connector).connect_to_fixed(size.addresses());
            let pool = pool.connections_per_address(size.per_address).items_per_turn(1);
            let pool = pool.spawn().expect("the settings make sense");
            pool.ready(size.connections as usize).await.expect("connecting never fails");
            pool
        });
        Self { runtime, connections: size.connections, counter, pool }
    }

    fn message_each(&self) {
        let before = self.counter.count();
        self.runtime.block_on(async {
            for message in 0..self.connections {
                self.pool.send(message).await.expect("nobody closes the pool");
            }
            while self.counter.count() < before + self.connections {
                tokio::task::yield_now().await;
            }
        });
    }
}

/// A pool of connections that answer requests.
struct Callers {
    runtime: Runtime,
    connections: u32,
    pool: CallPool<u32, u32, u32>,
}

impl Crowd for Callers {
    fn new(size: Size) -> Self {
        let runtime = runtime();
        let connector = |_: u32| ready(Ok::<_, Infallible>(Pipelined::new(Loopback::default())));
        let pool = runtime.block_on(async {
            let pool = pool_tokio::call_pool_for(connector).connect_to_fixed(size.addresses());
            let pool = pool.connections_per_address(size.per_address).items_per_turn(1);
            let pool = pool.spawn().expect("the settings make sense");
            pool.pool().ready(size.connections as usize).await.expect("connecting never fails");
            pool
        });
        Self { runtime, connections: size.connections, pool }
    }

    fn message_each(&self) {
        self.runtime.block_on(self.call_all());
    }
}

impl Callers {
    async fn call_all(&self) {
        let mut under_way = VecDeque::with_capacity(IN_FLIGHT);
        let mut replies = 0;
        for request in 0..self.connections {
            if under_way.len() == IN_FLIGHT
                && let Some(oldest) = under_way.pop_front()
            {
                assert_eq!(replied(oldest).await, replies, "the reply belongs to the request");
                replies += 1;
            }
            under_way.push_back(started(self.pool.call(request)).await);
        }
        for oldest in under_way {
            assert_eq!(replied(oldest).await, replies, "the reply belongs to the request");
            replies += 1;
        }
        assert_eq!(replies, self.connections, "every request is answered");
    }
}

enum UnderWay<F> {
    Waiting(F),
    Replied(u32),
}

/// Nothing is sent before it is polled.
async fn started<F, E>(mut call: F) -> UnderWay<F>
where
    F: Future<Output = Result<u32, E>> + Unpin,
    E: core::fmt::Debug,
{
    let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut call).poll(cx))).await;
    match polled {
        Poll::Ready(reply) => UnderWay::Replied(reply.expect("every request is answered")),
        Poll::Pending => UnderWay::Waiting(call),
    }
}

async fn replied<F, E>(call: UnderWay<F>) -> u32
where
    F: Future<Output = Result<u32, E>> + Unpin,
    E: core::fmt::Debug,
{
    match call {
        UnderWay::Waiting(call) => call.await.expect("every request is answered"),
        UnderWay::Replied(reply) => reply,
    }
}
