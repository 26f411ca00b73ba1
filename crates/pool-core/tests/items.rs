//! Which connection gets the next item: turns, chunks, busy ones, balancers (I2, I3).

mod support;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use pool_core::{AddressId, Balance, Handled, Instant, Outcome, PickArgs, Ring, SlotEvent};
use support::{A, B, Bench, C, D, config, eager, millis, prioritised, secs};

#[test]
fn i3_any_k_times_m_items_in_a_row_give_m_to_each_of_k_addresses() {
    let mut bench = Bench::up(eager(2), [A, B, C]);
    let sent = bench.sends(100);
    for items in sent.windows(3) {
        assert_eq!(items.iter().collect::<BTreeSet<_>>().len(), 3, "{items:?}");
    }
}

#[test]
fn i3_the_slots_of_an_address_take_turns() {
    let mut bench = Bench::up(eager(3), [A, B]);
    for _ in 0..30 {
        bench.send();
    }
    assert_eq!(bench.uniform.slots().map(|slot| slot.sent).collect::<Vec<_>>(), [5; 6]);
}

#[test]
fn i3_a_turn_may_be_a_chunk_of_several_items_to_one_connection() {
    let mut bench = Bench::up(
        config(|config| {
            config.sharing.items_per_turn = 3;
            config.connections_per_address = 2;
        }),
        [A, B],
    );
    bench.uniform.set_load(100);
    for _ in 0..8 {
        let slot = bench.select();
        let address = bench.send();
        assert_eq!(bench.select(), slot);
        assert_eq!(bench.sends(2), [address; 2]);
        assert_ne!(bench.select(), slot);
    }
    assert_eq!(bench.uniform.slots().map(|slot| slot.sent).collect::<Vec<_>>(), [6; 4]);
}

#[test]
fn i3_a_peek_commits_nothing() {
    let bench = Bench::up(eager(1), [A, B, C]);
    let first = bench.select();
    assert!((0..100).all(|_| bench.select() == first));
}

#[test]
fn i3_an_address_that_comes_joins_at_the_end_of_the_round() {
    let mut bench = Bench::up(eager(1), [A, B, C]);
    let round = bench.sends(3);
    bench.set([A, B, C, D]);
    bench.connect_all();
    assert_eq!(bench.sends(4), [round, vec![D]].concat());
}

#[test]
fn i3_an_address_that_goes_leaves_the_order_of_the_others() {
    let mut bench = Bench::up(eager(1), [A, B, C, D]);
    let round = bench.sends(4);
    bench.send();
    bench.set([A, B, C, D].into_iter().filter(|address| *address != round[2]).collect::<Vec<_>>());
    assert_eq!(bench.sends(3), [round[1], round[3], round[0]]);
}

#[test]
fn i3_comings_goings_and_pauses_shift_an_address_by_at_most_one_item_each() {
    let mut bench = Bench::up(eager(1), [A, B, C, D]);
    let mut counts: BTreeMap<u32, i64> = BTreeMap::new();
    let mut disturbances = 0;
    for step in 0..400_i64 {
        match step % 40 {
            7 => bench.set([A, B, C]),
            17 => {
                bench.set([A, B, C, D]);
                bench.connect_all();
            }
            27 => bench.busy(bench.open(C)[0]),
            37 => bench.ready(bench.open(C)[0]),
            _ => {}
        }
        disturbances += i64::from(step % 10 == 7);
        *counts.entry(bench.send()).or_default() += 1;
        let difference = (counts.get(&A).unwrap_or(&0) - counts.get(&B).unwrap_or(&0)).abs();
        assert!(difference <= 1 + disturbances, "{counts:?} after {disturbances} disturbances");
    }
    let difference = (counts[&A] - counts[&B]).abs();
    assert!(difference <= 1, "A and B were there throughout, and never changed places: {counts:?}");
}

#[test]
fn t15_turns_survive_updates_of_the_set() {
    let mut bench = Bench::up(eager(1), [A, B, C]);
    let mut sent = Vec::new();
    for round in 0..30 {
        bench.set(prioritised([(A, 0), (B, 0), (C, 0), (10 + round, 9)]));
        sent.push(bench.send());
    }
    for address in [A, B, C] {
        assert_eq!(sent.iter().filter(|found| **found == address).count(), 10, "{sent:?}");
    }
}

#[test]
fn t15_counts_in_flight_survive_updates_of_the_set() {
    let mut bench = Bench::up(eager(2), [A, B]);
    bench.sends(10);
    bench.set(prioritised([(A, 4), (B, 2), (C, 0)]));
    assert_eq!((bench.status(A).in_flight, bench.status(B).in_flight), (5, 5));
    for slot in bench.open(A) {
        bench.succeed(slot);
    }
    assert_eq!(bench.status(A).in_flight, 3);
}

#[test]
fn t15_a_round_starts_at_an_address_that_differs_between_clients() {
    let mut starts = BTreeMap::<u32, u32>::new();
    for seed in 0..80 {
        let mut bench = Bench::seeded(eager(1), seed);
        bench.set([A, B, C, D]);
        // The driver's order of connecting is that of its dials.
        for output in bench.take() {
            if let pool_core::Output::Dial { slot, .. } = output {
                bench.connect(slot);
            }
        }
        *starts.entry(bench.send()).or_default() += 1;
    }
    assert!(starts.len() == 4 && starts.values().all(|count| *count >= 8), "{starts:?}");
}

#[test]
fn t15_the_first_turn_is_drawn_whatever_the_order_of_connecting() {
    let mut firsts = BTreeMap::<u32, u32>::new();
    for seed in 0..90 {
        let mut bench = Bench::seeded(eager(1), seed);
        bench.set([A, B, C]);
        for address in [A, B, C] {
            bench.connect(bench.dial(address));
        }
        let sent = bench.sends(6);
        *firsts.entry(sent[0]).or_default() += 1;
        assert_eq!(sent[..3].iter().collect::<BTreeSet<_>>().len(), 3, "{sent:?}");
        assert_eq!(sent[..3], sent[3..], "nothing is drawn after the first turn");
    }
    assert!(firsts.len() == 3 && firsts.values().all(|count| *count >= 15), "{firsts:?}");
}

// Busy ones.

#[test]
fn i2_t30_a_busy_connection_is_passed_over_and_its_address_keeps_the_turn() {
    let mut bench = Bench::up(eager(2), [A, B]);
    let slot = bench.select().expect("all are ready");
    let address = bench.address_of(slot);
    bench.busy(slot);
    let other = bench.select().expect("three are ready");
    assert!(other != slot && bench.address_of(other) == address);
    bench.sent(other);
    assert_ne!(bench.send(), address, "one turn each");
    assert_eq!(bench.select(), Some(other), "the only ready one");
}

#[test]
fn i2_t30_a_busy_address_delays_nobody() {
    let mut bench = Bench::up(eager(1), [A, B, C]);
    bench.busy(bench.open(B)[0]);
    assert_eq!(bench.shares(10), [(A, 5), (C, 5)].into());
    bench.ready(bench.open(B)[0]);
    assert_eq!(bench.shares(30), [(A, 10), (B, 10), (C, 10)].into());
}

#[test]
fn i2_t29_nothing_is_selected_that_is_not_known_to_be_ready() {
    let mut bench = Bench::new(eager(1));
    assert_eq!(bench.select(), None);
    bench.set([A]);
    assert_eq!(bench.select(), None, "dialling");
    let slot = bench.dial(A);
    bench.connected(slot);
    assert_eq!(bench.select(), None, "connected, and not yet ready");
    bench.ready(slot);
    assert_eq!(bench.select(), Some(slot));
    bench.busy(slot);
    assert_eq!(bench.select(), None, "busy");
    bench.ready(slot);
    bench.sent(slot);
    bench.going_away(slot);
    assert_eq!(bench.select(), None, "draining");
}

#[test]
fn i2_an_item_that_was_sent_to_a_connection_that_drains_meanwhile_is_counted() {
    let mut bench = Bench::up(eager(1), [A, B]);
    let slot = bench.select().expect("two are ready");
    let address = bench.address_of(slot);
    bench.set([A, B].into_iter().filter(|other| *other != address).collect::<Vec<_>>());
    assert_eq!(bench.event(slot, SlotEvent::Sent), Handled::Applied);
    assert_eq!(
        (bench.status(address).in_flight, bench.uniform.slot(slot).map(|slot| slot.sent)),
        (1, Some(1))
    );
    assert_eq!(bench.sends(3).into_iter().filter(|other| *other == address).count(), 0);
}

#[test]
fn t28_counts_in_flight_go_with_the_connection_that_dies() {
    let mut bench = Bench::up(eager(2), [A]);
    bench.sends(7);
    assert_eq!(bench.status(A).in_flight, 7);
    bench.fail(bench.open(A)[0]);
    assert_eq!(bench.status(A).in_flight, 3, "the other one had every second item");
    bench.fail(bench.open(A)[0]);
    assert_eq!(bench.status(A).in_flight, 0);
}

#[test]
fn t28_more_outcomes_than_items_are_refused() {
    let mut bench = Bench::up(eager(1), [A]);
    let slot = bench.select().expect("one is ready");
    bench.sent(slot);
    bench.succeed(slot);
    assert_eq!(bench.uniform.handle_outcome(slot, Outcome::Cancelled, bench.now), Handled::Invalid);
    assert_eq!(bench.status(A).in_flight, 0);
}

// Balancers.

/// Always the address that has the fewest items in flight, the first of them in the round.
#[derive(Debug)]
struct LeastInFlight;

impl Balance for LeastInFlight {
    fn pick(&self, ring: &Ring<'_>, _: &PickArgs, _: Instant) -> Option<AddressId> {
        ring.turns().min_by_key(|member| member.in_flight).map(|member| member.id)
    }
}

#[test]
fn a_balancer_sees_the_items_in_flight_and_is_obeyed() {
    let mut bench = Bench::balanced(eager(1), LeastInFlight, 1);
    bench.set([A, B, C]);
    bench.connect_all();
    bench.sends(9);
    for _ in 0..3 {
        bench.succeed(bench.open(B)[0]);
    }
    assert_eq!(bench.sends(3), [B, B, B]);
}

/// What a balancer was asked and told.
#[derive(Clone, Default, Debug)]
struct Seen {
    times: Vec<Instant>,
    /// The ring at each pick: every address, and its items in flight.
    rings: Vec<BTreeMap<AddressId, u32>>,
}

/// Takes the turns as they come, and writes down what it sees.
#[derive(Clone, Default, Debug)]
struct Recorder(Rc<RefCell<Seen>>);

impl Balance for Recorder {
    fn pick(&self, ring: &Ring<'_>, _: &PickArgs, now: Instant) -> Option<AddressId> {
        let mut seen = self.0.borrow_mut();
        seen.times.push(now);
        seen.rings.push(ring.turns().map(|member| (member.id, member.in_flight)).collect());
        ring.first()
    }

    fn on_sent(&mut self, _: AddressId, now: Instant) {
        self.0.borrow_mut().times.push(now);
    }

    fn on_finished(&mut self, _: AddressId, _: &Outcome, now: Instant) {
        self.0.borrow_mut().times.push(now);
    }
}

impl Bench<Recorder> {
    /// The items in flight that the ring shows, by address.
    fn ring(&self, recorder: &Recorder) -> BTreeMap<u32, u32> {
        self.select();
        let seen = recorder.0.borrow();
        let ring = seen.rings.last().expect("it has just been asked");
        let address = |id| *self.uniform.address(id).expect("in the ring").0;
        ring.iter().map(|(id, in_flight)| (address(*id), *in_flight)).collect()
    }
}

#[test]
fn the_balancer_never_sees_time_go_back_nor_an_empty_ring() {
    let recorder = Recorder::default();
    let mut bench = Bench::balanced(eager(1), recorder.clone(), 1);
    assert_eq!(bench.select(), None);
    bench.set([A]);
    assert_eq!(bench.select(), None);
    let slot = bench.dial(A);
    bench.connected(slot);
    assert_eq!(bench.select(), None);
    assert_eq!(recorder.0.borrow().times, [], "it was asked to choose among none");
    bench.ready(slot);
    assert_eq!(bench.select(), Some(slot));
    let latest = bench.now;
    bench.now = Instant::ZERO;
    assert_eq!(bench.select(), Some(slot));
    bench.sent(slot);
    bench.succeed(slot);
    bench.busy(slot);
    assert_eq!(bench.select(), None);
    assert_eq!(recorder.0.borrow().times, [latest; 4]);
    assert_eq!(recorder.0.borrow().rings.len(), 2);
}

#[test]
fn t28_the_ring_counts_no_items_of_a_connection_that_is_gone() {
    let recorder = Recorder::default();
    let mut bench = Bench::balanced(eager(1), recorder.clone(), 1);
    bench.set([A, B]);
    bench.connect_all();
    bench.sends(8);
    let slot = bench.open(A)[0];
    bench.succeed(slot);
    assert_eq!(bench.ring(&recorder), [(A, 3), (B, 4)].into());
    bench.fail(slot);
    assert_eq!(bench.ring(&recorder), [(B, 4)].into());
    bench.advance(secs(1));
    bench.connect(bench.dial(A));
    assert_eq!(bench.ring(&recorder), [(A, 0), (B, 4)].into());
    assert_eq!(bench.sends(2).len(), 2);
    assert_eq!(bench.ring(&recorder), [(A, 1), (B, 5)].into());
    // A connection that drains still works on its items.
    let leaving = bench.open(A)[0];
    bench.going_away(leaving);
    bench.connect(bench.dial(A));
    bench.sent(bench.open(A)[0]);
    assert_eq!(bench.ring(&recorder), [(A, 2), (B, 5)].into());
    bench.closed(leaving);
    assert_eq!(bench.ring(&recorder), [(A, 1), (B, 5)].into());
}

#[test]
fn an_address_picked_out_of_turn_has_had_its_turn() {
    let mut bench = Bench::up(eager(1), [A, B, C]);
    let round = bench.sends(3);
    let first = bench.id(round[0]);
    let slot = bench.uniform.select(&PickArgs::avoiding(first), bench.now).expect("three are ready");
    assert_eq!(bench.address_of(slot), round[1]);
    bench.sent(slot);
    assert_eq!(bench.sends(3), [round[0], round[2], round[1]]);
}

#[test]
fn avoiding_the_only_address_there_is_selects_it_all_the_same() {
    let mut bench = Bench::up(eager(1), [A]);
    let slot = bench.uniform.select(&PickArgs::avoiding(bench.id(A)), bench.now);
    assert_eq!(slot, bench.select());
    bench.advance(secs(1));
    bench.now = bench.now + millis(1);
    assert_eq!(bench.send(), A);
}

#[test]
fn i3_turns_are_as_long_as_what_is_under_way_allows() {
    let mut bench = Bench::up(config(|config| config.sharing.items_per_turn = 20), [A, B]);
    let lengths = [(0, 1), (1, 1), (5, 1), (6, 2), (12, 4), (64, 11), (200, 20), (usize::MAX, 20)];
    for (load, length) in lengths {
        // The turn that has begun ends first.
        let begun = bench.send();
        while bench.send() == begun {}
        bench.uniform.set_load(load);
        let next = if begun == A { A } else { B };
        while bench.send() != next {}
        assert_eq!(bench.sends(length - 1), vec![next; length - 1], "{load}");
        assert_ne!(bench.send(), next, "{load}");
    }
}

#[test]
fn i3_turns_of_one_length_are_shared_equally_wherever_counting_begins() {
    let mut bench = Bench::up(config(|config| config.sharing.items_per_turn = 64), [A, B, C]);
    bench.uniform.set_load(64);
    for offset in 0..11 {
        bench.sends(offset);
        assert_eq!(bench.shares(66).into_values().collect::<Vec<_>>(), [22; 3]);
    }
}

#[test]
fn i3_a_load_that_changes_all_the_time_favours_nobody() {
    let mut bench = Bench::up(config(|config| config.sharing.items_per_turn = 64), [A, B, C]);
    let (mut counts, mut random) = (BTreeMap::new(), 1_u64);
    for _ in 0..30_000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bench.uniform.set_load((random >> 33) as usize % 90);
        *counts.entry(bench.send()).or_insert(0_u32) += 1;
    }
    assert!(counts.values().all(|count| count.abs_diff(10_000) < 300), "{counts:?}");
}
