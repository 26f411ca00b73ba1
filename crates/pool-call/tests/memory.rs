//! What a burst of calls leaves behind, byte by byte.

use std::alloc::System;
use std::collections::VecDeque;
use std::pin::Pin;
use std::slice;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use futures_sink::Sink;
use pool_call::{CallPool, Pipelined, call_pool_builder};
use pool_conformance::simulated::Clock;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const BURST: usize = 8192;
const REQUEST_BYTES: usize = 4096;
/// What may stay of a burst that took 32 MiB and more.
const LEFT_MAX: usize = 2 << 20;

type Request = [u8; REQUEST_BYTES];
type Pool = CallPool<Request, u8, u16>;

/// A transport that answers at once, and keeps of a request its first byte alone.
#[derive(Default)]
struct Echo(VecDeque<u8>);

impl Sink<Request> for Echo {
    type Error = String;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), String>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(mut self: Pin<&mut Self>, request: Request) -> Result<(), String> {
        self.0.push_back(request[0]);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        cx.waker().wake_by_ref();
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), String>> {
        Poll::Ready(Ok(()))
    }
}

impl Stream for Echo {
    type Item = Result<u8, String>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.pop_front().map_or(Poll::Pending, |reply| Poll::Ready(Some(Ok(reply))))
    }
}

fn live_bytes() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// So many times, a call through each handle at a time, until all are answered. Returns how often anything
/// was allocated in all.
fn call(handles: &[Pool], driver: &mut Pin<Box<impl Future>>, times: usize) -> usize {
    let mut cx = Context::from_waker(Waker::noop());
    let mut calls: Vec<_> = handles.iter().map(|_| None).collect();
    let region = Region::new(ALLOCATOR);
    for _ in 0..times {
        for (call, handle) in calls.iter_mut().zip(handles) {
            *call = Some(handle.call([7; REQUEST_BYTES]));
        }
        while calls.iter().any(Option::is_some) {
            for call in &mut calls {
                if let Some(polled) = call
                    && let Poll::Ready(reply) = Pin::new(polled).poll(&mut cx)
                {
                    assert_eq!(reply.ok(), Some(7));
                    *call = None;
                }
            }
            assert!(driver.as_mut().poll(&mut cx).is_pending());
        }
    }
    let change = region.change();
    change.allocations + change.reallocations
}

#[test]
fn a_burst_of_large_calls_leaves_little_behind_and_steady_calls_allocate_nothing() {
    for queue_size in [100, BURST] {
        let connector = |_: u16| std::future::ready(Ok::<_, String>(Pipelined::new(Echo::default())));
        let (pool, driver) = call_pool_builder(connector, Clock::default())
            .connect_to_fixed([1, 2])
            .queue_size(queue_size)
            .build()
            .expect("the settings make sense");
        let mut driver = Box::pin(driver);
        call(slice::from_ref(&pool), &mut driver, 1);
        let before = live_bytes();
        let handles: Vec<_> = (0..BURST).map(|_| pool.clone()).collect();
        call(&handles, &mut driver, 1);
        drop(handles);
        call(slice::from_ref(&pool), &mut driver, 100);
        let left = live_bytes().saturating_sub(before);
        println!("{left} bytes stay of a burst through a queue of {queue_size}");
        assert!(left <= LEFT_MAX, "{left} bytes stay of a burst through a queue of {queue_size}");

        let handles: Vec<_> = (0..16).map(|_| pool.clone()).collect();
        call(&handles, &mut driver, 10);
        let allocations = call(&handles, &mut driver, 100);
        println!("{allocations} allocations for 100 batches");
        assert!(
            allocations <= 2 * 100,
            "{allocations}: what the pool allocates is for batches, not for calls"
        );
    }
}
