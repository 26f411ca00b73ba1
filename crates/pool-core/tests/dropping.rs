//! Slots that are dropped: what they still tell counts, and they end when their owner says so (C1, I1).

mod support;

use pool_core::{
    Config, Event, FailureKind, Handled, Outcome, Output, SlotEnd, SlotEvent, SlotId, SlotState,
};
use support::{A, B, Bench, Peer, config, eager, lazy, millis, secs};

/// A bench whose driver reports no drop before the test says so.
fn holding(config: Config) -> Bench {
    let mut bench = Bench::new(config);
    bench.holds_drops = true;
    bench
}

fn watched() -> Config {
    config(|config| config.silence.outcome_timeout = Some(secs(30)))
}

/// A connection that owes an outcome for each of so many items, and has been silent for too long.
fn silent(items: usize) -> (Bench, SlotId) {
    let mut bench = holding(watched());
    bench.set([A]);
    let slot = bench.dial(A);
    bench.connect(slot);
    bench.sends(items);
    bench.advance(secs(30));
    assert_eq!(bench.state(slot), Some(SlotState::Dropping));
    (bench, slot)
}

fn ended(bench: &mut Bench) -> (SlotState, SlotEnd, u64, u32) {
    let ends = bench.take_events().into_iter().filter_map(|event| match event {
        Event::SlotEnded { state, end, sent, in_flight, .. } => Some((state, end, sent, in_flight)),
        _ => None,
    });
    let ends: Vec<_> = ends.collect();
    assert_eq!(ends.len(), 1, "{ends:?}");
    ends[0]
}

#[test]
fn a_dropped_connection_is_neither_selected_nor_usable_nor_counted() {
    let (bench, slot) = silent(1);
    let status = bench.status(A);
    assert_eq!(
        (status.slots.dialling, status.slots.busy, status.slots.ready, status.slots.draining),
        (0, 0, 0, 0)
    );
    assert_eq!((status.slots.dropping, status.in_flight), (1, 1));
    assert_eq!(bench.select(), None);
    assert_eq!(bench.uniform.availability(), pool_core::Availability::Waiting);
    assert_eq!(bench.dropping(A), [slot]);
}

#[test]
fn the_last_outcomes_of_a_dropped_connection_count_before_it_ends() {
    let (mut bench, slot) = silent(3);
    bench.take();
    bench.succeed(slot);
    assert_eq!(bench.uniform.handle_outcome(slot, Outcome::Unsent, bench.now), Handled::Applied);
    assert_eq!(bench.status(A).in_flight, 1);
    assert_eq!(bench.take(), [], "it has not ended yet");
    bench.dropped(slot);
    let timed_out = SlotEnd::Failed(FailureKind::TimedOut);
    assert_eq!(ended(&mut bench), (SlotState::Ready, timed_out, 3, 1));
    assert_eq!(bench.state(slot), None);
}

#[test]
fn an_outcome_that_a_dropped_connection_does_not_owe_is_invalid() {
    let (mut bench, slot) = silent(1);
    bench.succeed(slot);
    let handled = bench.uniform.handle_outcome(slot, Outcome::Cancelled, bench.now);
    assert_eq!(handled, Handled::Invalid);
}

#[test]
fn a_success_among_the_last_outcomes_clears_earlier_failures_and_the_end_counts_anew() {
    let mut bench = holding(watched());
    bench.set([A]);
    for _ in 0..5 {
        bench.fail(bench.dial(A));
        bench.wait_out_backoff(A);
    }
    let slot = bench.dial(A);
    bench.connect(slot);
    bench.send();
    bench.advance(millis(9_999));
    let before = bench.status(A).failures;
    assert_eq!(before, 5, "not yet stable");
    let mut impatient = watched();
    impatient.silence.outcome_timeout = Some(secs(5));
    bench.configure(impatient);
    bench.oversleep(millis(0));
    assert_eq!(bench.state(slot), Some(SlotState::Dropping));
    bench.succeed(slot);
    assert_eq!(bench.status(A).failures, 0);
    bench.dropped(slot);
    assert_eq!(bench.status(A).failures, 1);
}

#[test]
fn an_address_that_timed_out_is_not_dialled_before_its_failure_is_counted() {
    let mut bench = holding(eager(2));
    bench.peer(B, Peer::Up);
    bench.set([A, B]);
    let hung = bench.dial(A);
    bench.advance(secs(6));
    assert_eq!((bench.dials_to(A), bench.status(A).failures), (vec![], 0));
    assert_eq!(bench.open(B).len(), 2, "another address is");
    bench.dropped(hung);
    assert_eq!(bench.status(A).failures, 1);
    assert_eq!(bench.dials_to(A).len(), 1, "its wait is over: it counts from the start of the dial");
}

#[test]
fn a_place_is_free_as_soon_as_its_dial_or_drain_is_dropped() {
    let mut bench = holding(config(|config| config.dials_max = 1));
    bench.set([A]);
    let dial = bench.dial(A);
    bench.set([B]);
    assert_eq!((bench.dropping(A), bench.uniform.dials_in_flight()), (vec![dial], 1));
    assert_eq!(bench.dials_to(B).len(), 1);
}

#[test]
fn an_address_that_left_is_forgotten_when_its_last_drop_is_reported() {
    let mut bench = holding(eager(1));
    bench.set([A]);
    let dial = bench.dial(A);
    bench.set([]);
    assert!(bench.uniform.find_address(&A).is_some());
    bench.take();
    bench.dropped(dial);
    assert_eq!(bench.uniform.find_address(&A), None);
    let events = bench.take_events();
    assert!(matches!(
        events[..],
        [
            Event::SlotEnded { end: SlotEnd::AddressLeft, state: SlotState::Dialling, .. },
            Event::AddressForgotten { .. }
        ]
    ));
}

#[test]
fn a_pool_that_closes_has_closed_when_the_last_drop_is_reported() {
    let mut bench = holding(eager(1));
    bench.set([A]);
    let dial = bench.dial(A);
    bench.close(secs(0));
    assert!(!bench.is_closed);
    bench.advance(secs(100));
    assert!(!bench.is_closed);
    bench.dropped(dial);
    assert!(bench.is_closed);
    assert_eq!(bench.take().last(), Some(&Output::Closed));
}

#[test]
fn whatever_else_a_dropping_slot_reports_changes_nothing() {
    let mut bench = holding(lazy(1));
    bench.set([A]);
    bench.demand(1);
    let dial = bench.dial(A);
    bench.set([B]);
    bench.take();
    let failed = SlotEvent::Failed(FailureKind::Error);
    let others = [SlotEvent::Connected, SlotEvent::Ready, SlotEvent::Busy, SlotEvent::GoingAway, failed];
    for event in others.into_iter().chain([SlotEvent::Closed]) {
        assert_eq!(bench.event(dial, event), Handled::Applied);
        assert_eq!(bench.state(dial), Some(SlotState::Dropping));
    }
    assert_eq!(bench.take(), []);
    assert_eq!(bench.event(dial, SlotEvent::Dropped), Handled::Applied);
    assert_eq!(bench.event(dial, SlotEvent::Dropped), Handled::Stale);
}

#[test]
fn only_what_is_to_be_dropped_can_be_reported_as_dropped() {
    let mut bench = Bench::up(eager(1), [A]);
    let slot = bench.open(A)[0];
    assert_eq!(bench.event(slot, SlotEvent::Dropped), Handled::Invalid);
    bench.set([]);
    assert_eq!(bench.event(slot, SlotEvent::Dropped), Handled::Invalid, "it drains");
}
