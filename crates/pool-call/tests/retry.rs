//! Calls that are repeated: which, how often, and with what certainty in the end.

mod support;

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use pool_call::{Retry, RetryBudget};
use pool_conformance::simulated::Spawned;
use support::bench::Bench;
use support::talk::{FAILURE, LAST, OVERLOADED, PAUSE, UNFIT};
use support::{Answered, End, Peer, end_of, request};

const MINUTE: Duration = Duration::from_secs(60);

fn call(bench: &mut Bench, retry: &Retry, number: usize) -> Spawned<Answered> {
    let (pool, retry) = (bench.pool.clone(), retry.clone());
    let task = bench.executor.spawn(async move { pool.call(request(number)).retry(&retry).await });
    bench.executor.run();
    task
}

fn call_idempotent(bench: &mut Bench, retry: &Retry, number: usize) -> Spawned<Answered> {
    let (pool, retry) = (bench.pool.clone(), retry.clone());
    let task =
        bench.executor.spawn(async move { pool.call(request(number)).idempotent().retry(&retry).await });
    bench.executor.run();
    task
}

/// The peer that has a request which it has not answered.
fn busy_peer(bench: &Bench) -> Peer {
    let peers = bench.peers.all();
    peers.iter().find(|peer| !peer.is_dropped() && !peer.received().is_empty()).cloned().expect("one is busy")
}

/// The peer that has the call dies, and whatever is to be dialled is.
fn kill_busy_peer(bench: &mut Bench) {
    busy_peer(bench).hang_up();
    bench.executor.run();
}

#[test]
fn a_call_that_may_have_been_executed_is_repeated_only_if_that_does_no_harm() {
    let mut bench = Bench::up();
    let retry = Retry::new();
    let fragile = call(&mut bench, &retry, 0);
    kill_busy_peer(&mut bench);
    assert_eq!(bench.end(&fragile), End::MaybeSent("closed"));
    bench.advance(MINUTE);
    let robust = call_idempotent(&mut bench, &retry, 1);
    kill_busy_peer(&mut bench);
    assert_eq!(bench.end(&robust), End::Waiting);
    let second = busy_peer(&bench);
    assert_eq!(second.received(), [1], "it is another connection's now");
    second.answer(1);
    assert_eq!(bench.end(&robust), End::Reply(1));
}

/// The address where a request waits for its reply.
fn address_of(bench: &Bench, number: usize) -> u16 {
    let has_it = |peer: &Peer| !peer.is_dropped() && peer.received().contains(&number);
    let found = [1, 2].into_iter().find(|&address| bench.peers.at(address).iter().any(has_it));
    found.expect("a peer has it")
}

#[test]
fn a_retry_goes_to_another_address_also_when_it_is_not_its_turn() {
    let mut bench = Bench::new(256, true, |pool| pool.connections_per_address(2));
    let retry = Retry::new();
    for turns in 0..4 {
        let calling = call_idempotent(&mut bench, &retry, turns);
        let first = address_of(&bench, turns);
        // The call may come back in any task's turn.
        let others: Vec<_> = (0..turns).map(|turn| bench.call(100 * (turns + 1) + turn)).collect();
        let peers = bench.peers.at(first);
        peers.iter().find(|peer| peer.received().contains(&turns)).expect("it has the call").hang_up();
        assert_eq!(bench.end(&calling), End::Waiting);
        assert_ne!(address_of(&bench, turns), first, "after {turns} turns");
        drop(others);
        bench.advance(MINUTE);
    }
}

#[test]
fn what_a_connection_had_not_begun_goes_to_another_address_even_out_of_turn() {
    for (first, second) in [(1, 2), (2, 1)] {
        let mut bench = Bench::new(256, true, |pool| pool.connections_per_address(2));
        // No call is asked where it has been before one may be repeated.
        let asked = call(&mut bench, &Retry::new(), 9);
        busy_peer(&bench).answer(1);
        assert_eq!(bench.end(&asked), End::Reply(9));
        bench.peers.all().iter().for_each(|peer| peer.block(true));
        // One for each connection.
        let calls: Vec<_> = (0..4).map(|number| bench.call(number)).collect();
        bench.peers.at(first)[0].hang_up();
        bench.peers.at(second).iter().for_each(|peer| peer.block(false));
        for call in &calls {
            assert_eq!(bench.end(call), End::Waiting);
        }
        let came: usize = bench.peers.at(second).iter().map(|peer| peer.received().len()).sum();
        assert_eq!(came, 3);
    }
}

#[test]
fn a_retry_goes_to_the_same_address_if_there_is_no_other() {
    let mut bench = Bench::new(256, true, |pool| pool.connect_to_fixed([1]).connections_per_address(2));
    let retry = Retry::new();
    let calling = call_idempotent(&mut bench, &retry, 0);
    kill_busy_peer(&mut bench);
    assert_eq!(bench.end(&calling), End::Waiting);
    busy_peer(&bench).answer(1);
    assert_eq!(bench.end(&calling), End::Reply(0));
}

#[test]
fn a_call_that_was_dropped_before_it_was_sent_is_repeated_whatever_it_does() {
    let mut bench = Bench::up();
    (0..2).for_each(|index| bench.peer(index).block(true));
    let (once, repeated) = (bench.call(0), call(&mut bench, &Retry::new(), 1));
    // A connection that panics is not asked what it had.
    (0..2).for_each(|index| bench.peer(index).panic());
    assert_eq!(bench.end(&once), End::NotSent(0, "dropped"));
    bench.advance(MINUTE);
    assert_eq!(bench.end(&repeated), End::Waiting);
    busy_peer(&bench).answer(1);
    assert_eq!(bench.end(&repeated), End::Reply(1));
}

#[test]
fn attempts_are_bounded() {
    for attempts_max in 0..4 {
        let mut bench = Bench::up();
        let retry = Retry::new().attempts_max(attempts_max);
        let calling = call_idempotent(&mut bench, &retry, 0);
        for attempt in 1..attempts_max.max(1) {
            kill_busy_peer(&mut bench);
            bench.advance(MINUTE);
            assert_eq!(bench.end(&calling), End::Waiting, "attempt {attempt} of {attempts_max}");
        }
        kill_busy_peer(&mut bench);
        assert_eq!(bench.end(&calling), End::MaybeSent("closed"), "of {attempts_max}");
    }
}

#[test]
fn retries_stop_when_the_budget_is_used_up_for_all_who_share_it() {
    let mut bench = Bench::up();
    let retry = Retry::new().budget(RetryBudget::new(50, 0));
    let calls: Vec<_> = (0..4).map(|number| call_idempotent(&mut bench, &retry.clone(), number)).collect();
    for index in [0, 1] {
        bench.peer(index).hang_up();
    }
    bench.advance(MINUTE);
    let ends: Vec<_> = calls.iter().map(|call| bench.end(call)).collect();
    let count = |end: End| ends.iter().filter(|other| **other == end).count();
    assert_eq!((count(End::Waiting), count(End::MaybeSent("closed"))), (2, 2), "{ends:?}");
}

#[test]
fn the_deadline_is_that_of_all_attempts_together() {
    let mut bench = Bench::up();
    let (pool, deadline) = (bench.pool.clone(), bench.clock.sleep(Duration::from_secs(3)));
    let calling = bench.executor.spawn(async move {
        let retry = Retry::new().attempts_max(100);
        pool.call(request(0)).idempotent().retry(&retry).until(deadline).await
    });
    bench.executor.run();
    for _ in 0..2 {
        kill_busy_peer(&mut bench);
        bench.advance(Duration::from_secs(1));
        assert_eq!(bench.end(&calling), End::Waiting);
    }
    bench.advance(Duration::from_secs(1));
    assert_eq!(bench.end(&calling), End::MaybeSent("timed out"));
}

#[test]
fn what_may_have_been_executed_once_is_never_called_certain_again() {
    let mut bench = Bench::new(256, true, |settings| settings.fail_fast_after(Duration::from_secs(3)));
    let calling = call_idempotent(&mut bench, &Retry::new(), 0);
    bench.peers.refuse();
    let idle = usize::from(!bench.peer(0).received().is_empty());
    bench.peer(idle).hang_up();
    kill_busy_peer(&mut bench);
    assert_eq!(bench.end(&calling), End::Waiting);
    bench.advance(MINUTE);
    assert_eq!(bench.end(&calling), End::MaybeSent("closed"), "the second attempt was not sent");
}

#[test]
fn a_pool_without_connections_is_not_asked_again() {
    let mut bench = Bench::new(256, false, |settings| settings.fail_fast_after(Duration::from_secs(3)));
    let waits = call_idempotent(&mut bench, &Retry::new(), 0);
    bench.advance(Duration::from_secs(3));
    assert_eq!(bench.end(&waits), End::NotSent(0, "undelivered"));
    let late = call_idempotent(&mut bench, &Retry::new(), 1);
    assert_eq!(bench.end(&late), End::NotSent(1, "refused"));
    assert_eq!(bench.snapshot().counts.accepted, 1);
}

#[test]
fn a_deadline_that_comes_in_the_moment_of_a_failure_ends_the_call() {
    let bench = RefCell::new(Bench::up());
    let pool = bench.borrow().pool.clone();
    let retry = Retry::new();
    let mut is_first_look = true;
    // Another thread may do as much between the two looks of one poll.
    let deadline = poll_fn(|_| {
        if std::mem::take(&mut is_first_look) {
            return Poll::Pending;
        }
        let mut bench = bench.borrow_mut();
        bench.executor.run();
        kill_busy_peer(&mut bench);
        Poll::Ready(())
    });
    let mut calling = pin!(pool.call(request(0)).idempotent().retry(&retry).until(deadline));
    assert_eq!(end_of(&mut calling), End::Waiting);
    assert_eq!(end_of(&mut calling), End::MaybeSent("closed"));
}

// Replies that say: not here, not now

/// A call that keeps a copy, and is not idempotent.
fn call_copied(bench: &mut Bench, retry: &Retry, number: usize) -> Spawned<Answered> {
    let (pool, retry) = (bench.pool.clone(), retry.clone());
    let task = bench.executor.spawn(async move { pool.call(request(number)).copied().retry(&retry).await });
    bench.executor.run();
    task
}

/// The peer that has the call answers it, by this number.
fn answer_busy_peer(bench: &mut Bench, number: usize) {
    busy_peer(bench).answer_with(0, number);
    bench.executor.run();
}

#[test]
fn a_reply_that_says_not_executed_is_repeated_at_another_address_and_no_other_is() {
    for (number, is_repeated) in
        [(1, false), (FAILURE, false), (LAST, false), (OVERLOADED, true), (PAUSE, true), (UNFIT, true)]
    {
        let mut bench = Bench::up();
        let calling = call_copied(&mut bench, &Retry::new(), 0);
        let first = address_of(&bench, 0);
        answer_busy_peer(&mut bench, number);
        if is_repeated {
            assert_eq!(bench.end(&calling), End::Waiting, "{number}");
            assert_ne!(address_of(&bench, 0), first, "{number}");
            answer_busy_peer(&mut bench, 7);
            assert_eq!(bench.end(&calling), End::Reply(7), "{number}");
        } else {
            assert_eq!(bench.end(&calling), End::Reply(number));
        }
    }
}

#[test]
fn a_call_without_a_copy_gets_the_reply_whatever_it_says() {
    let mut bench = Bench::up();
    let calls = [bench.call(0), call(&mut bench, &Retry::new(), 1)];
    for _ in &calls {
        answer_busy_peer(&mut bench, UNFIT);
    }
    for call in &calls {
        assert_eq!(bench.end(call), End::Reply(UNFIT));
    }
}

#[test]
fn a_copy_alone_repeats_nothing_that_may_have_been_executed() {
    let mut bench = Bench::up();
    let calling = call_copied(&mut bench, &Retry::new(), 0);
    kill_busy_peer(&mut bench);
    assert_eq!(bench.end(&calling), End::MaybeSent("closed"));
}

#[test]
fn a_call_that_keeps_a_copy_is_repeated_without_a_word_on_how() {
    let mut bench = Bench::up();
    let pool = bench.pool.clone();
    let calling = bench.executor.spawn(async move { pool.call(request(0)).copied().await });
    bench.executor.run();
    answer_busy_peer(&mut bench, OVERLOADED);
    assert_eq!(bench.end(&calling), End::Waiting);
    answer_busy_peer(&mut bench, 1);
    assert_eq!(bench.end(&calling), End::Reply(1));
}

#[test]
fn the_last_attempt_s_reply_is_the_caller_s() {
    for attempts_max in 0..4 {
        let mut bench = Bench::up();
        let calling = call_copied(&mut bench, &Retry::new().attempts_max(attempts_max), 0);
        for attempt in 1..attempts_max.max(1) {
            answer_busy_peer(&mut bench, UNFIT);
            // The address may have to rest before it is tried again.
            bench.advance(MINUTE);
            assert_eq!(bench.end(&calling), End::Waiting, "attempt {attempt} of {attempts_max}");
        }
        answer_busy_peer(&mut bench, UNFIT);
        assert_eq!(bench.end(&calling), End::Reply(UNFIT), "of {attempts_max}");
    }
}

#[test]
fn replies_are_repeated_within_the_budget_and_then_given_to_their_callers() {
    let mut bench = Bench::up();
    let retry = Retry::new().budget(RetryBudget::new(50, 0));
    let calls: Vec<_> = (0..4).map(|number| call_copied(&mut bench, &retry, number)).collect();
    for peer in bench.peers.all().iter() {
        (0..peer.received().len()).for_each(|_| peer.answer_with(0, UNFIT));
    }
    bench.executor.run();
    let ends: Vec<_> = calls.iter().map(|call| bench.end(call)).collect();
    let count = |end: End| ends.iter().filter(|other| **other == end).count();
    assert_eq!((count(End::Waiting), count(End::Reply(UNFIT))), (2, 2), "{ends:?}");
}

#[test]
fn callers_have_rules_of_their_own_for_replies() {
    let mut bench = Bench::up();
    // By the call itself, and by the handle.
    for by_handle in [false, true] {
        let pool = bench.pool.clone();
        let calling = bench.executor.spawn(async move {
            if by_handle {
                pool.with_retry_on(|reply| reply.number == FAILURE).call(request(0)).copied().await
            } else {
                pool.call(request(0)).copied().retry_on(|reply| reply.number == FAILURE).await
            }
        });
        bench.executor.run();
        let first = address_of(&bench, 0);
        answer_busy_peer(&mut bench, FAILURE);
        assert_eq!(bench.end(&calling), End::Waiting);
        assert_ne!(address_of(&bench, 0), first);
        answer_busy_peer(&mut bench, FAILURE);
        answer_busy_peer(&mut bench, FAILURE);
        assert_eq!(bench.end(&calling), End::Reply(FAILURE), "three attempts are over");
    }
}

#[test]
fn a_rule_for_replies_that_panics_costs_its_caller_alone_and_leaves_nothing_behind() {
    let mut bench = Bench::up();
    for number in 0..10 {
        let pool = bench.pool.clone();
        let task = bench.executor.spawn(async move {
            let call = pool.call(request(number)).timeout(MINUTE).copied();
            let mut call = pin!(call.retry_on(|_| panic!("a scripted panic")));
            poll_fn(move |cx| match guard(|| call.as_mut().poll(cx)) {
                Ok(Poll::Pending) => Poll::Pending,
                Ok(Poll::Ready(_)) => Poll::Ready(false),
                Err(_) => Poll::Ready(true),
            })
            .await
        });
        bench.executor.run();
        answer_busy_peer(&mut bench, number);
        assert_eq!(task.output(), Some(true), "the rule panics");
        let other = call(&mut bench, &Retry::new(), 7);
        answer_busy_peer(&mut bench, 7);
        assert_eq!(bench.end(&other), End::Reply(7));
        bench.advance(Duration::from_secs(1));
    }
    // The driver is woken once in vain at most, as no timer is left.
    let polls_before = bench.driver.polls();
    bench.advance(2 * MINUTE);
    assert!(bench.driver.polls() <= polls_before + 2, "{} polls", bench.driver.polls() - polls_before);
}

fn guard<T>(run: impl FnOnce() -> T) -> std::thread::Result<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run))
}

#[test]
fn a_reply_that_says_not_executed_makes_nothing_certain_that_may_have_been_executed_before() {
    let mut bench = Bench::up();
    let calling = call_idempotent(&mut bench, &Retry::new(), 0);
    kill_busy_peer(&mut bench);
    answer_busy_peer(&mut bench, UNFIT);
    bench.advance(MINUTE);
    kill_busy_peer(&mut bench);
    assert_eq!(bench.end(&calling), End::MaybeSent("closed"));
}

#[test]
fn a_reply_that_says_not_executed_and_comes_with_the_deadline_is_the_caller_s() {
    let bench = RefCell::new(Bench::up());
    let pool = bench.borrow().pool.clone();
    let mut is_first_look = true;
    let deadline = poll_fn(|_| {
        if std::mem::take(&mut is_first_look) {
            return Poll::Pending;
        }
        let mut bench = bench.borrow_mut();
        bench.executor.run();
        answer_busy_peer(&mut bench, OVERLOADED);
        Poll::Ready(())
    });
    let mut calling = pin!(pool.call(request(0)).copied().until(deadline));
    assert_eq!(end_of(&mut calling), End::Waiting);
    assert_eq!(end_of(&mut calling), End::Reply(OVERLOADED));
}
