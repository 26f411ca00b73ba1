//! What the pool says of itself, and what it keeps, while nothing works (failing fast, F3).

mod support;

use pool_core::{AddressState, Availability, Config, Opening, Output};
use support::{A, B, Bench, C, Peer, config, eager, lazy, millis, secs};

fn failing_fast(opening: Opening) -> Config {
    config(|config| {
        config.opening = opening;
        config.fail_fast_after = Some(secs(3));
    })
}

fn availabilities(bench: &mut Bench) -> Vec<Availability> {
    let found = bench.take().into_iter().filter_map(|output| match output {
        Output::Availability(availability) => Some(availability),
        _ => None,
    });
    found.collect()
}

#[test]
fn a_pool_is_usable_while_any_connection_is_up_even_a_busy_one() {
    let mut bench = Bench::new(eager(1));
    assert_eq!(bench.uniform.availability(), Availability::Waiting);
    bench.set([A, B]);
    bench.connected(bench.dial(A));
    bench.connected(bench.dial(B));
    assert_eq!(availabilities(&mut bench), [Availability::Usable], "said once");
    bench.going_away(bench.open(A)[0]);
    assert_eq!(bench.uniform.availability(), Availability::Usable);
    bench.going_away(bench.open(B)[0]);
    assert_eq!(availabilities(&mut bench), [Availability::Waiting], "draining ones don't count");
}

#[test]
fn without_fail_fast_items_wait_for_ever() {
    let mut bench = Bench::new(eager(1));
    bench.peer(A, Peer::Refuses);
    bench.set([A]);
    bench.demand(5);
    bench.advance(secs(100_000));
    assert_eq!(availabilities(&mut bench), []);
}

#[test]
fn a_pool_fails_fast_once_nothing_has_been_up_for_so_long() {
    let mut bench = Bench::new(failing_fast(Opening::Eager));
    bench.peer(A, Peer::Refuses);
    bench.set([A]);
    bench.advance(millis(2_999));
    assert_eq!(bench.uniform.availability(), Availability::Waiting);
    bench.advance(millis(1));
    assert_eq!(availabilities(&mut bench), [Availability::FailingFast]);
    bench.peer(A, Peer::Up);
    bench.advance(secs(36));
    assert_eq!(availabilities(&mut bench), [Availability::Usable], "it goes on dialling");
}

#[test]
fn a_connection_that_comes_up_in_time_starts_the_wait_afresh() {
    let mut bench = Bench::new(failing_fast(Opening::Eager));
    bench.set([A]);
    bench.advance(secs(2));
    bench.connect(bench.dial(A));
    bench.advance(secs(20));
    bench.fail(bench.open(A)[0]);
    bench.advance(millis(2_999));
    assert_eq!(availabilities(&mut bench), [Availability::Usable, Availability::Waiting]);
    bench.advance(millis(1));
    assert_eq!(availabilities(&mut bench), [Availability::FailingFast]);
}

#[test]
fn a_pool_that_never_gets_an_address_fails_fast_from_its_first_input_on() {
    let mut bench = Bench::new(failing_fast(Opening::Eager));
    bench.oversleep(secs(1_000));
    assert_eq!(bench.uniform.availability(), Availability::Waiting, "the epoch says nothing");
    bench.advance(secs(3));
    assert_eq!(bench.uniform.availability(), Availability::FailingFast);
}

#[test]
fn an_empty_set_fails_fast_too() {
    let mut bench = Bench::up(failing_fast(Opening::Eager), [A]);
    bench.set([]);
    bench.advance(secs(3));
    assert_eq!(bench.uniform.availability(), Availability::FailingFast);
}

#[test]
fn a_lazy_pool_without_items_does_not_fail_because_it_needs_no_connection() {
    let mut bench = Bench::new(failing_fast(Opening::Lazy));
    bench.set([A]);
    bench.advance(secs(100));
    assert_eq!((bench.uniform.availability(), bench.wake_at), (Availability::Waiting, None));
    bench.demand(1);
    bench.advance(secs(3));
    assert_eq!(bench.uniform.availability(), Availability::FailingFast);
}

#[test]
fn t22_a_lazy_pool_that_refuses_all_items_tries_to_connect_without_any() {
    let mut bench = Bench::new(failing_fast(Opening::Lazy));
    bench.peer(A, Peer::Refuses);
    bench.set([A]);
    bench.demand(1);
    bench.advance(secs(4));
    bench.demand(0);
    bench.peer(A, Peer::Up);
    bench.advance(secs(36));
    assert_eq!((bench.open(A).len(), bench.uniform.availability()), (1, Availability::Usable));
}

#[test]
fn t22_when_every_address_fails_every_one_is_still_tried() {
    let mut bench = Bench::new(config(|config| config.dials_max = 2));
    let addresses = [A, B, C];
    for address in addresses {
        bench.peer(address, Peer::Refuses);
    }
    bench.set(addresses);
    bench.advance(secs(300));
    let before = addresses.map(|address| bench.dial_times(address).len());
    bench.advance(secs(72));
    let after = addresses.map(|address| bench.dial_times(address).len());
    assert!(before.iter().zip(after).all(|(before, after)| *before < after), "{before:?} {after:?}");
}

#[test]
fn is_failing_says_why_nothing_goes_out() {
    let mut bench = Bench::new(eager(1));
    assert!(!bench.uniform.is_failing(), "no address, no failure");
    bench.set([A, B]);
    bench.fail(bench.dial(A));
    assert!(!bench.uniform.is_failing(), "B has not failed yet");
    bench.fail(bench.dial(B));
    assert!(bench.uniform.is_failing());
    bench.advance(secs(1));
    bench.connect(bench.dial(B));
    assert!(!bench.uniform.is_failing());
    bench.set([A]);
    assert!(bench.uniform.is_failing());
    bench.set([A, C]);
    assert!(!bench.uniform.is_failing(), "C has not been tried");
}

#[test]
fn t32_the_state_of_an_address_is_readable_in_one_word() {
    let mut bench = Bench::new(config(|config| config.dials_max = 1));
    bench.set([A]);
    assert_eq!(bench.status(A).state, AddressState::Dialling);
    bench.set([A, B]);
    assert_eq!(bench.status(B).state, AddressState::Waiting);
    bench.fail(bench.dial(A));
    assert_eq!(bench.status(A).state, AddressState::Backoff);
    bench.connected(bench.dial(B));
    assert_eq!(bench.status(B).state, AddressState::Busy);
    bench.ready(bench.open(B)[0]);
    assert_eq!(bench.status(B).state, AddressState::Ready);
    bench.set([A]);
    assert_eq!(bench.status(B).state, AddressState::Departed);
}

// Nothing grows.

#[test]
fn f3_a_year_of_flapping_addresses_leaves_nothing_behind() {
    let mut bench = Bench::up(eager(2), [A]);
    bench.peer(A, Peer::Up);
    bench.peer(B, Peer::Flaps);
    let mut highest_slot = 0;
    for day in 0..365 {
        let other = 1_000 + day;
        bench.peer(other, [Peer::Refuses, Peer::Manual, Peer::Up][day as usize % 3]);
        bench.set([A, B, other]);
        bench.advance(secs(10 * 60));
        bench.set([A]);
        highest_slot = bench.uniform.slots().map(|slot| slot.id.index()).fold(highest_slot, usize::max);
        bench.oversleep(secs(23 * 60 * 60));
        bench.take();
    }
    assert_eq!((bench.uniform.slots().count(), bench.uniform.addresses().count()), (2, 1));
    assert!(highest_slot < 12, "places are used again: {highest_slot}");
    assert_eq!(bench.wake_at, None, "no timer is left");
    assert_eq!(bench.shares(4), [(A, 4)].into());
}

#[test]
fn f3_addresses_that_fail_and_leave_are_remembered_only_up_to_a_limit() {
    let mut bench = Bench::new(config(|config| {
        config.addresses_max = 10;
        config.backoff.base = secs(30);
    }));
    for round in 0..100 {
        bench.set((0..10).map(|address| 100 * round + address).collect::<Vec<_>>());
        for slot in bench.dials() {
            bench.fail(slot);
        }
        assert!(bench.uniform.addresses().count() <= 21, "the set, and as many that left");
    }
    bench.set([]);
    bench.advance(secs(36));
    assert_eq!((bench.uniform.addresses().count(), bench.wake_at), (0, None));
}

#[test]
fn f3_a_quiet_pool_is_not_woken() {
    let mut bench = Bench::up(eager(3), [A, B, C]);
    bench.advance(secs(15));
    let wakes = bench.wakes;
    bench.advance(secs(100_000));
    assert_eq!((bench.wakes - wakes, bench.wake_at), (1, None), "only the test's own call");
}

#[test]
fn f3_a_dead_address_costs_about_two_wakes_for_each_dial() {
    let mut bench = Bench::new(eager(4));
    bench.set([A]);
    bench.advance(secs(10_000));
    let dials = bench.dials_made();
    assert!(dials < 400 && bench.wakes <= 2 * dials + 2, "{} wakes for {dials} dials", bench.wakes);
}

#[test]
fn t32_lazy_pools_say_who_waits_and_who_backs_off() {
    let mut bench = Bench::new(lazy(1));
    bench.set([A, B]);
    bench.demand(1);
    let address = bench.dialled_addresses()[0];
    bench.demand(0);
    bench.fail(bench.dial(address));
    let other = if address == A { B } else { A };
    assert_eq!(
        (bench.status(address).state, bench.status(other).state),
        (AddressState::Backoff, AddressState::Waiting)
    );
}
