//! Connections that owe outcomes and are silent: suspects, and how much their address may have in flight (C8).

mod support;

use core::time::Duration;

use pool_core::{
    AddressState, Availability, Config, Event, FailureKind, Handled, Outcome, SlotEnd, SlotEvent, SlotId,
    SlotState,
};
use support::{A, B, Bench, config, eager, lazy, millis, prioritised, secs};

const SUCCESS: Outcome = Outcome::Success { latency: None };
const FAILURE: Outcome = Outcome::Failure { latency: None, kind: FailureKind::Error };

/// How many items a connection may have in flight.
const LIMIT: u32 = 4;

/// Connections that are silent for 5 s are suspects, for 30 s they are dropped.
fn watched(connections: u32) -> Config {
    config(|config| {
        config.connections_per_address = connections;
        config.silence.suspect_after = Some(secs(5));
        config.silence.outcome_timeout = Some(secs(30));
    })
}

fn limit(bench: &mut Bench, slot: SlotId, items: u32) {
    bench.uniform.handle_in_flight_max(slot, items, bench.now);
    bench.drain();
}

/// Connects a dial, of a connection that may have so many items in flight.
fn connect(bench: &mut Bench, dial: SlotId) -> SlotId {
    bench.connected(dial);
    limit(bench, dial, LIMIT);
    bench.ready(dial);
    dial
}

/// A pool with these addresses, all of which are connected and have shown that they work.
fn up(config: Config, addresses: &[u32]) -> Bench {
    let mut bench = Bench::up(config, addresses.to_vec());
    for &address in addresses {
        for slot in bench.open(address) {
            limit(&mut bench, slot, LIMIT);
            for _ in 0..2 {
                bench.sent(slot);
                bench.succeed(slot);
            }
        }
    }
    bench.advance(secs(60));
    bench.take();
    bench
}

fn send(bench: &mut Bench, slot: SlotId, items: u32) {
    (0..items).for_each(|_| bench.sent(slot));
}

/// A pool with one address, whose only connection has been sent so much, and has become a suspect.
fn suspected(items: u32) -> (Bench, SlotId) {
    suspected_of(watched(1), items)
}

fn suspected_of(settings: Config, items: u32) -> (Bench, SlotId) {
    let mut bench = up(settings, &[A]);
    let slot = bench.open(A)[0];
    send(&mut bench, slot, items);
    bench.advance(secs(5));
    assert_eq!(bench.state(slot), Some(SlotState::Suspect));
    (bench, slot)
}

/// The same, with another connection beside it.
fn suspected_and_another(items: u32) -> (Bench, SlotId, SlotId) {
    suspected_and_another_of(watched(1), items)
}

fn suspected_and_another_of(settings: Config, items: u32) -> (Bench, SlotId, SlotId) {
    let (mut bench, suspect) = suspected_of(settings, items);
    let dial = bench.dial(A);
    let beside = connect(&mut bench, dial);
    bench.take();
    (bench, suspect, beside)
}

/// How a slot ended, if it did.
fn end_of(bench: &mut Bench, slot: SlotId) -> Option<SlotEnd> {
    bench.take_ends().into_iter().find(|(of, _)| *of == slot).map(|(_, end)| end)
}

fn abandon(bench: &mut Bench, slot: SlotId) -> Handled {
    let handled = bench.uniform.handle_abandoned(slot, bench.now);
    bench.drain();
    handled
}

// Who is a suspect.

#[test]
fn a_connection_that_owes_and_is_silent_is_a_suspect_and_gets_another_beside_it() {
    let (mut bench, suspect) = suspected(1);
    let told = bench.take_events();
    assert!(told.iter().any(|event| matches!(event, Event::Suspected { slot, .. } if *slot == suspect)));
    assert_eq!(bench.select(), None, "it gets no new items");
    let status = bench.status(A);
    assert_eq!((status.state, status.slots.suspect, status.failures), (AddressState::Suspect, 1, 0));
    let dial = bench.dial(A);
    let beside = connect(&mut bench, dial);
    assert_eq!(bench.select(), Some(beside));
    assert_eq!(bench.dials_to(A), [], "one is enough");
}

#[test]
fn only_what_a_peer_says_ends_its_silence() {
    for (outcome, is_suspect) in
        [(SUCCESS, false), (FAILURE, false), (Outcome::Cancelled, true), (Outcome::Unsent, true)]
    {
        let mut bench = up(watched(1), &[A]);
        let slot = bench.open(A)[0];
        send(&mut bench, slot, 3);
        bench.advance(secs(4));
        bench.reply(slot, outcome);
        bench.advance(secs(1));
        assert_eq!(bench.state(slot) == Some(SlotState::Suspect), is_suspect, "{outcome:?}");
    }
}

#[test]
fn parts_of_a_reply_are_no_silence() {
    let mut bench = up(watched(1), &[A]);
    let slot = bench.open(A)[0];
    bench.sent(slot);
    for _ in 0..100 {
        bench.advance(secs(4));
        assert_eq!(bench.event(slot, SlotEvent::Progress), Handled::Applied);
    }
    assert_eq!(bench.state(slot), Some(SlotState::Ready));
    bench.advance(secs(5));
    assert_eq!(bench.state(slot), Some(SlotState::Suspect));
}

#[test]
fn the_begin_of_a_reply_is_no_silence() {
    let (mut bench, suspect) = suspected(2);
    bench.uniform.handle_answered(suspect, millis(1), bench.now);
    bench.drain();
    assert_eq!(bench.state(suspect), Some(SlotState::Ready));
}

#[test]
fn a_connection_that_owes_nothing_is_no_suspect() {
    let mut bench = up(watched(1), &[A]);
    let slot = bench.open(A)[0];
    send(&mut bench, slot, 2);
    bench.reply(slot, Outcome::Cancelled);
    bench.reply(slot, Outcome::Cancelled);
    bench.advance(secs(1000));
    assert_eq!(bench.state(slot), Some(SlotState::Ready));
}

#[test]
fn a_suspect_that_owes_nothing_any_more_and_has_said_no_word_drains_and_nobody_is_blamed() {
    let (mut bench, suspect) = suspected(2);
    bench.reply(suspect, Outcome::Cancelled);
    assert_eq!(bench.state(suspect), Some(SlotState::Suspect));
    let dial = bench.dial(A);
    bench.reply(suspect, Outcome::Cancelled);
    assert_eq!((bench.state(suspect), bench.dials_to(A)), (Some(SlotState::Draining), vec![dial]));
    assert_eq!(bench.status(A).failures, 0);
}

#[test]
fn a_connection_that_takes_one_item_at_a_time_is_no_suspect() {
    let mut bench = up(watched(1), &[A]);
    let slot = bench.open(A)[0];
    limit(&mut bench, slot, 1);
    bench.sent(slot);
    bench.busy(slot);
    bench.advance(secs(29));
    assert_eq!((bench.state(slot), bench.dials_to(A)), (Some(SlotState::Busy), vec![]));
    bench.advance(secs(1));
    assert_eq!(bench.state(slot), None, "it doesn't answer");
}

#[test]
fn time_in_which_nobody_listened_makes_no_suspect() {
    let mut bench = up(watched(1), &[A]);
    let slot = bench.open(A)[0];
    bench.sent(slot);
    bench.advance(secs(1));
    bench.oversleep(secs(20));
    assert_eq!(bench.state(slot), Some(SlotState::Ready));
    bench.advance(secs(5));
    assert_eq!(bench.state(slot), Some(SlotState::Suspect));
    bench.oversleep(secs(100));
    assert_eq!(bench.state(slot), Some(SlotState::Suspect), "nor is one given up for it");
}

// What becomes of a suspect.

#[test]
fn a_suspect_that_says_something_is_as_good_as_before() {
    let (mut bench, suspect) = suspected(1);
    bench.event(suspect, SlotEvent::Progress);
    assert_eq!((bench.state(suspect), bench.select()), (Some(SlotState::Ready), Some(suspect)));
    assert_eq!(bench.status(A).state, AddressState::Ready);
}

#[test]
fn a_suspect_that_is_cleared_is_what_it_was_last_told_to_be() {
    for (told, state) in [
        (SlotEvent::Ready, SlotState::Ready),
        (SlotEvent::Busy, SlotState::Busy),
        (SlotEvent::Progress, SlotState::Ready),
    ] {
        let (mut bench, suspect) = suspected(1);
        bench.event(suspect, told);
        bench.event(suspect, SlotEvent::Progress);
        assert_eq!(bench.state(suspect), Some(state), "{told:?}");
    }
}

#[test]
fn what_was_made_beside_a_suspect_goes_once_it_has_been_cleared_for_as_long_as_is_stable() {
    let (mut bench, suspect, beside) = suspected_and_another(1);
    bench.event(suspect, SlotEvent::Progress);
    bench.succeed(suspect);
    bench.advance(secs(9));
    assert_eq!(bench.open(A).len(), 2, "it may be silent again");
    bench.sent(suspect);
    bench.advance(secs(1));
    assert_eq!((bench.draining(A), bench.open(A)), (vec![beside], vec![suspect]), "that one is idle");
}

#[test]
fn a_dial_beside_a_suspect_goes_on_when_that_is_cleared_and_is_dropped_later_if_it_is_not_needed() {
    let mut settings = watched(1);
    settings.dial_timeout = secs(60);
    let mut bench = up(settings, &[A]);
    let slot = bench.open(A)[0];
    bench.sent(slot);
    bench.advance(secs(5));
    let dial = bench.dial(A);
    bench.succeed(slot);
    bench.take();
    bench.advance(secs(9));
    assert_eq!(bench.dials_to(A), [dial]);
    bench.advance(secs(1));
    assert_eq!(bench.take_ends(), [(dial, SlotEnd::Surplus)]);
}

#[test]
fn no_call_that_waits_is_lost_because_a_suspect_was_cleared() {
    // Each reply takes 20 s, and now and then the peer shows that it lives.
    let (mut bench, first, second) = suspected_and_another(1);
    bench.sent(second);
    bench.take();
    for _ in 0..15 {
        bench.advance(secs(4));
        bench.event(first, SlotEvent::Progress);
        bench.event(second, SlotEvent::Progress);
    }
    assert_eq!((bench.take_ends(), bench.open(A).len()), (vec![], 2));
}

#[test]
fn a_connection_that_is_suspected_again_and_again_is_dialled_beside_once() {
    let mut settings = watched(1);
    settings.silence.suspect_after = Some(secs(1));
    let mut bench = up(settings, &[A]);
    let (slot, before) = (bench.open(A)[0], bench.dials_made());
    bench.sent(slot);
    for _ in 0..55 {
        bench.advance(millis(1000));
        for dial in bench.dials_to(A) {
            connect(&mut bench, dial);
        }
        bench.advance(millis(100));
        bench.event(slot, SlotEvent::Progress);
    }
    assert_eq!(bench.dials_made() - before, 1);
}

#[test]
fn a_suspect_is_given_up_at_the_timeout_as_a_failure() {
    let (mut bench, suspect, beside) = suspected_and_another(1);
    bench.advance(secs(24));
    assert_eq!(bench.state(suspect), Some(SlotState::Suspect));
    bench.advance(secs(1));
    assert_eq!(bench.take_ends(), [(suspect, SlotEnd::Failed(FailureKind::TimedOut))]);
    assert_eq!((bench.open(A), bench.dials_to(A)), (vec![beside], vec![]));
}

#[test]
fn a_suspect_that_breaks_has_failed_and_one_that_is_told_to_go_drains() {
    let (mut bench, suspect, _) = suspected_and_another(1);
    bench.fail(suspect);
    assert_eq!(
        (bench.take_ends(), bench.status(A).failures),
        (vec![(suspect, SlotEnd::Failed(FailureKind::Error))], 1)
    );
    let (mut bench, suspect, _) = suspected_and_another(1);
    bench.going_away(suspect);
    assert_eq!((bench.draining(A), bench.status(A).slots.suspect), (vec![suspect], 0));
}

#[test]
fn suspects_of_an_address_that_leaves_drain_before_the_others_and_so_they_do_when_the_pool_closes() {
    let (mut bench, suspect, beside) = suspected_and_another(1);
    bench.set([B]);
    assert_eq!((bench.draining(A), bench.state(suspect)), (vec![beside], None), "one may drain");
    let (mut bench, suspect, _) = suspected_and_another(1);
    bench.close(secs(1));
    assert!(bench.draining(A).contains(&suspect));
}

#[test]
fn as_many_as_usual_may_be_suspects_and_what_is_made_beside_them_takes_what_there_is_room_for() {
    let mut bench = up(watched(2), &[A]);
    for slot in bench.open(A) {
        bench.sent(slot);
    }
    bench.advance(secs(5));
    for dial in bench.dials_to(A) {
        connect(&mut bench, dial);
    }
    bench.sends(2);
    bench.advance(secs(20));
    assert_eq!((bench.status(A).slots.suspect, bench.open(A).len()), (2, 4));
    assert_eq!(bench.dials_to(A), []);
    assert!(bench.select().is_some(), "4 of 8 are in flight");
}

#[test]
fn long_replies_on_all_connections_close_no_address() {
    // As is advised for blocking commands.
    let mut settings = watched(1);
    settings.silence.outcome_timeout = None;
    let mut bench = up(settings, &[A]);
    let slot = bench.open(A)[0];
    bench.sent(slot);
    bench.advance(secs(5));
    let dial = bench.dial(A);
    let beside = connect(&mut bench, dial);
    bench.sent(beside);
    bench.advance(secs(3600));
    assert_eq!(bench.select(), Some(beside));
}

#[test]
fn a_lazy_pool_makes_one_beside_a_suspect_when_an_item_waits() {
    let mut settings = watched(1);
    settings.opening = lazy(1).opening;
    let mut bench = Bench::new(settings);
    bench.set([A]);
    bench.demand(1);
    let dial = bench.dial(A);
    let slot = connect(&mut bench, dial);
    bench.sent(slot);
    bench.demand(0);
    bench.advance(secs(5));
    assert_eq!((bench.state(slot), bench.dials_to(A)), (Some(SlotState::Suspect), vec![]));
    bench.demand(1);
    assert_eq!(bench.dials_to(A).len(), 1);
}

#[test]
fn where_only_suspects_are_connected_other_priorities_get_the_items() {
    let mut bench = Bench::up(watched(1), prioritised([(A, 0), (B, 1)]));
    let (slot, other) = (bench.open(A)[0], bench.open(B)[0]);
    bench.sent(slot);
    bench.advance(secs(5));
    assert_eq!(bench.select(), Some(other));
    bench.event(slot, SlotEvent::Progress);
    assert_eq!(bench.select(), Some(slot));
}

#[test]
fn nothing_but_suspects_is_nothing_usable() {
    let mut settings = watched(1);
    settings.fail_fast_after = Some(secs(3));
    let mut bench = up(settings, &[A]);
    let slot = bench.open(A)[0];
    bench.sent(slot);
    bench.advance(secs(5));
    assert_eq!(bench.uniform.availability(), Availability::Waiting);
    bench.advance(secs(3));
    assert_eq!(bench.uniform.availability(), Availability::FailingFast);
}

// How much an address with suspects may have in flight.

#[test]
fn what_a_suspect_holds_counts_against_what_its_address_may_have_in_flight() {
    let (mut bench, _, beside) = suspected_and_another(3);
    bench.sent(beside);
    assert_eq!(bench.select(), Some(beside), "all places are taken, and one item more may try the address");
    bench.sent(beside);
    assert_eq!(bench.select(), None, "that one does");
    assert_eq!(bench.status(A).in_flight, LIMIT + 1);
}

#[test]
fn the_reply_to_the_item_that_tries_an_address_gives_its_suspects_up_and_that_is_no_failure() {
    let (mut bench, suspect, beside) = suspected_and_another(LIMIT);
    assert_eq!(bench.select(), Some(beside));
    bench.sent(beside);
    assert_eq!(bench.select(), None);
    bench.succeed(beside);
    assert_eq!(bench.take_ends(), [(suspect, SlotEnd::Silent)]);
    assert_eq!((bench.select(), bench.status(A).failures, bench.dials_to(A)), (Some(beside), 0, vec![]));
}

#[test]
fn the_begin_of_that_reply_does_too() {
    let (mut bench, suspect, beside) = suspected_and_another(LIMIT);
    bench.sent(beside);
    bench.uniform.handle_answered(beside, millis(1), bench.now);
    bench.drain();
    assert_eq!(bench.take_ends(), [(suspect, SlotEnd::Silent)]);
}

#[test]
fn an_item_that_tries_an_address_and_shows_nothing_is_followed_by_another() {
    let no_answer = |bench: &mut Bench, slot| bench.reply(slot, Outcome::Cancelled);
    let broken = |bench: &mut Bench, slot| bench.fail(slot);
    for end in [no_answer, broken] {
        let (mut bench, suspect, beside) = suspected_and_another(LIMIT);
        bench.sent(beside);
        end(&mut bench, beside);
        assert_eq!(bench.state(suspect), Some(SlotState::Suspect));
        if bench.state(beside).is_none() {
            bench.wait_out_backoff(A);
            let dial = bench.dial(A);
            connect(&mut bench, dial);
        }
        assert!(bench.select().is_some());
    }
}

#[test]
fn a_peer_that_hangs_gets_no_more_to_do_however_impatient_callers_are() {
    let mut bench = up(watched(1), &[A]);
    let mut most = 0;
    // Callers give up at once, and what they asked for stays in flight.
    for _ in 0..300 {
        bench.advance(millis(100));
        for dial in bench.dials_to(A) {
            connect(&mut bench, dial);
        }
        for _ in 0..10 {
            let Some(slot) = bench.select() else { break };
            bench.sent(slot);
            if bench.uniform.slot(slot).is_some_and(|status| status.in_flight == LIMIT) {
                bench.busy(slot);
            }
        }
        most = most.max(bench.status(A).in_flight);
    }
    assert_eq!(most, LIMIT + 1);
}

#[test]
fn what_is_answered_elsewhere_makes_room() {
    let (mut bench, _, beside) = suspected_and_another(3);
    bench.sent(beside);
    bench.succeed(beside);
    send(&mut bench, beside, 2);
    assert_eq!(bench.select(), None);
    bench.succeed(beside);
    assert_eq!(bench.status(A).slots.suspect, 0, "the reply is that of the item that tries the address");
}

#[test]
fn an_address_without_suspects_has_no_bound_but_that_of_its_connections() {
    let mut bench = up(watched(1), &[A]);
    let slot = bench.open(A)[0];
    send(&mut bench, slot, 10 * LIMIT);
    assert_eq!(bench.select(), Some(slot), "it knows what it can take");
}

#[test]
fn connections_without_a_limit_have_no_bound() {
    let mut bench = Bench::up(watched(1), [A]);
    let slot = bench.open(A)[0];
    send(&mut bench, slot, 1000);
    bench.advance(secs(5));
    bench.connect_all();
    let beside = bench.select().expect("one beside it");
    send(&mut bench, beside, 1000);
    assert_eq!(bench.select(), Some(beside));
}

#[test]
fn an_address_that_may_have_nothing_more_leaves_its_items_to_others() {
    let mut bench = up(watched(1), &[A, B]);
    let slot = bench.open(A)[0];
    send(&mut bench, slot, LIMIT);
    bench.advance(secs(5));
    let dial = bench.dial(A);
    let beside = connect(&mut bench, dial);
    bench.sent(beside);
    assert_eq!(bench.shares(6).get(&A), None);
    bench.succeed(beside);
    assert!(bench.shares(6).contains_key(&A));
}

#[test]
fn an_address_that_rests_and_has_suspects_gets_what_both_allow() {
    let (mut bench, _, beside) = suspected_and_another(3);
    bench.sent(beside);
    bench.reply(beside, Outcome::Unfit { latency: None });
    assert_eq!(bench.select(), None, "unfit");
    let until = bench.status(A).rest.and_then(|rest| rest.until).expect("it rests");
    bench.advance(until.saturating_duration_since(bench.now));
    assert_eq!(bench.select(), Some(beside), "one item may try it");
    bench.sent(beside);
    assert_eq!(bench.select(), None);
    bench.succeed(beside);
    assert_eq!(bench.status(A).rest, None);
}

// Items that nobody waits for.

#[test]
fn a_silent_connection_on_which_nobody_waits_is_dropped_and_nobody_is_blamed() {
    let (mut bench, suspect, _) = suspected_and_another(2);
    assert_eq!([abandon(&mut bench, suspect), abandon(&mut bench, suspect)], [Handled::Applied; 2]);
    assert_eq!(abandon(&mut bench, suspect), Handled::Invalid, "there are only two");
    bench.take();
    bench.advance(secs(25));
    assert_eq!(bench.take_ends()[0], (suspect, SlotEnd::Silent));
    assert_eq!(bench.status(A).failures, 0);
}

#[test]
fn one_who_waits_is_enough_to_blame_a_silent_connection() {
    let (mut bench, suspect, _) = suspected_and_another(2);
    abandon(&mut bench, suspect);
    bench.take();
    bench.advance(secs(25));
    assert_eq!(bench.take_ends()[0], (suspect, SlotEnd::Failed(FailureKind::TimedOut)));
}

#[test]
fn an_abandoned_item_keeps_its_place_until_the_peer_is_rid_of_it() {
    let mut bench = up(watched(1), &[A]);
    let slot = bench.open(A)[0];
    bench.sent(slot);
    abandon(&mut bench, slot);
    assert_eq!(bench.status(A).in_flight, 1);
    bench.reply(slot, Outcome::Cancelled);
    assert_eq!(bench.status(A).in_flight, 0);
    assert_eq!(abandon(&mut bench, slot), Handled::Invalid);
    bench.closed(slot);
    assert_eq!(abandon(&mut bench, slot), Handled::Stale);
}

#[test]
fn a_healthy_slow_method_is_not_blamed_for_callers_who_wait_for_a_second() {
    let mut settings = watched(1);
    settings.silence.suspect_after = None;
    let mut bench = up(settings, &[A]);
    let slot = bench.open(A)[0];
    bench.sent(slot);
    for _ in 0..60 {
        bench.advance(millis(500));
        if bench.state(slot).is_some() {
            bench.sent(slot);
        }
        bench.advance(millis(500));
        if bench.state(slot).is_some() {
            // The older of the two: its stream is reset, and the peer owes nothing for it.
            bench.reply(slot, Outcome::Cancelled);
        }
    }
    assert_eq!(end_of(&mut bench, slot), None, "no item was owed for longer than 1.5 s");
}

#[test]
fn what_goes_when_a_suspect_owes_nothing_more_is_the_suspect_and_not_one_that_works() {
    let mut bench = up(watched(2), &[A]);
    let (works, silent) = (bench.open(A)[0], bench.open(A)[1]);
    bench.sent(silent);
    bench.advance(secs(5));
    assert_eq!(bench.state(silent), Some(SlotState::Suspect));
    bench.sent(works);
    bench.succeed(works);
    let dial = bench.dial(A);
    let beside = connect(&mut bench, dial);
    bench.reply(silent, Outcome::Cancelled);
    assert_eq!((bench.draining(A), bench.open(A)), (vec![silent], vec![works, beside]));
}

#[test]
fn an_orderly_drain_takes_no_places_from_what_an_address_with_a_suspect_may_have() {
    let mut bench = up(watched(1), &[A]);
    let old = bench.open(A)[0];
    (0..LIMIT).for_each(|_| bench.sent(old));
    bench.going_away(old);
    bench.advance(secs(1));
    let dial = bench.dial(A);
    let slow = connect(&mut bench, dial);
    bench.sent(slow);
    bench.advance(secs(5));
    assert_eq!(bench.state(slow), Some(SlotState::Suspect));
    bench.connect_all();
    let beside = bench.select().expect("one beside it");
    limit(&mut bench, beside, LIMIT);
    bench.sent(beside);
    assert_eq!(bench.select(), Some(beside), "2 of {LIMIT} beside the drain");
    bench.take();
    bench.succeed(beside);
    assert_eq!(bench.take_ends(), [], "a call that has waited for 5 s is lost though there was room");
}

#[test]
fn a_probe_whose_connection_drains_is_followed_by_another() {
    let (mut bench, _, beside) = suspected_and_another(LIMIT);
    bench.sent(beside);
    assert_eq!(bench.select(), None);
    bench.going_away(beside);
    bench.advance(secs(1));
    let dial = bench.dial(A);
    let next = connect(&mut bench, dial);
    assert_eq!(bench.select(), Some(next), "nothing is heard of the probe for as long as a drain may take");
}

#[test]
fn an_abandoned_item_that_is_answered_all_the_same_is_abandoned_no_more() {
    let mut bench = up(watched(1), &[A]);
    let slot = bench.open(A)[0];
    bench.sent(slot);
    abandon(&mut bench, slot);
    bench.succeed(slot);
    // Somebody waits for this one.
    bench.sent(slot);
    bench.take();
    bench.advance(secs(30));
    assert_eq!(end_of(&mut bench, slot), Some(SlotEnd::Failed(FailureKind::TimedOut)), "somebody waits");
}

#[test]
fn a_suspect_by_settings_that_are_no_longer_in_force_is_none() {
    let (mut bench, suspect, _) = suspected_and_another(1);
    let mut settings = watched(1);
    settings.silence.suspect_after = Some(secs(20));
    bench.configure(settings);
    assert_ne!(bench.state(suspect), Some(SlotState::Suspect), "silent for 5 s, of 20");
}

#[test]
fn a_suspect_whose_only_item_is_abandoned_stays_one_when_it_is_told_to_take_one_at_a_time() {
    let (mut bench, suspect) = suspected(1);
    abandon(&mut bench, suspect);
    limit(&mut bench, suspect, 1);
    assert_eq!(bench.state(suspect), Some(SlotState::Suspect));
}

#[test]
fn a_connection_that_turns_out_to_take_one_item_at_a_time_is_no_suspect() {
    let (mut bench, suspect, _) = suspected_and_another(1);
    limit(&mut bench, suspect, 1);
    assert_ne!(bench.state(suspect), Some(SlotState::Suspect));
}

#[test]
fn an_address_that_may_have_no_item_is_not_shown_as_ready() {
    let (mut bench, _, beside) = suspected_and_another(LIMIT);
    bench.sent(beside);
    assert_eq!(bench.select(), None);
    assert_ne!(bench.status(A).state, AddressState::Ready);
}

#[test]
fn an_address_that_was_usable_until_now_is_missed_from_now() {
    let mut settings = watched(1);
    settings.fail_fast_after = Some(secs(3));
    let (mut bench, _, beside) = suspected_and_another_of(settings, LIMIT);
    bench.advance(secs(10));
    assert_eq!(bench.uniform.availability(), Availability::Usable);
    bench.sent(beside);
    bench.advance(millis(1));
    assert_eq!(bench.uniform.availability(), Availability::Waiting, "for 1 ms of 3 s");
}

#[test]
fn a_connection_whose_only_place_is_taken_by_an_abandoned_item_is_replaced_before_long() {
    let mut bench = up(watched(1), &[A]);
    let slot = bench.open(A)[0];
    limit(&mut bench, slot, 1);
    bench.sent(slot);
    bench.busy(slot);
    bench.advance(secs(1));
    abandon(&mut bench, slot);
    bench.demand(1);
    bench.advance(secs(10));
    assert_ne!(bench.dials_to(A), [], "items wait, and nobody waits for what it owes");
}

// Settings.

#[test]
fn settings_that_suspect_nobody_clear_the_suspects() {
    let (mut bench, suspect) = suspected(1);
    let mut settings = watched(1);
    settings.silence.suspect_after = None;
    bench.configure(settings);
    assert_eq!(bench.state(suspect), Some(SlotState::Ready));
    bench.advance(secs(25));
    assert_eq!(bench.state(suspect), None, "the timeout holds");
}

#[test]
fn suspects_that_a_smaller_pool_clears_drain_in_peace() {
    let mut bench = up(watched(2), &[A]);
    let suspects = bench.open(A);
    for &slot in &suspects {
        send(&mut bench, slot, LIMIT);
    }
    bench.advance(secs(5));
    let dial = bench.dials_to(A)[0];
    let beside = connect(&mut bench, dial);
    let mut settings = watched(1);
    settings.silence.suspect_after = None;
    bench.configure(settings);
    let states = [suspects[0], suspects[1], beside].map(|slot| bench.state(slot));
    let drain = states.iter().filter(|state| **state == Some(SlotState::Draining)).count();
    assert_eq!(
        (drain, bench.open(A).len()),
        (2, 1),
        "both that are too many have time to finish: {states:?}"
    );
}

#[test]
fn all_that_a_smaller_pool_has_too_much_of_drain_in_peace_when_it_clears_its_suspects() {
    let mut bench = up(watched(2), &[A]);
    for slot in bench.open(A) {
        send(&mut bench, slot, LIMIT);
    }
    bench.advance(secs(5));
    for dial in bench.dials_to(A) {
        connect(&mut bench, dial);
    }
    assert_eq!(bench.open(A).len(), 4, "two beside two suspects");
    let mut settings = watched(1);
    settings.silence.suspect_after = None;
    bench.configure(settings);
    let ends = bench.take_ends();
    assert_eq!((bench.status(A).slots.draining, ends), (3, vec![]));
}

#[test]
fn a_pool_that_grows_may_have_more_in_flight_beside_its_suspects() {
    let (mut bench, _, beside) = suspected_and_another(LIMIT);
    bench.sent(beside);
    assert_eq!(bench.select(), None);
    bench.configure(watched(2));
    assert_eq!(bench.select(), Some(beside));
}

#[test]
fn without_settings_nobody_is_suspected() {
    let mut bench = Bench::up(eager(1), [A]);
    let slot = bench.open(A)[0];
    bench.sent(slot);
    bench.succeed(slot);
    bench.sent(slot);
    bench.advance(Duration::from_secs(100_000));
    assert_eq!(bench.state(slot), Some(SlotState::Ready));
}

#[test]
fn a_connection_with_a_higher_limit_beside_a_suspect_makes_room() {
    let (mut bench, suspect) = suspected(1);
    limit(&mut bench, suspect, 2);
    let beside = bench.dial(A);
    bench.connected(beside);
    bench.ready(beside);
    send(&mut bench, beside, 2);
    assert_eq!((bench.select(), bench.status(A).in_flight), (Some(beside), 3), "of {LIMIT}");
}

// Lifetimes.

#[test]
fn a_suspect_that_is_cleared_takes_the_place_of_a_connection_whose_lifetime_is_over() {
    let mut config = watched(1);
    (config.lifetime_max, config.silence.outcome_timeout) = (Some(secs(200)), None);
    let mut bench = up(config, &[A]);
    let old = bench.open(A)[0];
    send(&mut bench, old, 1);
    bench.advance(secs(5));
    let young = bench.dial(A);
    connect(&mut bench, young);
    bench.succeed(old);
    send(&mut bench, young, 1);
    bench.advance(secs(5));
    assert_eq!(bench.state(young), Some(SlotState::Suspect));
    while bench.dials_to(A).is_empty() {
        bench.advance(secs(1));
    }
    bench.event(young, SlotEvent::Progress);
    assert_eq!(bench.draining(A), [old]);
    assert_eq!(bench.state(young), Some(SlotState::Ready));
}
