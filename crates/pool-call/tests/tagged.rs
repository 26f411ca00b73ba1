//! One tagged connection, polled as a pool's driver polls it.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use pool_call::Tagged;
use pool_driver::Connection;
use support::{End, Item, Owner, Peer, Reply, Request, Told, end_of, ends_of, id_of, stamp};

macro_rules! connect {
    ($($setting:ident($value:expr)),*) => {{
        let peer = Peer::default();
        let connection = Tagged::new(peer.transport(), stamp, id_of)$(.$setting($value))*;
        (peer, Owner::new(connection))
    }};
}

fn is_connection<K: Connection<Item>>(_: &Owner<K>) {}

#[test]
fn replies_go_to_their_callers_in_whatever_order_they_come() {
    let (peer, mut owner) = connect!();
    is_connection(&owner);
    let mut answers = owner.send(1..=3);
    peer.answer_at(2);
    peer.answer_at(0);
    assert_eq!(owner.events(), [Told::Success, Told::Success]);
    assert_eq!(ends_of(&mut answers), [End::Reply(1), End::Waiting, End::Reply(3)]);
    peer.answer_at(0);
    assert_eq!(owner.events(), [Told::Success]);
    assert_eq!(end_of(&mut answers[1]), End::Reply(2));
}

#[test]
fn the_late_reply_of_a_caller_that_has_gone_is_thrown_away() {
    let (peer, mut owner) = connect!(in_flight_max(2));
    let given_up = owner.send([0]);
    drop(given_up);
    for number in 1..100 {
        let mut answers = owner.send([number]);
        assert!(!owner.is_ready(), "the id of the one that has gone is still in use");
        peer.answer_at(1);
        assert_eq!(owner.events(), [Told::Success]);
        assert_eq!(ends_of(&mut answers), [End::Reply(number)]);
    }
    peer.answer_at(0);
    assert_eq!(owner.events(), [Told::Cancelled, Told::Progress]);
    let _both = owner.send([100, 101]);
}

#[test]
fn ids_stay_in_their_range_and_are_never_in_use_twice() {
    for (in_flight_max, id_max) in [(4, 15), (4, 17), (3, 2), (100, 9), (1, 0), (256, u32::MAX)] {
        let (peer, mut owner) = connect!(in_flight_max(in_flight_max), id_max(id_max));
        let mut random = fastrand::Rng::with_seed(1);
        let mut in_use: Vec<u32> = Vec::new();
        let mut largest = 0;
        for number in 0..1000 {
            if owner.is_ready() && (in_use.is_empty() || random.bool()) {
                let answer = owner.send([number]).remove(0);
                drop(answer);
                let Request { id, .. } = peer.last_received();
                assert!(!in_use.contains(&id), "{id} is in use");
                in_use.push(id);
                largest = largest.max(id);
            } else if !in_use.is_empty() {
                let index = random.usize(..in_use.len());
                in_use.remove(index);
                peer.answer_at(index);
                assert!(owner.events().contains(&Told::Cancelled));
            }
        }
        assert!(largest <= id_max, "{largest} is more than {id_max}");
    }
}

#[test]
fn a_reply_with_an_id_that_was_never_used_breaks_the_connection() {
    let (peer, mut owner) = connect!();
    let mut answers = owner.send([1]);
    let _waiting = owner.start_send(2);
    peer.say(77, 1);
    let failed = Told::Failed("the peer sent a reply that nobody waits for".to_owned());
    assert_eq!(owner.last_events(), [Told::Unsent(2), failed]);
    assert_eq!(ends_of(&mut answers), [End::MaybeSent("unexpected reply")]);
}

#[test]
fn a_second_reply_to_one_request_goes_to_nobody_else() {
    let (peer, mut owner) = connect!(in_flight_max(1));
    let mut first = owner.send([1]);
    let Request { id, .. } = peer.last_received();
    peer.answer(1);
    assert_eq!((owner.events(), ends_of(&mut first)), (vec![Told::Success], vec![End::Reply(1)]));
    let mut second = owner.send([2]);
    peer.say(id, 1);
    assert_eq!(owner.last_events(), [Told::Failed("the peer sent a reply that nobody waits for".to_owned())]);
    assert_eq!(ends_of(&mut second), [End::MaybeSent("unexpected reply")]);
}

#[test]
fn a_peer_that_closes_and_owes_replies_has_failed() {
    let (peer, mut owner) = connect!();
    let mut answers = owner.send(1..=3);
    peer.answer_at(1);
    peer.hang_up();
    assert_eq!(
        owner.last_events(),
        [Told::Success, Told::Failed("the peer closed the connection while it owed replies".to_owned())]
    );
    let expected = [End::MaybeSent("closed"), End::Reply(2), End::MaybeSent("closed")];
    assert_eq!(ends_of(&mut answers), expected);
}

#[test]
fn closing_waits_for_all_replies_also_those_that_nobody_wants() {
    let (peer, mut owner) = connect!();
    drop(owner.send(1..=2));
    assert!(owner.close().is_pending());
    peer.answer_at(1);
    peer.answer_at(0);
    assert_eq!(owner.events(), [Told::Cancelled, Told::Cancelled, Told::Progress]);
    assert!(matches!(owner.close(), Poll::Ready(Ok(()))));
}

// Ids that are not in use

#[test]
fn replies_whose_ids_are_not_in_use_are_counted_and_ignored_if_that_is_set() {
    let ignored = Arc::new(AtomicU64::new(0));
    let (peer, mut owner) = connect!(ignore_unknown_ids(&ignored));
    let mut answers = owner.send(1..=3);
    let Request { id, .. } = peer.last_received();
    peer.answer_at(2);
    peer.say(id, 3);
    peer.say(77, 1);
    peer.answer(2);
    assert_eq!(owner.events(), vec![Told::Success; 3]);
    assert_eq!(ends_of(&mut answers), [End::Reply(1), End::Reply(2), End::Reply(3)]);
    assert_eq!(ignored.load(Ordering::Relaxed), 2);
}

#[test]
fn a_frame_without_an_id_is_ignored_if_that_is_set() {
    let (peer, ignored) = (Peer::default(), Arc::new(AtomicU64::new(0)));
    let id_of = |reply: &Reply| (reply.id != 999).then_some(reply.id);
    let connection = Tagged::new(peer.transport(), stamp, id_of).ignore_unknown_ids(&ignored);
    let mut owner = Owner::new(connection);
    let mut answers = owner.send([1]);
    peer.say(999, 5);
    peer.answer(1);
    assert_eq!(owner.events(), [Told::Success]);
    assert_eq!((ends_of(&mut answers), ignored.load(Ordering::Relaxed)), (vec![End::Reply(1)], 1));
}

#[test]
fn the_place_of_a_caller_who_has_gone_is_free_at_once_if_that_is_set_and_its_late_reply_goes_to_nobody() {
    let ignored = Arc::new(AtomicU64::new(0));
    let (peer, mut owner) = connect!(in_flight_max(2), free_abandoned_ids(&ignored));
    for number in 0..100 {
        owner.is_woken();
        drop(owner.send([number]));
        assert!(owner.is_woken(), "the peer is silent: somebody else has to wake it");
        assert_eq!(owner.events(), [Told::Cancelled]);
    }
    let mut answers = owner.send([100, 101]);
    peer.answer(60);
    assert_eq!(owner.events(), [Told::Progress]);
    peer.answer(42);
    assert_eq!(owner.events(), [Told::Success, Told::Success]);
    assert_eq!(ends_of(&mut answers), [End::Reply(100), End::Reply(101)]);
    assert_eq!(ignored.load(Ordering::Relaxed), 100);
    assert!(matches!(owner.close(), Poll::Ready(Ok(()))));
}

#[test]
fn callers_that_go_while_many_stay_are_freed_in_the_end() {
    let ignored = Arc::new(AtomicU64::new(0));
    let (peer, mut owner) = connect!(in_flight_max(100), free_abandoned_ids(&ignored));
    let mut answers = owner.send(0..100);
    drop(answers.remove(50));
    assert_eq!(owner.events(), [], "one of a hundred is not looked for");
    for _ in 0..50 {
        peer.answer(1);
    }
    peer.say(12345, 0);
    (0..45).for_each(|_| peer.answer_at(1));
    let told = owner.events();
    assert_eq!(told.iter().filter(|told| **told == Told::Success).count(), 95);
    assert_eq!(told.iter().filter(|told| **told == Told::Cancelled).count(), 1);
    assert_eq!(ignored.load(Ordering::Relaxed), 1);
    assert!(ends_of(&mut answers[..50]).into_iter().eq((0..50).map(End::Reply)));
}
