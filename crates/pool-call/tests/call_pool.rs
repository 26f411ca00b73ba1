//! What a handle of a pool of calls can do besides calling.

mod support;

use std::cell::RefCell;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_sink::Sink;
use pool_call::{Call, CallPool, Retry, call_pool_builder};
use pool_conformance::simulated::{Clock, Executor};
use pool_driver::{Connection, ConnectionEvent, Outcome};
use support::bench::Bench;
use support::{End, Item, Peer, Reply, Request, end_of, request};

const SECOND: Duration = Duration::from_secs(1);

/// The peer that has this request, and its address.
fn who_has(bench: &Bench, number: usize) -> (u16, Peer) {
    let has_it = |peer: &&Peer| !peer.is_dropped() && peer.received().contains(&number);
    let at = |address| bench.peers.at(address).iter().find(has_it).map(|peer| (address, peer.clone()));
    at(1).or_else(|| at(2)).expect("a peer has it")
}

#[test]
fn a_call_avoids_an_address_if_another_can_take_it() {
    for avoided in [1, 2] {
        let mut bench = Bench::up();
        for number in 0..6 {
            let pool = bench.pool.clone();
            let task =
                bench.executor.spawn(async move { pool.call(request(number)).avoiding(&avoided).await });
            bench.executor.run();
            let (address, peer) = who_has(&bench, number);
            assert_ne!(address, avoided);
            peer.answer(1);
            assert_eq!(bench.end(&task), End::Reply(number));
        }
    }
}

#[test]
fn an_address_that_is_not_there_is_not_avoided() {
    let mut bench = Bench::up();
    let pool = bench.pool.clone();
    let task = bench.executor.spawn(async move { pool.call(request(0)).avoiding(&77).await });
    bench.executor.run();
    who_has(&bench, 0).1.answer(1);
    assert_eq!(bench.end(&task), End::Reply(0));
}

#[test]
fn an_idempotent_call_is_repeated_without_a_word_on_how() {
    let mut bench = Bench::up();
    let pool = bench.pool.clone();
    let task = bench.executor.spawn(async move { pool.call(request(0)).idempotent().await });
    bench.executor.run();
    who_has(&bench, 0).1.hang_up();
    assert_eq!(bench.end(&task), End::Waiting);
    who_has(&bench, 0).1.answer(1);
    assert_eq!(bench.end(&task), End::Reply(0));
}

#[test]
fn a_request_that_can_not_be_copied_is_not_repeated_once_it_may_have_been_sent() {
    for can_be_copied in [true, false] {
        let mut bench = Bench::up();
        let pool = bench.pool.clone();
        let task = bench.executor.spawn(async move {
            let call = pool.call(request(0));
            if can_be_copied {
                call.idempotent_by(|request| Some(request.clone())).await
            } else {
                call.idempotent_by(|_| None).await
            }
        });
        bench.executor.run();
        who_has(&bench, 0).1.hang_up();
        let end = if can_be_copied { End::Waiting } else { End::MaybeSent("closed") };
        assert_eq!(bench.end(&task), end);
    }
}

#[test]
fn a_handle_repeats_its_calls_by_its_rules_and_other_handles_don_t() {
    let mut bench = Bench::up();
    // So that what was sent comes back as certainly unsent.
    (0..2).for_each(|index| bench.peer(index).block(true));
    let once = bench.call(0);
    bench.pool = bench.pool.clone().with_retry(Retry::new());
    let repeated = bench.call(1);
    (0..2).for_each(|index| bench.peer(index).panic());
    assert_eq!(bench.end(&once), End::NotSent(0, "dropped"));
    bench.advance(60 * SECOND);
    who_has(&bench, 1).1.answer(1);
    assert_eq!(bench.end(&repeated), End::Reply(1));
}

#[test]
fn a_weak_handle_keeps_no_pool_alive_and_looks_at_it_to_the_end() {
    let mut bench = Bench::up();
    let weak = bench.pool.downgrade();
    assert_eq!(weak.snapshot().addresses.len(), 2);
    let strong = weak.upgrade().expect("the pool lives");
    let task = bench.executor.spawn(async move { strong.call(request(0)).await });
    bench.executor.run();
    who_has(&bench, 0).1.answer(1);
    assert_eq!(bench.end(&task), End::Reply(0));
    let Bench { mut executor, pool, driver, .. } = bench;
    drop(pool);
    executor.run();
    assert!(weak.upgrade().is_none() && weak.is_closed());
    assert!(driver.is_done() && weak.snapshot().ended.is_some());
}

#[test]
fn a_request_can_be_looked_at_until_it_is_begun_and_its_caller_can_not_go_meanwhile() {
    let (call, reply) = Call::<_, ()>::new("how many?");
    assert_eq!(call.request().as_deref(), Some(&"how many?"));
    let (_, responder) = call.begin().expect("the caller waits");
    drop((responder, reply));
    let (call, reply) = Call::<_, ()>::new("how many?");
    drop(reply);
    assert!(call.request().is_none());
}

/// Takes calls, and begins each at once. Half of the addresses refuse everything unprocessed.
struct Refusing {
    refuses: bool,
    log: Rc<RefCell<Vec<(bool, usize)>>>,
    refused: Vec<Item>,
    says_goodbye: bool,
    finished: usize,
}

impl Sink<Item> for Refusing {
    type Error = String;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), String>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(mut self: Pin<&mut Self>, call: Item) -> Result<(), String> {
        let (request, responder) = call.begin().expect("the caller waits");
        let number = request.number;
        self.log.borrow_mut().push((self.refuses, number));
        if self.refuses {
            // What a GOAWAY says of the streams beyond its last one.
            let call = responder.take_back(request).expect("the caller waits");
            self.refused.push(call);
            self.says_goodbye = true;
        } else {
            responder.reply(Reply { id: 0, number }).expect("the caller waits");
            self.finished += 1;
        }
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

impl Connection<Item> for Refusing {
    const REPORTS_OUTCOMES: bool = true;

    fn poll_event(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Result<ConnectionEvent<Item>, String>> {
        if let Some(call) = self.refused.pop() {
            return Poll::Ready(Ok(ConnectionEvent::Unsent(call)));
        }
        if self.finished > 0 {
            self.finished -= 1;
            let latency = Some(Duration::ZERO);
            return Poll::Ready(Ok(ConnectionEvent::Finished(Outcome::Success { latency })));
        }
        if std::mem::take(&mut self.says_goodbye) {
            return Poll::Ready(Ok(ConnectionEvent::GoingAway));
        }
        Poll::Pending
    }
}

fn pool_of(log: &Rc<RefCell<Vec<(bool, usize)>>>, executor: &mut Executor) -> CallPool<Request, Reply, u16> {
    let log = Rc::clone(log);
    let connect = move |address: u16| {
        let refuses = address == 1;
        let log = Rc::clone(&log);
        let connection = Refusing { refuses, log, refused: Vec::new(), says_goodbye: false, finished: 0 };
        std::future::ready(Ok::<_, String>(connection))
    };
    let builder = call_pool_builder(connect, Clock::default()).connect_to_fixed([1, 2]).seed(1);
    let (pool, driver) = builder.build().expect("the settings make sense");
    executor.spawn(driver);
    executor.run();
    pool
}

#[test]
fn a_call_that_a_peer_refused_unprocessed_goes_to_another_without_a_retry() {
    let (log, mut executor) = (Rc::default(), Executor::default());
    let pool = pool_of(&log, &mut executor);
    for number in 0..4 {
        let pool = pool.clone();
        let task = executor.spawn(async move { pool.call(request(number)).await });
        executor.run();
        assert_eq!(task.output().map(End::from), Some(End::Reply(number)));
    }
    let refused = log.borrow().iter().filter(|(refuses, _)| *refuses).count();
    assert!(refused > 0, "{:?}", log.borrow());
    assert_eq!(pool.snapshot().counts.accepted, 4, "none was made twice");
}

#[test]
fn a_call_that_is_taken_back_is_as_new() {
    let (call, mut reply) = Call::<Request, Reply>::new(request(0));
    let (request, responder) = call.begin().expect("the caller waits");
    let call = responder.take_back(request).expect("the caller waits");
    assert_eq!(end_of(&mut reply), End::Waiting);
    drop(call);
    assert_eq!(end_of(&mut reply), End::NotSent(0, "dropped"));
    let (call, reply) = Call::<Request, Reply>::new(Request { id: 0, number: 7 });
    let (request, responder) = call.begin().expect("the caller waits");
    drop(reply);
    assert_eq!(responder.take_back(request).map_err(|request| request.number).err(), Some(7));
}

#[test]
fn calls_through_a_pool_of_items_work_by_the_sink_that_it_is() {
    use pool_call::CallExt;
    let peers = support::bench::Peers::default();
    let builder = pool_driver::PoolBuilder::new(peers.connector(256), Clock::default()).connect_to_fixed([1]);
    let (mut pool, driver) = builder.build::<Item>().expect("the settings make sense");
    let mut executor = Executor::default();
    executor.spawn(driver);
    executor.run();
    let mut calling = pin!(pool.call(request(0)));
    assert!(calling.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    executor.run();
    peers.all()[0].answer(1);
    executor.run();
    assert_eq!(end_of(&mut calling), End::Reply(0));
}
