//! Calls through a pool don't allocate, once everything is as large as it needs to be, also with a timeout. Calls through a
//! lone connection, which has nowhere to keep what is used up, allocate once each.

mod support;

use std::alloc::System;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_core::Stream;
use futures_sink::Sink;
use pool_call::{Call, CallExt, ConnectionError, Pipelined, Tagged, call_pool_builder};
use pool_conformance::simulated::Clock;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use support::{Item, Reply, Request, id_of, request, stamp};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Answers at once. Clones share what they have not answered.
#[derive(Clone, Default)]
struct Echo(Rc<RefCell<VecDeque<Request>>>);

impl Sink<Request> for Echo {
    type Error = String;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), String>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, request: Request) -> Result<(), String> {
        self.0.borrow_mut().push_back(request);
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
    type Item = Result<Reply, String>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.0.borrow_mut().pop_front() {
            Some(Request { id, number }) => Poll::Ready(Some(Ok(Reply { id, number }))),
            None => Poll::Pending,
        }
    }
}

const CALLS: usize = 8_000;

const BATCH_MAX: usize = 800;
const TIMEOUTS: [Option<Duration>; 2] = [None, Some(Duration::from_secs(1))];

/// Allocations of `CALLS` calls, after as many others. In one test, so that nothing else allocates.
fn allocations(mut call: impl FnMut(usize)) -> usize {
    (0..CALLS).for_each(&mut call);
    let region = Region::new(ALLOCATOR);
    (0..CALLS).for_each(&mut call);
    let change = region.change();
    change.allocations + change.reallocations
}

const BURST: usize = 8192;

/// Memory that is in use, and was not at the start of the region.
fn left(region: &Region<'_, System>) -> usize {
    let change = region.change();
    change.bytes_allocated.saturating_sub(change.bytes_deallocated)
}

/// Memory that unused calls take after a burst of large ones.
fn left_by_large_calls() -> usize {
    type LargeCall = Call<[u8; 4096], usize>;
    let region = Region::new(ALLOCATOR);
    let calls: Vec<_> = (0..BURST).map(|_| LargeCall::new([0; 4096])).collect();
    let mut replies = Vec::new();
    for (number, (call, reply)) in calls.into_iter().enumerate() {
        let (_, responder) = call.begin().expect("the caller waits");
        responder.reply(number).expect("the caller waits");
        replies.push(reply);
    }
    assert!(left(&region) > BURST * 4096);
    let mut cx = Context::from_waker(Waker::noop());
    for (number, mut reply) in replies.into_iter().enumerate() {
        assert!(matches!(Pin::new(&mut reply).poll(&mut cx), Poll::Ready(Ok(reply)) if reply == number));
    }
    left(&region)
}

/// Sends many calls at once over a connection, and waits for their replies.
fn send_burst(connection: &mut (impl Sink<Item, Error = ConnectionError> + Unpin)) {
    let mut cx = Context::from_waker(Waker::noop());
    let mut replies = Vec::new();
    for number in 0..BURST {
        let (call, reply) = Call::new(request(number));
        assert!(matches!(Pin::new(&mut *connection).poll_ready(&mut cx), Poll::Ready(Ok(()))));
        Pin::new(&mut *connection).start_send(call).expect("it lives");
        replies.push(reply);
    }
    for (number, mut reply) in replies.into_iter().enumerate() {
        let reply = loop {
            assert!(matches!(Pin::new(&mut *connection).poll_flush(&mut cx), Poll::Ready(Ok(()))));
            if let Poll::Ready(reply) = Pin::new(&mut reply).poll(&mut cx) {
                break reply;
            }
        };
        assert!(matches!(reply, Ok(reply) if reply.number == number));
    }
}

/// Memory that an idle connection takes after a burst.
fn left_by_an_idle_connection() -> usize {
    let echo = Echo::default();
    // So that nothing but the connection has to grow.
    send_burst(&mut Pipelined::new(echo.clone()).in_flight_max(BURST));
    let mut connection = Pipelined::new(echo).in_flight_max(BURST);
    let region = Region::new(ALLOCATOR);
    send_burst(&mut connection);
    left(&region)
}

#[test]
fn a_call_through_a_pool_allocates_nothing_at_steady_state_and_a_burst_leaves_little_behind() {
    let left = left_by_large_calls();
    assert!(left <= 512 * 1024, "{left} bytes of unused calls");
    let left = left_by_an_idle_connection();
    assert!(left <= 16 * 1024, "{left} bytes of an idle connection");

    let mut cx = Context::from_waker(Waker::noop());

    let mut pipelined = Pipelined::new(Echo::default());
    let alone = allocations(|number| {
        let polled = Pin::new(&mut pipelined.call(request(number))).poll(&mut cx);
        assert!(matches!(polled, Poll::Ready(Ok(reply)) if reply.number == number));
    });
    assert_eq!(alone, CALLS, "on a pipelined connection");

    let mut tagged = Tagged::new(Echo::default(), stamp, id_of);
    let alone = allocations(|number| {
        let polled = Pin::new(&mut tagged.call(request(number))).poll(&mut cx);
        assert!(matches!(polled, Poll::Ready(Ok(reply)) if reply.number == number));
    });
    assert_eq!(alone, CALLS, "on a tagged connection");

    let connector = |_: u16| std::future::ready(Ok::<_, String>(Pipelined::new(Echo::default())));
    let (pool, driver) = call_pool_builder(connector, Clock::default())
        .connect_to_fixed([1, 2, 3])
        .build()
        .expect("the settings make sense");
    let mut driver = Box::pin(driver);
    let mut calls = Vec::with_capacity(BATCH_MAX);
    for (batch, timeout) in
        [1, 50, BATCH_MAX].into_iter().flat_map(|batch| TIMEOUTS.map(|time| (batch, time)))
    {
        let pooled = allocations(|number| {
            if number % batch > 0 {
                return;
            }
            calls.extend((number..number + batch).map(|number| {
                let call = pool.call(request(number));
                if let Some(timeout) = timeout { call.timeout(timeout) } else { call }
            }));
            for call in &mut calls {
                assert!(Pin::new(call).poll(&mut cx).is_pending());
            }
            // A poll does a bounded amount of work.
            (0..3 + batch / 16).for_each(|_| assert!(driver.as_mut().poll(&mut cx).is_pending()));
            for (number, mut call) in (number..).zip(calls.drain(..)) {
                let polled = Pin::new(&mut call).poll(&mut cx);
                assert!(matches!(polled, Poll::Ready(Ok(reply)) if reply.number == number));
            }
        });
        // A pool without timers gives the room of many back, and grows by doubling.
        let max = if timeout.is_some() && batch > 256 { 32 * CALLS / batch } else { 0 };
        assert!(pooled <= max, "{pooled} for {CALLS} calls in batches of {batch}, timeout {timeout:?}");
    }
}
