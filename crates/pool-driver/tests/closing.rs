//! How a pool ends, and who learns of it (D1 to D3).

mod support;

use std::cell::RefCell;
use std::rc::Rc;

use pool_driver::{EndReason, Event, Pool, ReadyError, RefusedReason, Runtime, UndeliveredReason};
use support::{A, B, Bench, Call, Dial, Fault, Item, Outside, Task, millis, secs};

/// A pool whose one connection takes nothing yet.
fn blocked() -> Bench {
    let mut bench = Bench::new(|pool| pool);
    bench.world.behave(A, |behaviour| behaviour.is_ready = false);
    bench.set([A]);
    bench
}

fn unblock(bench: &mut Bench) {
    bench.world.link(A).change(|behaviour| behaviour.is_ready = true);
    bench.run();
}

#[test]
fn d1_the_drop_of_the_last_handle_delivers_the_queue_then_closes_and_ends() {
    let mut bench = blocked();
    bench.send([1, 2]);
    let sender = bench.sender(3);
    bench.run();
    bench.drop_pool();
    bench.run();
    assert!(sender.is_done() && !bench.driver.is_done());
    unblock(&mut bench);
    let ended = bench.output(&bench.driver.clone());
    assert_eq!((ended.reason, bench.world.received(A)), (EndReason::HandlesDropped, vec![1, 2, 3]));
    assert_eq!(bench.world.alive(A), 0);
    bench.check_accounts(ended, "");
}

#[test]
fn d1_a_pool_without_handles_has_the_default_deadline() {
    let mut bench = Bench::new(|pool| pool.shutdown_timeout(secs(4)));
    bench.send([1]);
    bench.advance(secs(100));
    bench.drop_pool();
    bench.advance(millis(3999));
    assert!(!bench.driver.is_done());
    bench.advance(millis(1));
    let ended = bench.output(&bench.driver.clone());
    let undelivered = UndeliveredReason::Closed(EndReason::HandlesDropped);
    assert_eq!(bench.ledger.reasons(), [undelivered]);
    bench.check_accounts(ended, "");
}

#[test]
fn d2_a_deadline_counts_from_the_request_also_when_the_driver_was_held_up_in_the_middle_of_a_poll() {
    let outside = Outside::new();
    outside.world.behave(A, |behaviour| behaviour.is_ready = false);
    let (clock, handle) = (outside.clock.clone(), Rc::new(RefCell::new(None::<Pool<Item, u16>>)));
    let observed = Rc::clone(&handle);
    let hold_up = move |event: &Event<u16>| {
        if matches!(event, Event::AddressAdded { .. })
            && let Some(pool) = observed.take()
        {
            clock.set(clock.now() + secs(5));
            drop(pool.shutdown(secs(2)));
        }
    };
    let (pool, driver) = outside.builder().observer(hold_up).build::<Item>().expect("sound settings");
    handle.replace(Some(pool.clone()));
    let mut bench = Bench::around(outside, pool, driver);
    bench.feed.push_set([A]);
    // The driver is woken by both, and finds the addresses first.
    bench.send([1]);
    assert!(bench.snapshot().ended.is_none() && handle.borrow().is_none());
    bench.advance(millis(1999));
    assert!(bench.ledger.undelivered().is_empty());
    bench.advance(millis(1));
    assert_eq!(bench.ledger.undelivered(), [1]);
}

#[test]
fn d1_the_pool_lives_as_long_as_one_handle_does() {
    let mut bench = Bench::up([A], |pool| pool);
    let clone = bench.pool().clone();
    bench.drop_pool();
    bench.advance(secs(1000));
    assert!(!bench.driver.is_done());
    drop(clone);
    assert_eq!(bench.output(&bench.driver.clone()).reason, EndReason::HandlesDropped);
}

#[test]
fn d2_shutdown_stops_the_intake_at_once_even_if_its_future_is_dropped() {
    let mut bench = blocked();
    bench.send([1]);
    drop(bench.pool().shutdown(secs(30)));
    let closed = RefusedReason::Closed(EndReason::Shutdown);
    assert_eq!(bench.try_send(2), Err(closed), "the driver has not run yet");
    let sender = bench.sender(3);
    assert_eq!(bench.output(&sender), Err(closed));
    unblock(&mut bench);
    let ended = bench.output(&bench.driver.clone());
    assert_eq!(bench.world.received(A), [1]);
    bench.check_accounts(ended, "");
}

#[test]
fn d2_senders_that_wait_are_refused_and_have_their_items_back() {
    let mut bench = Bench::new(|pool| pool.queue_size(1));
    bench.send([1]);
    let sender = bench.sender(2);
    bench.run();
    drop(bench.pool().shutdown(secs(30)));
    assert_eq!(bench.output(&sender), Err(RefusedReason::Closed(EndReason::Shutdown)));
    bench.finish();
}

/// A pool that is dialling and has an item to deliver, and a task that waits until it is ready.
fn waiting_until_ready() -> (Bench, Task<Result<(), ReadyError>>) {
    let mut bench = Bench::new(|pool| pool);
    bench.world.answer(A, Dial::Hang);
    bench.set([A]);
    bench.send([1]);
    let ready = bench.spawn_with_pool(|pool| async move { pool.ready(1).unless_failing().await });
    bench.run();
    assert!(!ready.is_done());
    (bench, ready)
}

#[test]
fn d2_a_task_that_waits_until_the_pool_is_ready_is_told_at_once_that_another_handle_shuts_it_down() {
    let (mut bench, ready) = waiting_until_ready();
    drop(bench.pool().shutdown(secs(30)));
    let told = bench.output(&ready);
    assert!(matches!(told, Err(ReadyError::Closed(EndReason::Shutdown))), "{told:?}");
    assert!(!bench.driver.is_done(), "the deadline is far away");
}

#[test]
fn d2_a_task_that_waits_until_the_pool_is_ready_is_told_at_once_that_its_addresses_have_ended() {
    let (mut bench, ready) = waiting_until_ready();
    bench.feed.push(support::Answer::End);
    let told = bench.output(&ready);
    assert!(matches!(told, Err(ReadyError::Closed(EndReason::AddressesEnded))), "{told:?}");
    assert!(!bench.driver.is_done(), "the deadline is far away");
}

#[test]
fn d2_what_is_queued_is_delivered_until_the_deadline_and_the_rest_is_undelivered() {
    let mut bench = blocked();
    bench.send(1..=5);
    let task = bench.shut_down(secs(10));
    bench.advance(secs(5));
    bench.world.link(A).change(|behaviour| {
        behaviour.is_ready = true;
        behaviour.flushes = false;
        behaviour.window = 2;
    });
    bench.advance(millis(4999));
    assert!(!task.is_done());
    bench.world.link(A).change(|behaviour| behaviour.closes = true);
    bench.advance(millis(1));
    assert_eq!(bench.ledger.undelivered(), [3, 4, 5]);
    bench.world.link(A).change(|behaviour| behaviour.flushes = true);
    let ended = bench.output(&task);
    assert_eq!((ended.counts.sent, bench.world.received(A)), (2, vec![1, 2]));
    bench.check_accounts(ended, "");
}

#[test]
fn d2_the_earliest_of_several_deadlines_counts() {
    let mut bench = blocked();
    bench.send([1]);
    let patient = bench.shut_down(secs(100));
    let hasty = bench.shut_down(secs(1));
    let late = bench.shut_down(secs(1000));
    bench.world.link(A).change(|behaviour| behaviour.closes = true);
    bench.advance(secs(1));
    for task in [patient, hasty, late] {
        assert_eq!(bench.output(&task).counts.undelivered, 1);
    }
}

#[test]
fn d2_a_shutdown_without_time_hands_over_what_connections_take_at_once() {
    let mut bench = Bench::up([A], |pool| pool);
    assert_eq!((bench.try_send(1), bench.try_send(2)), (Ok(()), Ok(())));
    let task = bench.shut_down(secs(0));
    let ended = bench.output(&task);
    assert_eq!((ended.counts.sent, ended.counts.undelivered), (2, 0));
    bench.check_accounts(ended, "");
}

#[test]
fn d2_a_deadline_beyond_all_time_is_no_deadline() {
    let mut bench = blocked();
    bench.send([1]);
    let task = bench.shut_down(std::time::Duration::MAX);
    bench.advance(secs(1_000_000));
    assert!(!task.is_done());
    unblock(&mut bench);
    let ended = bench.output(&task);
    bench.check_accounts(ended, "");
}

#[test]
fn d2_a_connection_that_is_lost_during_the_shutdown_is_redialled() {
    let mut bench = blocked();
    bench.advance(secs(20));
    bench.send([1, 2]);
    let task = bench.shut_down(secs(30));
    bench.world.behave(A, |behaviour| behaviour.is_ready = true);
    bench.world.answer(A, Dial::Refuse);
    bench.world.link(A).break_off();
    bench.advance(secs(1));
    bench.world.answer(A, Dial::Accept);
    bench.advance(secs(5));
    let ended = bench.output(&task);
    assert_eq!(bench.world.received(A), [1, 2]);
    bench.check_accounts(ended, "");
}

#[test]
fn d2_an_item_that_comes_back_during_the_shutdown_is_delivered_by_another_connection() {
    let mut bench = Bench::up([A, B], |pool| pool);
    bench.world.link(B).change(|behaviour| behaviour.is_ready = false);
    bench.world.link(A).change(|behaviour| (behaviour.flushes, behaviour.window) = (false, 1));
    bench.send([1, 2]);
    let task = bench.shut_down(secs(30));
    bench.world.link(A).give_back();
    bench.world.link(A).hang_up();
    bench.world.answer(A, Dial::Hang);
    bench.world.link(B).change(|behaviour| behaviour.is_ready = true);
    let ended = bench.output(&task);
    assert_eq!(bench.world.received(B), [1, 2]);
    bench.check_accounts(ended, "");
}

#[test]
fn d2_an_item_that_a_connection_breaks_on_in_the_very_shutdown_goes_to_another() {
    for (faulty, sound) in [(A, B), (B, A)] {
        for count in 1..=3 {
            let mut bench = Bench::up([A, B], |pool| pool);
            let link = bench.world.link(faulty);
            link.change(|behaviour| behaviour.returns_refused = true);
            link.fault(Call::Send, Fault::Error);
            bench.run();
            (1..=count).for_each(|id| assert_eq!(bench.try_send(id), Ok(())));
            let task = bench.shut_down(secs(30));
            let ended = bench.output(&task);
            assert_eq!(bench.world.received(sound), (1..=count).collect::<Vec<_>>());
            assert_eq!(ended.counts.undelivered, 0);
            bench.check_accounts(ended, "");
        }
    }
}

#[test]
fn d2_items_that_come_back_from_a_connection_that_closes_last_are_undelivered() {
    let mut bench = Bench::up([A], |pool| pool);
    bench.world.link(A).change(|behaviour| (behaviour.flushes, behaviour.closes) = (false, false));
    bench.send([1, 2]);
    let task = bench.shut_down(secs(30));
    bench.world.link(A).give_back();
    bench.world.link(A).hang_up();
    let ended = bench.output(&task);
    assert_eq!(bench.ledger.undelivered(), [1, 2]);
    bench.check_accounts(ended, "");
}

#[test]
fn d2_a_connection_that_does_not_close_holds_the_end_up_for_the_drain_timeout_only() {
    let mut bench = Bench::up([A, B], |pool| pool.drain_timeout(secs(3)));
    bench.world.link(A).change(|behaviour| behaviour.closes = false);
    bench.world.link(B).fault(Call::Close, Fault::Error);
    let task = bench.shut_down(secs(30));
    bench.advance(millis(2999));
    assert!(!task.is_done());
    bench.advance(millis(1));
    assert_eq!(bench.output(&task).reason, EndReason::Shutdown);
}

#[test]
fn d3_every_handle_sees_the_end_and_its_reason_also_much_later() {
    let mut bench = Bench::up([A], |pool| pool);
    let clones: Vec<_> = (0..3).map(|_| bench.pool().clone()).collect();
    let waiting: Vec<_> =
        (0..3).map(|_| bench.spawn_with_pool(|pool| async move { pool.closed().await })).collect();
    bench.send([1]);
    let ended = bench.shut_down(secs(1)).output().expect("nothing waits");
    for task in waiting {
        assert_eq!(bench.output(&task), ended);
    }
    for pool in clones {
        assert_eq!(pool.snapshot().ended, Some(ended));
        let task =
            bench.executor.spawn(async move { (pool.closed().await, pool.ready(1).unless_failing().await) });
        let (seen, ready) = bench.output(&task);
        assert_eq!(seen, ended);
        assert!(matches!(ready, Err(ReadyError::Closed(EndReason::Shutdown))));
    }
    assert_eq!(bench.try_send(2), Err(RefusedReason::Closed(EndReason::Shutdown)));
}

#[test]
fn d3_the_end_is_told_once_however_many_reasons_there_are() {
    let mut bench = blocked();
    bench.send([1]);
    let task = bench.shut_down(secs(5));
    bench.feed.push(support::Answer::End);
    bench.run();
    bench.drop_pool();
    bench.advance(secs(60));
    assert_eq!(bench.output(&task).reason, EndReason::Shutdown, "the first counts");
    bench.executor.cancel(&bench.driver.clone());
    assert_eq!(bench.count_events(|event| matches!(event, Event::Ended { .. })), 1);
}

#[test]
fn d3_t31_a_dropped_driver_loses_nothing_silently() {
    let mut bench = blocked();
    bench.send(1..=3);
    bench.world.link(A).change(|behaviour| (behaviour.is_ready, behaviour.window) = (true, 1));
    bench.world.link(A).change(|behaviour| behaviour.flushes = false);
    bench.run();
    assert_eq!(bench.try_send(4), Ok(()));
    bench.executor.cancel(&bench.driver.clone());
    assert_eq!(bench.ledger.undelivered().len(), 3);
    assert_eq!(bench.world.alive(A), 0);
    let reason = UndeliveredReason::Closed(EndReason::DriverDropped);
    assert_eq!(bench.ledger.reasons(), [reason; 3]);
    let ended = bench.snapshot().ended.expect("it is over");
    bench.check_accounts(ended, "");
    assert_eq!(bench.count_events(|event| matches!(event, Event::Ended { .. })), 1);
}

#[test]
fn d3_a_driver_that_is_dropped_before_its_first_poll_ends_the_pool_too() {
    let mut bench = Bench::new(|pool| pool);
    assert_eq!(bench.try_send(1), Ok(()));
    bench.executor.cancel(&bench.driver.clone());
    let ended = bench.snapshot().ended.expect("it is over");
    assert_eq!(ended.reason, EndReason::DriverDropped);
    bench.check_accounts(ended, "");
}

#[test]
fn d3_a_driver_that_is_polled_after_its_end_says_the_same_again() {
    let outside = support::Outside::new();
    let (pool, mut driver) = outside.builder().build::<support::Item>().expect("sound settings");
    drop(pool);
    let mut executor = support::Executor::default();
    let task = executor.spawn(async move { ((&mut driver).await, (&mut driver).await) });
    executor.run();
    let (first, second) = task.output().expect("there was nothing to wait for");
    assert_eq!(first, second);
}
