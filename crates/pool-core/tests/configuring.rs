//! Settings that change while the machine runs.

mod support;

use core::time::Duration;
use std::collections::BTreeMap;

use pool_core::{
    Availability, Config, DrainReason, Event, FailureKind, Handled, Instant, Opening, Outcome, Output,
    SlotEnd, SlotEvent, SlotId,
};
use support::{A, B, Bench, Peer, config, eager, lazy, millis, secs};

/// Lets time pass until a connection is to be replaced.
fn wait_for_a_replacement(bench: &mut Bench) {
    while bench.dials().is_empty() {
        bench.advance(millis(100));
    }
}

fn drained(bench: &mut Bench) -> Vec<(SlotId, DrainReason)> {
    let events = bench.take_events().into_iter().filter_map(|event| match event {
        Event::Draining { slot, reason, .. } => Some((slot, reason)),
        _ => None,
    });
    events.collect()
}

#[test]
fn more_connections_are_dialled_at_once_and_those_that_are_open_stay() {
    let mut bench = Bench::up(eager(1), [A, B]);
    let before = [bench.open(A), bench.open(B)].concat();
    bench.configure(eager(3));
    bench.connect_all();
    assert_eq!((bench.open(A).len(), bench.open(B).len(), bench.dials_made()), (3, 3, 6));
    assert!(before.iter().all(|slot| bench.state(*slot).is_some()));
}

#[test]
fn more_connections_are_dialled_within_the_limits() {
    let limited =
        |connections| config(|config| (config.connections_per_address, config.dials_max) = (connections, 4));
    let mut bench = Bench::up(limited(1), [A, B]);
    bench.configure(limited(10));
    assert_eq!(bench.dials().len(), 4);
    bench.set([]);
    bench.set([A]);
    bench.configure(limited(11));
    assert_eq!(bench.dials_to(A).len(), 4);
}

#[test]
fn fewer_connections_drain_the_oldest_and_never_more_than_there_are_too_many() {
    let mut bench = Bench::new(eager(4));
    bench.set([A]);
    let mut slots = Vec::new();
    while let Some(&slot) = bench.dials().first() {
        bench.advance(millis(1));
        bench.connect(slot);
        slots.push(slot);
    }
    bench.take();
    bench.configure(eager(2));
    assert_eq!(drained(&mut bench), [(slots[0], DrainReason::Surplus), (slots[1], DrainReason::Surplus)]);
    assert_eq!((bench.open(A).len(), bench.dials_made()), (2, 4));
    bench.advance(secs(100));
    assert_eq!((bench.open(A).len(), bench.dials_made()), (2, 4));
}

#[test]
fn a_connection_that_pushes_back_or_owes_outcomes_drains_last() {
    let mut bench = Bench::up(eager(4), [A]);
    let slots = bench.open(A);
    bench.busy(slots[0]);
    for _ in 0..2 {
        bench.sent(slots[1]);
    }
    bench.succeed(slots[1]);
    bench.configure(eager(2));
    assert_eq!(bench.open(A), [slots[0], slots[1]]);
}

#[test]
fn dials_go_before_connections() {
    let mut bench = Bench::new(eager(4));
    bench.set([A]);
    bench.connect(bench.dial(A));
    let dials = bench.dials();
    bench.connect(dials[1]);
    bench.take();
    bench.configure(eager(3));
    assert_eq!((bench.dials().len(), bench.open(A).len()), (1, 2));
    assert_eq!(bench.take_ends().len(), 1);
    bench.configure(eager(1));
    assert_eq!((bench.dials().len(), bench.open(A).len(), bench.draining(A).len()), (0, 1, 1));
    assert!(bench.take_ends().iter().all(|(_, end)| *end == SlotEnd::Surplus));
    assert_eq!(bench.status(A).failures, 0, "nothing has failed");
}

#[test]
fn a_pool_that_shrinks_to_one_drops_none_of_those_it_drains() {
    let mut bench = Bench::up(eager(10), [A]);
    bench.take();
    bench.configure(eager(1));
    assert_eq!((bench.draining(A).len(), bench.take_ends()), (9, Vec::new()));
    let last = bench.open(A)[0];
    bench.going_away(last);
    let ends = bench.take_ends();
    assert_eq!((bench.draining(A).len(), ends[0].1), (9, SlotEnd::DrainDisplaced), "one, by the usual rule");
}

#[test]
fn a_pool_that_shrinks_step_by_step_drops_none_of_those_it_drains() {
    let mut bench = Bench::up(eager(8), [A]);
    bench.take();
    for connections in (1..8).rev() {
        bench.configure(eager(connections));
    }
    assert_eq!((bench.draining(A).len(), bench.take_ends()), (7, Vec::new()));
}

#[test]
fn a_pool_whose_size_goes_up_and_down_has_a_bounded_number_of_draining_connections() {
    let mut bench = Bench::up(eager(10), [A]);
    for _ in 0..50 {
        for connections in [1, 10] {
            bench.advance(millis(500));
            bench.configure(eager(connections));
            bench.connect_all();
            assert!(bench.draining(A).len() <= 10, "{} drain", bench.draining(A).len());
            assert_eq!(usize::from(bench.status(A).slots.draining), bench.draining(A).len());
        }
    }
    let since = |slot: &SlotId| bench.uniform.slot(*slot).map(|status| status.since);
    let oldest = bench.draining(A).into_iter().min_by_key(since).expect("some drain");
    bench.take();
    bench.configure(eager(1));
    let ends = bench.take_ends();
    assert!(ends.contains(&(oldest, SlotEnd::DrainDisplaced)), "{oldest:?} of {ends:?}");
}

#[test]
fn as_many_drain_as_were_allowed_while_the_first_of_them_drained() {
    let mut bench = Bench::up(eager(4), [A]);
    bench.configure(eager(1));
    for slot in bench.draining(A) {
        bench.closed(slot);
    }
    for _ in 0..5 {
        bench.configure(eager(2));
        bench.connect_all();
        bench.configure(eager(1));
    }
    assert_eq!(bench.draining(A).len(), 2, "the four are long gone");
}

#[test]
fn settings_that_make_no_sense_change_nothing() {
    let mut bench = Bench::up(eager(3), [A]);
    bench.take();
    let mut nonsense = eager(1);
    nonsense.drain_timeout = millis(0);
    let error = bench.uniform.handle_config(nonsense, bench.now).expect_err("it makes no sense");
    assert_eq!(error.field(), "drain_timeout");
    assert_eq!((bench.uniform.config(), bench.open(A).len()), (&eager(3), 3));
    assert_eq!(bench.uniform.poll_output(), Output::Timeout(bench.wake_at));
}

#[test]
fn the_same_settings_again_do_nothing() {
    let mut bench = Bench::up(eager(3), [A]);
    bench.take();
    bench.configure(eager(3));
    assert_eq!(bench.take(), []);
}

#[test]
fn a_shorter_drain_timeout_ends_drains_that_take_longer() {
    let mut bench = Bench::up(eager(1), [A]);
    bench.set([]);
    bench.advance(secs(5));
    bench.take();
    bench.configure(config(|config| config.drain_timeout = secs(4)));
    assert!(bench.wake_at <= Some(bench.now), "at once");
    bench.advance(millis(0));
    assert_eq!(bench.take_ends()[0].1, SlotEnd::DrainTimedOut);
}

#[test]
fn a_longer_drain_timeout_lets_drains_go_on() {
    let mut bench = Bench::up(eager(1), [A]);
    bench.set([]);
    bench.configure(config(|config| config.drain_timeout = secs(40)));
    bench.advance(secs(39));
    assert_eq!(bench.draining_all().len(), 1);
    bench.advance(secs(1));
    assert_eq!(bench.draining_all().len(), 0);
}

#[test]
fn a_shorter_dial_timeout_ends_dials_that_take_longer() {
    let mut bench = Bench::new(eager(1));
    bench.set([A]);
    bench.advance(secs(2));
    bench.take();
    bench.configure(config(|config| config.dial_timeout = secs(3)));
    bench.advance(millis(999));
    assert_eq!(bench.take_ends(), []);
    bench.advance(millis(1));
    assert_eq!(bench.take_ends()[0].1, SlotEnd::Failed(FailureKind::TimedOut));
}

#[test]
fn a_lifetime_that_is_set_replaces_those_that_are_older_one_by_one() {
    let mut bench = Bench::up(eager(2), [A]);
    bench.advance(secs(1_000));
    let mut shorter = eager(2);
    shorter.lifetime_max = Some(secs(100));
    bench.configure(shorter);
    wait_for_a_replacement(&mut bench);
    assert_eq!((bench.open(A).len(), bench.dials().len()), (2, 1));
    bench.connect(bench.dial(A));
    assert_eq!((bench.open(A).len(), bench.draining(A).len()), (2, 1));
}

/// 200 connections that have been up for 10,000 s.
fn old_connections(per_address: u32) -> (Bench, Vec<SlotId>) {
    let addresses = 0..200 / per_address;
    let mut bench = Bench::new(eager(per_address));
    addresses.clone().for_each(|address| bench.peer(address, Peer::Up));
    bench.set(addresses.clone().collect::<Vec<u32>>());
    let old: Vec<SlotId> = addresses.flat_map(|address| bench.open(address)).collect();
    assert_eq!(old.len(), 200);
    bench.advance(secs(10_000));
    (bench, old)
}

fn left(bench: &Bench, old: &[SlotId]) -> usize {
    old.iter().filter(|&&slot| bench.state(slot).is_some()).count()
}

fn mortal(mut config: Config, lifetime: Duration) -> Config {
    config.lifetime_max = Some(lifetime);
    config
}

#[test]
fn connections_that_are_too_old_by_a_new_lifetime_go_evenly_within_a_tenth_of_it() {
    for (config, per_address) in [(eager(1), 1), (lazy(1), 1), (eager(5), 5), (lazy(5), 5)] {
        let (mut bench, old) = old_connections(per_address);
        bench.configure(mortal(config, secs(100)));
        let tenths = (0..=10).map(|tenth| {
            bench.advance(if tenth == 0 { millis(0) } else { secs(1) });
            left(&bench, &old)
        });
        let tenths: Vec<usize> = tenths.collect();
        assert_eq!((tenths[0], tenths[10]), (200, 0), "{tenths:?}");
        let mut gone = tenths.windows(2).map(|two| two[0] - two[1]);
        assert!(gone.all(|gone| (8..=36).contains(&gone)), "{tenths:?}");
    }
}

#[test]
fn a_second_shorter_lifetime_is_spread_as_if_it_were_the_only_one_whatever_the_first_has_touched() {
    // The first finds no connection too old, or a few.
    for first in [secs(36_000), secs(18_850)] {
        let (mut bench, old) = old_connections(1);
        bench.advance(secs(7_000));
        bench.configure(mortal(eager(1), first));
        bench.advance(secs(600));
        let before = left(&bench, &old);
        assert!(before > 100, "{before}");
        bench.configure(mortal(eager(1), secs(1_800)));
        let parts = (0..=18).map(|part| {
            bench.advance(if part == 0 { millis(0) } else { secs(10) });
            left(&bench, &old)
        });
        let parts: Vec<usize> = parts.collect();
        assert_eq!((parts[0], parts[18]), (before, 0), "{first:?}: {parts:?}");
        let mut gone = parts.windows(2).map(|two| two[0] - two[1]);
        assert!(gone.all(|gone| gone <= 25), "{first:?}: {parts:?}");
    }
}

#[test]
fn a_lifetime_that_is_shortened_again_and_again_postpones_no_end() {
    // In steps, and to and fro.
    let steps: Vec<Duration> = (0..7).map(|step| secs(600 - 5 * step)).collect();
    let swings: Vec<Duration> = (0..30).map(|swing| secs(100 + swing % 2)).collect();
    for (lifetimes, pause, end) in [(steps, secs(10), secs(1)), (swings, secs(1), secs(0))] {
        for config in [eager(1), lazy(1)] {
            let (mut bench, old) = old_connections(1);
            for &lifetime in &lifetimes {
                bench.configure(mortal(config.clone(), lifetime));
                bench.advance(pause);
            }
            bench.advance(end);
            assert_eq!(left(&bench, &old), 0, "{lifetimes:?}");
        }
    }
}

/// When each of 200 connections with a lifetime of 10,000 s goes, if that becomes `lifetime` shortly before
/// the first of them would.
fn ends(lifetime: Duration) -> BTreeMap<SlotId, Instant> {
    let addresses: Vec<u32> = (0..200).collect();
    let mut bench = Bench::new(mortal(eager(1), secs(10_000)));
    for &address in &addresses {
        bench.peer(address, Peer::Up);
    }
    bench.set(addresses.clone());
    let mut left: Vec<SlotId> = addresses.iter().flat_map(|&address| bench.open(address)).collect();
    bench.advance(secs(8_990));
    bench.configure(mortal(lazy(1), lifetime));
    let mut ends = BTreeMap::new();
    while let Some(at) = bench.wake_at {
        bench.advance(at.saturating_duration_since(bench.now));
        let gone = left.extract_if(.., |slot| bench.state(*slot).is_none());
        ends.extend(gone.map(|slot| (slot, bench.now)));
    }
    assert!(left.is_empty());
    ends
}

#[test]
fn a_lifetime_that_is_a_little_shorter_keeps_nobody_for_longer() {
    let before = ends(secs(10_000));
    for shorter in [secs(9_999), secs(9_900), secs(9_000), secs(5_000)] {
        let after = ends(shorter);
        assert_eq!(after.len(), before.len());
        assert!(after.iter().all(|(slot, end)| end <= &before[slot]), "{shorter:?}");
    }
}

#[test]
fn a_replacement_that_is_no_longer_needed_is_not_dialled_to_the_end() {
    let mut mortal = eager(2);
    mortal.lifetime_max = Some(secs(100));
    let mut bench = Bench::up(mortal, [A]);
    wait_for_a_replacement(&mut bench);
    bench.configure(eager(2));
    assert_eq!((bench.dials().len(), bench.open(A).len()), (0, 2));
    bench.advance(secs(1_000));
    assert_eq!((bench.dials_made(), bench.open(A).len(), bench.draining(A).len()), (3, 2, 0));
}

#[test]
fn a_replacement_under_way_is_not_disturbed_by_other_settings() {
    let mut mortal = eager(2);
    mortal.lifetime_max = Some(secs(100));
    let mut bench = Bench::up(mortal.clone(), [A]);
    wait_for_a_replacement(&mut bench);
    let dial = bench.dial(A);
    mortal.drain_timeout = secs(7);
    bench.configure(mortal);
    assert_eq!(bench.dials(), [dial]);
    bench.connect(dial);
    assert_eq!((bench.open(A).len(), bench.draining(A).len()), (2, 1));
}

#[test]
fn with_fewer_connections_one_at_the_end_of_its_life_goes_without_a_replacement() {
    let mortal = |connections| {
        let mut config = eager(connections);
        (config.lifetime_max, config.dial_timeout) = (Some(secs(100)), secs(60));
        config
    };
    let mut bench = Bench::new(mortal(2));
    bench.set([A]);
    let old = bench.dial(A);
    bench.connect(old);
    bench.advance(secs(30));
    bench.connect_all();
    wait_for_a_replacement(&mut bench);
    bench.busy(old);
    bench.configure(mortal(1));
    bench.advance(millis(0));
    assert_eq!((bench.dials().len(), bench.draining(A)), (0, vec![old]));
}

#[test]
fn a_pool_that_becomes_lazy_keeps_what_it_has_and_opens_no_more() {
    let mut bench = Bench::up(eager(2), [A]);
    bench.configure(lazy(4));
    assert_eq!((bench.open(A).len(), bench.dials().len()), (2, 0));
    let mut idle = lazy(4);
    idle.idle_timeout = Some(secs(10));
    bench.advance(secs(20));
    bench.configure(idle);
    bench.advance(millis(0));
    assert_eq!(bench.draining(A).len(), 2, "they have been idle for longer");
}

#[test]
fn a_pool_that_becomes_eager_opens_all_connections() {
    let mut bench = Bench::new(lazy(2));
    bench.set([A, B]);
    assert_eq!(bench.dials().len(), 0);
    bench.configure(eager(2));
    bench.connect_all();
    assert_eq!((bench.open(A).len(), bench.open(B).len()), (2, 2));
}

#[test]
fn fewer_dials_at_once_let_those_in_flight_go_on() {
    let mut bench = Bench::new(config(|config| config.dials_max = 4));
    bench.set((0..8).collect::<Vec<u32>>());
    bench.configure(config(|config| config.dials_max = 2));
    assert_eq!(bench.dials().len(), 4);
    for _ in 0..3 {
        bench.connect(bench.dials()[0]);
    }
    assert_eq!(bench.dials().len(), 2);
    bench.configure(config(|config| config.dials_max = 4));
    assert_eq!(bench.dials().len(), 4);
}

#[test]
fn an_address_stays_in_backoff_unless_the_new_cap_is_lower_than_what_is_left() {
    let mut bench = Bench::new(eager(1));
    bench.peer(A, Peer::Refuses);
    bench.set([A]);
    bench.advance(secs(60));
    bench.wait_out_backoff(A);
    let until = bench.status(A).retry_at.expect("in backoff");
    let capped = |cap| config(|config| config.backoff.cap = cap);
    bench.configure(capped(secs(100)));
    assert_eq!(bench.status(A).retry_at, Some(until));
    bench.configure(capped(secs(2)));
    let left = bench.status(A).retry_at.expect("in backoff").saturating_duration_since(bench.now);
    assert!(millis(1_600) <= left && left <= secs(2), "{left:?}");
    let dials = bench.dials_made();
    bench.advance(secs(2));
    assert_eq!(bench.dials_made(), dials + 1);
}

#[test]
fn a_pool_fails_fast_as_soon_as_it_shall_and_no_longer_than_it_shall() {
    let failing = |after| config(|config| config.fail_fast_after = after);
    let mut bench = Bench::new(failing(None));
    bench.set([A]);
    bench.advance(secs(4));
    bench.configure(failing(Some(secs(3))));
    bench.advance(millis(0));
    assert_eq!(bench.uniform.availability(), Availability::FailingFast);
    bench.configure(failing(Some(secs(10))));
    assert_eq!(bench.uniform.availability(), Availability::Waiting);
    bench.advance(secs(6));
    assert_eq!(bench.uniform.availability(), Availability::FailingFast);
    bench.configure(failing(None));
    assert_eq!(bench.uniform.availability(), Availability::Waiting);
    bench.advance(secs(100));
    assert_eq!(bench.uniform.availability(), Availability::Waiting);
}

#[test]
fn a_smaller_limit_of_addresses_is_for_the_next_set() {
    let mut bench = Bench::up(eager(1), [A, B]);
    bench.configure(config(|config| config.addresses_max = 1));
    assert_eq!((bench.open(A).len(), bench.open(B).len()), (1, 1));
    bench.take();
    bench.set([A, B, 9]);
    assert_eq!(bench.take_events(), [Event::AddressesRefused { len: 3, max: 1 }]);
    bench.set([A]);
    assert_eq!(bench.draining(B).len(), 1);
}

#[test]
fn turns_that_have_begun_become_longer_and_shorter() {
    let turns = |items| config(|config| config.sharing.items_per_turn = items);
    let mut bench = Bench::up(turns(2), [A, B]);
    bench.uniform.set_load(100);
    let first = bench.send();
    bench.configure(turns(4));
    let second = if first == A { B } else { A };
    assert_eq!(bench.sends(4), [first, first, first, second]);
    bench.configure(turns(1));
    assert_eq!(bench.sends(4), [second, first, second, first]);
}

#[test]
fn a_connection_that_owes_outcomes_is_given_time_from_its_last_item_when_it_comes_to_be_watched() {
    let watched = |timeout| config(|config| config.silence.outcome_timeout = timeout);
    let mut bench = Bench::up(watched(None), [A]);
    let slot = bench.open(A)[0];
    bench.sent(slot);
    bench.advance(secs(100));
    bench.sent(slot);
    bench.configure(watched(Some(secs(30))));
    bench.advance(secs(29));
    assert_eq!(bench.open(A), [slot]);
    bench.advance(secs(1));
    assert_eq!(bench.open(A), []);
}

#[test]
fn a_connection_that_was_stable_stays_so() {
    let stable = |after| config(|config| config.stable_after = after);
    let mut bench = Bench::up(stable(secs(10)), [A]);
    bench.advance(secs(10));
    let slot = bench.open(A)[0];
    bench.configure(stable(secs(60)));
    bench.closed(slot);
    assert_eq!(bench.status(A).failures, 0);
}

#[test]
fn a_pool_that_closes_goes_by_new_settings_too() {
    let mut bench = Bench::up(eager(1), [A]);
    bench.demand(1);
    bench.close(secs(60));
    bench.configure(eager(2));
    bench.connect(bench.dial(A));
    bench.demand(0);
    assert_eq!(bench.draining(A).len(), 2);
    bench.advance(secs(5));
    bench.configure(config(|config| config.drain_timeout = secs(1)));
    bench.advance(millis(0));
    assert!(bench.is_closed);
    bench.configure(eager(7));
    assert_eq!(bench.uniform.config().connections_per_address, 7);
}

#[test]
fn an_item_that_was_in_flight_on_a_surplus_connection_is_reported_as_ever() {
    let mut bench = Bench::up(eager(2), [A]);
    let slots = bench.open(A);
    for slot in &slots {
        bench.sent(*slot);
    }
    bench.configure(eager(1));
    let draining = bench.draining(A)[0];
    let outcome = Outcome::Success { latency: Some(millis(1)) };
    assert_eq!(bench.uniform.handle_outcome(draining, outcome, bench.now), Handled::Applied);
    assert_eq!(bench.event(draining, SlotEvent::Closed), Handled::Applied);
    assert_eq!(bench.dials().len(), 0);
}

#[test]
fn a_name_service_is_asked_again_after_the_new_interval() {
    let interval = |interval| config(|config| config.refresh_interval_min = interval);
    let mut bench = Bench::new(interval(secs(1_000)));
    bench.peer(A, Peer::Refuses);
    bench.set([A]);
    bench.advance(secs(60));
    let refreshes =
        |bench: &mut Bench| bench.take().iter().filter(|output| **output == Output::Refresh).count();
    assert_eq!(refreshes(&mut bench), 1);
    bench.configure(interval(secs(70)));
    bench.advance(secs(9));
    assert_eq!(refreshes(&mut bench), 0);
    bench.advance(secs(40));
    assert_eq!(refreshes(&mut bench), 1);
}

#[test]
fn an_address_that_left_is_not_dialled_for_more_connections() {
    let mut bench = Bench::up(eager(1), [A, B]);
    bench.set([A]);
    bench.configure(eager(2));
    assert_eq!((bench.dials_to(A).len(), bench.dials_to(B).len(), bench.draining(B).len()), (1, 0, 1));
    let other: Config = config(|config| config.opening = Opening::Lazy);
    bench.configure(other);
    assert_eq!(bench.dials(), []);
}
