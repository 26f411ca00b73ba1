//! Calls through a pool.

mod support;

use std::error::Error;
use std::future::ready;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use pool_call::{Call, CallError, CallExt, NotSentReason};
use pool_conformance::simulated::Clock;
use pool_driver::{PoolBuilder, QueueSnapshot, RefusedReason, Runtime};
use support::bench::{Bench, Peers};
use support::{End, Item, Switch, end_of, request};

#[test]
fn calls_take_turns_and_every_caller_gets_its_reply() {
    let mut bench = Bench::up();
    let calls: Vec<_> = (0..6).map(|number| bench.call(number)).collect();
    let (one, two) = (bench.peer(0), bench.peer(1));
    assert_eq!((one.received().len(), two.received().len()), (3, 3));
    two.answer(3);
    one.answer(3);
    for (number, call) in calls.iter().enumerate() {
        assert_eq!(bench.end(call), End::Reply(number));
    }
    let in_flight: u32 = bench.snapshot().addresses.iter().map(|row| row.status.in_flight).sum();
    assert_eq!(in_flight, 0, "the pool knows what has become of each");
}

#[test]
fn a_connection_that_breaks_takes_its_own_calls_with_it_and_no_others() {
    for how in ["garbage", "unasked", "closed", "write error"] {
        let mut bench = Bench::up();
        let calls = [bench.call(0), bench.call(1)];
        let (broken, other) = (bench.peer(0), bench.peer(1));
        let (own, others) = if broken.received() == [0] { (0, 1) } else { (1, 0) };
        match how {
            "garbage" => broken.send_garbage(),
            "unasked" => [5, 6].map(|number| broken.say(0, number)).into_iter().collect(),
            "closed" => broken.hang_up(),
            _ => broken.break_writes(),
        }
        bench.executor.run();
        if how == "write error" {
            // Only a write shows it.
            let more = [bench.call(2), bench.call(3)];
            bench.executor.run();
            other.answer(other.received().len());
            assert_eq!(bench.end(&calls[others]), End::Reply(others), "{how}");
            assert!(matches!(bench.end(&calls[own]), End::MaybeSent("transport")), "{how}");
            let ends = more.map(|call| bench.end(&call));
            assert!(ends.iter().any(|end| matches!(end, End::Reply(_))), "{how}: {ends:?}");
            continue;
        }
        other.answer(1);
        assert_eq!(bench.end(&calls[others]), End::Reply(others), "{how}");
        let end = bench.end(&calls[own]);
        assert!(matches!(end, End::MaybeSent(_)) != (how == "unasked"), "{how}: {end:?}");
        assert!(broken.is_dropped() && !other.is_dropped(), "{how}");
        bench.advance(Duration::from_secs(1));
        assert_eq!(bench.peers.all().len(), 3, "{how}: it is replaced");
    }
}

#[test]
fn calls_that_a_broken_connection_had_not_begun_go_to_another() {
    let mut bench = Bench::up();
    let (broken, other) = (bench.peer(0), bench.peer(1));
    broken.block(true);
    let calls: Vec<_> = (0..4).map(|number| bench.call(number)).collect();
    assert_eq!((broken.received().len(), other.received().len()), (0, 2));
    broken.break_writes();
    bench.executor.run();
    assert_eq!(other.received().len(), 4);
    other.answer(4);
    for (number, call) in calls.iter().enumerate() {
        assert_eq!(bench.end(call), End::Reply(number));
    }
}

#[test]
fn calls_that_a_connection_can_not_write_before_it_is_given_up_go_to_another() {
    let drains = Bench::new(256, true, |settings| {
        settings.lifetime_max(Duration::from_secs(20)).drain_timeout(Duration::from_secs(1))
    });
    let is_silent = Bench::new(256, true, |settings| settings.outcome_timeout(Duration::from_secs(20)));
    for mut bench in [drains, is_silent] {
        (0..2).for_each(|index| bench.peer(index).block(true));
        let calls: Vec<_> = (0..4).map(|number| bench.call(number)).collect();
        bench.advance(Duration::from_secs(25));
        bench.peers.all()[2..].iter().for_each(|peer| peer.answer(peer.received().len()));
        for (number, call) in calls.iter().enumerate() {
            assert_eq!(bench.end(call), End::Reply(number));
        }
    }
}

#[test]
fn a_peer_that_does_not_answer_fails_its_calls_and_is_replaced() {
    let mut bench = Bench::new(256, true, |settings| settings.outcome_timeout(Duration::from_secs(20)));
    let calls = [bench.call(0), bench.call(1)];
    bench.peer(0).answer(1);
    bench.advance(Duration::from_secs(19));
    let (answered, waits) = if calls[0].is_done() { (0, 1) } else { (1, 0) };
    assert_eq!(bench.end(&calls[answered]), End::Reply(answered));
    assert_eq!(bench.end(&calls[waits]), End::Waiting);
    bench.advance(Duration::from_secs(2));
    assert_eq!(bench.end(&calls[waits]), End::MaybeSent("silent"));
    assert_eq!(bench.peers.all().len(), 3);
}

#[test]
fn replies_that_have_come_are_read_before_anybody_is_called_silent() {
    let mut bench = Bench::new(256, true, |settings| settings.outcome_timeout(Duration::from_secs(10)));
    let calls = [bench.call(0), bench.call(1)];
    bench.advance(Duration::from_secs(1));
    bench.peers.all().iter().for_each(|peer| peer.answer(1));
    // The process is stopped for a while.
    bench.clock.set(bench.clock.now() + Duration::from_secs(20));
    for (number, call) in calls.iter().enumerate() {
        assert_eq!(bench.end(call), End::Reply(number));
    }
    assert!(bench.pool.last_error().is_none());
}

#[test]
fn a_call_that_is_given_up_in_the_queue_is_never_sent() {
    let mut bench = Bench::new(1, true, |settings| settings);
    let on_the_wire = [bench.call(0), bench.call(1)];
    let (given_up, waits) = (bench.call(2), bench.call(3));
    bench.executor.cancel(&given_up);
    for (index, _) in on_the_wire.iter().enumerate() {
        bench.peer(index).answer(1);
    }
    bench.executor.run();
    let received = [bench.peer(0).received(), bench.peer(1).received()].concat();
    assert_eq!((received, bench.end(&waits)), (vec![3], End::Waiting));
}

#[test]
fn calls_that_are_given_up_in_an_outage_leave_their_places_to_others() {
    let mut bench = Bench::new(1, false, |settings| settings.queue_size(3));
    let deadline = bench.clock.sleep(Duration::from_secs(1));
    let pool = bench.pool.clone();
    let times_out = bench.executor.spawn(async move { pool.call(request(0)).until(deadline).await });
    let (given_up, waits) = (bench.call(1), bench.call(2));
    let later: Vec<_> = (3..6).map(|number| bench.call(number)).collect();
    assert_eq!((bench.snapshot().queue.waiting, bench.snapshot().counts.accepted), (3, 3));
    bench.executor.cancel(&given_up);
    bench.executor.run();
    assert_eq!(bench.snapshot().queue.waiting, 2);
    bench.advance(Duration::from_secs(1));
    assert!(times_out.is_done());
    assert_eq!((bench.snapshot().queue.waiting, bench.snapshot().counts.undelivered), (1, 2));
    for call in later.iter().chain([&waits]) {
        bench.executor.cancel(call);
    }
    bench.executor.run();
    let queue = bench.snapshot().queue;
    let mut empty = QueueSnapshot::default();
    empty.capacity = queue.capacity;
    assert_eq!(queue, empty);
}

#[test]
fn a_call_that_fails_fast_comes_back_with_the_error_of_the_last_dial() {
    let mut bench = Bench::new(1, false, |settings| settings.fail_fast_after(Duration::from_secs(1)));
    let waits = bench.call(0);
    bench.advance(Duration::from_secs(2));
    let refused = bench.call(1);
    for (call, is_undelivered) in [(waits, true), (refused, false)] {
        let error = call.output().expect("it is over").expect_err("nobody can be reached");
        assert!(error.to_string().contains("no route to host"), "{error}");
        assert_eq!(error.source().expect("it has one").to_string(), "no route to host");
        let CallError::NotSent { reason, .. } = error else { panic!("{error}") };
        match reason {
            NotSentReason::Undelivered { .. } => assert!(is_undelivered),
            NotSentReason::Refused { reason, .. } => {
                assert_eq!((is_undelivered, reason), (false, RefusedReason::FailingFast));
            }
            reason => panic!("{reason}"),
        }
    }
}

#[test]
fn a_deadline_in_an_outage_returns_the_request_with_the_error_of_the_last_dial() {
    let mut bench = Bench::new(1, false, |settings| settings.queue_size(1));
    let calls: Vec<_> = (0..2)
        .map(|number| {
            let (pool, deadline) = (bench.pool.clone(), bench.clock.sleep(Duration::from_secs(1)));
            bench.executor.spawn(async move { pool.call(request(number)).until(deadline).await })
        })
        .collect();
    bench.advance(Duration::from_secs(1));
    for (number, call) in calls.iter().enumerate() {
        let error = call.output().expect("it is over").expect_err("nobody can be reached");
        assert!(error.to_string().contains("no route to host"), "{error}");
        assert_eq!(error.into_request(), Some(request(number)));
    }
}

#[test]
fn a_deadline_that_is_over_puts_nothing_into_the_queue() {
    let mut bench = Bench::up();
    let pool = bench.pool.clone();
    let call = bench.executor.spawn(async move { pool.call(request(0)).until(ready(())).await });
    assert_eq!(bench.end(&call), End::NotSent(0, "timed out"));
    assert_eq!(bench.snapshot().counts.accepted, 0);
}

#[test]
fn a_deadline_that_comes_with_the_permit_puts_nothing_into_the_queue() {
    let mut bench = Bench::new(1, true, |settings| settings.queue_size(1));
    // Both connections are busy, and the queue is full.
    let before: Vec<_> = (0..3).map(|number| bench.call(number)).collect();
    let (pool, deadline) = (bench.pool.clone(), Switch::default());
    let mut calling = pin!(pool.call(request(3)).until(deadline.future()));
    assert_eq!(end_of(&mut calling), End::Waiting);
    assert_eq!(bench.snapshot().queue.waiting, 1);
    bench.peer(0).answer(1);
    bench.executor.run();
    assert_eq!(bench.snapshot().queue.granted, 1);
    deadline.turn_on();
    assert_eq!(end_of(&mut calling), End::NotSent(3, "timed out"));
    let snapshot = bench.snapshot();
    assert_eq!((snapshot.counts.accepted, snapshot.queue.granted), (3, 0));
    drop(before);
}

#[test]
fn a_deadline_that_comes_in_the_queue_sends_nothing() {
    let mut bench = Bench::new(1, true, |settings| settings);
    let before: Vec<_> = (0..2).map(|number| bench.call(number)).collect();
    let (pool, deadline) = (bench.pool.clone(), Switch::default());
    let mut calling = pin!(pool.call(request(2)).until(deadline.future()));
    assert_eq!(end_of(&mut calling), End::Waiting);
    bench.executor.run();
    bench.peers.all().iter().for_each(|peer| peer.answer(1));
    deadline.turn_on();
    assert_eq!(end_of(&mut calling), End::NotSent(2, "timed out"));
    bench.executor.run();
    assert!(bench.peers.all().iter().all(|peer| peer.received().is_empty()));
    drop(before);
}

#[test]
fn the_end_of_the_pool_is_told_with_certainty() {
    let mut bench = Bench::new(1, true, |settings| settings);
    let on_the_wire = [bench.call(0), bench.call(1)];
    let waits = bench.call(2);
    bench.executor.cancel(&bench.driver.clone());
    assert_eq!(bench.end(&waits), End::NotSent(2, "undelivered"));
    for call in &on_the_wire {
        assert_eq!(bench.end(call), End::MaybeSent("dropped"));
    }
    let late = bench.call(3);
    assert_eq!(bench.end(&late), End::NotSent(3, "refused"));
}

#[test]
fn a_shutdown_waits_for_the_replies_that_are_owed() {
    let mut bench = Bench::up();
    let call = bench.call(0);
    drop(bench.pool.shutdown(Duration::from_secs(1)));
    bench.advance(Duration::from_secs(3));
    assert!(!bench.driver.is_done(), "a reply is owed");
    let index = usize::from(bench.peer(0).received().is_empty());
    bench.peer(index).answer(1);
    assert_eq!(bench.end(&call), End::Reply(0));
    let ended = bench.driver.output().expect("nothing is owed any more");
    assert_eq!((ended.counts.sent, ended.counts.undelivered), (1, 0));
}

/// A slow server answers in the end, also a caller behind many that did not wait.
#[test]
fn impatient_callers_of_a_slow_server_change_nothing_for_the_others() {
    for impatient in [16, 1000] {
        let mut bench = Bench::up();
        let patient = bench.call(801);
        for number in 0..impatient {
            let call = bench.call(number % 400);
            bench.advance(Duration::from_millis(1));
            bench.executor.cancel(&call);
        }
        let other = bench.call(802);
        assert_eq!(bench.peers.all().len(), 2, "{impatient}: {}", bench.snapshot());
        // As many rounds as there are calls that had no place.
        for _ in 0..impatient {
            bench.peers.all().iter().for_each(|peer| peer.answer(peer.received().len()));
            bench.executor.run();
        }
        assert_eq!(bench.end(&patient), End::Reply(801), "{impatient}");
        assert_eq!(bench.end(&other), End::Reply(802), "{impatient}");
        assert_eq!(bench.peers.all().len(), 2, "{impatient}: {}", bench.snapshot());
    }
}

/// The future of a call, dropped after some number of polls, leaves nothing behind.
#[test]
fn a_call_can_be_dropped_at_every_poll() {
    for drop_after in 0..8 {
        let mut bench = Bench::new(1, true, |settings| settings.queue_size(1));
        // Fills both connections and the queue, so that a call goes through all of its stages.
        let before: Vec<_> = (0..3).map(|number| bench.call(number)).collect();
        let pool = bench.pool.clone();
        let mut calling = Box::pin(async move { pool.call(request(3)).await });
        let after = bench.call(4);
        let mut is_done = false;
        for poll in 0..drop_after {
            if calling.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                is_done = true;
                break;
            }
            bench.executor.run();
            if let Some(peer) = bench.peers.all().iter().find(|peer| !peer.received().is_empty()) {
                peer.answer(1);
            }
            if poll > 0 {
                bench.executor.run();
            }
        }
        drop(calling);
        for _ in 0..8 {
            bench.executor.run();
            for peer in bench.peers.all().iter() {
                peer.answer(peer.received().len());
            }
        }
        for (number, call) in before.iter().enumerate() {
            assert_eq!(bench.end(call), End::Reply(number), "dropped after {drop_after}, done: {is_done}");
        }
        assert_eq!(bench.end(&after), End::Reply(4), "dropped after {drop_after}, done: {is_done}");
    }
}

#[test]
fn a_multiplexer_is_driven_by_the_caller_that_waits() {
    let (peers, clock) = (Peers::default(), Clock::default());
    let settings = PoolBuilder::new(peers.connector(256), clock).connect_to_fixed([1]);
    let mut multiplexer = settings.build_multiplexer::<Item>().expect("fine");
    for number in 0..3 {
        let mut calling = pin!(multiplexer.call(request(number)));
        assert!(end_of(&mut calling) == End::Waiting);
        // The connection is up by the second poll, and the call is sent by the third.
        assert!(end_of(&mut calling) == End::Waiting);
        assert!(end_of(&mut calling) == End::Waiting);
        peers.all()[0].answer(1);
        assert_eq!(end_of(&mut calling), End::Reply(number));
    }
}

#[test]
fn calls_can_be_made_one_by_one_and_awaited_in_any_order() {
    let mut bench = Bench::up();
    let (first, mut first_answer) = Call::new(request(1));
    let (second, mut second_answer) = Call::new(request(2));
    bench.pool.pool().try_send(first).expect("there is a place");
    bench.pool.pool().try_send(second).expect("there is a place");
    bench.executor.run();
    bench.peers.all().iter().for_each(|peer| peer.answer(1));
    bench.executor.run();
    assert_eq!((end_of(&mut second_answer), end_of(&mut first_answer)), (End::Reply(2), End::Reply(1)));
}
