//! What becomes of items (I1 to I4, I6) and how connections are asked for room.

mod support;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};

use pool_driver::{AddressId, Event, Outcome};
use support::{A, B, Behaviour, Bench, C, Call, Dial, End, Fault, Item, Outside, secs};

const SEND_ERROR: (Call, Fault) = (Call::Send, Fault::Error);

#[test]
fn i1_an_item_whose_start_send_fails_counts_as_handed_and_ends_only_that_connection() {
    for fault in [Fault::Error, Fault::Panic] {
        let mut bench = Bench::up([A, B], |pool| pool);
        bench.world.link(A).fault(Call::Send, fault);
        bench.send(1..=4);
        assert_eq!(bench.world.received(B).len(), 3);
        assert!(bench.world.received(A).is_empty());
        assert_eq!(bench.ledger.ended(End::Sent).len(), 4);
        assert!(!bench.world.links(A)[0].is_open());
        assert_eq!(bench.finish().counts.sent, 4);
    }
}

#[test]
fn i1_a_connection_that_fails_before_it_takes_an_item_leaves_the_item_to_another() {
    for fault in [Fault::Error, Fault::Panic] {
        let mut bench = Bench::up([A, B], |pool| pool);
        bench.world.link(A).fault(Call::Ready, fault);
        bench.send(1..=4);
        assert_eq!(bench.world.received(B), [1, 2, 3, 4]);
        bench.finish();
    }
}

#[test]
fn i1_a_connection_that_dies_says_how_many_items_it_may_have_taken_with_it() {
    let mut bench = Bench::new(|pool| pool);
    bench.world.behave(A, |behaviour| behaviour.keeps_items = true);
    bench.set([A]);
    bench.send(1..=5);
    bench.world.link(A).finish(2, Outcome::Success { latency: Some(secs(0)) });
    bench.run();
    bench.take_events();
    bench.world.link(A).break_off();
    bench.run();
    let told =
        |event: &Event<u16>| matches!(event, Event::SlotEnded { sent: 5, in_flight: 3, error: Some(_), .. });
    assert_eq!(bench.count_events(told), 1);
    bench.finish();
}

#[test]
fn i1_items_that_never_left_go_to_the_head_of_the_queue_in_order() {
    let mut bench = Bench::up([A], |pool| pool);
    bench.world.link(A).change(|behaviour| {
        behaviour.flushes = false;
        behaviour.window = 3;
    });
    bench.send(1..=5);
    assert_eq!(bench.world.link(A).unflushed(), 3);
    bench.world.link(A).give_back();
    bench.world.link(A).hang_up();
    bench.set([B]);
    assert_eq!(bench.world.received(B), [1, 2, 3, 4, 5]);
    bench.finish();
}

#[test]
fn i1_a_connection_that_breaks_gives_back_what_never_left_before_it_is_dropped() {
    for call in [Call::Flush, Call::Ready, Call::Send] {
        let mut bench = Bench::new(|pool| pool);
        bench.world.behave(A, |behaviour| (behaviour.flushes, behaviour.returns_unflushed) = (false, true));
        bench.set([A]);
        bench.send([1, 2, 3]);
        bench.set([A, B]);
        bench.world.link(A).fault(call, Fault::Error);
        bench.world.link(A).wake();
        bench.send([4, 5]);
        bench.world.behave(A, |behaviour| behaviour.flushes = true);
        let lost = usize::from(call == Call::Send);
        let came = bench.world.received(B);
        assert_eq!(came.len(), 5 - lost, "{call:?}: {came:?}");
        let returned = came.iter().position(|&id| id == 1).unwrap_or(came.len());
        assert!(returned <= 1, "before all that was not sent over yet, {call:?}: {came:?}");
        assert!(came[returned..].is_sorted(), "in order, {call:?}: {came:?}");
        bench.finish();
    }
}

#[test]
fn i1_what_comes_back_in_the_middle_of_a_batch_goes_before_the_rest_of_it() {
    let mut seen = Vec::new();
    for (faulty, sound) in [(A, B), (B, A)] {
        let mut bench = Bench::up([A, B], |pool| pool);
        bench.world.link(faulty).change(|behaviour| {
            behaviour.window = 1;
            (behaviour.breaks_when_full, behaviour.returns_unflushed) = (true, true);
        });
        bench.send(1..=4);
        seen.push(bench.world.received(sound));
        assert!(bench.world.received(faulty).is_empty());
        bench.finish();
    }
    seen.sort_unstable();
    assert_eq!(seen, [[1, 3, 2, 4], [2, 1, 3, 4]], "the turn was the one's or the other's");
}

#[test]
fn i1_an_item_that_comes_back_in_the_batch_in_which_it_was_handed_counts_once() {
    let mut bench = Bench::up([A], |pool| pool);
    bench.world.answer(A, Dial::Refuse);
    let link = bench.world.link(A);
    link.change(|behaviour| (behaviour.returns_refused, behaviour.returns_unflushed) = (true, true));
    link.change(|behaviour| (behaviour.window, behaviour.breaks_when_full) = (2, true));
    bench.send([1, 2, 3]);
    let snapshot = bench.snapshot();
    assert_eq!((snapshot.counts.sent, snapshot.addresses[0].sent), (0, 0), "{snapshot}");
    bench
        .world
        .behave(A, |behaviour| (behaviour.returns_refused, behaviour.fault) = (true, Some(SEND_ERROR)));
    bench.world.answer(A, Dial::Accept);
    bench.advance(secs(60));
    let snapshot = bench.snapshot();
    assert_eq!((snapshot.counts.sent, snapshot.addresses[0].sent), (0, 0), "{snapshot}");
    assert!(bench.world.dials(A) > 2);
    bench.world.behave(A, |behaviour| *behaviour = Behaviour::default());
    bench.advance(secs(60));
    let snapshot = bench.snapshot();
    assert_eq!((snapshot.counts.sent, snapshot.addresses[0].sent), (3, 3), "{snapshot}");
    assert_eq!(bench.world.received(A), [1, 2, 3]);
    bench.finish();
}

#[test]
fn i1_an_item_that_came_back_and_was_never_delivered_does_not_count_as_handed() {
    let mut bench = Bench::new(|pool| pool);
    bench
        .world
        .behave(A, |behaviour| (behaviour.returns_refused, behaviour.fault) = (true, Some(SEND_ERROR)));
    bench.set([A]);
    bench.send([1, 2]);
    let ended = bench.finish();
    assert_eq!((ended.counts.accepted, ended.counts.sent, ended.counts.undelivered), (2, 0, 2));
}

#[test]
fn i1_an_item_that_comes_back_after_other_last_words_is_heard_too() {
    let mut bench = Bench::new(|pool| pool);
    bench.world.behave(A, |behaviour| (behaviour.flushes, behaviour.returns_unflushed) = (false, true));
    bench.set([A]);
    bench.send([1]);
    bench.world.behave(A, |behaviour| behaviour.flushes = true);
    bench.set([A, B]);
    let link = bench.world.link(A);
    link.go_away_unnoticed();
    link.fault(Call::Ready, Fault::Error);
    bench.send([2, 3]);
    let mut came = bench.world.received(B);
    came.sort_unstable();
    assert_eq!(came, [1, 2, 3]);
    assert!(!link.is_open());
    bench.finish();
}

#[test]
fn i1_an_item_that_came_back_counts_as_handed_once() {
    let mut bench = Bench::new(|pool| pool);
    bench.world.behave(A, |behaviour| behaviour.keeps_items = true);
    bench.set([A]);
    bench.send([1, 2]);
    assert_eq!(bench.snapshot().counts.sent, 2);
    bench.world.link(A).change(|behaviour| behaviour.is_ready = false);
    bench.world.link(A).give_back();
    bench.run();
    let snapshot = bench.snapshot();
    assert_eq!((snapshot.counts.sent, snapshot.queue.in_backlog), (0, 2));
    assert_eq!(snapshot.addresses[0].sent, 0);
    bench.world.link(A).change(|behaviour| behaviour.is_ready = true);
    bench.run();
    assert_eq!(bench.snapshot().counts.sent, 2);
    assert_eq!(bench.world.received(A), [1, 2, 1, 2]);
    bench.finish();
}

#[test]
fn i2_no_item_goes_to_a_connection_that_drains_or_whose_address_has_left() {
    let mut bench = Bench::up([A, B], |pool| pool);
    for link in bench.world.all_links() {
        link.change(|behaviour| behaviour.closes = false);
    }
    bench.world.link(B).go_away();
    bench.set([B, C]);
    let old = [bench.world.links(A)[0].clone(), bench.world.links(B)[0].clone()];
    bench.send(1..=10);
    assert!(old.iter().all(|link| link.received().is_empty() && link.unflushed() == 0));
    bench.world.all_links().iter().for_each(|link| link.change(|behaviour| behaviour.closes = true));
    bench.finish();
}

#[test]
fn i2_a_connection_is_asked_immediately_before_each_item_and_never_ahead_of_need() {
    let mut bench = Bench::up([A], |pool| pool);
    let link = bench.world.link(A);
    assert_eq!(link.take_log(), [Call::Event, Call::Ready], "once, to leave busy");
    bench.send([1, 2]);
    let batch = [Call::Ready, Call::Send, Call::Ready, Call::Send, Call::Flush];
    assert_eq!(link.take_log(), batch);
    link.wake();
    bench.run();
    assert_eq!(link.take_log(), [Call::Event], "there is nothing to ask for");
    bench.finish();
}

#[test]
fn i3_t15_every_ready_address_gets_the_same_share_whatever_the_name_service_repeats() {
    let mut bench = Bench::up([A, B, C], |pool| pool);
    for round in 0..20 {
        bench.send(round * 3..round * 3 + 3);
        bench.set([A, B, C]);
    }
    let shares = [A, B, C].map(|address| bench.world.received(address).len());
    assert_eq!(shares, [20, 20, 20]);
    bench.finish();
}

#[test]
fn i4_t30_an_item_that_a_connection_pushes_back_is_offered_to_another() {
    let mut bench = Bench::up([A, B], |pool| pool);
    bench.world.link(A).change(|behaviour| {
        behaviour.window = 1;
        behaviour.flushes = false;
    });
    bench.send(1..=20);
    assert_eq!((bench.world.link(A).unflushed(), bench.world.received(B).len()), (1, 19));
    assert_eq!(bench.snapshot().queue.in_backlog, 0);
    bench.world.link(A).change(|behaviour| behaviour.flushes = true);
    bench.finish();
}

#[test]
fn i4_a_connection_that_was_busy_takes_part_again_as_soon_as_it_is_ready() {
    let mut bench = Bench::up([A, B], |pool| pool);
    bench.world.link(A).change(|behaviour| behaviour.is_ready = false);
    bench.send(1..=4);
    assert!(bench.world.received(A).is_empty());
    bench.world.link(A).change(|behaviour| behaviour.is_ready = true);
    bench.send(5..=8);
    assert_eq!(bench.world.received(A).len(), 2);
    bench.finish();
}

#[test]
fn i6_every_connection_that_a_batch_touches_is_flushed_once() {
    let mut bench = Bench::up([A, B], |pool| pool.connections_per_address(2));
    bench.world.all_links().iter().for_each(|link| drop(link.take_log()));
    bench.send(1..=40);
    for link in bench.world.all_links() {
        let mut calls = BTreeMap::new();
        link.take_log().iter().for_each(|call| *calls.entry(format!("{call:?}")).or_insert(0) += 1);
        assert_eq!((calls["Send"], calls["Flush"]), (10, 1));
    }
    bench.finish();
}

#[test]
fn an_item_is_sent_at_once_if_nothing_is_in_flight_and_otherwise_when_others_have_run() {
    let mut bench = Bench::up([A], |pool| pool);
    let link = bench.world.link(A);
    link.change(|behaviour| behaviour.keeps_items = true);
    bench.try_send(1).expect("there is room");
    bench.executor.run_round();
    assert_eq!(link.received(), [1], "it is alone");
    link.take_log();
    bench.try_send(2).expect("there is room");
    bench.executor.run_round();
    assert_eq!(link.received(), [1], "another may come");
    bench.try_send(3).expect("there is room");
    bench.executor.run_round();
    assert_eq!(link.received(), [1, 2, 3]);
    assert_eq!(link.take_log().iter().filter(|call| **call == Call::Flush).count(), 1, "in one write");
    bench.finish();
}

#[test]
fn a_pool_that_closes_lets_nobody_run_before_it_looks_at_its_queue() {
    let mut bench = Bench::up([A], |pool| pool);
    let link = bench.world.link(A);
    link.change(|behaviour| behaviour.keeps_items = true);
    bench.send([1]);
    bench.try_send(2).expect("there is room");
    bench.drop_pool();
    bench.run();
    assert_eq!(link.received(), [1, 2]);
    link.finish(2, Outcome::Success { latency: None });
    bench.run();
    bench.finish();
}

#[test]
fn whole_turns_go_to_one_connection_and_each_is_asked_before_each_item() {
    let mut bench = Bench::up([A, B], |pool| pool.items_per_turn(4));
    bench.world.all_links().iter().for_each(|link| drop(link.take_log()));
    bench.send(1..=16);
    let mut turns = Vec::new();
    for link in bench.world.all_links() {
        turns.extend(link.received().chunks(4).map(|turn| turn.last().expect("four") - turn[0]));
        let log = link.take_log();
        let asked = log.iter().filter(|call| **call == Call::Ready).count();
        assert!(asked >= 8, "{log:?}");
    }
    assert_eq!(turns, [3; 4], "four in a row");
    bench.finish();
}

#[test]
fn a_connection_that_turns_busy_in_the_middle_of_its_turn_leaves_the_rest_to_the_next() {
    let mut bench = Bench::up([A, B], |pool| pool.items_per_turn(8));
    for address in [A, B] {
        bench.world.link(address).change(|behaviour| behaviour.window = 3);
    }
    bench.send(1..=30);
    assert_eq!(bench.world.received(A).len() + bench.world.received(B).len(), 30);
    bench.finish();
}

#[test]
fn i6_a_flush_that_was_pushed_back_goes_on_when_the_connection_wakes() {
    let mut bench = Bench::up([A], |pool| pool);
    let link = bench.world.link(A);
    link.change(|behaviour| behaviour.flushes = false);
    bench.send([1]);
    assert_eq!(link.unflushed(), 1);
    link.take_log();
    link.change(|behaviour| behaviour.flushes = true);
    bench.run();
    assert_eq!((link.received(), link.take_log()), (vec![1], vec![Call::Event, Call::Flush]));
    bench.finish();
}

#[test]
fn i6_a_flush_that_fails_costs_the_connection() {
    for fault in [Fault::Error, Fault::Panic] {
        let mut bench = Bench::up([A], |pool| pool);
        bench.world.link(A).fault(Call::Flush, fault);
        bench.send([1]);
        bench.advance(secs(1));
        assert_eq!((bench.world.dials(A), bench.world.alive(A)), (2, 1));
        assert_eq!(bench.finish().counts.sent, 1);
    }
}

#[test]
fn t25_what_the_peer_says_is_read_while_it_takes_nothing() {
    let mut bench = Bench::new(|pool| pool);
    bench.world.behave(A, |behaviour| behaviour.keeps_items = true);
    bench.set([A]);
    bench.send(1..=3);
    let link = bench.world.link(A);
    link.change(|behaviour| {
        behaviour.is_ready = false;
        behaviour.flushes = false;
        behaviour.closes = false;
    });
    bench.send([4]);
    link.finish(1, Outcome::Cancelled);
    bench.run();
    assert_eq!(bench.snapshot().addresses[0].status.in_flight, 2, "busy");
    bench.set([]);
    link.finish(1, Outcome::Cancelled);
    bench.run();
    assert_eq!(bench.snapshot().addresses[0].status.in_flight, 1, "draining");
    link.change(|behaviour| (behaviour.closes, behaviour.flushes) = (true, true));
    bench.finish();
}

#[test]
fn outcomes_add_up_sent_is_finished_and_unsent_and_in_flight_at_death() {
    let mut bench = Bench::new(|pool| pool);
    bench.world.behave(A, |behaviour| behaviour.keeps_items = true);
    bench.set([A]);
    bench.send(1..=6);
    let link = bench.world.link(A);
    link.finish(1, Outcome::Success { latency: Some(secs(1)) });
    link.finish(1, Outcome::Failure { latency: Some(secs(1)), kind: pool_driver::FailureKind::Error });
    link.finish(1, Outcome::Cancelled);
    bench.run();
    assert_eq!(bench.snapshot().addresses[0].status.in_flight, 3);
    link.change(|behaviour| behaviour.window = 0);
    link.give_back();
    bench.run();
    assert_eq!(bench.snapshot().addresses[0].status.in_flight, 0);
    link.hang_up();
    bench.run();
    let told = |event: &Event<u16>| matches!(event, Event::SlotEnded { sent: 6, in_flight: 0, .. });
    assert_eq!(bench.count_events(told), 1);
    bench.world.behave(A, |behaviour| behaviour.keeps_items = false);
    assert_eq!(bench.finish().counts.sent, 6);
}

#[test]
fn an_item_that_was_answered_is_in_flight_until_it_is_finished() {
    let mut bench = Bench::new(|pool| pool);
    bench.world.behave(A, |behaviour| behaviour.keeps_items = true);
    bench.set([A]);
    bench.send(1..=2);
    let link = bench.world.link(A);
    // More answers than there are items to answer change nothing.
    link.answer(3, secs(1));
    bench.run();
    assert_eq!(bench.snapshot().addresses[0].status.in_flight, 2);
    link.finish(2, Outcome::Success { latency: None });
    bench.run();
    assert_eq!(bench.snapshot().addresses[0].status.in_flight, 0);
    bench.finish();
}

#[test]
fn an_item_that_fails_leaves_its_error_with_the_address_and_the_connection_lives() {
    let mut bench = Bench::new(|pool| pool);
    bench.world.behave(A, |behaviour| behaviour.keeps_items = true);
    bench.set([A]);
    bench.send(1..=2);
    bench.world.link(A).fail_oldest("out of disk space");
    bench.run();
    let snapshot = bench.snapshot();
    let address = &snapshot.addresses[0];
    let error = address.last_error.as_ref().map(ToString::to_string);
    assert_eq!((error.as_deref(), address.status.in_flight), (Some("out of disk space"), 1));
    assert_eq!((bench.world.alive(A), address.status.failures), (1, 0));
    bench.finish();
}

#[test]
fn events_name_an_address_by_its_id_too() {
    let mut bench = Bench::new(|pool| pool);
    bench.world.answer(B, Dial::Refuse);
    bench.set([A, B]);
    bench.set([]);
    let mut ids: Vec<(u16, AddressId)> = Vec::new();
    let mut kinds = 0;
    for event in bench.take_events() {
        let (Event::AddressAdded { address, id }
        | Event::AddressRemoved { address, id }
        | Event::Dialling { address, id, .. }
        | Event::Connected { address, id, .. }
        | Event::Draining { address, id, .. }
        | Event::SlotEnded { address, id, .. }
        | Event::BackedOff { address, id, .. }
        | Event::Paced { address, id, .. }) = event
        else {
            continue;
        };
        kinds += 1;
        ids.push((address, id));
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.iter().map(|(address, _)| *address).collect::<Vec<_>>(), kinds), (vec![A, B], 11));
}

/// Counts wake-ups.
#[derive(Default)]
struct WakeCount(AtomicUsize);

impl Wake for WakeCount {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn an_executor_that_polls_a_task_at_once_which_wakes_itself_polls_the_driver_once_more_and_not_for_ever() {
    let outside = Outside::new();
    let (pool, mut driver) = outside.builder().build::<Item>().expect("the settings make sense");
    let count = Arc::new(WakeCount::default());
    let waker = Waker::from(Arc::clone(&count));
    // Returns how many polls it took.
    let mut run = || {
        let mut polls = 0;
        loop {
            let before = count.0.load(Ordering::Relaxed);
            assert!(Pin::new(&mut driver).poll(&mut Context::from_waker(&waker)).is_pending());
            polls += 1;
            if count.0.load(Ordering::Relaxed) == before {
                return polls;
            }
            assert!(polls < 100, "it spins");
        }
    };
    outside.feed.push_set([A]);
    run();
    let link = outside.world.link(A);
    link.change(|behaviour| behaviour.keeps_items = true);
    for (item, polls) in [(1, 1), (2, 2), (3, 2)] {
        pool.try_send(outside.ledger.item(item)).expect("there is room");
        assert_eq!((run(), link.received().len()), (polls, item as usize));
    }
}

#[test]
fn turns_that_are_longer_than_the_queue_wait_for_nothing() {
    let mut bench = Bench::up([A, B], |pool| pool.items_per_turn(64).queue_size(2));
    for link in bench.world.all_links() {
        link.change(|behaviour| behaviour.keeps_items = true);
    }
    let senders: Vec<_> = (1..=200).map(|item| bench.sender(item)).collect();
    bench.run();
    assert!(senders.iter().all(support::Task::is_done));
    assert_eq!(bench.world.received(A).len() + bench.world.received(B).len(), 200);
    for link in bench.world.all_links() {
        let received = link.received().len();
        link.finish(received, Outcome::Success { latency: None });
    }
    bench.finish();
}

#[test]
fn a_connection_that_breaks_in_the_middle_of_its_turn_has_what_it_took_and_others_get_the_rest() {
    for is_panic in [false, true] {
        let mut bench = Bench::up([A, B], |pool| pool.items_per_turn(8));
        bench.world.answer(A, Dial::Refuse);
        let faulty = bench.world.link(A);
        if is_panic {
            faulty.change(|behaviour| behaviour.window = 2);
            faulty.fault(Call::Send, Fault::Panic);
        } else {
            faulty.change(|behaviour| (behaviour.window, behaviour.breaks_when_full) = (2, true));
        }
        bench.send(1..=40);
        let taken = 40 - bench.world.received(B).len();
        assert_eq!(taken, if is_panic { 1 } else { 2 });
        let snapshot = bench.snapshot();
        assert_eq!(snapshot.counts.sent, 40, "{snapshot}");
        assert_eq!(snapshot.addresses.iter().map(|row| row.sent).sum::<u64>(), 40, "{snapshot}");
        bench.finish();
    }
}
