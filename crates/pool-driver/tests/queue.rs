//! The queue: strictly bounded, first come first served, and senders that give up (I5).

mod support;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use futures_util::SinkExt;
use pool_driver::{EndReason, Pool, RefusedReason, UndeliveredReason};
use support::{A, Bench, Dial, End, Item, Ledger, Task, secs};

/// A pool of this queue size whose one connection takes nothing.
fn blocked(queue_size: usize) -> Bench {
    let mut bench = Bench::new(|pool| pool.queue_size(queue_size));
    bench.world.behave(A, |behaviour| behaviour.is_ready = false);
    bench.set([A]);
    bench
}

fn unblock(bench: &mut Bench) {
    bench.world.link(A).change(|behaviour| behaviour.is_ready = true);
    bench.run();
}

/// Sends one item through a handle's sink.
async fn feed(mut pool: Pool<Item, u16>, item: Item, ledger: Ledger) -> Pool<Item, u16> {
    let id = item.id;
    if pool.feed(item).await.is_err() {
        ledger.record(id, End::Refused);
    }
    pool
}

#[test]
fn i5_t7_the_bound_counts_queue_grants_and_the_items_in_the_drivers_hand_for_all_clones_together() {
    let mut bench = blocked(3);
    let clones: Vec<_> = (0..10).map(|_| bench.pool().clone()).collect();
    bench.send([1, 2]);
    let queue = bench.snapshot().queue;
    assert_eq!((queue.in_backlog, queue.queued), (2, 0));
    bench.send([3]);
    assert_eq!(bench.try_send(4), Err(RefusedReason::Full));
    let senders: Vec<_> = (5..10).map(|id| bench.sender(id)).collect();
    bench.run();
    let queue = bench.snapshot().queue;
    assert_eq!((queue.in_backlog + queue.queued + queue.granted, queue.waiting, queue.capacity), (3, 5, 3));
    assert!(senders.iter().all(|sender| !sender.is_done()));
    unblock(&mut bench);
    drop(clones);
    assert_eq!(bench.world.received(A), [1, 2, 3, 5, 6, 7, 8, 9]);
    bench.finish();
}

#[test]
fn i5_a_queue_of_one_holds_one_item() {
    let bench = blocked(1);
    assert_eq!(bench.try_send(1), Ok(()));
    assert_eq!(bench.try_send(2), Err(RefusedReason::Full));
    bench.finish();
}

#[test]
fn i5_senders_are_served_in_the_order_in_which_they_came() {
    let mut bench = blocked(1);
    bench.send([0]);
    let senders: Vec<_> = (1..=20).map(|id| bench.sender(id)).collect();
    bench.run();
    unblock(&mut bench);
    assert!(senders.iter().all(|sender| sender.output() == Some(Ok(()))));
    assert_eq!(bench.world.received(A), (0..=20).collect::<Vec<_>>());
    bench.finish();
}

#[test]
fn i5_permits_that_become_free_one_by_one_are_granted_in_the_order_of_arrival() {
    let mut bench = blocked(3);
    bench.send([1, 2, 3]);
    let senders: Vec<_> = (4..=7).map(|id| bench.sender(id)).collect();
    bench.run();
    bench.world.link(A).change(|behaviour| (behaviour.flushes, behaviour.window) = (false, 0));
    bench.world.link(A).change(|behaviour| behaviour.is_ready = true);
    for served in 1..=4 {
        bench.world.link(A).change(|behaviour| behaviour.window = served);
        bench.run();
        let done: Vec<_> = senders.iter().map(Task::is_done).collect();
        assert_eq!(done, (1..=4).map(|sender| sender <= served).collect::<Vec<_>>());
        let queue = bench.snapshot().queue;
        assert_eq!((queue.queued + queue.in_backlog + queue.granted, queue.waiting), (3, 4 - served));
    }
    bench.world.link(A).change(|behaviour| (behaviour.flushes, behaviour.window) = (true, usize::MAX));
    bench.run();
    assert_eq!(bench.world.received(A), (1..=7).collect::<Vec<_>>());
    bench.finish();
}

#[test]
fn i5_room_beyond_the_permits_that_were_granted_is_free_for_all() {
    let mut bench = blocked(3);
    bench.send([1, 2, 3]);
    let sender = bench.sender(4);
    bench.run();
    bench.world.link(A).change(|behaviour| {
        (behaviour.is_ready, behaviour.flushes, behaviour.window) = (true, false, 2);
    });
    bench.executor.run_round();
    let queue = bench.snapshot().queue;
    assert_eq!((queue.in_backlog, queue.granted, queue.waiting), (1, 1, 0));
    assert_eq!((bench.try_send(5), bench.try_send(6)), (Ok(()), Err(RefusedReason::Full)));
    assert_eq!(bench.output(&sender), Ok(()));
    let queue = bench.snapshot().queue;
    assert_eq!(queue.queued + queue.in_backlog + queue.granted, 3);
    bench.world.link(A).change(|behaviour| (behaviour.flushes, behaviour.window) = (true, usize::MAX));
    bench.run();
    assert_eq!(bench.world.received(A), [1, 2, 3, 5, 4]);
    bench.finish();
}

#[test]
fn i5_no_sender_overtakes_one_that_was_granted_a_permit() {
    let mut bench = blocked(1);
    bench.send([1]);
    let _sender = bench.sender(2);
    bench.run();
    bench.world.link(A).change(|behaviour| behaviour.is_ready = true);
    // The driver has granted the permit; the sender hasn't run yet.
    bench.executor.run_round();
    assert_eq!(bench.snapshot().queue.granted, 1);
    assert_eq!(bench.try_send(3), Err(RefusedReason::Full));
    bench.run();
    assert_eq!(bench.world.received(A), [1, 2]);
    bench.finish();
}

#[test]
fn i5_t5_a_sender_that_gives_up_while_it_waits_leaves_nothing_behind() {
    let mut bench = blocked(1);
    bench.send([1]);
    let (first, second) = (bench.sender(2), bench.sender(3));
    bench.run();
    bench.give_up(&first, 2);
    assert_eq!(bench.snapshot().queue.waiting, 1);
    unblock(&mut bench);
    assert_eq!(bench.output(&second), Ok(()));
    assert_eq!(bench.world.received(A), [1, 3]);
    bench.finish();
}

#[test]
fn i5_t4_a_sender_that_gives_up_with_a_permit_passes_it_on() {
    let mut bench = blocked(1);
    bench.send([1]);
    let (first, second) = (bench.sender(2), bench.sender(3));
    bench.run();
    bench.world.link(A).change(|behaviour| behaviour.is_ready = true);
    bench.executor.run_round();
    assert_eq!((bench.snapshot().queue.granted, bench.snapshot().queue.waiting), (1, 1));
    bench.give_up(&first, 2);
    assert_eq!((bench.snapshot().queue.granted, bench.snapshot().queue.waiting), (1, 0));
    assert_eq!(bench.output(&second), Ok(()));
    assert_eq!(bench.world.received(A), [1, 3]);
    bench.finish();
}

#[test]
fn i5_a_sender_that_is_never_polled_takes_no_permit() {
    let bench = blocked(1);
    let sending = bench.pool().send(bench.ledger.item(1));
    bench.ledger.record(1, End::Withdrawn);
    assert_eq!(bench.try_send(2), Ok(()));
    drop(sending);
    bench.finish();
}

#[test]
fn i5_all_senders_giving_up_at_any_moment_leave_the_queue_whole() {
    for rounds in 0..4 {
        let mut bench = blocked(2);
        bench.send([1, 2]);
        let senders: Vec<_> = (3..9).map(|id| (bench.sender(id), id)).collect();
        bench.run();
        bench.world.link(A).change(|behaviour| behaviour.window = 1);
        bench.world.link(A).change(|behaviour| behaviour.is_ready = true);
        (0..rounds).for_each(|_| bench.executor.run_round());
        for (sender, id) in senders {
            if !sender.is_done() {
                bench.give_up(&sender, id);
            }
        }
        bench.world.link(A).change(|behaviour| behaviour.window = usize::MAX);
        bench.run();
        let queue = bench.snapshot().queue;
        assert_eq!((queue.queued, queue.in_backlog, queue.granted, queue.waiting), (0, 0, 0, 0), "{rounds}");
        bench.send([10, 11]);
        bench.finish();
    }
}

#[test]
fn t2_an_idle_handle_reserves_nothing() {
    let mut bench = blocked(1);
    let clones: Vec<_> = (0..100).map(|_| bench.pool().clone()).collect();
    bench.run();
    assert_eq!((bench.snapshot().queue.granted, bench.try_send(1)), (0, Ok(())));
    drop(clones);
    bench.finish();
}

#[test]
fn t2_a_clone_does_not_copy_the_permit_and_dropping_its_holder_frees_it() {
    let mut bench = blocked(1);
    let asking = bench.spawn_with_pool(|mut pool| async move {
        std::future::poll_fn(|cx| pool.poll_ready_unpin(cx)).await.expect("it is open");
        pool
    });
    let holder = bench.output(&asking);
    let clone = holder.clone();
    assert_eq!(bench.snapshot().queue.granted, 1);
    assert_eq!(bench.try_send(1), Err(RefusedReason::Full));
    drop(clone);
    assert_eq!(bench.snapshot().queue.granted, 1);
    drop(holder);
    assert_eq!(bench.snapshot().queue.granted, 0);
    assert_eq!(bench.try_send(2), Ok(()));
    bench.finish();
}

#[test]
fn a_handle_is_a_sink_whose_flush_is_ready_at_once_and_whose_close_releases_only_itself() {
    let mut bench = blocked(5);
    let item = bench.ledger.item(1);
    let ledger = bench.ledger.clone();
    let task = bench.spawn_with_pool(|pool| async move {
        let mut pool = feed(pool, item, ledger).await;
        pool.flush().await.expect("acceptance is all it promises");
        pool.close().await.expect("it only lets go");
        let refused = std::future::poll_fn(|cx| Pin::new(&mut pool).poll_ready_unpin(cx)).await;
        refused.expect_err("it is closed").reason
    });
    assert_eq!(bench.output(&task), RefusedReason::HandleClosed);
    assert_eq!(bench.try_send(2), Ok(()), "the others live on");
    unblock(&mut bench);
    assert_eq!(bench.world.received(A), [1, 2]);
    bench.finish();
}

#[test]
fn a_handle_that_was_closed_as_a_sink_does_not_keep_the_pool_alive() {
    let mut bench = blocked(1);
    let task = bench.spawn_with_pool(|mut pool| async move {
        pool.close().await.expect("it only lets go");
        pool
    });
    let closed = bench.output(&task);
    bench.drop_pool();
    let ended = bench.output(&bench.driver.clone());
    assert_eq!(ended.reason, EndReason::HandlesDropped);
    drop(closed);
}

#[test]
fn t3_waiting_senders_wake_when_the_driver_dies_and_have_their_items_back() {
    let mut bench = blocked(1);
    bench.send([1]);
    let senders = [bench.sender(2), bench.sender(3)];
    let closed = bench.spawn_with_pool(|pool| async move { pool.closed().await });
    bench.run();
    bench.executor.cancel(&bench.driver.clone());
    for sender in senders {
        let refused = RefusedReason::Closed(EndReason::DriverDropped);
        assert_eq!(bench.output(&sender), Err(refused));
    }
    let ended = bench.output(&closed);
    assert_eq!(bench.ledger.undelivered(), [1]);
    bench.check_accounts(ended, "");
}

#[test]
fn t8_a_queue_that_fills_during_an_outage_stays_bounded_and_is_delivered_in_order_afterwards() {
    let mut bench = Bench::new(|pool| pool.queue_size(4));
    bench.world.answer(A, Dial::Refuse);
    bench.set([A]);
    let senders: Vec<_> = (0..50).map(|id| bench.sender(id)).collect();
    bench.advance(secs(100));
    assert_eq!(senders.iter().filter(|sender| sender.is_done()).count(), 4);
    bench.world.answer(A, Dial::Accept);
    bench.advance(secs(60));
    assert_eq!(bench.world.received(A), (0..50).collect::<Vec<_>>());
    bench.finish();
}

/// These items are not wanted any more, and the pool is told.
fn disown(bench: &mut Bench, ids: impl IntoIterator<Item = u32>) {
    for id in ids {
        bench.ledger.disown(id);
        bench.pool().report_unwanted();
    }
    bench.run();
}

#[test]
fn i5_t8_unwanted_items_make_room_for_senders_that_wait_in_an_outage() {
    let mut bench = Bench::new(|pool| pool.queue_size(4));
    bench.world.answer(A, Dial::Refuse);
    bench.set([A]);
    bench.send([1, 2]);
    bench.send([3, 4]);
    let senders: Vec<_> = (5..8).map(|id| bench.sender(id)).collect();
    bench.run();
    disown(&mut bench, [2, 3]);
    assert_eq!(bench.ledger.undelivered(), [2, 3]);
    assert_eq!(bench.ledger.reasons(), [UndeliveredReason::Unwanted; 2]);
    assert_eq!(senders.iter().filter(|sender| sender.is_done()).count(), 2);
    let queue = bench.snapshot().queue;
    assert_eq!((queue.queued + queue.in_backlog + queue.granted, queue.waiting), (4, 1));
    bench.world.answer(A, Dial::Accept);
    bench.advance(secs(60));
    assert_eq!(bench.world.received(A), [1, 4, 5, 6, 7], "the others keep their order");
    bench.finish();
}

#[test]
fn i5_a_search_for_unwanted_items_finds_those_in_queue_and_backlog_and_no_others() {
    for blocked_first in [1, 5, 10] {
        let mut bench = blocked(10);
        bench.send(0..blocked_first);
        bench.send(blocked_first..10);
        disown(&mut bench, (0..10).filter(|id| id % 2 == 0));
        assert_eq!(bench.ledger.undelivered(), [0, 2, 4, 6, 8]);
        unblock(&mut bench);
        assert_eq!(bench.world.received(A), [1, 3, 5, 7, 9]);
        bench.finish();
    }
}

#[test]
fn i5_in_a_long_queue_a_search_waits_until_one_item_in_64_is_unwanted() {
    let mut bench = blocked(640);
    bench.send(0..640);
    let before = bench.calls.count();
    disown(&mut bench, 0..9);
    assert_eq!(bench.ledger.undelivered(), [0; 0], "nine are less than one in 64");
    assert_eq!(bench.calls.count(), before, "no item has been looked at");
    disown(&mut bench, [9]);
    assert_eq!(bench.ledger.undelivered().len(), 10);
    disown(&mut bench, [10]);
    assert_eq!(bench.ledger.undelivered().len(), 10, "those that were found don't count again");
    bench.finish();
}

#[test]
fn i5_an_item_is_delivered_if_the_question_whether_it_is_wanted_panics() {
    let mut bench = blocked(4);
    bench.send([1, 2]);
    bench.ledger.spoil();
    disown(&mut bench, [1]);
    unblock(&mut bench);
    assert_eq!(bench.world.received(A), [1, 2]);
    bench.finish();
}

#[test]
fn i5_an_item_that_has_left_when_it_is_reported_as_unwanted_changes_nothing() {
    let mut bench = blocked(4);
    unblock(&mut bench);
    bench.send([1]);
    disown(&mut bench, [1]);
    bench.send([2]);
    assert_eq!(bench.world.received(A), [1, 2]);
    assert_eq!(bench.ledger.undelivered(), [0; 0]);
    bench.finish();
}

/// Waits until there is room, then returns the handle, with nothing sent.
fn wait_for_room(bench: &mut Bench) -> Task<Pool<Item, u16>> {
    bench.spawn_with_pool(|mut pool| async move {
        std::future::poll_fn(|cx| pool.poll_room(cx)).await;
        pool
    })
}

#[test]
fn t2_all_handles_that_wait_for_room_are_told_of_it_and_none_reserves_it() {
    let mut bench = blocked(2);
    let waiting: Vec<_> = (0..5).map(|_| wait_for_room(&mut bench)).collect();
    bench.run();
    let handles: Vec<_> = waiting.iter().map(|task| bench.output(task)).collect();
    let queue = bench.snapshot().queue;
    assert_eq!((queue.granted, queue.waiting), (0, 0));
    bench.send([1, 2]);
    drop(handles);
    bench.finish();
}

#[test]
fn t2_handles_that_wait_for_room_are_told_in_their_turn_and_hold_up_no_sender() {
    let mut bench = blocked(1);
    bench.send([1]);
    let first = wait_for_room(&mut bench);
    let quitter = wait_for_room(&mut bench);
    bench.run();
    let sender = bench.sender(2);
    bench.run();
    let late = wait_for_room(&mut bench);
    bench.run();
    assert_eq!(bench.snapshot().queue.waiting, 1, "only a sender counts");
    bench.executor.cancel(&quitter);
    bench.world.link(A).change(|behaviour| (behaviour.flushes, behaviour.window) = (false, 1));
    bench.world.link(A).change(|behaviour| behaviour.is_ready = true);
    bench.run();
    assert!(first.is_done(), "its turn came before the sender's");
    assert_eq!(bench.output(&sender), Ok(()), "nothing was kept for those before it");
    assert!(!late.is_done(), "the queue is full again");
    bench.world.link(A).change(|behaviour| (behaviour.flushes, behaviour.window) = (true, usize::MAX));
    bench.run();
    assert!(late.is_done());
    bench.send([3]);
    bench.finish();
}

#[test]
fn t2_a_handle_that_is_dropped_while_it_waits_for_room_leaves_nothing_behind() {
    struct Nobody;
    impl Wake for Nobody {
        fn wake(self: Arc<Self>) {}
    }
    let mut bench = blocked(1);
    bench.send([1]);
    let nobody = Arc::new(Nobody);
    let waker = Waker::from(Arc::clone(&nobody));
    let mut handle = bench.pool().clone();
    assert!(handle.poll_room(&mut Context::from_waker(&waker)).is_pending());
    assert_eq!(Arc::strong_count(&nobody), 3, "it waits");
    drop(handle);
    assert_eq!(Arc::strong_count(&nobody), 2);
    bench.finish();
}

#[test]
fn t2_handles_that_wait_for_room_are_woken_when_senders_would_be_refused() {
    for fails_fast in [false, true] {
        let mut bench = Bench::new(|pool| pool.queue_size(1).fail_fast_after(secs(3)));
        bench.world.answer(A, Dial::Refuse);
        bench.set([A]);
        bench.send([1]);
        let waiting = wait_for_room(&mut bench);
        bench.run();
        assert!(!waiting.is_done());
        if fails_fast {
            bench.advance(secs(3));
        } else {
            bench.executor.cancel(&bench.driver.clone());
            bench.run();
        }
        assert!(waiting.is_done(), "fails fast: {fails_fast}");
    }
}
