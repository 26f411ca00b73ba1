//! Calls that go to one address and no other.

mod support;

use std::time::Duration;

use pool_call::{CallError, CallPool, Calling, NotSentReason, Retry};
use pool_conformance::simulated::Spawned;
use pool_driver::UndeliveredReason;
use support::bench::Bench;
use support::{Answered, End, Reply, Request, request};

const SECOND: Duration = Duration::from_secs(1);

type Pool = CallPool<Request, Reply, u16>;

fn call(
    bench: &mut Bench,
    number: usize,
    settings: impl FnOnce(Calling<&Pool>) -> Calling<&Pool> + 'static,
) -> Spawned<Answered> {
    let pool = bench.pool.clone();
    let task = bench.executor.spawn(async move { settings(pool.call(request(number))).await });
    bench.executor.run();
    task
}

/// Why the call was not sent.
fn undelivered(bench: &mut Bench, task: &Spawned<Answered>) -> UndeliveredReason {
    bench.executor.run();
    match task.output() {
        Some(Err(CallError::NotSent { reason: NotSentReason::Undelivered { reason, .. }, .. })) => reason,
        other => panic!("{other:?}"),
    }
}

/// The requests that came to an address, over all connections that it ever had, and have no reply.
fn received(bench: &Bench, address: u16) -> Vec<usize> {
    bench.peers.at(address).iter().flat_map(|peer| peer.received()).collect()
}

#[test]
fn a_call_to_one_address_goes_there_and_a_call_without_a_wish_wherever_it_is_its_turn() {
    let mut bench = Bench::up();
    let to_two: Vec<_> = (0..4).map(|number| call(&mut bench, number, |call| call.to(&2))).collect();
    assert_eq!((received(&bench, 1), received(&bench, 2)), (vec![], vec![0, 1, 2, 3]));
    bench.peers.at(2)[0].answer(4);
    for (number, task) in to_two.iter().enumerate() {
        assert_eq!(bench.end(task), End::Reply(number));
    }
    let id = bench.pool.pool().address_id(&1).expect("the pool knows it");
    let by_id = call(&mut bench, 4, move |call| call.to_id(id));
    assert_eq!(received(&bench, 1), [4]);
    bench.peers.at(1)[0].answer(1);
    assert_eq!(bench.end(&by_id), End::Reply(4));
}

#[test]
fn other_settings_change_nothing_of_where_a_call_goes() {
    let settings: [fn(Calling<&Pool>) -> Calling<&Pool>; 4] = [
        |call| call.timeout(SECOND).to(&2),
        |call| call.to(&2).timeout(SECOND).key(1),
        |call| call.to(&2).idempotent().retry(&Retry::new()),
        |call| call.to(&2).avoiding(&2),
    ];
    for settings in settings {
        let mut bench = Bench::up();
        let tasks: Vec<_> = (0..3).map(|number| call(&mut bench, number, settings)).collect();
        assert_eq!((received(&bench, 1), received(&bench, 2)), (vec![], vec![0, 1, 2]));
        bench.peers.at(2)[0].answer(3);
        assert!(tasks.iter().all(|task| matches!(bench.end(task), End::Reply(_))));
    }
}

#[test]
fn a_call_to_an_address_that_the_pool_has_not_ends_at_once_and_says_so() {
    let mut bench = Bench::up();
    let task = call(&mut bench, 0, |call| call.to(&77));
    assert_eq!(undelivered(&mut bench, &task), UndeliveredReason::AddressLeft);
    let Some(Err(error)) = call(&mut bench, 1, |call| call.to(&77).timeout(SECOND)).output() else {
        panic!("it has ended")
    };
    assert_eq!(
        error.to_string(),
        "the request was not sent: its only address is not among those of the pool"
    );
    assert_eq!(error.into_request().map(|request| request.number), Some(1));
    assert_eq!(bench.snapshot().counts.accepted, 0);
}

#[test]
fn a_call_to_a_busy_address_waits_and_holds_up_no_other_and_its_time_passes() {
    let mut bench = Bench::new(1, true, |settings| settings);
    let first = call(&mut bench, 0, |call| call.to(&1));
    let patient = call(&mut bench, 1, |call| call.to(&1));
    let impatient = call(&mut bench, 2, |call| call.to(&1).timeout(SECOND));
    let last = call(&mut bench, 3, |call| call.to(&1));
    let other = call(&mut bench, 4, |call| call);
    assert_eq!((received(&bench, 1), received(&bench, 2)), (vec![0], vec![4]));
    bench.peers.at(2)[0].answer(1);
    assert_eq!(bench.end(&other), End::Reply(4));
    bench.advance(2 * SECOND);
    assert_eq!(bench.end(&impatient), End::NotSent(2, "timed out"));
    for (number, task) in [(0, first), (1, patient), (3, last)] {
        assert_eq!(received(&bench, 1), [number]);
        bench.peers.at(1)[0].answer(1);
        assert_eq!(bench.end(&task), End::Reply(number));
    }
}

#[test]
fn calls_to_busy_addresses_take_half_of_the_queue_and_those_that_go_leave_their_places() {
    let mut bench = Bench::new(1, true, |settings| settings.queue_size(4));
    let _in_flight = call(&mut bench, 0, |call| call.to(&1));
    let waiting: Vec<_> = (1..3).map(|number| call(&mut bench, number, |call| call.to(&1))).collect();
    let refused = call(&mut bench, 3, |call| call.to(&1));
    assert_eq!(undelivered(&mut bench, &refused), UndeliveredReason::AddressBusy);
    waiting.iter().for_each(|task| bench.executor.cancel(task));
    let next = call(&mut bench, 4, |call| call.to(&1));
    assert_eq!(bench.end(&next), End::Waiting);
    bench.peers.at(1)[0].answer(1);
    bench.executor.run();
    assert_eq!(received(&bench, 1), [4]);
    bench.peers.at(1)[0].answer(1);
    assert_eq!(bench.end(&next), End::Reply(4));
}

#[test]
fn a_call_to_one_address_is_repeated_there() {
    let mut bench = Bench::up();
    let task = call(&mut bench, 0, |call| call.to(&2).idempotent());
    bench.peers.at(2)[0].hang_up();
    bench.advance(60 * SECOND);
    assert_eq!((received(&bench, 1), received(&bench, 2)), (vec![], vec![0, 0]));
    bench.peers.at(2).last().expect("it was dialled again").answer(1);
    assert_eq!(bench.end(&task), End::Reply(0));
}

#[test]
fn a_lazy_pool_dials_the_address_of_a_call_that_is_for_it_only() {
    let mut bench = Bench::new(256, true, pool_driver::PoolBuilder::lazy);
    let task = call(&mut bench, 0, |call| call.to(&2));
    assert_eq!((bench.peers.at(1).len(), bench.peers.at(2).len()), (0, 1));
    bench.peers.at(2)[0].answer(1);
    assert_eq!(bench.end(&task), End::Reply(0));
}

/// How the calls to all addresses ended, if they did.
fn ends(bench: &mut Bench, task: &Spawned<Vec<(u16, Answered)>>) -> Option<Vec<(u16, End)>> {
    bench.executor.run();
    let mut outcomes = task.output()?;
    outcomes.sort_by_key(|(address, _)| *address);
    Some(outcomes.into_iter().map(|(address, outcome)| (address, End::from(outcome))).collect())
}

#[test]
fn a_call_to_all_addresses_has_an_outcome_for_each() {
    let mut bench = Bench::up();
    let pool = bench.pool.clone();
    let task = bench.executor.spawn(async move { pool.call_all(request(7)).await });
    bench.executor.run();
    assert_eq!((received(&bench, 1), received(&bench, 2)), (vec![7], vec![7]));
    bench.peers.at(2)[0].answer(1);
    assert_eq!(ends(&mut bench, &task), None);
    bench.peers.at(1)[0].hang_up();
    let expected = vec![(1, End::MaybeSent("closed")), (2, End::Reply(7))];
    assert_eq!(ends(&mut bench, &task), Some(expected));
}

#[test]
fn each_call_to_all_addresses_has_the_settings_of_all() {
    let mut bench = Bench::new(1, true, |settings| settings);
    let first = call(&mut bench, 0, |call| call.to(&1));
    let pool = bench.pool.clone();
    let task = bench
        .executor
        .spawn(async move { pool.call_all(request(7)).timeout(SECOND).each(|call| call.idempotent()).await });
    bench.executor.run();
    assert_eq!((received(&bench, 1), received(&bench, 2)), (vec![0], vec![7]));
    bench.peers.at(2)[0].hang_up();
    bench.advance(SECOND / 2);
    bench.peers.at(2).last().expect("it was dialled again").answer(1);
    assert_eq!(ends(&mut bench, &task), None);
    bench.advance(SECOND);
    let expected = vec![(1, End::NotSent(7, "timed out")), (2, End::Reply(7))];
    assert_eq!((ends(&mut bench, &task), bench.end(&first)), (Some(expected), End::Waiting));
}

#[test]
fn a_call_to_all_addresses_that_is_dropped_gives_up_each() {
    let mut bench = Bench::new(1, true, |settings| settings);
    let busy = [1, 2].map(|address| call(&mut bench, 0, move |call| call.to(&address)));
    let pool = bench.pool.clone();
    let task = bench.executor.spawn(async move { pool.call_all(request(7)).await });
    bench.executor.run();
    assert_eq!(bench.snapshot().queue.in_backlog, 2);
    bench.executor.cancel(&task);
    bench.executor.run();
    assert_eq!(bench.snapshot().queue.in_backlog, 0);
    drop(busy);
}
