//! What a peer may say besides replies, and what replies mean: on connections whose replies come in order, and on
//! connections whose replies carry ids.

mod support;

use std::task::Poll;
use std::time::Duration;

use pool_call::{ConnectionError, Pipelined, Tagged};
use pool_driver::{Connection, ConnectionEvent, Instant, Outcome};
use support::talk::{
    CLASSIFIER_PANICS, ENDLESS_PAUSE, EXPECTING_PANICS, FAILURE, GOODBYE, JUDGE_PANICS, LAST, NO_REPLY,
    OVERLOADED, PART, PAUSE, PING, PUSH, REPLIES, Talk, UNFIT,
};
use support::{End, Item, Owner, Peer, Reply, Told, Transport, end_of, ends_of, id_of, stamp};

/// A connection by either kind.
struct Link<K> {
    peer: Peer,
    owner: Owner<K>,
    talk: Talk,
}

trait Kind: Connection<Item, Error = ConnectionError> {
    fn over(transport: Transport, talk: Talk) -> Self;
    fn with_parts_max(self, parts: u32) -> Self;
}

impl Kind for Pipelined<Transport, support::Request, Reply, Talk> {
    fn over(transport: Transport, talk: Talk) -> Self {
        Pipelined::with_protocol(transport, talk).in_flight_max(4)
    }

    fn with_parts_max(self, parts: u32) -> Self {
        self.parts_max(parts)
    }
}

type Stamp = fn(&mut support::Request, u32);
type IdOf = fn(&Reply) -> Option<u32>;

impl Kind for Tagged<Transport, support::Request, Reply, Stamp, IdOf, Talk> {
    fn over(transport: Transport, talk: Talk) -> Self {
        Tagged::with_protocol(transport, stamp as Stamp, id_of as IdOf, talk).in_flight_max(4)
    }

    fn with_parts_max(self, parts: u32) -> Self {
        self.parts_max(parts)
    }
}

impl<K: Kind> Link<K> {
    fn new() -> Self {
        Self::with(|connection| connection)
    }

    fn with(change: impl FnOnce(K) -> K) -> Self {
        let (peer, talk) = (Peer::default(), Talk::default());
        let owner = Owner::new(change(K::over(peer.transport(), talk.clone())));
        Self { peer, owner, talk }
    }
}

macro_rules! on_both_kinds {
    ($($test:ident)*) => {
        mod in_order {
            type Kind = pool_call::Pipelined<super::Transport, super::support::Request, super::Reply, super::Talk>;
            $(#[test] fn $test() { super::$test(super::Link::<Kind>::new()); })*
        }
        mod by_id {
            type Kind = pool_call::Tagged<
                super::Transport, super::support::Request, super::Reply, super::Stamp, super::IdOf, super::Talk
            >;
            $(#[test] fn $test() { super::$test(super::Link::<Kind>::new()); })*
        }
    };
}

on_both_kinds! {
    a_push_among_calls_in_flight_shifts_nobody_s_answer
    a_peer_that_never_stops_pushing_is_interrupted
    a_ping_is_answered_without_a_call_and_before_calls_that_wait
    pings_are_answered_while_replies_come_one_after_the_other
    a_peer_that_floods_pings_and_reads_nothing_loses_its_connection
    a_ping_whose_answer_is_blocked_is_answered_later
    a_connection_that_closes_answers_pings
    a_request_without_a_reply_is_done_when_it_is_flushed
    a_request_without_a_reply_counts_as_in_flight_until_it_is_flushed
    a_request_without_a_reply_may_be_executed_if_the_connection_breaks_before_it_is_flushed
    a_request_without_a_reply_whose_caller_goes_is_cancelled
    a_request_with_many_replies_gets_all_of_them_among_others
    a_reply_in_parts_comes_whole_and_a_push_between_them_goes_to_its_handler
    an_end_between_parts_is_known_to_be_one
    the_latency_of_a_reply_in_parts_is_that_of_its_first_part
    the_parts_of_a_call_whose_caller_has_gone_are_read_in_step
    a_goodbye_of_its_own_drains_the_connection_and_its_calls_are_answered
    each_verdict_is_reported_and_the_caller_gets_the_reply
    a_verdict_counts_also_without_a_caller
    a_whole_reply_is_judged_once
    a_goodbye_reply_is_reported_before_the_connection_goes_away
    a_peer_that_says_goodbye_by_every_reply_goes_away_once
    a_pause_of_years_is_told_as_it_is
    a_judge_that_panics_costs_its_connection
    a_classifier_that_panics_costs_its_connection
    a_request_whose_replies_cannot_be_told_is_not_sent
    a_reply_that_nobody_waits_for_is_shown_in_80_characters
}

// Pushes

fn a_push_among_calls_in_flight_shifts_nobody_s_answer<K: Kind>(mut link: Link<K>) {
    let mut answers = link.owner.send(1..=3);
    link.peer.say(0, PUSH + 7);
    link.peer.answer(1);
    link.peer.say(9, PUSH + 8);
    link.peer.say(9, PUSH + 9);
    link.peer.answer(2);
    assert_eq!(link.owner.events(), vec![Told::Success; 3]);
    assert_eq!(ends_of(&mut answers), [End::Reply(1), End::Reply(2), End::Reply(3)]);
    link.peer.say(0, PUSH + 10);
    assert!(link.owner.is_woken());
    assert_eq!(link.owner.events(), [Told::Progress]);
    assert_eq!(*link.talk.pushes.borrow(), [7, 8, 9, 10]);
}

fn a_peer_that_never_stops_pushing_is_interrupted<K: Kind>(mut link: Link<K>) {
    (0..200).for_each(|_| link.peer.say(0, PUSH));
    let mut told = Vec::new();
    while link.talk.pushes.borrow().len() < 200 {
        assert!(link.owner.is_woken(), "it is polled again");
        told.push(link.owner.events());
    }
    // What is read before a pause is told after it.
    assert_eq!(told, [vec![], vec![Told::Progress], vec![], vec![Told::Progress]]);
}

// Pings

fn a_ping_is_answered_without_a_call_and_before_calls_that_wait<K: Kind>(mut link: Link<K>) {
    link.peer.say(0, PING + 1);
    assert_eq!((link.owner.events(), link.peer.received()), (vec![Told::Progress], vec![1]));
    link.peer.block(true);
    let _waits = link.owner.start_send(20);
    link.peer.say(0, PING + 2);
    assert_eq!(link.owner.events(), [Told::Progress]);
    link.peer.block(false);
    assert!(link.owner.flush().is_ready());
    assert_eq!(link.peer.received(), [1, 2, 20]);
}

fn pings_are_answered_while_replies_come_one_after_the_other<K: Kind>(mut link: Link<K>) {
    for round in 0..200 {
        let mut answers = link.owner.send([round]);
        let at = link.peer.received().iter().position(|number| *number == round).expect("it has come");
        link.peer.answer_at(at);
        if round == 0 {
            link.peer.say(0, PING + 999);
        }
        // A pool that is busy reads one event after the other, and never up to the end.
        assert!(link.owner.next_event().is_ready());
        assert_eq!(ends_of(&mut answers), [End::Reply(round)]);
        if link.peer.received().contains(&999) {
            return;
        }
    }
    panic!("the ping is not answered");
}

fn a_peer_that_floods_pings_and_reads_nothing_loses_its_connection<K: Kind>(mut link: Link<K>) {
    let mut answers = link.owner.send([1]);
    link.peer.block(true);
    (0..64).for_each(|_| link.peer.say(0, PING));
    assert_eq!(link.owner.events(), []);
    link.peer.say(0, PING);
    let told = link.owner.last_events();
    let failed = Told::Failed("the peer asks again and again, and takes no answer".to_owned());
    assert_eq!(told, [Told::Progress, failed]);
    assert_eq!(ends_of(&mut answers), [End::MaybeSent("too many controls")]);
}

fn a_ping_whose_answer_is_blocked_is_answered_later<K: Kind>(mut link: Link<K>) {
    link.peer.block(true);
    (0..64).for_each(|number| link.peer.say(0, PING + number));
    assert_eq!((link.owner.events(), link.peer.received()), (vec![], vec![]));
    link.owner.is_woken();
    link.peer.block(false);
    assert!(link.owner.is_woken(), "without any call");
    assert_eq!(link.owner.events(), [Told::Progress]);
    assert!(link.peer.received().into_iter().eq(0..64));
    link.owner.is_woken();
    assert_eq!((link.owner.events(), link.owner.is_woken()), (vec![], false), "there is nothing left to do");
}

fn a_connection_that_closes_answers_pings<K: Kind>(mut link: Link<K>) {
    let mut answers = link.owner.send([1]);
    assert!(link.owner.close().is_pending());
    link.peer.say(0, PING + 2);
    assert_eq!((link.owner.events(), link.peer.received()), (vec![Told::Progress], vec![1, 2]));
    link.peer.answer(1);
    assert_eq!(link.owner.events(), [Told::Success]);
    assert_eq!(ends_of(&mut answers), [End::Reply(1)]);
    assert!(matches!(link.owner.close(), Poll::Ready(Ok(()))));
}

// No reply, and many

fn a_request_without_a_reply_is_done_when_it_is_flushed<K: Kind>(mut link: Link<K>) {
    link.owner.set_now(Instant::ZERO + Duration::from_secs(1));
    let mut answers = link.owner.send([1, NO_REPLY, 2]);
    assert!(link.owner.is_woken(), "it has something to tell");
    let Poll::Ready(Ok(ConnectionEvent::Finished(outcome))) = link.owner.next_event() else {
        panic!("nothing told")
    };
    assert_eq!(outcome, Outcome::Success { latency: Some(Duration::ZERO) });
    assert_eq!(ends_of(&mut answers), [End::Waiting, End::Reply(NO_REPLY), End::Waiting]);
    link.peer.answer_at(2);
    link.peer.answer_at(0);
    let in_order = link.owner.events();
    assert_eq!(in_order, vec![Told::Success; 2]);
    assert!(answers.iter_mut().step_by(2).all(|answer| end_of(answer) != End::Waiting));
}

fn a_request_without_a_reply_counts_as_in_flight_until_it_is_flushed<K: Kind>(mut link: Link<K>) {
    link.peer.hold_flushes(true);
    let mut answers: Vec<_> = (0..4).map(|_| link.owner.start_send(NO_REPLY)).collect();
    assert!(link.owner.flush().is_pending());
    assert!(!link.owner.is_ready());
    assert!(link.owner.close().is_pending());
    assert_eq!(ends_of(&mut answers), vec![End::Waiting; 4]);
    link.peer.hold_flushes(false);
    assert!(link.owner.flush().is_ready());
    assert_eq!(link.owner.events(), vec![Told::Success; 4]);
    assert_eq!(ends_of(&mut answers), vec![End::Reply(NO_REPLY); 4]);
    assert!(link.owner.is_ready());
}

fn a_request_without_a_reply_may_be_executed_if_the_connection_breaks_before_it_is_flushed<K: Kind>(
    mut link: Link<K>,
) {
    link.peer.hold_flushes(true);
    let mut answer = link.owner.start_send(NO_REPLY);
    assert!(link.owner.flush().is_pending());
    link.peer.hang_up();
    let closed = "the peer closed the connection while it owed replies".to_owned();
    assert_eq!(link.owner.last_events(), [Told::Failed(closed)]);
    assert_eq!(end_of(&mut answer), End::MaybeSent("closed"));
}

fn a_request_without_a_reply_whose_caller_goes_is_cancelled<K: Kind>(mut link: Link<K>) {
    link.peer.hold_flushes(true);
    drop(link.owner.start_send(NO_REPLY));
    let answer = link.owner.start_send(NO_REPLY);
    assert!(link.owner.flush().is_pending());
    drop(answer);
    link.peer.hold_flushes(false);
    assert!(link.owner.flush().is_ready());
    assert_eq!(link.owner.events(), [Told::Cancelled, Told::Cancelled]);
    assert_eq!(link.peer.received(), [NO_REPLY], "the first was given up before it was begun");
    // None of it is taken for an orphan.
    let mut answers = link.owner.send(0..4);
    link.peer.answer_at(1);
    assert_eq!(link.owner.events(), [Told::Success]);
    assert_eq!(end_of(&mut answers[0]), End::Reply(0));
}

fn a_request_with_many_replies_gets_all_of_them_among_others<K: Kind>(mut link: Link<K>) {
    let mut answers = link.owner.send([1, REPLIES + 3, 2]);
    link.peer.answer(1);
    link.peer.say_of(0, 10);
    link.peer.say_of(0, PART + 20);
    link.peer.say_of(0, 30);
    assert_eq!(link.owner.events(), [Told::Success, Told::Answered]);
    assert_eq!(end_of(&mut answers[1]), End::Waiting);
    link.peer.answer_with(0, 40);
    link.peer.answer(1);
    assert_eq!(link.owner.events(), [Told::Success, Told::Success]);
    assert_eq!(ends_of(&mut answers), [End::Reply(1), End::Reply(10_020_030_040), End::Reply(2)]);
}

fn a_reply_in_parts_comes_whole_and_a_push_between_them_goes_to_its_handler<K: Kind>(mut link: Link<K>) {
    let mut answers = link.owner.send(1..=2);
    link.peer.say_of(0, PART + 11);
    link.peer.say(0, PUSH + 5);
    link.peer.say_of(0, PART + 12);
    assert_eq!(link.owner.events(), [Told::Answered]);
    assert_eq!(end_of(&mut answers[0]), End::Waiting);
    link.peer.answer_with(0, 13);
    link.peer.answer(1);
    assert_eq!(link.owner.events(), [Told::Success, Told::Success]);
    assert_eq!(ends_of(&mut answers), [End::Reply(11_012_013), End::Reply(2)]);
    assert_eq!(*link.talk.pushes.borrow(), [5]);
}

fn an_end_between_parts_is_known_to_be_one<K: Kind>(mut link: Link<K>) {
    let mut answers = link.owner.send(1..=2);
    link.peer.answer(1);
    link.peer.say_of(0, PART + 11);
    link.peer.hang_up();
    let closed = "the peer closed the connection while it owed replies".to_owned();
    assert_eq!(link.owner.last_events(), [Told::Success, Told::Answered, Told::Failed(closed)]);
    assert_eq!(ends_of(&mut answers), [End::Reply(1), End::MaybeSent("closed")]);
}

fn finished<Item>(event: &ConnectionEvent<Item>) -> Option<Outcome> {
    if let ConnectionEvent::Finished(outcome) = event { Some(*outcome) } else { None }
}

fn the_latency_of_a_reply_in_parts_is_that_of_its_first_part<K: Kind>(mut link: Link<K>) {
    let at = |millis| Instant::ZERO + Duration::from_millis(millis);
    link.owner.set_now(at(100));
    let _answers = link.owner.send([1, REPLIES + 2]);
    link.owner.set_now(at(107));
    link.peer.answer(1);
    let Poll::Ready(Ok(whole)) = link.owner.next_event() else { panic!("nothing told") };
    assert_eq!(finished(&whole), Some(Outcome::Success { latency: Some(Duration::from_millis(7)) }));
    link.owner.set_now(at(120));
    link.peer.say_of(0, PART + 20);
    let Poll::Ready(Ok(begun)) = link.owner.next_event() else { panic!("nothing told") };
    assert!(matches!(begun, ConnectionEvent::Answered { latency } if latency == Duration::from_millis(20)));
    assert_eq!(link.owner.events(), []);
    link.owner.set_now(at(900));
    link.peer.say_of(0, 30);
    assert_eq!(link.owner.events(), [Told::Progress]);
    link.peer.answer_with(0, 40);
    let Poll::Ready(Ok(ended)) = link.owner.next_event() else { panic!("nothing told") };
    assert_eq!(finished(&ended), Some(Outcome::Success { latency: None }), "it was told before");
}

fn the_parts_of_a_call_whose_caller_has_gone_are_read_in_step<K: Kind>(mut link: Link<K>) {
    let mut answers = link.owner.send(1..=2);
    drop(answers.remove(0));
    link.peer.say_of(0, PART + 11);
    link.peer.answer_with(0, 12);
    link.peer.answer(1);
    assert_eq!(link.owner.events(), [Told::Answered, Told::Cancelled, Told::Success]);
    assert_eq!(ends_of(&mut answers), [End::Reply(2)]);
}

#[test]
fn a_reply_in_too_many_parts_costs_its_connection() {
    fn check<K: Kind>() {
        let mut link = Link::<K>::with(|connection| connection.with_parts_max(2));
        let mut answers = link.owner.send([1, 2]);
        link.peer.say_of(0, PART + 11);
        link.peer.say_of(0, PART + 12);
        link.peer.answer_with(0, 13);
        assert_eq!(link.owner.events(), [Told::Answered, Told::Success]);
        (0..3).for_each(|_| link.peer.say_of(0, PART + 11));
        let too_many = "the peer sent a reply in too many parts".to_owned();
        assert_eq!(link.owner.last_events(), [Told::Answered, Told::Failed(too_many)]);
        assert_eq!(ends_of(&mut answers), [End::Reply(11_012_013), End::MaybeSent("too many parts")]);
    }
    check::<Pipelined<Transport, support::Request, Reply, Talk>>();
    check::<Tagged<Transport, support::Request, Reply, Stamp, IdOf, Talk>>();
}

// Goodbyes

fn a_goodbye_of_its_own_drains_the_connection_and_its_calls_are_answered<K: Kind>(mut link: Link<K>) {
    let mut answers = link.owner.send(1..=2);
    link.peer.say(0, GOODBYE);
    link.peer.say(0, GOODBYE);
    link.peer.answer(1);
    assert_eq!(link.owner.events(), [Told::Success, Told::GoingAway]);
    assert!(link.owner.close().is_pending());
    link.peer.answer(1);
    assert_eq!(link.owner.events(), [Told::Success]);
    assert_eq!(ends_of(&mut answers), [End::Reply(1), End::Reply(2)]);
    assert!(matches!(link.owner.close(), Poll::Ready(Ok(()))));
}

// Verdicts

fn each_verdict_is_reported_and_the_caller_gets_the_reply<K: Kind>(mut link: Link<K>) {
    for (number, told) in [
        (1, Told::Success),
        (FAILURE, Told::Failure),
        (OVERLOADED, Told::Overloaded(None)),
        (PAUSE, Told::Overloaded(Some(Duration::from_secs(1)))),
        (UNFIT, Told::Unfit),
    ] {
        let mut answers = link.owner.send([0]);
        link.peer.answer_with(0, number);
        assert_eq!(link.owner.events(), [told]);
        assert_eq!(ends_of(&mut answers), [End::Reply(number)]);
        assert!(link.owner.is_ready(), "the connection stays");
    }
}

fn a_verdict_counts_also_without_a_caller<K: Kind>(mut link: Link<K>) {
    for (number, told) in [
        (1, vec![Told::Cancelled, Told::Progress]),
        (FAILURE, vec![Told::Failure]),
        (OVERLOADED, vec![Told::Overloaded(None)]),
        (UNFIT, vec![Told::Unfit]),
    ] {
        drop(link.owner.send([0]));
        link.peer.answer_with(0, number);
        assert_eq!(link.owner.events(), told);
    }
    drop(link.owner.send([0]));
    link.peer.answer_with(0, LAST);
    let mut told = link.owner.events();
    told[1..].sort_by_key(|told| *told != Told::GoingAway);
    assert_eq!(told, [Told::Cancelled, Told::GoingAway, Told::Progress]);
}

fn a_whole_reply_is_judged_once<K: Kind>(mut link: Link<K>) {
    let _answers = link.owner.send([1, REPLIES + 2]);
    link.peer.say_of(0, PART + 1);
    link.peer.answer_with(0, 2);
    link.peer.say_of(0, 3);
    link.peer.answer_with(0, 4);
    assert_eq!(
        link.owner.events(),
        [[Told::Answered, Told::Success], [Told::Answered, Told::Success]].concat()
    );
    assert_eq!(*link.talk.judged.borrow(), [1_002, 3_004]);
}

fn a_goodbye_reply_is_reported_before_the_connection_goes_away<K: Kind>(mut link: Link<K>) {
    let mut answers = link.owner.send(1..=2);
    link.peer.answer_with(0, LAST);
    assert_eq!(link.owner.events(), [Told::Success, Told::GoingAway]);
    link.peer.answer(1);
    assert_eq!(link.owner.events(), [Told::Success]);
    assert_eq!(ends_of(&mut answers), [End::Reply(LAST), End::Reply(2)]);
}

fn a_peer_that_says_goodbye_by_every_reply_goes_away_once<K: Kind>(mut link: Link<K>) {
    let mut answers = link.owner.send(0..4);
    (0..4).for_each(|_| link.peer.answer_with(0, LAST));
    let told = link.owner.events();
    assert_eq!(told.iter().filter(|told| **told == Told::GoingAway).count(), 1);
    assert_eq!(told.iter().filter(|told| **told == Told::Success).count(), 4);
    assert_eq!(ends_of(&mut answers), vec![End::Reply(LAST); 4]);
}

fn a_pause_of_years_is_told_as_it_is<K: Kind>(mut link: Link<K>) {
    let mut answers = link.owner.send([0]);
    link.peer.answer_with(0, ENDLESS_PAUSE);
    // The core bounds it.
    assert_eq!(link.owner.events(), [Told::Overloaded(Some(Duration::MAX))]);
    assert_eq!(ends_of(&mut answers), [End::Reply(ENDLESS_PAUSE)]);
}

// What goes wrong

fn a_judge_that_panics_costs_its_connection<K: Kind>(mut link: Link<K>) {
    let mut answers = link.owner.send(1..=2);
    let mut waits = link.owner.start_send(3);
    link.peer.answer_with(0, JUDGE_PANICS);
    let panicked = Told::Failed("the protocol panicked: a scripted panic".to_owned());
    assert_eq!(link.owner.last_events(), [Told::Unsent(3), panicked]);
    assert_eq!(ends_of(&mut answers), vec![End::MaybeSent("protocol panicked"); 2]);
    assert_eq!(end_of(&mut waits), End::MaybeSent("dropped"), "the test has begun it");
}

fn a_classifier_that_panics_costs_its_connection<K: Kind>(mut link: Link<K>) {
    let mut answers = link.owner.send(1..=2);
    link.peer.answer(1);
    link.peer.say(0, CLASSIFIER_PANICS);
    let panicked = Told::Failed("the protocol panicked: a scripted panic".to_owned());
    assert_eq!(link.owner.last_events(), [Told::Success, panicked]);
    assert_eq!(ends_of(&mut answers), [End::Reply(1), End::MaybeSent("protocol panicked")]);
}

fn a_request_whose_replies_cannot_be_told_is_not_sent<K: Kind>(mut link: Link<K>) {
    let mut answers = link.owner.send([1]);
    let mut poison = link.owner.start_send(EXPECTING_PANICS);
    let _waits = link.owner.start_send(2);
    let _ = link.owner.flush();
    let panicked = Told::Failed("the protocol panicked: a scripted panic".to_owned());
    assert_eq!(link.owner.last_events(), [Told::Unsent(2), panicked]);
    assert_eq!(ends_of(&mut answers), [End::MaybeSent("protocol panicked")]);
    assert_eq!(end_of(&mut poison), End::NotSent(EXPECTING_PANICS, "dropped"));
    assert_eq!(link.peer.received(), [1]);
}

fn a_reply_that_nobody_waits_for_is_shown_in_80_characters<K: Kind>(mut link: Link<K>) {
    link.peer.say(99, 7);
    let told = link.owner.last_events();
    let [Told::Failed(error)] = &told[..] else { panic!("{told:?}") };
    let shown = error.strip_prefix("the peer sent a reply that nobody waits for: ").expect("it is shown");
    assert!(shown.starts_with(r"Reply { id: 99, number: 7 }\u{7}xxx"), "{shown}");
    assert_eq!(shown.chars().count(), 81, "with an ellipsis");
}

// Ends by their names

#[test]
fn a_connection_that_did_not_drain_one_that_is_silent_and_one_that_is_blocked_say_so() {
    fn last(
        peer: impl FnOnce(&Peer),
        changes: impl FnOnce(&mut Owner<Pipelined<Transport, support::Request, Reply, Talk>>),
    ) -> String {
        let mut link = Link::<Pipelined<Transport, support::Request, Reply, Talk>>::new();
        peer(&link.peer);
        link.owner.set_now(Instant::ZERO + Duration::from_secs(100));
        let _answers = [link.owner.start_send(1), link.owner.start_send(2)];
        let _ = link.owner.flush();
        changes(&mut link.owner);
        link.owner.set_now(Instant::ZERO + Duration::from_secs(130));
        link.owner.give_up();
        match link.owner.last_events().pop() {
            Some(Told::Failed(error)) => error,
            told => panic!("{told:?}"),
        }
    }
    let drained = last(|_| (), |owner| assert!(owner.close().is_pending()));
    assert_eq!(drained, "the time to drain was over, and 2 calls had no reply");
    let silent = last(|_| (), |_| ());
    assert_eq!(silent, "the peer owes replies and has been silent for 30.0 s");
    let blocked = last(|peer| peer.block(true), |_| ());
    assert_eq!(blocked, "the peer took no request");
}

#[test]
fn silence_is_counted_from_the_last_word_of_the_peer() {
    let mut link = Link::<Pipelined<Transport, support::Request, Reply, Talk>>::new();
    link.owner.set_now(Instant::ZERO + Duration::from_secs(100));
    let _answers = link.owner.send([1]);
    link.owner.set_now(Instant::ZERO + Duration::from_secs(120));
    link.peer.say(0, PUSH);
    assert_eq!(link.owner.events(), [Told::Progress]);
    link.owner.set_now(Instant::ZERO + Duration::from_secs(130));
    link.owner.give_up();
    let silent = "the peer owes replies and has been silent for 10.0 s".to_owned();
    assert_eq!(link.owner.last_events(), [Told::Failed(silent)]);
}
