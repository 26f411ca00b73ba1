//! What a caller knows of its call, whichever way it ends.

mod support;

use std::cell::Cell;
use std::future::ready;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};

use pool_call::{Call, CallExt, MaybeSentReason, NotSentReason, Pipelined};
use support::{End, Item, Peer, Reply, Request, Switch, end_of, request};

type Pair = (Item, pool_call::ReplyFuture<Request, Reply>);

fn call(number: usize) -> Pair {
    Call::new(request(number))
}

#[test]
fn a_call_that_is_dropped_gives_its_request_back() {
    let (call, mut answer) = call(1);
    assert_eq!(end_of(&mut answer), End::Waiting);
    drop(call);
    assert_eq!(end_of(&mut answer), End::NotSent(1, "dropped"));
}

#[test]
fn a_call_that_is_given_back_says_why() {
    let (call, mut answer) = call(1);
    call.give_back(NotSentReason::TimedOut { last_error: None });
    assert_eq!(end_of(&mut answer), End::NotSent(1, "timed out"));
}

#[test]
fn a_call_that_was_begun_may_have_been_sent() {
    let (call, mut answer) = call(1);
    let (request, responder) = call.begin().expect("the caller waits");
    assert_eq!((request.number, end_of(&mut answer)), (1, End::Waiting));
    drop(responder);
    assert_eq!(end_of(&mut answer), End::MaybeSent("dropped"));
}

#[test]
fn a_call_that_fails_says_why() {
    let (call, mut answer) = call(1);
    let (_, responder) = call.begin().expect("the caller waits");
    responder.fail(MaybeSentReason::TimedOut);
    assert_eq!(end_of(&mut answer), End::MaybeSent("timed out"));
}

#[test]
fn a_reply_goes_to_its_caller_and_wakes_it_once() {
    let (call, mut answer) = call(1);
    let flag = Arc::new(support::Flag::default());
    let waker = Waker::from(Arc::clone(&flag));
    assert!(std::pin::Pin::new(&mut answer).poll(&mut Context::from_waker(&waker)).is_pending());
    drop(waker);
    let (_, responder) = call.begin().expect("the caller waits");
    assert!(!responder.is_abandoned());
    responder.reply(Reply { id: 0, number: 7 }).expect("the caller waits");
    assert_eq!(Arc::strong_count(&flag), 1, "nobody keeps a waker that was used");
    assert_eq!(end_of(&mut answer), End::Reply(7));
}

#[test]
fn a_call_whose_caller_has_gone_is_never_begun() {
    let (call, answer) = call(1);
    assert!(!call.is_abandoned());
    drop(answer);
    assert!(call.is_abandoned());
    assert!(call.begin().is_none());
}

#[test]
fn a_reply_whose_caller_has_gone_comes_back_to_the_connection() {
    let (call, answer) = call(1);
    let (_, responder) = call.begin().expect("the caller waits");
    drop(answer);
    assert!(responder.is_abandoned());
    assert_eq!(responder.reply(Reply { id: 0, number: 1 }).map_err(|reply| reply.number), Err(1));
}

/// Tells when it is dropped.
struct Witness(Rc<Cell<usize>>);

impl Drop for Witness {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn requests_and_replies_are_dropped_once_and_no_later_than_their_callers() {
    let drops = Rc::new(Cell::new(0));
    let witness = || Witness(Rc::clone(&drops));
    let (call, answer) = Call::<Witness, Witness>::new(witness());
    drop(answer);
    assert_eq!(drops.get(), 1, "the request of a call that still waits");
    drop(call);
    let (call, answer) = Call::<Witness, Witness>::new(witness());
    let (request, responder) = call.begin().expect("the caller waits");
    drop(request);
    responder.reply(witness()).map_err(drop).expect("the caller waits");
    drop(answer);
    assert_eq!(drops.get(), 3, "a reply that nobody looked at");
    let (call, answer) = Call::<Witness, Witness>::new(witness());
    drop(call);
    drop(answer);
    assert_eq!(drops.get(), 4, "a request that was given back and that nobody looked at");
}

#[test]
fn a_deadline_that_comes_before_the_call_is_begun_returns_the_request() {
    let peer = Peer::default();
    peer.block(true);
    let mut connection: Pipelined<_, Request, Reply> = Pipelined::new(peer.transport());
    let mut calling = Box::pin(connection.call(request(1)).until(ready(())));
    assert_eq!(end_of(&mut calling), End::NotSent(1, "timed out"));
}

#[test]
fn a_deadline_that_comes_while_the_reply_is_awaited_leaves_it_open_what_happened() {
    let peer = Peer::default();
    let deadline = Switch::default();
    let mut connection: Pipelined<_, Request, Reply> = Pipelined::new(peer.transport());
    let mut calling = Box::pin(connection.call(request(1)).until(deadline.future()));
    assert_eq!(end_of(&mut calling), End::Waiting);
    deadline.turn_on();
    assert_eq!(end_of(&mut calling), End::MaybeSent("timed out"));
    assert_eq!(peer.received(), [1]);
}

#[test]
fn a_deadline_that_is_over_before_the_call_is_made_sends_nothing() {
    let peer = Peer::default();
    let mut connection: Pipelined<_, Request, Reply> = Pipelined::new(peer.transport());
    let mut calling = Box::pin(connection.call(request(1)).until(ready(())));
    assert_eq!(end_of(&mut calling), End::NotSent(1, "timed out"));
    drop(calling);
    assert_eq!(end_of(&mut connection.call(request(2))), End::Waiting);
    assert_eq!(peer.received(), [2]);
}

#[test]
fn a_deadline_that_comes_as_the_connection_becomes_ready_sends_nothing() {
    let peer = Peer::default();
    let deadline = Switch::default();
    let mut connection: Pipelined<_, Request, Reply> = Pipelined::new(peer.transport()).in_flight_max(1);
    assert_eq!(end_of(&mut connection.call(request(0))), End::Waiting);
    let mut calling = Box::pin(connection.call(request(1)).until(deadline.future()));
    assert_eq!(end_of(&mut calling), End::Waiting);
    peer.answer(1);
    deadline.turn_on();
    assert_eq!(end_of(&mut calling), End::NotSent(1, "timed out"));
    assert!(peer.received().is_empty());
}

#[test]
fn a_deadline_that_comes_as_a_blocked_write_goes_on_sends_nothing() {
    let peer = Peer::default();
    let deadline = Switch::default();
    peer.block(true);
    let mut connection: Pipelined<_, Request, Reply> = Pipelined::new(peer.transport());
    let mut calling = Box::pin(connection.call(request(1)).until(deadline.future()));
    assert_eq!(end_of(&mut calling), End::Waiting);
    peer.block(false);
    deadline.turn_on();
    assert_eq!(end_of(&mut calling), End::NotSent(1, "timed out"));
    assert!(peer.received().is_empty());
}

#[test]
fn a_reply_that_is_there_wins_over_its_deadline() {
    let peer = Peer::default();
    let deadline = Switch::default();
    let mut connection: Pipelined<_, Request, Reply> = Pipelined::new(peer.transport());
    let mut calling = Box::pin(connection.call(request(1)).until(deadline.future()));
    assert_eq!(end_of(&mut calling), End::Waiting);
    peer.answer(1);
    deadline.turn_on();
    assert_eq!(end_of(&mut calling), End::Reply(1));
}

#[test]
fn a_sink_that_breaks_before_the_call_is_begun_returns_the_request_with_its_error() {
    let peer = Peer::default();
    let mut connection: Pipelined<_, Request, Reply> = Pipelined::new(peer.transport());
    peer.break_writes();
    assert_eq!(end_of(&mut connection.call(request(1))), End::NotSent(1, "sink failed"));
    assert_eq!(end_of(&mut connection.call(request(2))), End::NotSent(2, "sink failed"));
}

#[test]
fn a_sink_that_breaks_later_leaves_it_open_what_happened() {
    let peer = Peer::default();
    let mut connection: Pipelined<_, Request, Reply> = Pipelined::new(peer.transport());
    let mut calling = connection.call(request(1));
    assert_eq!(end_of(&mut calling), End::Waiting);
    peer.send_garbage();
    assert_eq!(end_of(&mut calling), End::MaybeSent("transport"));
}

#[test]
fn a_connection_alone_answers_call_after_call_and_in_step_when_some_are_dropped() {
    let peer = Peer::default();
    let mut connection: Pipelined<_, Request, Reply> = Pipelined::new(peer.transport()).in_flight_max(2);
    for number in 0..10 {
        let mut given_up = connection.call(request(number));
        assert_eq!(end_of(&mut given_up), End::Waiting);
        drop(given_up);
        peer.answer(1);
        let mut calling = connection.call(request(100 + number));
        assert_eq!(end_of(&mut calling), End::Waiting);
        peer.answer(1);
        assert_eq!(end_of(&mut calling), End::Reply(100 + number));
    }
}
