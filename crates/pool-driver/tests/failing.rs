//! When nothing can be reached: fail fast, `ready`, and what the snapshot tells.

mod support;

use std::cell::RefCell;
use std::rc::Rc;

use pool_core::AddressState;
use pool_driver::{Availability, EndReason, Pool, PoolBuilder, ReadyError, RefusedReason, UndeliveredReason};
use support::{A, B, Bench, Clock, Dial, End, Executor, SEED, millis, secs};

/// A pool that fails fast after 3 s, with one address that refuses.
fn refused() -> Bench {
    let mut bench = Bench::new(|pool| pool.fail_fast_after(secs(3)).queue_size(2));
    bench.world.answer(A, Dial::Refuse);
    bench.set([A]);
    bench
}

#[test]
fn fail_fast_refuses_new_items_and_returns_queued_ones() {
    let mut bench = refused();
    bench.send([1, 2]);
    let sender = bench.sender(3);
    bench.advance(millis(2999));
    assert!(bench.ledger.undelivered().is_empty() && !sender.is_done());
    bench.advance(millis(1));
    assert_eq!(bench.ledger.undelivered(), [1, 2]);
    assert_eq!(bench.ledger.reasons(), [UndeliveredReason::FailingFast; 2]);
    assert_eq!(bench.output(&sender), Err(RefusedReason::FailingFast));
    assert_eq!(bench.try_send(4), Err(RefusedReason::FailingFast));
    assert_eq!(bench.snapshot().availability, Availability::FailingFast);
    bench.finish();
}

#[test]
fn t22_a_pool_that_fails_fast_goes_on_trying_and_recovers() {
    for lazy in [false, true] {
        let mut bench = Bench::new(|pool| {
            let pool = pool.fail_fast_after(secs(3));
            if lazy { pool.lazy() } else { pool }
        });
        bench.world.answer(A, Dial::Refuse);
        bench.set([A]);
        bench.send([1]);
        bench.advance(secs(100));
        assert_eq!(bench.try_send(2), Err(RefusedReason::FailingFast));
        bench.world.answer(A, Dial::Accept);
        bench.advance(secs(40));
        bench.send([3]);
        assert_eq!(bench.world.received(A), [3]);
        bench.finish();
    }
}

#[test]
fn an_item_that_comes_back_while_the_pool_fails_fast_is_returned_too() {
    let mut bench = Bench::up([A], |pool| pool.fail_fast_after(secs(3)));
    bench.world.link(A).change(|behaviour| (behaviour.flushes, behaviour.closes) = (false, false));
    bench.send([1]);
    bench.world.answer(A, Dial::Refuse);
    bench.world.link(A).go_away();
    bench.advance(secs(5));
    assert_eq!(bench.try_send(2), Err(RefusedReason::FailingFast));
    bench.world.link(A).give_back();
    bench.run();
    assert_eq!(bench.ledger.undelivered(), [1], "{}", bench.snapshot());
    bench.finish();
}

#[test]
fn items_that_were_returned_make_a_lazy_pool_dial_no_more() {
    let mut bench = Bench::new(|pool| pool.lazy().connections_per_address(8).fail_fast_after(secs(3)));
    bench.world.answer(A, Dial::Hang);
    bench.world.answer(B, Dial::Hang);
    bench.set([A, B]);
    bench.send(1..=10);
    bench.advance(secs(3));
    assert_eq!(bench.ledger.undelivered().len(), 10);
    for address in [A, B] {
        bench.world.answer(address, Dial::Accept);
    }
    bench.run();
    let alive = bench.world.alive(A) + bench.world.alive(B);
    let dialling = bench.world.dialling(A) + bench.world.dialling(B);
    assert_eq!((alive, dialling), (1, 0), "{}", bench.snapshot());
    bench.finish();
}

#[test]
fn ready_waits_for_the_first_connection() {
    let mut bench = Bench::new(|pool| pool);
    bench.world.answer(A, Dial::Hang);
    bench.set([A]);
    let ready = bench.spawn_with_pool(|pool| async move { pool.ready(1).unless_failing().await });
    bench.advance(secs(1));
    assert!(!ready.is_done());
    bench.world.answer(A, Dial::Accept);
    assert!(bench.output(&ready).is_ok());
}

#[test]
fn ready_says_why_not_as_soon_as_every_address_has_failed() {
    let mut bench = Bench::new(|pool| pool);
    bench.world.answer(A, Dial::Refuse);
    bench.world.answer(B, Dial::Hang);
    bench.set([A, B]);
    let ready = bench.spawn_with_pool(|pool| async move { pool.ready(1).unless_failing().await });
    bench.advance(secs(4));
    assert!(!ready.is_done(), "one is still being tried");
    bench.advance(secs(2));
    let Err(ReadyError::Failing { last_error: Some(error) }) = bench.output(&ready) else {
        panic!("both have failed")
    };
    assert!(["connection refused", "the dial timed out"].contains(&&*error.to_string()), "{error}");
}

#[test]
fn ready_makes_a_lazy_pool_connect() {
    let mut bench = Bench::up([A], PoolBuilder::lazy);
    bench.advance(secs(60));
    assert_eq!(bench.world.dials(A), 0);
    let ready = bench.spawn_with_pool(|pool| async move { pool.ready(1).unless_failing().await });
    assert!(bench.output(&ready).is_ok());
    assert_eq!((bench.world.dials(A), bench.world.alive(A)), (1, 1));
    bench.finish();
}

#[test]
fn ready_says_that_the_pool_closes_although_a_connection_is_up() {
    let mut bench = Bench::up([A], |pool| pool);
    bench.world.link(A).change(|behaviour| behaviour.is_ready = false);
    bench.send([1]);
    let task = bench.shut_down(secs(30));
    let ready = bench.spawn_with_pool(|pool| async move { pool.ready(1).unless_failing().await });
    assert!(matches!(bench.output(&ready), Err(ReadyError::Closed(EndReason::Shutdown))));
    assert!(!task.is_done());
    bench.finish();
}

#[test]
fn a_refused_sender_that_is_kept_holds_no_place_after_the_recovery() {
    let mut bench = Bench::new(|pool| pool.fail_fast_after(secs(3)).queue_size(1));
    bench.world.answer(A, Dial::Refuse);
    bench.set([A]);
    bench.send([1]);
    let (item, ledger) = (bench.ledger.item(2), bench.ledger.clone());
    let kept = bench.spawn_with_pool(|pool| async move {
        let mut sending = pool.send(item);
        let refused = (&mut sending).await.expect_err("it fails fast");
        ledger.record(refused.item.id, End::Refused);
        drop(refused);
        std::future::pending::<()>().await;
        drop(sending);
    });
    bench.advance(secs(4));
    assert_eq!(bench.ledger.ended(End::Refused), [2]);
    bench.world.answer(A, Dial::Accept);
    bench.advance(secs(60));
    let queue = bench.snapshot().queue;
    assert_eq!((queue.granted, queue.waiting), (0, 0));
    let next = bench.sender(3);
    assert_eq!(bench.output(&next), Ok(()));
    assert_eq!((bench.world.received(A), kept.is_done()), (vec![3], false));
    bench.finish();
}

#[test]
fn ready_says_that_the_pool_is_over() {
    let mut bench = Bench::new(|pool| pool);
    let ready = bench.spawn_with_pool(|pool| async move { pool.ready(1).unless_failing().await });
    bench.run();
    bench.shut_down(secs(1));
    assert!(matches!(bench.output(&ready), Err(ReadyError::Closed(EndReason::Shutdown))));
}

#[test]
fn t3_those_who_wait_to_be_ready_wake_when_the_driver_dies() {
    let mut bench = Bench::new(|pool| pool);
    let ready = bench.spawn_with_pool(|pool| async move { pool.ready(1).unless_failing().await });
    bench.run();
    bench.executor.cancel(&bench.driver.clone());
    assert!(matches!(bench.output(&ready), Err(ReadyError::Closed(EndReason::DriverDropped))));
}

#[test]
fn t32_the_snapshot_keeps_the_last_error_of_every_address() {
    let mut bench = Bench::new(|pool| pool);
    bench.world.answer(A, Dial::Refuse);
    bench.world.answer(B, Dial::Hang);
    bench.set([A, B]);
    bench.advance(millis(5001));
    let snapshot = bench.snapshot();
    let error =
        |record: &pool_driver::AddressSnapshot<u16>| record.last_error.as_ref().map(ToString::to_string);
    let errors: Vec<_> = snapshot.addresses.iter().map(|record| (*record.address, error(record))).collect();
    let expected = [(A, "connection refused"), (B, "the dial timed out")];
    assert_eq!(errors, expected.map(|(address, error)| (address, Some(error.to_string()))));
    bench.world.answer(A, Dial::Accept);
    bench.advance(secs(60));
    let record = bench.snapshot().addresses.swap_remove(0);
    assert_eq!((record.status.state, record.status.failures), (AddressState::Ready, 0));
    assert_eq!(error(&record).as_deref(), Some("connection refused"), "kept for who asks later");
}

#[test]
fn t32_the_snapshot_prints_as_a_table_that_tells_it_all() {
    let mut bench = refused();
    bench.send([1]);
    let table = bench.snapshot().to_string();
    let records: Vec<_> = table.lines().collect();
    assert_eq!(records.len(), 4, "{table}");
    assert!(records[1].contains("backoff") && records[1].ends_with("connection refused"), "{table}");
    let last = "queue 1/2, 0 waiting; 1 accepted, 0 sent, 0 undelivered; waiting for a connection";
    assert!(records[2].starts_with("name service: answered, addresses of "), "{table}");
    assert_eq!(records[3], last);
    bench.finish();
}

#[test]
fn t33_the_snapshot_answers_while_the_driver_is_not_polled_and_counts_what_is_queued() {
    let mut bench = Bench::up([A], |pool| pool);
    let polls = bench.driver.polls();
    bench.executor.run();
    assert_eq!((bench.try_send(1), bench.try_send(2)), (Ok(()), Ok(())));
    let snapshot = bench.snapshot();
    assert_eq!((snapshot.queue.queued, snapshot.counts.accepted, snapshot.counts.sent), (2, 2, 0));
    assert_eq!(snapshot.addresses.len(), 1);
    assert_eq!(bench.driver.polls(), polls);
    bench.finish();
}

#[test]
fn t33_the_snapshot_answers_while_a_connector_blocks_the_driver() {
    let handle: Rc<RefCell<Option<Pool<u32, u16>>>> = Rc::default();
    let (inside, seen) = (Rc::clone(&handle), Rc::new(RefCell::new(None)));
    let result = Rc::clone(&seen);
    let connector = move |_: u16| {
        let snapshot = inside.borrow().as_ref().map(Pool::snapshot);
        *result.borrow_mut() = snapshot;
        async { Ok::<_, String>(futures_util::sink::drain::<u32>()) }
    };
    let builder = PoolBuilder::plain(connector, Clock::default()).connect_to_fixed([A]).seed(SEED);
    let (pool, driver) = builder.build::<u32>().expect("the settings make sense");
    *handle.borrow_mut() = Some(pool);
    let mut executor = Executor::default();
    let _driver = executor.spawn(driver);
    executor.run();
    assert_eq!(seen.borrow().as_ref().map(|snapshot| snapshot.queue.capacity), Some(100));
}
