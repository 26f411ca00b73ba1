//! Input that makes no sense: hostile settings, huge sets, late and wrong events, odd clocks (F5, C6).

mod support;

use core::time::Duration;

use pool_core::{
    AddressId, AddressSet, Balance, Config, Endpoint, FailureKind, Handled, Instant, Opening, Outcome,
    Output, PickArgs, Ring, RoundRobin, SlotEvent, SlotId, SlotState, Uniform,
};
use support::{A, B, Bench, C, config, eager, millis, secs};

// Settings.

fn refused(change: impl FnOnce(&mut Config)) -> (&'static str, String) {
    let error = Uniform::<u32>::new(config(change), RoundRobin::new(), 1).expect_err("makes no sense");
    (error.field(), error.to_string())
}

#[test]
fn f5_counts_of_zero_or_beyond_their_range_are_refused_by_name() {
    assert_eq!(refused(|config| config.connections_per_address = 0).0, "connections_per_address");
    assert_eq!(refused(|config| config.connections_per_address = u32::MAX).0, "connections_per_address");
    assert_eq!(refused(|config| config.dials_max = 0).0, "dials_max");
    assert_eq!(refused(|config| config.sharing.items_per_turn = 0).0, "items_per_turn");
    assert_eq!(refused(|config| config.addresses_max = 0).0, "addresses_max");
    assert_eq!(refused(|config| config.addresses_max = usize::MAX).0, "addresses_max");
}

#[test]
fn f5_durations_of_zero_or_without_end_are_refused_by_name() {
    for duration in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
        assert_eq!(refused(|config| config.dial_timeout = duration).0, "dial_timeout");
        assert_eq!(refused(|config| config.refresh_interval_min = duration).0, "refresh_interval_min");
        assert_eq!(refused(|config| config.stable_after = duration).0, "stable_after");
        assert_eq!(refused(|config| config.drain_timeout = duration).0, "drain_timeout");
        assert_eq!(refused(|config| config.fail_fast_after = Some(duration)).0, "fail_fast_after");
        assert_eq!(refused(|config| config.lifetime_max = Some(duration)).0, "lifetime_max");
        assert_eq!(refused(|config| config.idle_timeout = Some(duration)).0, "idle_timeout");
        assert_eq!(refused(|config| config.silence.outcome_timeout = Some(duration)).0, "outcome_timeout");
        assert_eq!(refused(|config| config.backoff.base = duration).0, "backoff.base");
        assert_eq!(refused(|config| config.backoff.cap = duration).0, "backoff.cap");
    }
}

#[test]
fn f5_percentages_beyond_their_range_are_refused_by_name() {
    for percent in [0, 99, 1_001, u32::MAX] {
        assert_eq!(refused(|config| config.backoff.growth_percent = percent).0, "backoff.growth_percent");
    }
    for percent in [91, 100, u32::MAX] {
        assert_eq!(refused(|config| config.backoff.jitter_percent = percent).0, "backoff.jitter_percent");
    }
}

#[test]
fn f5_settings_that_contradict_each_other_are_refused_with_the_reason() {
    let (field, text) = refused(|config| config.backoff.cap = millis(50));
    assert_eq!((field, &*text), ("backoff.cap", "backoff.cap must not be shorter than backoff.base"));
    let (field, text) = refused(|config| config.lifetime_max = Some(config.stable_after));
    assert_eq!((field, &*text), ("lifetime_max", "lifetime_max must be longer than stable_after"));
    let (field, text) = refused(|config| config.idle_timeout = Some(secs(60)));
    assert_eq!(field, "idle_timeout");
    assert!(text.contains("lazy"), "{text}");
}

fn smallest() -> Config {
    config(|config| {
        config.dials_max = 1;
        config.dial_timeout = millis(1);
        config.backoff.base = millis(1);
        config.backoff.cap = millis(1);
        config.backoff.growth_percent = 100;
        config.backoff.jitter_percent = 90;
        config.stable_after = millis(1);
        config.drain_timeout = millis(1);
        config.fail_fast_after = Some(millis(1));
        config.lifetime_max = Some(millis(2));
        config.addresses_max = 2;
    })
}

#[test]
fn f5_the_smallest_settings_that_are_allowed_work() {
    let mut bench = Bench::new(smallest());
    bench.set([A, B]);
    bench.advance(millis(50));
    bench.connect_all();
    for _ in 0..50 {
        bench.advance(millis(1));
        bench.connect_all();
        assert_eq!(bench.sends(2).iter().sum::<u32>(), A + B);
    }
}

#[test]
fn f5_the_largest_settings_that_are_allowed_work() {
    let year = secs(366 * 24 * 60 * 60);
    let mut bench = Bench::new(config(|config| {
        config.opening = Opening::Lazy;
        config.connections_per_address = 4_096;
        config.dials_max = u32::MAX;
        config.sharing.items_per_turn = u32::MAX;
        config.dial_timeout = year;
        config.backoff.base = year;
        config.backoff.cap = year;
        config.backoff.growth_percent = 1_000;
        config.drain_timeout = year;
        config.idle_timeout = Some(year);
        config.addresses_max = 1 << 24;
    }));
    bench.set([A, B, C]);
    bench.demand(usize::MAX);
    for slot in bench.dials() {
        bench.connect(slot);
    }
    let address = bench.send();
    assert_eq!(bench.sends(100), [address; 100]);
    bench.set([]);
    bench.advance(year);
    assert_eq!(bench.uniform.slots().count(), 0);
}

#[test]
fn f5_as_many_connections_as_are_allowed_to_one_address_can_be_replaced() {
    let mut uniform = Uniform::new(
        config(|config| {
            config.connections_per_address = 4_096;
            config.dials_max = u32::MAX;
            config.lifetime_max = Some(secs(100));
        }),
        RoundRobin::new(),
        1,
    )
    .expect("allowed");
    uniform.handle_addresses(&[A].into(), Instant::ZERO);
    let mut now = Instant::ZERO;
    let mut connected = 0;
    while connected <= 4_096 {
        match uniform.poll_output() {
            Output::Dial { slot, .. } => {
                uniform.handle_slot(slot, SlotEvent::Connected, now);
                connected += 1;
            }
            Output::Timeout(at) => {
                now = at.expect("lifetimes end");
                uniform.handle_timeout(now);
            }
            _ => {}
        }
    }
    assert_eq!(uniform.slots().filter(|slot| slot.state.is_connected()).count(), 4_096);
}

// Sets.

fn fast<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = std::time::Instant::now();
    let result = work();
    assert!(start.elapsed() < secs(20), "{what} took {:?}", start.elapsed());
    result
}

#[test]
fn f4_a_million_addresses_are_refused_by_default_and_very_many_are_taken_if_allowed() {
    let set: AddressSet<u32> = (0..1_000_000).collect();
    let mut uniform = Uniform::new(Config::default(), RoundRobin::new(), 1).expect("valid");
    uniform.handle_addresses(&set, Instant::ZERO);
    assert_eq!(uniform.addresses_len(), 0);
    let set: AddressSet<u32> = (0..150_000).collect();
    let allowed = config(|config| config.addresses_max = 150_000);
    let mut uniform = Uniform::new(allowed, RoundRobin::new(), 1).expect("valid");
    fast("a very large set", || uniform.handle_addresses(&set, Instant::ZERO));
    assert_eq!((uniform.addresses_len(), uniform.dials_in_flight()), (150_000, 64));
    fast("an empty set", || uniform.handle_addresses(&AddressSet::default(), Instant::ZERO));
    for slot in uniform.slots().map(|slot| slot.id).collect::<Vec<_>>() {
        uniform.handle_slot(slot, SlotEvent::Dropped, Instant::ZERO);
    }
    assert_eq!((uniform.addresses().count(), uniform.dials_in_flight()), (0, 0));
}

#[test]
fn f5_more_connections_than_there_can_be_memory_for_are_not_paid_for_in_advance() {
    let config = eager(4_096);
    let mut uniform = Uniform::new(config, RoundRobin::new(), 1).expect("allowed");
    uniform.handle_addresses(&(0..65_536).collect::<AddressSet<u32>>(), Instant::ZERO);
    assert_eq!(uniform.dials_in_flight(), 64);
}

#[test]
fn a2_a_million_duplicates_are_one_address() {
    let set: AddressSet<u32> =
        core::iter::repeat_n(Endpoint::new(A).with_weight(1 << 20), 1_000_000).collect();
    assert_eq!(set.endpoints(), [Endpoint::new(A).with_weight(u32::MAX)]);
}

#[test]
fn a8_as_many_priorities_as_there_are_cost_no_more_than_one() {
    let backwards = |shift: u16| {
        let endpoint = |priority| Endpoint::new(u32::from(priority)).with_priority(priority ^ shift);
        (0..=u16::MAX).map(endpoint).collect::<AddressSet<u32>>()
    };
    let mut uniform = Uniform::new(Config::default(), RoundRobin::new(), 1).expect("valid");
    fast("65,536 priorities, all of which change", || {
        for shift in [0, u16::MAX, 0x5555, 0] {
            uniform.handle_addresses(&backwards(shift), Instant::ZERO);
        }
    });
    let dialled = core::iter::from_fn(|| match uniform.poll_output() {
        Output::Timeout(_) => None,
        output => Some(output),
    });
    let first = dialled.filter_map(|output| match output {
        Output::Dial { address, .. } => Some(address),
        _ => None,
    });
    assert_eq!(first.collect::<Vec<_>>(), (0..64).collect::<Vec<_>>(), "the best priorities first");
}

#[test]
fn b3_a_weight_of_zero_gets_nothing_and_the_maximum_gets_its_turns() {
    let mut bench = Bench::new(eager(1));
    bench.set(AddressSet::from_iter([
        Endpoint::new(A).with_weight(0),
        Endpoint::new(B).with_weight(u32::MAX).with_priority(0),
        Endpoint::new(C).with_weight(1).with_priority(u16::MAX),
    ]));
    bench.connect_all();
    assert_eq!(bench.shares(4), [(B, 4)].into());
}

// Events.

const EVENTS: [SlotEvent; 9] = [
    SlotEvent::Connected,
    SlotEvent::Sent,
    SlotEvent::Ready,
    SlotEvent::Busy,
    SlotEvent::Failed(FailureKind::Error),
    SlotEvent::Closed,
    SlotEvent::GoingAway,
    SlotEvent::Progress,
    SlotEvent::Dropped,
];

fn slot_in(state: SlotState) -> (Bench, SlotId) {
    let mut bench = Bench::new(eager(1));
    bench.set([A]);
    let slot = bench.dial(A);
    if state > SlotState::Dialling {
        bench.connected(slot);
    }
    if state > SlotState::Busy {
        bench.ready(slot);
    }
    if state == SlotState::Suspect {
        let mut settings = config(|_| ());
        settings.silence.suspect_after = Some(secs(5));
        bench.configure(settings);
        bench.sent(slot);
        bench.advance(secs(5));
    } else if state > SlotState::Ready {
        bench.set([]);
    }
    if state > SlotState::Draining {
        bench.holds_drops = true;
        bench.advance(secs(30));
    }
    assert_eq!(bench.state(slot), Some(state));
    bench.take();
    (bench, slot)
}

#[test]
fn c6_every_event_in_every_state_is_applied_or_refused_without_effect() {
    use SlotState::{Busy, Dialling, Draining, Dropping, Ready, Suspect};
    for state in [Dialling, Busy, Ready, Suspect, Draining, Dropping] {
        for event in EVENTS {
            let (mut bench, slot) = slot_in(state);
            let handled = bench.event(slot, event);
            let is_invalid = match state {
                Dialling => !matches!(event, SlotEvent::Connected | SlotEvent::Failed(_) | SlotEvent::Closed),
                Busy | Ready | Suspect | Draining => {
                    matches!(event, SlotEvent::Connected | SlotEvent::Dropped)
                }
                Dropping => false,
            };
            assert_eq!(handled == Handled::Invalid, is_invalid, "{event:?} in {state:?}");
            if is_invalid {
                assert_eq!(
                    (bench.take(), bench.state(slot)),
                    (vec![], Some(state)),
                    "{event:?} in {state:?}"
                );
            }
        }
    }
}

#[test]
fn c6_every_event_twice_is_no_worse_than_once() {
    for first in EVENTS {
        for second in EVENTS {
            let (mut bench, slot) = slot_in(SlotState::Ready);
            bench.event(slot, first);
            let is_gone = bench.state(slot).is_none();
            let handled = bench.event(slot, second);
            assert_eq!(handled == Handled::Stale, is_gone, "{first:?} {second:?}");
            bench.advance(secs(60));
        }
    }
}

#[test]
fn c6_events_and_outcomes_for_a_dropped_slot_are_stale() {
    let (mut bench, slot) = slot_in(SlotState::Dialling);
    bench.set([]);
    for event in EVENTS {
        assert_eq!(bench.event(slot, event), Handled::Stale, "{event:?}");
    }
    assert_eq!(bench.uniform.handle_outcome(slot, Outcome::Cancelled, bench.now), Handled::Stale);
    assert_eq!((bench.uniform.slot(slot), bench.uniform.dials_in_flight()), (None, 0));
}

#[test]
fn c6_an_outcome_for_a_dial_is_refused() {
    let (mut bench, slot) = slot_in(SlotState::Dialling);
    let outcome = Outcome::Success { latency: Some(Duration::MAX) };
    assert_eq!(bench.uniform.handle_outcome(slot, outcome, bench.now), Handled::Invalid);
}

#[test]
fn c6_ids_of_another_pool_that_has_more_slots_are_stale() {
    let mut other = Bench::up(eager(9), [A]);
    let foreign = *other.open(A).last().expect("nine");
    let (mut bench, _) = slot_in(SlotState::Ready);
    assert_eq!(bench.event(foreign, SlotEvent::Closed), Handled::Stale);
    assert_eq!((bench.open(A).len(), other.send()), (1, A));
}

// Clocks.

#[test]
fn a_now_before_the_latest_one_counts_as_the_latest() {
    let mut bench = Bench::new(eager(1));
    bench.set([A]);
    bench.advance(secs(2));
    let (dial, latest) = (bench.dial(A), bench.now);
    bench.now = Instant::ZERO;
    bench.fail(dial);
    assert_eq!(bench.status(A).retry_at, None, "the delay was over at the latest time");
    assert_eq!(bench.uniform.slot(bench.dial(A)).map(|slot| slot.since), Some(latest));
    bench.oversleep(secs(0));
    assert_eq!(bench.wake_at, Some(latest + secs(5)));
}

#[test]
fn at_the_end_of_time_nothing_overflows() {
    let mut bench = Bench::up(config(|config| config.lifetime_max = Some(secs(100))), [A, B]);
    bench.now = Instant::from_nanos(u64::MAX - 5);
    bench.oversleep(secs(0));
    bench.fail(bench.open(A)[0]);
    bench.now = Instant::from_nanos(u64::MAX);
    for _ in 0..100 {
        bench.oversleep(secs(1));
    }
    bench.set([]);
    bench.close(secs(1));
    bench.oversleep(secs(1));
    bench.oversleep(secs(1));
    assert!(bench.is_closed);
}

// Balancers.

/// Answers with the id that it was built with, whatever the ring holds.
#[derive(Debug)]
struct Stubborn(Option<AddressId>);

impl Balance for Stubborn {
    fn pick(&self, _: &Ring<'_>, _: &PickArgs, _: Instant) -> Option<AddressId> {
        self.0
    }
}

#[test]
fn t9_a_balancer_that_returns_an_id_outside_the_ring_gets_the_one_whose_turn_it_is() {
    let mut strange = Bench::up(eager(1), (0..50).collect::<Vec<u32>>());
    strange.set((50..100).collect::<Vec<u32>>());
    for foreign in [0_u32, 25, 99].map(|address| strange.uniform.find_address(&address)) {
        let mut bench = Bench::balanced(eager(1), Stubborn(foreign), 1);
        bench.set([A, B, C]);
        bench.connect_all();
        if foreign.is_some() {
            let sent = bench.sends(3);
            assert!(sent.iter().all(|address| [A, B, C].contains(address)));
        } else {
            assert_eq!(bench.select(), None);
        }
    }
}

#[test]
fn t9_a_balancer_that_keeps_the_id_of_an_address_that_left_does_no_harm() {
    let mut bench = Bench::balanced(eager(1), Stubborn(None), 1);
    bench.set([A]);
    bench.connect_all();
    let former = bench.id(A);
    let mut later = Bench::balanced(eager(1), Stubborn(Some(former)), 1);
    later.set([B]);
    later.set([C]);
    later.connect_all();
    assert_ne!(later.id(C), former);
    assert_eq!(later.sends(2), [C; 2]);
}
