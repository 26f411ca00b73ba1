//! One pipelined connection, polled as a pool's driver polls it.

mod support;

use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_sink::Sink;
use pool_call::{Call, Pipelined};
use pool_driver::{ConnectionEvent, Instant, Outcome};
use support::{End, Owner, Peer, Reply, Request, Told, Transport, end_of, ends_of, request};

type Connection = Pipelined<Transport, Request, Reply>;

fn connect() -> (Peer, Owner<Connection>) {
    connect_with(|connection| connection)
}

fn connect_with(change: impl FnOnce(Connection) -> Connection) -> (Peer, Owner<Connection>) {
    let peer = Peer::default();
    let owner = Owner::new(change(Pipelined::new(peer.transport())));
    (peer, owner)
}

// Asking and answering

#[test]
fn replies_go_to_their_callers_in_order() {
    let (peer, mut owner) = connect();
    let mut answers = owner.send(1..=3);
    peer.answer(2);
    assert_eq!(owner.events(), [Told::Success, Told::Success]);
    assert_eq!(ends_of(&mut answers[..2]), [End::Reply(1), End::Reply(2)]);
    peer.answer(1);
    assert_eq!(owner.events(), [Told::Success]);
    assert_eq!(end_of(&mut answers[2]), End::Reply(3));
}

#[test]
fn a_latency_is_the_time_from_the_write_to_the_reply_by_the_pool_s_clock() {
    let (peer, mut owner) = connect();
    let waited = Duration::from_millis(2);
    for number in 0..3 {
        let written = Instant::from_nanos(1_000_000_000 * number);
        owner.set_now(written);
        let _answers = owner.send([0]);
        owner.set_now(written + waited);
        peer.answer(1);
        let event = owner.next_event();
        let Poll::Ready(Ok(ConnectionEvent::Finished(Outcome::Success { latency: Some(latency) }))) = event
        else {
            panic!("{event:?}")
        };
        assert_eq!(latency, waited);
    }
}

#[test]
fn all_calls_that_wait_are_written_with_one_flush() {
    let (peer, mut owner) = connect();
    let _answers: Vec<_> = (0..100).map(|number| owner.start_send(number)).collect();
    assert_eq!((peer.received().len(), peer.flushes()), (0, 0));
    assert!(owner.flush().is_ready());
    assert_eq!((peer.received().len(), peer.flushes()), (100, 1));
}

#[test]
fn no_more_calls_are_taken_than_may_be_in_flight() {
    let (peer, mut owner) = connect_with(|connection| connection.in_flight_max(3));
    let _waiting = owner.start_send(0);
    let _on_the_wire = owner.send(1..=2);
    assert!(!owner.is_ready());
    peer.answer(1);
    assert!(owner.is_woken(), "its reply wakes it");
    assert_eq!(owner.events(), [Told::Success]);
    assert!(owner.is_ready());
}

#[test]
fn a_peer_that_never_stops_talking_is_interrupted() {
    let (peer, mut owner) = connect();
    let _answers = owner.send(0..200);
    peer.answer(200);
    owner.is_woken();
    let mut events = 0;
    while !owner.is_woken() {
        assert!(owner.next_event().is_ready(), "it has more to tell");
        events += 1;
    }
    assert!(events <= 64, "{events}");
    assert_eq!(owner.events().len() + events, 200);
}

// Writing

#[test]
fn a_blocked_write_does_not_keep_replies_from_being_read() {
    let (peer, mut owner) = connect();
    let mut answers = owner.send(1..=2);
    peer.block(true);
    let mut blocked = owner.start_send(3);
    assert!(owner.flush().is_pending());
    owner.is_woken();
    peer.answer(2);
    assert!(owner.is_woken());
    assert_eq!(owner.events(), [Told::Success, Told::Success]);
    assert_eq!(ends_of(&mut answers), [End::Reply(1), End::Reply(2)]);
    assert!(owner.flush().is_pending());
    owner.is_woken();
    peer.block(false);
    assert!(owner.is_woken());
    assert!(owner.events().is_empty());
    assert!(owner.flush().is_ready());
    assert_eq!((peer.received(), end_of(&mut blocked)), (vec![3], End::Waiting));
}

#[test]
fn a_call_that_is_given_up_before_it_is_written_is_never_written() {
    let (peer, mut owner) = connect();
    let (given_up, _waiting) = (owner.start_send(1), owner.start_send(2));
    drop(given_up);
    owner.is_woken();
    assert!(owner.flush().is_ready());
    assert!(owner.is_woken(), "it has something to tell");
    assert_eq!((peer.received(), owner.events()), (vec![2], vec![Told::Cancelled]));
}

#[test]
fn a_call_that_is_given_up_while_writing_is_blocked_is_never_written() {
    let (peer, mut owner) = connect();
    peer.block(true);
    let given_up = owner.start_send(1);
    assert!(owner.flush().is_pending());
    drop(given_up);
    peer.block(false);
    assert!(owner.flush().is_ready());
    assert_eq!((peer.received(), owner.events()), (vec![], vec![Told::Cancelled]));
}

#[test]
fn a_call_that_is_given_up_keeps_its_place_while_writing_is_blocked() {
    let (peer, mut owner) = connect_with(|connection| connection.in_flight_max(2));
    peer.block(true);
    let given_up = [owner.start_send(1), owner.start_send(2)];
    assert!(owner.flush().is_pending());
    drop(given_up);
    assert!(owner.flush().is_pending());
    assert_eq!((owner.events(), owner.is_ready()), (vec![], false));
    peer.block(false);
    assert!(owner.flush().is_ready());
    assert_eq!((owner.events(), owner.is_ready()), (vec![Told::Cancelled; 2], true));
    assert!(peer.received().is_empty());
}

#[test]
fn a_write_that_fails_leaves_what_was_not_begun_and_nothing_else_is_certain() {
    let (peer, mut owner) = connect();
    let mut on_the_wire = owner.send([1]);
    peer.block(true);
    let mut waiting = [owner.start_send(2), owner.start_send(3)];
    drop(owner.start_send(4));
    assert!(owner.flush().is_pending());
    peer.break_writes();
    assert!(matches!(owner.flush(), Poll::Ready(Err(_))));
    assert_eq!(ends_of(&mut on_the_wire), [End::MaybeSent("transport")]);
    assert_eq!(ends_of(&mut waiting), [End::Waiting, End::Waiting]);
    let told = owner.last_events();
    assert_eq!(told[..3], [Told::Unsent(2), Told::Unsent(3), Told::Cancelled]);
    assert!(matches!(&told[3..], [Told::Failed(_)]), "{told:?}");
}

// Callers that go

#[test]
fn the_reply_of_a_caller_that_has_gone_is_read_and_thrown_away_in_step() {
    let (peer, mut owner) = connect();
    let mut answers = owner.send(1..=3);
    drop(answers.remove(1));
    assert_eq!(owner.events(), [], "its place on the wire is not free yet");
    peer.answer(3);
    assert_eq!(owner.events(), [Told::Success, Told::Cancelled, Told::Success]);
    assert_eq!(ends_of(&mut answers), [End::Reply(1), End::Reply(3)]);
}

#[test]
fn callers_that_go_say_nothing_of_the_peer_and_their_calls_keep_their_places_until_the_replies_come() {
    let (peer, mut owner) = connect_with(|connection| connection.in_flight_max(4));
    let answers = owner.send(0..4);
    drop(answers);
    owner.set_now(Instant::ZERO + Duration::from_secs(1000));
    assert_eq!(owner.events(), [], "it does not ask to be replaced");
    assert!(!owner.is_ready());
    peer.answer(4);
    assert_eq!(
        owner.events(),
        [Told::Cancelled, Told::Cancelled, Told::Cancelled, Told::Cancelled, Told::Progress]
    );
    assert!(owner.is_ready());
}

#[test]
fn a_connection_that_is_given_up_fails_what_is_on_the_wire_and_returns_the_rest() {
    let (peer, mut owner) = connect();
    let mut on_the_wire = owner.send([1, 2]);
    peer.answer(1);
    assert_eq!(owner.events(), [Told::Success]);
    peer.block(true);
    let mut not_begun = owner.start_send(3);
    assert!(owner.flush().is_pending());
    owner.give_up();
    assert_eq!(
        owner.last_events(),
        [Told::Unsent(3), Told::Failed("the peer owes replies and has been silent for 0.0 s".to_owned())]
    );
    assert_eq!(ends_of(&mut on_the_wire), [End::Reply(1), End::MaybeSent("silent")]);
    assert_eq!((end_of(&mut not_begun), peer.received()), (End::MaybeSent("dropped"), vec![2]));
}

// Peers that misbehave

#[test]
fn a_peer_that_closes_while_nothing_is_owed_is_noticed_without_traffic() {
    let (peer, mut owner) = connect();
    owner.is_woken();
    peer.hang_up();
    assert!(owner.is_woken());
    assert_eq!(owner.last_events(), [Told::Closed]);
}

#[test]
fn calls_that_wait_when_the_peer_closes_come_back() {
    let (peer, mut owner) = connect();
    let _waiting = [owner.start_send(1), owner.start_send(2)];
    peer.hang_up();
    assert_eq!(owner.last_events(), [Told::Unsent(1), Told::Unsent(2), Told::Closed]);
}

#[test]
fn a_peer_that_closes_and_owes_replies_has_failed() {
    let (peer, mut owner) = connect();
    let mut answers = owner.send(1..=3);
    let _waiting = owner.start_send(4);
    peer.answer(1);
    peer.hang_up();
    assert_eq!(
        owner.last_events(),
        [
            Told::Success,
            Told::Unsent(4),
            Told::Failed("the peer closed the connection while it owed replies".to_owned())
        ]
    );
    let expected = [End::Reply(1), End::MaybeSent("closed"), End::MaybeSent("closed")];
    assert_eq!(ends_of(&mut answers), expected);
}

#[test]
fn garbage_breaks_the_connection() {
    let (peer, mut owner) = connect();
    let mut answers = owner.send(1..=2);
    peer.answer(1);
    peer.send_garbage();
    let told = owner.last_events();
    assert!(
        matches!(&told[..], [Told::Success, Told::Failed(error)] if error.contains("garbage")),
        "{told:?}"
    );
    assert_eq!(ends_of(&mut answers), [End::Reply(1), End::MaybeSent("transport")]);
}

#[test]
fn a_reply_that_nobody_asked_for_breaks_the_connection() {
    let (peer, mut owner) = connect();
    let mut answers = owner.send([1]);
    peer.answer(1);
    peer.say(0, 2);
    assert_eq!(
        owner.last_events(),
        [Told::Success, Told::Failed("the peer sent a reply that nobody waits for".to_owned())]
    );
    assert_eq!(ends_of(&mut answers), [End::Reply(1)]);
}

// Closing

#[test]
fn closing_writes_what_waits_and_waits_for_what_is_owed() {
    let (peer, mut owner) = connect();
    let mut answer = owner.start_send(1);
    assert!(owner.close().is_pending());
    assert_eq!((peer.received(), peer.is_shut()), (vec![1], false));
    peer.answer(1);
    assert!(owner.is_woken());
    assert_eq!(owner.events(), [Told::Success]);
    assert!(matches!(owner.close(), Poll::Ready(Ok(()))));
    assert_eq!((end_of(&mut answer), peer.is_shut()), (End::Reply(1), true));
}

#[test]
fn a_connection_that_is_dropped_tells_all_its_callers() {
    let (_peer, mut owner) = connect();
    let mut on_the_wire = owner.send([1]);
    let mut waiting = owner.start_send(2);
    drop(owner);
    assert_eq!(ends_of(&mut on_the_wire), [End::MaybeSent("dropped")]);
    assert_eq!(end_of(&mut waiting), End::NotSent(2, "dropped"));
}

#[test]
fn a_connection_that_the_peer_has_closed_can_be_closed_though_something_is_pending() {
    let peer = Peer::default();
    let mut connection = Box::pin(Pipelined::new(peer.transport()));
    let noop = &mut Context::from_waker(Waker::noop());
    peer.block(true);
    let (call, mut answer) = Call::new(request(1));
    assert!(connection.as_mut().poll_ready(noop).is_ready());
    connection.as_mut().start_send(call).expect("it is open");
    peer.hang_up();
    assert!(matches!(connection.as_mut().poll_flush(noop), Poll::Ready(Err(_))));
    assert!(connection.as_mut().poll_close(noop).is_ready());
    assert_eq!(end_of(&mut answer), End::NotSent(1, "dropped"));
}
