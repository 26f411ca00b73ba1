//! Silence and suspects, as callers see them.

mod support;

use std::cell::Cell;
use std::future::{Pending, pending, ready};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use pool_call::tower::ServiceConnection;
use pool_call::{CallError, CallPool, ConnectionError, MaybeSentReason, call_pool_builder};
use pool_conformance::simulated::{Clock, Executor, Spawned};
use support::bench::Peers;
use support::talk::PUSH;
use support::{Answered, End, Reply, Request, request};
use tower::Service;

const SECOND: Duration = Duration::from_secs(1);

/// A pool with one address, and the defaults of pools of calls but for one setting.
struct Bench {
    executor: Executor,
    clock: Clock,
    peers: Peers,
    pool: CallPool<Request, Reply, u16>,
}

impl Bench {
    fn up(outcome_timeout: Option<Duration>) -> Self {
        Self::limited(outcome_timeout, 256)
    }

    fn limited(outcome_timeout: Option<Duration>, in_flight_max: usize) -> Self {
        let (peers, clock, mut executor) = (Peers::default(), Clock::default(), Executor::default());
        let settings = call_pool_builder(peers.connector(in_flight_max), clock.clone())
            .outcome_timeout(outcome_timeout)
            .connect_to_fixed([1])
            .seed(1);
        let (pool, driver) = settings.build().expect("the settings make sense");
        executor.spawn(driver);
        executor.run();
        Self { executor, clock, peers, pool }
    }

    fn call(&mut self, number: usize) -> Spawned<Answered> {
        let pool = self.pool.clone();
        let call = self.executor.spawn(async move { pool.call(request(number)).await });
        self.executor.run();
        call
    }

    fn advance(&mut self, time: Duration) {
        self.clock.advance(time, || self.executor.run());
    }

    fn push(&mut self, peer: usize) {
        let peer = self.peers.all()[peer].clone();
        peer.say(0, PUSH);
        self.executor.run();
    }
}

fn end(call: &Spawned<Answered>) -> End {
    call.output().map_or(End::Waiting, End::from)
}

#[test]
fn a_call_that_takes_20_s_is_answered_though_its_connection_was_suspected() {
    let mut bench = Bench::up(Some(30 * SECOND));
    let first = bench.call(0);
    bench.advance(6 * SECOND);
    let _second = bench.call(1);
    bench.push(0);
    bench.advance(6 * SECOND);
    let _third = bench.call(2);
    bench.push(1);
    assert_eq!(end(&first), End::Waiting, "12 s of 20 have passed, and its peer has just been heard");
}

#[test]
fn a_call_that_comes_while_another_tries_the_address_waits() {
    let mut bench = Bench::limited(Some(30 * SECOND), 2);
    let _slow = [bench.call(0), bench.call(1)];
    bench.advance(20 * SECOND);
    let probe = bench.call(2);
    bench.advance(SECOND / 1000);
    let next = bench.call(3);
    bench.advance(SECOND / 1000);
    let peer = bench.peers.all()[1].clone();
    assert_eq!(peer.received(), [2]);
    peer.answer(1);
    bench.executor.run();
    if peer.received() == [3] {
        peer.answer(1);
    }
    bench.executor.run();
    assert_eq!([end(&probe), end(&next)], [End::Reply(2), End::Reply(3)], "2 ms later all is well");
}

/// Answers nothing.
struct Slow;

impl Service<Request> for Slow {
    type Response = Reply;
    type Error = String;
    type Future = Pending<Result<Reply, String>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), String>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request) -> Self::Future {
        pending()
    }
}

#[test]
fn a_connection_is_not_given_up_for_a_silence_that_it_does_not_know_of() {
    let (dials, clock, mut executor) = (Rc::new(Cell::new(0)), Clock::default(), Executor::default());
    let counted = Rc::clone(&dials);
    let connect = move |_: u16| {
        counted.set(counted.get() + 1);
        ready(Ok::<_, String>(ServiceConnection::new(Slow)))
    };
    let settings =
        call_pool_builder(connect, clock.clone()).connect_to_fixed([1]).suspect_after(None).seed(1);
    let (pool, driver) = settings.build().expect("the settings make sense");
    executor.spawn(driver);
    executor.run();
    let mut calls: Vec<Spawned<Answered>> = Vec::new();
    let mut silences = Vec::new();
    for number in 0..80 {
        let pool = pool.clone();
        calls.push(executor.spawn(async move { pool.call(request(number)).await }));
        executor.run();
        clock.advance(SECOND / 2, || executor.run());
        for call in &calls {
            if let Some(Err(CallError::MaybeSent {
                reason: MaybeSentReason::ConnectionFailed(ConnectionError::Silent { silence }),
            })) = call.output()
            {
                silences.push(silence);
            }
        }
        if calls.len() > 2 {
            // Its caller waits for 1.5 s.
            let call = calls.remove(0);
            executor.cancel(&call);
            executor.run();
        }
    }
    let failures = pool.snapshot().addresses[0].status.failures;
    assert_eq!((silences, failures, dials.get()), (vec![], 0, 1), "the timeout is 30 s");
}

/// Answers every request but the first, at once.
struct FirstIsSlow(bool);

impl Service<Request> for FirstIsSlow {
    type Response = Reply;
    type Error = String;
    type Future = futures_util::future::Either<
        Pending<Result<Reply, String>>,
        std::future::Ready<Result<Reply, String>>,
    >;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), String>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if std::mem::replace(&mut self.0, false) {
            return futures_util::future::Either::Left(pending());
        }
        futures_util::future::Either::Right(ready(Ok(Reply { id: 0, number: request.number })))
    }
}

#[test]
fn one_caller_who_loses_patience_takes_no_address_away_from_others() {
    for in_flight_max in [2, 256] {
        let (clock, mut executor) = (Clock::default(), Executor::default());
        let connect = move |_: u16| {
            let connection = ServiceConnection::new(FirstIsSlow(true)).in_flight_max(in_flight_max);
            ready(Ok::<_, String>(connection.reads(pool_driver::Reads::new())))
        };
        let settings = call_pool_builder(connect, clock.clone()).connect_to_fixed([1]).seed(1);
        let (pool, driver) = settings.build().expect("the settings make sense");
        executor.spawn(driver);
        executor.run();
        let call = |number, executor: &mut Executor| {
            let pool = pool.clone();
            let call = executor.spawn(async move { pool.call(request(number)).await });
            executor.run();
            call
        };
        let impatient = call(0, &mut executor);
        clock.advance(SECOND, || executor.run());
        executor.cancel(&impatient);
        executor.run();
        clock.advance(SECOND, || executor.run());
        let mut ends = Vec::new();
        for number in 1..=3 {
            let call = call(number, &mut executor);
            clock.advance(5 * SECOND, || executor.run());
            ends.push(end(&call));
        }
        assert_eq!(ends, [End::Reply(1), End::Reply(2), End::Reply(3)], "limit {in_flight_max}");
    }
}
