//! A machine that is called late: nobody is blamed for time in which nobody listened (C8, F2).

mod support;

use std::time::Duration;

use pool_core::{Availability, Config, FailureKind, SlotEnd, SlotId, SlotState};
use support::{A, B, Bench, Peer, config, lazy, millis, secs};

fn watched() -> Config {
    config(|config| config.silence.outcome_timeout = Some(millis(800)))
}

/// A connection that owes an outcome.
fn owing() -> (Bench, SlotId) {
    let mut bench = Bench::up(watched(), [A]);
    bench.advance(secs(20));
    bench.send();
    let slot = bench.open(A)[0];
    bench.take();
    (bench, slot)
}

/// Lets time pass, waking the machine this much later than it asked for.
fn advance_late(bench: &mut Bench, lateness: Duration) {
    let at = bench.wake_at.expect("a deadline").max(bench.now);
    bench.oversleep(at.saturating_duration_since(bench.now) + lateness);
}

#[test]
fn a_late_machine_gives_a_connection_that_owes_outcomes_the_time_in_which_nobody_listened() {
    let (mut bench, slot) = owing();
    advance_late(&mut bench, millis(700));
    assert_eq!(bench.state(slot), Some(SlotState::Ready));
    assert!(bench.wake_at > Some(bench.now), "a real timer, after which sockets have been polled");
    bench.succeed(slot);
    bench.advance(secs(10));
    assert_eq!(bench.open(A), [slot]);
}

#[test]
fn what_is_silent_after_the_time_that_was_given_is_ended() {
    let (mut bench, slot) = owing();
    advance_late(&mut bench, millis(700));
    bench.advance(millis(1));
    assert_eq!(bench.take_ends(), [(slot, SlotEnd::Failed(FailureKind::TimedOut))]);
}

#[test]
fn a_wait_that_is_not_yet_over_moves_by_the_lateness_too() {
    let mut bench = Bench::up(watched(), [A, B]);
    bench.advance(secs(20));
    bench.send();
    bench.advance(millis(600));
    bench.send();
    let [first, second] = [bench.open(A)[0], bench.open(B)[0]];
    let started = bench.now;
    // The first is due in 200 ms and the second in 800; the machine comes 500 ms later than it asked for.
    advance_late(&mut bench, millis(500));
    assert_eq!(bench.uniform.slots().filter(|slot| slot.state == SlotState::Ready).count(), 2);
    bench.advance(millis(500));
    let silent = [first, second].into_iter().filter(|&slot| bench.state(slot).is_some()).count();
    assert_eq!(silent, 1, "the first was due 700 ms after {started:?}");
    bench.advance(millis(101));
    assert!(bench.state(first).is_none() && bench.state(second).is_none());
}

#[test]
fn a_dial_and_a_drain_move_by_the_lateness_once() {
    let mut bench = Bench::up(config(|config| config.drain_timeout = secs(5)), [A]);
    bench.set([B]);
    let (dial, drain) = (bench.dial(B), bench.draining(A)[0]);
    bench.take();
    bench.oversleep(secs(7));
    assert_eq!(bench.take_ends(), []);
    bench.oversleep(secs(0));
    assert_eq!(bench.take_ends(), [], "the same call again");
    bench.advance(millis(1));
    let mut ends = bench.take_ends();
    ends.sort_by_key(|(slot, _)| *slot == drain);
    let timed_out = SlotEnd::Failed(FailureKind::TimedOut);
    assert_eq!(ends, [(dial, timed_out), (drain, SlotEnd::DrainTimedOut)]);
}

#[test]
fn a_machine_that_is_a_little_late_moves_nothing() {
    let (mut bench, slot) = owing();
    advance_late(&mut bench, millis(50));
    assert_eq!(bench.take_ends(), [(slot, SlotEnd::Failed(FailureKind::TimedOut))]);
}

#[test]
fn a_wait_that_began_while_the_machine_was_late_does_not_end_later_than_its_timeout_from_now() {
    let mut bench = Bench::up(watched(), [A]);
    bench.advance(secs(20));
    bench.set([A, B]);
    bench.now = bench.now + secs(7);
    // Events come before the timer: an item is sent at the late time, before the machine knows of it.
    let slot = bench.open(A)[0];
    bench.sent(slot);
    bench.oversleep(secs(0));
    bench.advance(millis(799));
    assert!(bench.state(slot).is_some());
    bench.advance(millis(1));
    assert_eq!(bench.state(slot), None);
}

#[test]
fn what_events_ask_for_meanwhile_does_not_hide_how_late_the_machine_is() {
    let (mut bench, slot) = owing();
    bench.now = bench.now + millis(1_500);
    bench.demand(1);
    bench.oversleep(millis(0));
    assert_eq!(bench.state(slot), Some(SlotState::Ready));
}

#[test]
fn lifetimes_idleness_backoff_and_fail_fast_do_not_wait_for_a_late_machine() {
    let mut idle = lazy(1);
    (idle.idle_timeout, idle.lifetime_max) = (Some(secs(60)), Some(secs(100)));
    for timeout in [secs(60), secs(100)] {
        let mut bench = Bench::new(idle.clone());
        bench.set([A]);
        bench.demand(1);
        bench.connect(bench.dial(A));
        bench.demand(0);
        bench.oversleep(timeout);
        assert_eq!(bench.draining(A).len(), 1);
    }
    let mut bench = Bench::new(config(|config| config.fail_fast_after = Some(secs(3))));
    bench.set([A]);
    bench.fail(bench.dial(A));
    bench.peer(A, Peer::Manual);
    bench.oversleep(secs(4));
    assert_eq!(bench.uniform.availability(), Availability::FailingFast);
    assert_eq!(bench.dials_to(A).len(), 1, "it is out of backoff");
}

#[test]
fn a_close_has_no_more_time_because_the_machine_is_late() {
    let mut bench = Bench::up(config(|_| {}), [A]);
    bench.demand(1);
    bench.close(secs(3));
    bench.oversleep(secs(10));
    assert_eq!(bench.draining(A).len(), 1);
}

#[test]
fn a_machine_that_is_late_again_and_again_ends_what_is_silent_all_the_same() {
    for lateness in [millis(60), secs(2), secs(60)] {
        let (mut bench, slot) = owing();
        for _ in 0..3 {
            advance_late(&mut bench, lateness);
        }
        assert_eq!(bench.state(slot), None, "late by {lateness:?}");
    }
}

#[test]
fn a_machine_that_is_late_now_and_then_is_excused_each_time() {
    let (mut bench, slot) = owing();
    for _ in 0..5 {
        advance_late(&mut bench, secs(2));
        assert_eq!(bench.state(slot), Some(SlotState::Ready));
        bench.succeed(slot);
        bench.advance(millis(100));
        bench.send();
    }
}

#[test]
fn other_settings_that_make_something_overdue_make_nobody_late() {
    let mut bench = Bench::up(config(|_| {}), [A]);
    bench.advance(secs(20));
    bench.send();
    bench.advance(secs(100));
    let slot = bench.open(A)[0];
    bench.configure(watched());
    bench.advance(millis(0));
    assert_eq!(bench.state(slot), None, "it has been silent for 100 s");
}

#[test]
fn lateness_is_not_forgotten_when_an_event_settles_what_was_overdue() {
    let mut bench = Bench::new(config(|config| config.dial_timeout = secs(5)));
    bench.set([A]);
    let first = bench.dial(A);
    bench.advance(millis(3_500));
    bench.set([A, B]);
    let second = bench.dial(B);
    bench.advance(millis(500));
    // The process stands still for 4 s. The first dial was due after 1 s of it; its socket is polled first.
    bench.now = bench.now + secs(4);
    bench.connect(first);
    bench.oversleep(Duration::ZERO);
    bench.advance(millis(501));
    assert_eq!(bench.state(second), Some(SlotState::Dialling), "it was listened to for 1 s of its 5");
}
