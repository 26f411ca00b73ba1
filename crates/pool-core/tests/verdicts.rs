//! Addresses that rest for what their replies said: overloaded, unfit (H4).

mod support;

use core::time::Duration;
use std::collections::BTreeMap;

use pool_core::{
    AddressState, Availability, Config, Event, FailureKind, Handled, Instant, Outcome, PickArgs, RestReason,
    SlotEvent, SlotId,
};
use support::{A, B, Bench, C, Peer, assert_jittered, config, eager, lazy, millis, prioritised, secs};

const SUCCESS: Outcome = Outcome::Success { latency: None };
const OVERLOADED: Outcome = Outcome::Overloaded { latency: None, pause: None };
const UNFIT: Outcome = Outcome::Unfit { latency: None };
const BAD: [Outcome; 2] = [OVERLOADED, UNFIT];

const fn overloaded_for(pause: Duration) -> Outcome {
    Outcome::Overloaded { latency: None, pause: Some(pause) }
}

/// The connection of an address that has one.
fn slot(bench: &Bench, address: u32) -> SlotId {
    bench.open(address)[0]
}

/// Sends an item to this address, whose turn it need not be.
fn send_to(bench: &mut Bench, address: u32) {
    bench.sent(slot(bench, address));
}

/// An item of this address gets this reply at once.
fn answer(bench: &mut Bench, address: u32, outcome: Outcome) {
    send_to(bench, address);
    bench.reply(slot(bench, address), outcome);
}

/// A pool with these addresses, the first of which has just said this.
fn resting(outcome: Outcome, addresses: &[u32]) -> Bench {
    let mut bench = Bench::up(eager(1), addresses.to_vec());
    answer(&mut bench, A, outcome);
    bench.take();
    bench
}

/// Until when the address was told to rest, each time since the last `take`.
fn rests(bench: &mut Bench) -> Vec<(RestReason, Instant)> {
    let rests = bench.take_events().into_iter().filter_map(|event| match event {
        Event::Rested { reason, until, .. } => Some((reason, until)),
        _ => None,
    });
    rests.collect()
}

/// Lets time pass until an item may try the address, or another may.
fn wait_out_rest(bench: &mut Bench, address: u32) {
    let until = bench.status(address).rest.and_then(|rest| rest.until).expect("it rests");
    bench.advance(until.saturating_duration_since(bench.now));
}

/// How many of so many items go to this connection, each answered at once: by it like this, by others with success.
fn count_of(bench: &mut Bench, slot: SlotId, items: usize, mut outcome: impl FnMut() -> Outcome) -> usize {
    let mut count = 0;
    for _ in 0..items {
        let Some(selected) = bench.uniform.select(&PickArgs::any(), bench.now) else { break };
        let is_meant = selected == slot;
        bench.uniform.handle_slot(selected, SlotEvent::Sent, bench.now);
        bench.uniform.handle_outcome(selected, if is_meant { outcome() } else { SUCCESS }, bench.now);
        count += usize::from(is_meant);
    }
    bench.drain();
    count
}

fn failing_fast() -> Config {
    config(|config| config.fail_fast_after = Some(secs(3)))
}

// Overloaded.

#[test]
fn an_overloaded_address_gets_no_item_for_its_pause() {
    let mut bench = resting(overloaded_for(secs(1)), &[A, B]);
    assert_eq!(bench.sends(10), [B; 10]);
    bench.advance(millis(999));
    assert_eq!(bench.sends(10), [B; 10]);
    bench.advance(millis(1));
    assert!(bench.sends(2).contains(&A), "one item tries it");
}

#[test]
fn other_items_follow_the_one_that_tries_an_address_when_that_has_succeeded() {
    for outcome in BAD {
        let mut bench = resting(outcome, &[A, B]);
        wait_out_rest(&mut bench, A);
        assert_eq!(bench.shares(20)[&A], 1, "{outcome:?}");
        bench.reply(slot(&bench, A), SUCCESS);
        assert_eq!(bench.shares(20)[&A], 10, "{outcome:?}");
        let returned = Event::Returned { address: A, id: bench.id(A) };
        assert!(bench.take_events().contains(&returned), "{outcome:?}");
    }
}

#[test]
fn an_overload_costs_no_connection_and_no_backoff() {
    let bench = resting(OVERLOADED, &[A, B]);
    let status = bench.status(A);
    assert_eq!((status.slots.ready, status.failures, status.retry_at), (1, 0, None));
    assert_eq!(bench.dials_made(), 2);
}

#[test]
fn an_address_that_does_not_say_for_how_long_rests_by_the_curve_of_the_backoff_up_to_four_seconds() {
    let mut bench = Bench::up(eager(1), [A, B]);
    for expected in [100, 160, 256, 409, 655, 1_048, 1_677, 2_684, 4_000, 4_000] {
        answer(&mut bench, A, OVERLOADED);
        let (reason, until) = rests(&mut bench)[0];
        assert_eq!(reason, RestReason::Overloaded);
        assert_jittered(until.saturating_duration_since(bench.now), millis(expected));
        wait_out_rest(&mut bench, A);
    }
    answer(&mut bench, A, SUCCESS);
    answer(&mut bench, A, OVERLOADED);
    let (_, until) = rests(&mut bench)[0];
    assert_jittered(until.saturating_duration_since(bench.now), millis(100));
}

#[test]
fn an_overloaded_address_gets_what_nobody_else_can_take() {
    let mut bench = resting(overloaded_for(secs(9)), &[A, B]);
    bench.busy(slot(&bench, B));
    assert_eq!(bench.sends(5), [A; 5]);
    bench.ready(slot(&bench, B));
    assert_eq!(bench.sends(5), [B; 5]);
    bench.fail(slot(&bench, B));
    assert_eq!(bench.sends(5), [A; 5]);
    assert_eq!(bench.uniform.availability(), Availability::Usable);
}

#[test]
fn overloaded_addresses_take_turns_where_all_are() {
    let mut bench = Bench::up(eager(1), [A, B, C]);
    for address in [A, B, C] {
        answer(&mut bench, address, OVERLOADED);
    }
    assert_eq!(bench.shares(30), BTreeMap::from([(A, 10), (B, 10), (C, 10)]));
}

#[test]
fn a_worse_priority_is_not_drawn_in_for_an_overload() {
    let mut bench = Bench::up(eager(1), prioritised([(A, 0), (B, 1)]));
    answer(&mut bench, A, OVERLOADED);
    assert_eq!(bench.sends(5), [A; 5]);
}

#[test]
fn a_pause_of_years_ends_after_ten_minutes() {
    for pause in [secs(3_600 * 24 * 365), Duration::MAX] {
        let mut bench = resting(overloaded_for(pause), &[A, B]);
        bench.advance(secs(599));
        assert_eq!(bench.sends(10), [B; 10]);
        bench.advance(secs(1));
        assert!(bench.sends(2).contains(&A));
    }
}

#[test]
fn an_address_that_asks_for_no_time_at_all_rests_all_the_same() {
    let mut bench = resting(overloaded_for(Duration::ZERO), &[A, B]);
    bench.advance(millis(79));
    assert_eq!(bench.sends(10), [B; 10]);
}

#[test]
fn bad_replies_to_what_was_sent_before_the_rest_are_one_episode() {
    for outcome in BAD {
        let mut bench = Bench::up(eager(2), [A, B]);
        let slots = bench.open(A);
        for slot in slots.repeat(5) {
            bench.sent(slot);
        }
        bench.take();
        for slot in slots.repeat(5) {
            bench.reply(slot, outcome);
        }
        assert_eq!(rests(&mut bench).len(), 1, "{outcome:?}");
        wait_out_rest(&mut bench, A);
        bench.take();
        answer(&mut bench, A, outcome);
        let until = rests(&mut bench)[0].1;
        assert_jittered(until.saturating_duration_since(bench.now), millis(160));
    }
}

#[test]
fn a_longer_pause_that_is_asked_for_in_the_same_episode_counts() {
    let mut bench = Bench::up(eager(1), [A, B]);
    let slot = slot(&bench, A);
    (0..3).for_each(|_| bench.sent(slot));
    for (pause, until) in [(1, 1), (5, 5), (2, 5)] {
        bench.reply(slot, overloaded_for(secs(pause)));
        let rest = bench.status(A).rest.expect("it rests");
        assert_eq!(rest.until, Some(bench.now + secs(until)));
    }
}

#[test]
fn a_success_of_what_an_overloaded_address_had_to_take_brings_it_back() {
    let mut bench = resting(overloaded_for(secs(9)), &[A, B]);
    bench.busy(slot(&bench, B));
    answer(&mut bench, A, SUCCESS);
    assert_eq!(bench.status(A).state, AddressState::Ready);
}

// Unfit.

#[test]
fn an_unfit_address_rests_as_in_backoff_and_keeps_its_connections() {
    let mut bench = Bench::up(eager(2), [A, B]);
    for expected in
        [100, 160, 256, 409, 655, 1_048, 1_677, 2_684, 4_294, 6_871, 10_995, 17_592, 28_147, 30_000]
    {
        answer(&mut bench, A, UNFIT);
        let (reason, until) = rests(&mut bench)[0];
        assert_eq!(reason, RestReason::Unfit);
        assert_jittered(until.saturating_duration_since(bench.now), millis(expected));
        wait_out_rest(&mut bench, A);
    }
    assert_eq!((bench.open(A).len(), bench.dials_made(), bench.status(A).failures), (2, 4, 0));
}

#[test]
fn an_unfit_address_gets_nothing_also_where_nobody_else_is() {
    let mut bench = resting(UNFIT, &[A]);
    assert_eq!(bench.select(), None);
    wait_out_rest(&mut bench, A);
    assert_eq!(bench.send(), A);
    assert_eq!(bench.select(), None, "one item tries it");
    bench.reply(slot(&bench, A), SUCCESS);
    assert_eq!(bench.sends(3), [A; 3]);
}

#[test]
fn a_worse_priority_takes_the_items_of_an_unfit_address() {
    let mut bench = Bench::up(eager(1), prioritised([(A, 0), (B, 1)]));
    answer(&mut bench, A, UNFIT);
    assert_eq!(bench.sends(5), [B; 5]);
    wait_out_rest(&mut bench, A);
    assert_eq!(bench.sends(5), [A, B, B, B, B]);
    bench.reply(slot(&bench, A), SUCCESS);
    assert_eq!(bench.sends(5), [A; 5]);
}

#[test]
fn an_unfit_address_costs_no_more_than_what_was_in_flight_and_one_item_a_rest() {
    let mut bench = Bench::up(eager(1), [A, B]);
    (0..16).for_each(|_| send_to(&mut bench, A));
    (0..16).for_each(|_| bench.reply(slot(&bench, A), UNFIT));
    bench.take();
    let slot = slot(&bench, A);
    let mut errors = 0;
    for _ in 0..60_000 {
        errors += count_of(&mut bench, slot, 10, || UNFIT);
        bench.advance(millis(1));
    }
    assert_eq!(rests(&mut bench).len(), errors);
    assert!((9..=12).contains(&errors), "{errors} in a minute");
}

#[test]
fn an_address_that_can_do_some_of_what_it_is_asked_rests_for_longer_each_time() {
    let mut bench = Bench::up(eager(1), [A, B]);
    for expected in [100, 160, 256, 409, 655] {
        answer(&mut bench, A, UNFIT);
        let until = rests(&mut bench)[0].1;
        assert_jittered(until.saturating_duration_since(bench.now), millis(expected));
        wait_out_rest(&mut bench, A);
        answer(&mut bench, A, SUCCESS);
        bench.advance(millis(expected / 2));
    }
    bench.advance(secs(1));
    answer(&mut bench, A, UNFIT);
    let until = rests(&mut bench)[0].1;
    assert_jittered(until.saturating_duration_since(bench.now), millis(100));
}

#[test]
fn an_overloaded_address_that_says_that_it_is_unfit_is_unfit() {
    let mut bench = Bench::up(eager(1), [A]);
    (0..2).for_each(|_| send_to(&mut bench, A));
    bench.reply(slot(&bench, A), OVERLOADED);
    bench.reply(slot(&bench, A), UNFIT);
    assert_eq!(bench.select(), None);
    bench.advance(secs(1));
    answer(&mut bench, A, OVERLOADED);
    assert_eq!(bench.sends(2), [A; 2]);
}

// Found unfit by the dial.

#[test]
fn an_address_that_a_dial_finds_unfit_rests_before_its_first_item() {
    let mut bench = Bench::new(eager(2));
    bench.set([A]);
    for _ in 0..2 {
        let dial = bench.dial(A);
        bench.connected(dial);
        bench.event(dial, SlotEvent::Unfit);
        bench.ready(dial);
    }
    let rests = rests(&mut bench);
    assert_eq!(rests.len(), 1, "each connection finds it out, and it counts once");
    assert_jittered(rests[0].1.saturating_duration_since(bench.now), millis(100));
    assert_eq!((bench.select(), bench.status(A).failures, bench.open(A).len()), (None, 0, 2));
    wait_out_rest(&mut bench, A);
    assert_eq!(bench.send(), A);
    assert_eq!(bench.select(), None, "one item tries it");
}

#[test]
fn an_address_that_is_found_unfit_when_its_rest_is_over_rests_for_longer() {
    let mut bench = Bench::up(eager(1), [A]);
    for expected in [100, 160, 256] {
        let slot = slot(&bench, A);
        bench.event(slot, SlotEvent::Unfit);
        let (reason, until) = rests(&mut bench)[0];
        assert_eq!(reason, RestReason::Unfit);
        assert_jittered(until.saturating_duration_since(bench.now), millis(expected));
        wait_out_rest(&mut bench, A);
    }
}

#[test]
fn an_overloaded_address_that_a_dial_finds_unfit_is_unfit() {
    let mut bench = resting(OVERLOADED, &[A]);
    assert!(bench.select().is_some());
    let slot = slot(&bench, A);
    bench.event(slot, SlotEvent::Unfit);
    assert_eq!(bench.select(), None);
}

#[test]
fn nothing_is_found_unfit_before_it_is_connected_or_after_it_has_left_the_set() {
    let mut bench = Bench::new(eager(1));
    bench.set([A]);
    let dial = bench.dial(A);
    assert_eq!(bench.uniform.handle_slot(dial, SlotEvent::Unfit, bench.now), Handled::Invalid);
    bench.connect(dial);
    bench.set([B]);
    bench.event(dial, SlotEvent::Unfit);
    assert_eq!(rests(&mut bench), []);
}

// What shows something, and what doesn't.

#[test]
fn a_success_of_an_item_that_was_sent_before_the_rest_clears_nothing() {
    for outcome in BAD {
        let mut bench = Bench::up(eager(2), [A, B]);
        let slots = bench.open(A);
        for slot in slots.repeat(3) {
            bench.sent(slot);
        }
        bench.reply(slots[0], outcome);
        bench.reply(slots[0], SUCCESS);
        bench.reply(slots[1], SUCCESS);
        assert_eq!(bench.sends(4), [B; 4], "{outcome:?}");
        wait_out_rest(&mut bench, A);
        assert_eq!(bench.shares(4)[&A], 1, "{outcome:?}");
        bench.reply(slots[0], SUCCESS);
        bench.reply(slots[1], SUCCESS);
        assert_eq!(bench.sends(4), [B; 4], "the one that tries it is not answered: {outcome:?}");
    }
}

#[test]
fn a_bad_reply_to_an_item_that_was_sent_before_the_rest_begins_none_after_it() {
    for outcome in BAD {
        let mut bench = Bench::up(eager(2), [A, B]);
        let slots = bench.open(A);
        bench.sent(slots[0]);
        bench.sent(slots[1]);
        bench.reply(slots[0], outcome);
        wait_out_rest(&mut bench, A);
        bench.sent(slots[0]);
        bench.reply(slots[0], SUCCESS);
        bench.reply(slots[1], outcome);
        assert_eq!(bench.status(A).rest, None, "{outcome:?}");
        bench.sent(slots[1]);
        bench.reply(slots[1], outcome);
        assert!(bench.status(A).rest.is_some(), "{outcome:?}");
    }
}

#[test]
fn a_connection_in_the_place_of_one_that_broke_was_sent_nothing_before_the_rest() {
    for outcome in BAD {
        let mut bench = Bench::up(eager(1), [A, B]);
        bench.peer(A, Peer::Up);
        let broken = slot(&bench, A);
        bench.sent(broken);
        bench.sent(broken);
        bench.reply(broken, outcome);
        bench.fail(broken);
        bench.advance(secs(1));
        assert_eq!(slot(&bench, A).index(), broken.index(), "the same place");
        answer(&mut bench, A, SUCCESS);
        assert_eq!(bench.status(A).rest, None, "{outcome:?}");
    }
}

#[test]
fn a_trial_that_shows_nothing_is_followed_by_as_long_a_rest() {
    let failure = Outcome::Failure { latency: None, kind: FailureKind::Error };
    for (outcome, end) in [(OVERLOADED, failure), (UNFIT, failure), (OVERLOADED, Outcome::Cancelled)] {
        let mut bench = resting(outcome, &[A, B]);
        for _ in 0..5 {
            wait_out_rest(&mut bench, A);
            answer(&mut bench, A, end);
            let until = rests(&mut bench)[0].1;
            assert_jittered(until.saturating_duration_since(bench.now), millis(100));
            assert_eq!(bench.sends(4), [B; 4]);
        }
    }
}

#[test]
fn a_trial_that_never_left_is_followed_by_another_at_once() {
    for outcome in BAD {
        let mut bench = resting(outcome, &[A, B]);
        wait_out_rest(&mut bench, A);
        answer(&mut bench, A, Outcome::Unsent);
        assert_eq!(bench.shares(10)[&A], 1, "{outcome:?}");
    }
}

#[test]
fn a_trial_that_is_not_answered_is_followed_by_another_after_as_long_as_the_rest_was() {
    for outcome in BAD {
        let mut bench = resting(outcome, &[A, B]);
        wait_out_rest(&mut bench, A);
        for _ in 0..5 {
            assert_eq!(bench.shares(10)[&A], 1, "{outcome:?}");
            let until = bench.status(A).rest.and_then(|rest| rest.until).expect("another may then");
            assert_jittered(until.saturating_duration_since(bench.now), millis(100));
            wait_out_rest(&mut bench, A);
        }
    }
}

#[test]
fn a_trial_that_is_lost_with_its_connection_is_followed_by_as_long_a_rest() {
    let mut bench = resting(UNFIT, &[A, B]);
    wait_out_rest(&mut bench, A);
    send_to(&mut bench, A);
    bench.take();
    bench.fail(slot(&bench, A));
    assert_eq!(rests(&mut bench).len(), 1);
    bench.wait_out_backoff(A);
    bench.peer(A, Peer::Up);
    bench.advance(millis(60));
    let rest = bench.status(A).rest.expect("it rests");
    assert_eq!(rest.reason, RestReason::Unfit);
}

#[test]
fn what_draining_connections_and_departed_addresses_say_begins_no_rest() {
    let mut bench = Bench::up(eager(1), [A, B]);
    send_to(&mut bench, A);
    let slot = slot(&bench, A);
    bench.set([B]);
    bench.take();
    bench.reply(slot, UNFIT);
    assert_eq!((rests(&mut bench), bench.status(A).rest), (vec![], None));
}

// By hand, and with the set.

#[test]
fn somebody_who_knows_that_an_address_is_well_ends_its_rest() {
    for outcome in BAD {
        let mut bench = resting(outcome, &[A, B]);
        assert!(bench.retry_now(A));
        assert_eq!(bench.shares(10), BTreeMap::from([(A, 5), (B, 5)]), "{outcome:?}");
        assert_eq!(bench.take_events(), [Event::Returned { address: A, id: bench.id(A) }]);
        assert!(!bench.retry_now(A));
    }
}

#[test]
fn a_rest_outlives_the_absence_of_its_address() {
    let mut bench = resting(overloaded_for(secs(9)), &[A, B]);
    bench.peer(A, Peer::Up);
    bench.set([B]);
    bench.advance(secs(5));
    bench.set([A, B]);
    assert_eq!(bench.status(A).state, AddressState::Resting);
    assert_eq!(bench.sends(5), [B; 5]);
    bench.advance(secs(4));
    assert_eq!(bench.shares(10)[&A], 1);
}

#[test]
fn a_rest_that_is_over_while_its_address_is_away_is_forgotten_with_it() {
    for outcome in BAD {
        let mut bench = resting(outcome, &[A, B]);
        bench.peer(A, Peer::Up);
        bench.set([B]);
        bench.take();
        let id = bench.id(A);
        bench.advance(secs(1));
        assert_eq!(bench.take_events(), [Event::AddressForgotten { address: A, id }], "{outcome:?}");
        assert_eq!(bench.wake_at, None);
        bench.set([A, B]);
        assert_eq!(bench.shares(10)[&A], 5, "{outcome:?}");
    }
}

#[test]
fn an_address_that_has_left_can_be_forgotten_by_hand_with_its_rest() {
    let mut bench = resting(UNFIT, &[A, B]);
    bench.peer(A, Peer::Up);
    bench.set([B]);
    assert!(bench.retry_now(A));
    assert_eq!(bench.uniform.find_address(&A), None);
}

#[test]
fn a_look_at_an_address_says_why_it_rests_and_until_when() {
    let mut bench = resting(overloaded_for(secs(9)), &[A, B]);
    let status = bench.status(A);
    let rest = status.rest.expect("it rests");
    assert_eq!((status.state, rest.reason), (AddressState::Resting, RestReason::Overloaded));
    assert_eq!(rest.until, Some(bench.now + secs(9)));
    bench.advance(secs(9));
    let status = bench.status(A);
    assert_eq!(status.rest.map(|rest| rest.until), Some(None), "one item may try it");
}

// All of them.

#[test]
fn nothing_is_usable_while_all_addresses_are_unfit() {
    let mut bench = Bench::up(failing_fast(), [A, B]);
    answer(&mut bench, A, UNFIT);
    assert_eq!(bench.uniform.availability(), Availability::Usable);
    answer(&mut bench, B, UNFIT);
    assert_eq!(bench.uniform.availability(), Availability::Waiting);
    assert!(bench.uniform.is_failing());
    assert!(bench.retry_now(B));
    assert_eq!(bench.uniform.availability(), Availability::Usable);
    assert!(!bench.uniform.is_failing());
}

#[test]
fn a_pool_of_unfit_addresses_fails_fast_and_lets_one_item_in_at_a_time() {
    let mut bench = Bench::up(failing_fast(), [A]);
    answer(&mut bench, A, UNFIT);
    let (slot, begin) = (slot(&bench, A), bench.now);
    while bench.uniform.availability() != Availability::FailingFast {
        count_of(&mut bench, slot, 1, || UNFIT);
        bench.advance(millis(10));
        assert!(bench.now <= begin + secs(4), "trials that fail are no interruption");
    }
    assert!(bench.now >= begin + secs(3));
    wait_out_rest(&mut bench, A);
    assert_eq!(bench.uniform.availability(), Availability::Usable, "so that one item can try it");
    assert_eq!(bench.send(), A);
    bench.advance(millis(1));
    assert_eq!(bench.uniform.availability(), Availability::FailingFast);
    bench.reply(slot, SUCCESS);
    assert_eq!(bench.uniform.availability(), Availability::Usable);
}

#[test]
fn a_pool_that_closes_waits_for_unfit_addresses_until_its_deadline() {
    let mut bench = resting(UNFIT, &[A]);
    bench.peer(A, Peer::Up);
    bench.demand(1);
    bench.close(secs(1));
    wait_out_rest(&mut bench, A);
    assert_eq!(bench.send(), A);
    bench.demand(0);
    assert!(bench.is_closed);
}

// Lazy pools.

#[test]
fn an_unfit_address_is_not_dialled_for_items_that_wait() {
    let mut bench = Bench::new(lazy(2));
    bench.peer(A, Peer::Up);
    bench.set([A]);
    bench.demand(1);
    answer(&mut bench, A, UNFIT);
    bench.demand(5);
    assert_eq!(bench.dials_made(), 1);
    wait_out_rest(&mut bench, A);
    assert_eq!(bench.send(), A);
}

#[test]
fn a_lazy_pool_dials_another_address_for_what_goes_to_an_overloaded_one() {
    let mut bench = Bench::new(lazy(2));
    for address in [A, B] {
        bench.peer(address, Peer::Up);
    }
    bench.set([A]);
    bench.demand(1);
    bench.demand(0);
    answer(&mut bench, A, OVERLOADED);
    assert_eq!((bench.dials_made(), bench.send()), (1, A), "there is no other");
    bench.set([A, B]);
    assert_eq!((bench.open(A).len(), bench.open(B).len()), (1, 1));
    assert_eq!(bench.sends(5), [B; 5]);
}

// Bounds.

#[test]
fn one_of_two_servers_that_is_overloaded_for_ever_gets_next_to_nothing() {
    for pause in [None, Some(Duration::ZERO), Some(millis(1))] {
        let mut bench = Bench::up(eager(1), [A, B]);
        let outcome = Outcome::Overloaded { latency: None, pause };
        let slot = slot(&bench, A);
        let mut items = 0;
        for _ in 0..60_000 {
            items += count_of(&mut bench, slot, 10, || outcome);
            bench.advance(millis(1));
        }
        assert!((20..=40).contains(&items), "{items} of 600,000 items");
    }
}

#[test]
fn a_server_that_says_now_this_and_now_that_gets_few_items_and_is_never_lost() {
    let failure = Outcome::Failure { latency: None, kind: FailureKind::Error };
    let words = [UNFIT, overloaded_for(secs(1)), failure, OVERLOADED, Outcome::Cancelled, UNFIT, SUCCESS];
    for first in 0..words.len() {
        let mut bench = Bench::up(eager(1), [A, B]);
        let mut said = words.into_iter().cycle().skip(first);
        let slot = slot(&bench, A);
        let mut items = 0;
        for _ in 0..30_000 {
            items += count_of(&mut bench, slot, 10, || said.next().expect("without end"));
            bench.advance(millis(1));
        }
        assert!((10..=100).contains(&items), "{items} of 300,000 items, beginning at {first}");
    }
}

#[test]
fn a_rest_wakes_the_machine_when_it_is_over_and_not_before() {
    let mut bench = resting(overloaded_for(secs(60)), &[A, B]);
    assert_eq!(bench.wake_at, Some(bench.now + secs(60)));
    let wakes = bench.wakes;
    bench.advance(secs(59));
    assert_eq!(bench.wakes, wakes + 1, "that of the end of the time");
    assert!(bench.retry_now(A));
    assert_eq!(bench.wake_at, None);
}
