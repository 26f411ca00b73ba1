//! Each policy is its definition: vectors, closed forms, and what becomes of bad input.

mod support;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use pool_core::{
    AddressSet, Balance, ConsistentHash, Endpoint, FailureKind, Handled, Instant, LeastLoaded, Outcome,
    PeakEwma, PickArgs, Random, RoundRobin, SlotEvent, SlotId, WeightedRoundRobin,
};
use support::{A, B, Bench, C, D, eager, millis, secs};

fn weighted(addresses: impl IntoIterator<Item = (u32, u32)>) -> AddressSet<u32> {
    addresses.into_iter().map(|(address, weight)| Endpoint::new(address).with_weight(weight)).collect()
}

fn up<P: Balance>(policy: P, set: impl Into<AddressSet<u32>>, seed: u64) -> Bench<P> {
    let mut bench = Bench::balanced(eager(1), policy, seed);
    bench.set(set);
    bench.connect_all();
    bench
}

const DONE: Outcome = Outcome::Success { latency: None };

fn done_after(latency: Duration) -> Outcome {
    Outcome::Success { latency: Some(latency) }
}

const FAILED: Outcome = Outcome::Failure { latency: None, kind: FailureKind::Error };

impl<P: Balance> Bench<P> {
    fn slot_of(&self, address: u32) -> SlotId {
        self.open(address)[0]
    }

    fn finish(&mut self, address: u32, outcome: Outcome) {
        self.reply(self.slot_of(address), outcome);
    }

    /// Sends an item that asks for something; says whose address it went to.
    fn send_with(&mut self, args: &PickArgs) -> Option<u32> {
        let slot = self.uniform.select(args, self.now)?;
        let address = self.address_of(slot);
        self.sent(slot);
        Some(address)
    }

    fn selected(&self, args: &PickArgs) -> Option<u32> {
        self.uniform.select(args, self.now).map(|slot| self.address_of(slot))
    }
}

// Weighted round-robin.

#[test]
fn b1_a_hundred_thousand_turns_over_weights_of_1_2_and_7_are_shared_within_a_tenth_of_a_percent() {
    let mut bench = up(WeightedRoundRobin::new(), weighted([(A, 1), (B, 2), (C, 7)]), 1);
    let shares = bench.shares(100_000);
    for (address, share) in [(A, 10_000), (B, 20_000), (C, 70_000)] {
        assert!(shares[&address].abs_diff(share) <= 100, "{shares:?}");
    }
}

#[test]
fn b1_no_ten_turns_in_a_row_are_off_by_more_than_one() {
    for seed in 0..20 {
        let mut bench = up(WeightedRoundRobin::new(), weighted([(A, 1), (B, 2), (C, 7)]), seed);
        let sent = bench.sends(1_000);
        for window in sent.windows(10) {
            for (address, share) in [(A, 1_usize), (B, 2), (C, 7)] {
                let found = window.iter().filter(|to| **to == address).count();
                assert!(found.abs_diff(share) <= 1, "{window:?}");
            }
        }
    }
}

#[test]
fn b1_with_equal_weights_it_is_round_robin_to_the_item_whatever_happens() {
    for seed in 0..50 {
        let weight = if seed % 2 == 0 { 3 } else { u32::MAX };
        let mut pair = (
            Bench::balanced(eager(2), WeightedRoundRobin::new(), seed),
            Bench::balanced(eager(2), RoundRobin::new(), seed),
        );
        let mut random = Random::new(seed);
        for _ in 0..400 {
            let what = random.up_to(9);
            let which = random.next_u64();
            let load = usize::try_from(random.up_to(40)).expect("small");
            let one = step(&mut pair.0, weight, what, which, load);
            let other = step(&mut pair.1, weight, what, which, load);
            assert_eq!(one, other, "seed {seed}");
        }
    }
}

fn chosen(slots: &[SlotId], which: u64) -> Option<SlotId> {
    let last = slots.len().checked_sub(1)? as u64;
    slots.get(usize::try_from(Random::new(which).up_to(last)).expect("small")).copied()
}

/// One thing that happens, drawn; and who is next then.
fn step<P: Balance>(bench: &mut Bench<P>, weight: u32, what: u64, which: u64, load: usize) -> Option<SlotId> {
    let addresses: Vec<u32> = (0..8).filter(|address| which >> address & 1 == 1).collect();
    let open: Vec<SlotId> = (0..8).flat_map(|address| bench.open(address)).collect();
    match what {
        0 => bench.set(weighted(addresses.into_iter().map(|address| (address, weight)))),
        1 => bench.connect_all(),
        2 => chosen(&open, which).into_iter().for_each(|slot| bench.busy_or_not(slot, true)),
        3 => chosen(&open, which).into_iter().for_each(|slot| bench.busy_or_not(slot, false)),
        4 => chosen(&open, which).into_iter().for_each(|slot| bench.fail(slot)),
        5 => bench.advance(millis(which % 2_000)),
        6 => bench.uniform.set_load(load),
        _ => {
            if let Some(slot) = bench.select() {
                let items = bench.uniform.turn_left(slot);
                bench.uniform.handle_sent(slot, items, bench.now);
            }
        }
    }
    bench.select()
}

impl<P: Balance> Bench<P> {
    fn busy_or_not(&mut self, slot: SlotId, is_busy: bool) {
        let event = if is_busy { SlotEvent::Busy } else { SlotEvent::Ready };
        self.event(slot, event);
    }
}

#[test]
fn b1_shares_follow_weights_whoever_is_busy_meanwhile() {
    let mut bench = up(WeightedRoundRobin::new(), weighted([(A, 1), (B, 2), (C, 5), (D, 0)]), 3);
    bench.busy(bench.slot_of(C));
    let shares = bench.shares(3_000);
    assert_eq!((shares[&A], shares[&B], shares.get(&C)), (1_000, 2_000, None));
    bench.ready(bench.slot_of(C));
    let shares = bench.shares(8_000);
    for (address, share) in [(A, 1_000_usize), (B, 2_000), (C, 5_000)] {
        assert!(shares[&address].abs_diff(share) <= 5, "{shares:?}");
    }
    assert_eq!(shares.get(&D), None, "without a weight it gets nothing");
}

#[test]
fn b3_weights_change_without_reconnecting_and_nobody_waits_for_more_than_his_stride() {
    let weights = |round: u32| (0..20).map(move |address: u32| (address, 1 + (address * 7 + round) % 5));
    let mut bench = up(WeightedRoundRobin::new(), weighted(weights(0)), 3);
    let slots: BTreeSet<SlotId> = (0..20).map(|address| bench.slot_of(address)).collect();
    let mut shares: BTreeMap<u32, usize> = BTreeMap::new();
    for round in 1..1_000 {
        // Far fewer items than addresses between two changes.
        for address in bench.sends(7) {
            *shares.entry(address).or_default() += 1;
        }
        bench.set(weighted(weights(round)));
    }
    assert_eq!((0..20).map(|address| bench.slot_of(address)).collect::<BTreeSet<_>>(), slots);
    // All have the same weight over time.
    assert!(shares.values().all(|share| (300..=400).contains(share)), "{shares:?}");
}

#[test]
fn b1_the_first_item_of_many_clients_is_not_always_the_heaviest_address_of_all() {
    let mut firsts: BTreeMap<u32, usize> = BTreeMap::new();
    for seed in 0..1_000 {
        let mut bench = up(WeightedRoundRobin::new(), weighted([(A, 2), (B, 3)]), seed);
        *firsts.entry(bench.send()).or_default() += 1;
    }
    assert!(firsts[&A] >= 250 && firsts[&B] >= 450, "{firsts:?}");
}

#[test]
fn b1_many_different_weights_are_shared_out_exactly() {
    let mut bench = up(WeightedRoundRobin::new(), weighted((1..=100).map(|address| (address, address))), 9);
    let shares = bench.shares(5_050 * 4);
    for address in 1..=100_u32 {
        assert!(shares[&address].abs_diff(4 * address as usize) <= 1, "{address}: {shares:?}");
    }
}

#[test]
fn b3_an_address_of_weight_0_keeps_its_connections_and_gets_nothing_under_any_policy() {
    fn check(policy: impl Balance) {
        let mut bench = up(policy, weighted([(A, 1), (B, 0)]), 1);
        let slot = bench.slot_of(B);
        assert_eq!(bench.shares(100), BTreeMap::from([(A, 100)]));
        bench.set(weighted([(A, 0), (B, 0)]));
        assert_eq!(bench.select(), None, "without any weights all items wait");
        bench.set(weighted([(A, 0), (B, 2)]));
        assert_eq!(bench.shares(100), BTreeMap::from([(B, 100)]));
        assert_eq!(bench.slot_of(B), slot, "nothing was reconnected");
    }
    check(RoundRobin::new());
    check(WeightedRoundRobin::new());
    check(LeastLoaded::new());
    check(PeakEwma::new());
    check(ConsistentHash::new());
}

#[test]
fn b3_a_priority_without_weights_is_as_good_as_away() {
    let endpoint =
        |address, priority, weight| Endpoint::new(address).with_priority(priority).with_weight(weight);
    let mut bench = up(RoundRobin::new(), AddressSet::from_iter([endpoint(A, 0, 0), endpoint(B, 1, 1)]), 1);
    assert_eq!(bench.send(), B);
    bench.set(AddressSet::from_iter([endpoint(A, 0, 1), endpoint(B, 1, 1)]));
    assert_eq!(bench.send(), A);
}

#[test]
fn b3_a_lazy_pool_does_not_dial_an_address_of_weight_0() {
    let mut bench = Bench::balanced(support::lazy(1), RoundRobin::new(), 1);
    bench.set(weighted([(A, 0), (B, 1)]));
    bench.demand(5);
    bench.connect_all();
    assert_eq!((bench.open(A), bench.open(B).len()), (Vec::new(), 1));
}

// The less loaded of two.

/// Serves items in the order of their arrival, for a time that is drawn; one at a time each address.
struct Queues<P> {
    bench: Bench<P>,
    /// The connection to each address, by its number.
    slots: Vec<SlotId>,
    random: Random,
    /// When the item is over that each address is at, as nanoseconds.
    ends: BinaryHeap<std::cmp::Reverse<(u64, u32)>>,
    waiting: Vec<usize>,
}

impl<P: Balance> Queues<P> {
    fn new(policy: P, addresses: u32, seed: u64) -> Self {
        let bench = up(policy, (0..addresses).collect::<Vec<u32>>(), seed);
        let waiting = vec![0; addresses as usize];
        let slots = (0..addresses).map(|address| bench.slot_of(address)).collect();
        Self { bench, slots, random: Random::new(seed), ends: BinaryHeap::new(), waiting }
    }

    /// From an exponential distribution, in nanoseconds.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "drawn"
    )]
    fn draw(&mut self, mean: f64) -> u64 {
        let uniform = (self.random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        (-(1.0 - uniform).ln() * mean * 1e9) as u64
    }

    fn serve(&mut self, address: u32, now: u64) {
        let end = now + self.draw(1.0);
        self.ends.push(std::cmp::Reverse((end, address)));
    }

    /// The mean time that an item takes, in service times.
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn mean_time(mut self, load: f64, items: usize) -> f64 {
        let start = self.bench.now.as_nanos();
        let addresses = self.waiting.len() as f64;
        let (mut arrival, mut in_system, mut area, mut last) = (start, 0_u64, 0.0, start);
        let (mut arrived, warm_up) = (0, items / 10);
        let mut begun = start;
        while arrived < items {
            let end = self.ends.peek().map_or(u64::MAX, |std::cmp::Reverse((at, _))| *at);
            let at = end.min(arrival);
            if arrived == warm_up {
                (area, begun) = (0.0, last);
                arrived += 1;
            }
            area += (at - last) as f64 * in_system as f64;
            last = at;
            self.bench.now = Instant::from_nanos(at);
            if at == end {
                let std::cmp::Reverse((_, address)) = self.ends.pop().expect("one ends");
                self.bench.uniform.handle_outcome(self.slots[address as usize], DONE, self.bench.now);
                in_system -= 1;
                let waiting = &mut self.waiting[address as usize];
                *waiting -= 1;
                if *waiting > 0 {
                    self.serve(address, at);
                }
            } else {
                let slot =
                    self.bench.uniform.select(&PickArgs::any(), self.bench.now).expect("all are ready");
                self.bench.uniform.handle_slot(slot, SlotEvent::Sent, self.bench.now);
                let address = self.bench.address_of(slot);
                in_system += 1;
                arrived += 1;
                let waiting = &mut self.waiting[address as usize];
                *waiting += 1;
                if *waiting == 1 {
                    self.serve(address, at);
                }
                arrival = at + self.draw(1.0 / (load * addresses));
            }
        }
        // Little's law.
        let mean_in_system = area / (last - begun) as f64;
        mean_in_system / (load * addresses)
    }
}

#[test]
fn b1_the_less_loaded_of_two_takes_as_long_as_the_supermarket_model_says() {
    for load in [0.5_f64, 0.8, 0.9] {
        // Mitzenmacher: the mean time is the sum of load^(2^i - 2) over all i from 1.
        let expected: f64 = (1..20).map(|i| load.powf(2_f64.powi(i) - 2.0)).sum();
        let found = Queues::new(LeastLoaded::new(), 100, 7).mean_time(load, 300_000);
        assert!((found / expected - 1.0).abs() < 0.03, "at {load}: {found} instead of {expected}");
    }
}

#[test]
fn b1_of_two_addresses_the_one_that_is_at_work_gets_nothing() {
    let mut bench = up(LeastLoaded::new(), [A, B], 1);
    let first = bench.send();
    let other = if first == A { B } else { A };
    for _ in 0..1_000 {
        assert_eq!(bench.send(), other);
        bench.finish(other, DONE);
    }
}

#[test]
fn b1_the_less_loaded_goes_by_items_in_flight_over_weight() {
    let mut bench = up(LeastLoaded::new(), weighted([(A, 1), (B, 3)]), 1);
    let shares = bench.shares(400);
    assert!(shares[&A].abs_diff(100) <= 1, "{shares:?}");
}

#[test]
fn b1_of_two_equals_the_older_turn_is_first() {
    let mut bench = up(LeastLoaded::new(), [A, B], 1);
    let mut before = None;
    for _ in 0..100 {
        let address = bench.send();
        bench.finish(address, DONE);
        assert_ne!(Some(address), before.replace(address));
    }
}

#[test]
fn b1_two_that_are_drawn_are_different_and_each_pair_is_as_likely() {
    let mut bench = up(LeastLoaded::new(), (0..10).collect::<Vec<u32>>(), 5);
    for address in 0..10 {
        for _ in 0..=address {
            bench.sent(bench.slot_of(address));
        }
    }
    // The k-th least loaded is picked where no less loaded one is drawn: (9 - k) of 45 pairs.
    let mut picked = [0_u32; 10];
    for _ in 0..45_000 {
        let slot = bench.select().expect("ten are ready");
        picked[bench.address_of(slot) as usize] += 1;
        // The next draw; the item comes back.
        bench.sent(slot);
        bench.reply(slot, DONE);
    }
    for (rank, picked) in picked.into_iter().enumerate() {
        let expected = 1_000 * (9 - u32::try_from(rank).expect("small"));
        assert!(picked.abs_diff(expected) <= expected / 10 + 1, "{rank}: {picked} instead of {expected}");
    }
}

#[test]
fn b1_a_whole_turn_goes_where_its_first_item_goes() {
    let mut bench = up(LeastLoaded::new(), [A, B, C], 1);
    bench.uniform.set_load(64);
    let slot = bench.select().expect("three are ready");
    assert_eq!(bench.uniform.turn_left(slot), 11);
    bench.uniform.handle_sent(slot, 11, bench.now);
    assert_ne!(bench.select(), Some(slot));
}

#[test]
fn b1_another_than_the_one_to_avoid_is_picked_if_there_is_another() {
    fn check(policy: impl Balance) {
        let mut bench = up(policy, [A, B, C], 1);
        for round in 0..300 {
            let avoided = [A, B, C][round % 3];
            let args = PickArgs::avoiding(bench.id(avoided));
            let address = bench.send_with(&args).expect("three are ready");
            assert_ne!(address, avoided);
            bench.finish(address, DONE);
        }
        bench.set([A]);
        assert_eq!(bench.send_with(&PickArgs::avoiding(bench.id(A))), Some(A));
    }
    check(RoundRobin::new());
    check(WeightedRoundRobin::new());
    check(LeastLoaded::new());
    check(PeakEwma::new());
    check(ConsistentHash::new());
}

#[test]
fn b1_within_an_address_the_connection_with_the_fewest_items_in_flight_is_picked_and_of_equals_the_older_turn()
 {
    fn check(policy: impl Balance) {
        let mut bench = Bench::balanced(eager(4), policy, 1);
        bench.set([A]);
        bench.connect_all();
        let mut random = Random::new(3);
        let mut turns: Vec<(SlotId, u32, u64)> = bench.open(A).into_iter().map(|slot| (slot, 0, 0)).collect();
        for step in 1..2_000 {
            let slot = bench.select().expect("four are ready");
            let least = turns.iter().map(|(_, in_flight, turn)| (*in_flight, *turn)).min().expect("four");
            let picked = turns.iter_mut().find(|(of, ..)| *of == slot).expect("known");
            assert_eq!((picked.1, picked.2), least, "at {step}");
            (picked.1, picked.2) = (picked.1 + 1, step);
            bench.sent(slot);
            let ended = &mut turns[usize::try_from(random.up_to(3)).expect("small")];
            if ended.1 > 0 && step % 10 != 0 {
                ended.1 -= 1;
                bench.reply(ended.0, DONE);
            }
        }
    }
    check(LeastLoaded::new());
    check(PeakEwma::new());
}

#[test]
fn b1_connections_that_report_no_outcomes_take_turns() {
    let mut bench = Bench::balanced(eager(3), ConsistentHash::new(), 1);
    bench.set([A]);
    bench.connect_all();
    for _ in 0..30 {
        bench.send();
    }
    // A new one is not to catch up.
    bench.fail(bench.open(A)[0]);
    bench.advance(secs(20));
    bench.connect_all();
    let slots = bench.open(A);
    let sent = |bench: &Bench<_>| -> Vec<u64> {
        slots.iter().map(|slot| bench.uniform.slot(*slot).map_or(0, |slot| slot.sent)).collect()
    };
    let before = sent(&bench);
    for _ in 0..30 {
        bench.send();
    }
    let gained: Vec<u64> = sent(&bench).iter().zip(before).map(|(after, before)| after - before).collect();
    assert_eq!(gained, [10, 10, 10]);
}

// Peak EWMA.

/// As Finagle has it, in floating point.
#[derive(Clone, Copy)]
struct Estimate {
    cost: f64,
    at: f64,
}

impl Estimate {
    fn cost(&self, now: f64) -> f64 {
        self.cost * (-(now - self.at) / 10.0).exp()
    }

    fn observe(&mut self, latency: f64, now: f64) {
        let weight = (-(now - self.at) / 10.0).exp();
        let left = self.cost * weight;
        self.cost = if latency > left { latency } else { left + latency * (1.0 - weight) };
        self.at = now;
    }
}

#[test]
fn b1_the_cost_is_an_average_that_is_weighted_by_time_and_sensitive_to_peaks() {
    let mut bench = up(PeakEwma::new(), [A], 1);
    let mut estimate = Estimate { cost: 0.0, at: 0.0 };
    let mut random = Random::new(1);
    let start = bench.now;
    for _ in 0..2_000 {
        bench.advance(millis(random.up_to(3_000)));
        bench.send();
        let latency = Duration::from_micros(1_000 + random.up_to(1_000_000) / (1 + random.up_to(30)));
        bench.finish(A, done_after(latency));
        let now = bench.now.saturating_duration_since(start).as_secs_f64();
        estimate.observe(latency.as_secs_f64(), now);
        let found = bench.uniform.balancer().cost(bench.id(A), bench.now).as_secs_f64();
        assert!((found / estimate.cost(now) - 1.0).abs() < 1e-3, "{found} instead of {}", estimate.cost(now));
        let later = found_after(&bench, secs(3));
        assert!((later / estimate.cost(now + 3.0) - 1.0).abs() < 1e-3);
    }
}

fn found_after(bench: &Bench<PeakEwma>, time: Duration) -> f64 {
    bench.uniform.balancer().cost(bench.id(A), bench.now + time).as_secs_f64()
}

#[test]
fn b1_a_peak_is_the_cost_at_once_and_fades() {
    let mut bench = up(PeakEwma::new(), [A], 1);
    for latency in [5, 300] {
        bench.send();
        bench.finish(A, done_after(millis(latency)));
    }
    let cost = |bench: &Bench<PeakEwma>| bench.uniform.balancer().cost(bench.id(A), bench.now).as_millis();
    assert_eq!(cost(&bench), 300);
    bench.advance(secs(10));
    assert_eq!(cost(&bench), 110, "300 / e");
}

#[test]
fn b1_the_lower_score_wins_which_is_cost_times_the_items_in_flight_and_one() {
    let mut bench = up(PeakEwma::new(), [A, B], 1);
    for address in [A, B] {
        let slot = bench.slot_of(address);
        bench.sent(slot);
        bench.reply(slot, done_after(millis(if address == A { 10 } else { 35 })));
    }
    // 10, 20, 30, 40 against 35; then 40 and 50 against 70.
    assert_eq!(bench.sends(6), [A, A, A, B, A, A]);
}

#[test]
fn b1_an_address_that_nothing_is_known_of_is_probed_by_one_item_at_a_time() {
    let mut bench = up(PeakEwma::new(), [A, B], 1);
    bench.uniform.set_load(64);
    bench.sent(bench.slot_of(A));
    bench.finish(A, done_after(millis(10)));
    let probe = bench.select().expect("two are ready");
    assert_eq!((bench.address_of(probe), bench.uniform.turn_left(probe)), (B, 1), "B costs nothing yet");
    bench.sent(probe);
    assert_eq!(bench.shares(1_000), BTreeMap::from([(A, 1_000)]), "B has not answered");
    bench.finish(B, done_after(millis(10)));
    assert_eq!(bench.send(), B);
}

#[test]
fn b1_latencies_are_weighed_by_weight() {
    let mut bench = up(PeakEwma::new(), weighted([(A, 1), (B, 4)]), 1);
    for address in [A, B] {
        bench.sent(bench.slot_of(address));
        bench.finish(address, done_after(millis(10)));
    }
    let shares = bench.shares(500);
    assert!(shares[&A].abs_diff(100) <= 2, "{shares:?}");
}

#[test]
fn b6_an_address_that_fails_at_once_attracts_nothing() {
    for by_loss in [false, true] {
        let mut bench = up(PeakEwma::new(), [A, B, C], 1);
        let mut shares: BTreeMap<u32, usize> = BTreeMap::new();
        for _ in 0..3_000 {
            bench.advance(millis(10));
            bench.connect_all();
            let address = bench.send();
            *shares.entry(address).or_default() += 1;
            match (address, by_loss) {
                (A, false) => bench.finish(A, FAILED),
                (A, true) => bench.fail(bench.slot_of(A)),
                _ => bench.finish(address, done_after(millis(100))),
            }
        }
        assert!(shares[&A] <= 30, "by loss: {by_loss}: {shares:?}");
        // It works again.
        for _ in 0..6_000 {
            bench.advance(millis(10));
            bench.connect_all();
            let address = bench.send();
            bench.finish(address, done_after(millis(100)));
        }
        bench.connect_all();
        assert!(bench.shares(30)[&A] >= 5, "by loss: {by_loss}");
    }
}

#[test]
fn b1_callers_that_lose_patience_do_not_make_an_address_look_fast() {
    let mut bench = up(PeakEwma::new(), [A, B], 1);
    for (address, latency) in [(A, secs(1)), (B, millis(10))] {
        bench.sent(bench.slot_of(address));
        bench.finish(address, done_after(latency));
    }
    for _ in 0..100 {
        bench.advance(secs(1));
        bench.sent(bench.slot_of(A));
        bench.finish(A, Outcome::Cancelled);
    }
    assert_eq!(bench.uniform.balancer().cost(bench.id(A), bench.now), secs(1));
}

#[test]
fn latencies_of_nothing_and_of_years_and_a_clock_that_jumps_are_taken_as_they_are() {
    let mut bench = up(PeakEwma::new(), [A, B], 1);
    let cost = |bench: &Bench<PeakEwma>| bench.uniform.balancer().cost(bench.id(A), bench.now);
    let slot = bench.slot_of(A);
    for latency in [Duration::ZERO, secs(100 * 366 * 24 * 3600), Duration::MAX] {
        bench.sent(slot);
        bench.reply(slot, done_after(latency));
        bench.select().expect("both are ready");
        bench.sends(10);
    }
    assert_eq!(cost(&bench), Duration::from_nanos(u64::MAX));
    bench.oversleep(secs(24 * 3600));
    bench.connect_all();
    assert_eq!(cost(&bench), Duration::ZERO, "nothing is known of it any more");
    bench.select().expect("both are ready");
}

// Consistent hashing.

/// A stable hash of an address, as its owner may make it.
fn stable(address: u32) -> u64 {
    Random::new(u64::from(address) << 20).next_u64()
}

fn hashed(addresses: impl IntoIterator<Item = u32>) -> AddressSet<u32> {
    addresses.into_iter().map(|address| Endpoint::new(address).with_hash(stable(address))).collect()
}

const KEYS: u64 = 100_000;

/// To whom each key belongs.
fn owners(bench: &Bench<ConsistentHash>) -> Vec<u32> {
    (0..KEYS).map(|key| bench.selected(&PickArgs::with_key(key)).expect("ready")).collect()
}

#[test]
fn b7_a_key_stays_where_it_is_and_one_address_less_moves_its_keys_alone() {
    for addresses in [2_u32, 3, 10, 100] {
        let mut bench = up(ConsistentHash::new(), hashed(0..addresses), 1);
        let before = owners(&bench);
        bench.set(hashed(1..addresses));
        let after = owners(&bench);
        let mut moved = 0;
        for (before, after) in before.iter().zip(&after) {
            assert!(*before == 0 || before == after, "a key of another moved");
            moved += u64::from(*before == 0);
        }
        assert!(moved <= KEYS * 3 / 2 / u64::from(addresses), "of {addresses}: {moved}");
        bench.set(hashed(0..addresses));
        bench.connect_all();
        assert_eq!(owners(&bench), before, "as before");
    }
}

#[test]
fn b7_no_address_has_more_than_half_as_much_again_as_its_fair_share() {
    for addresses in [3_u32, 10, 30, 100] {
        let mut bench = up(ConsistentHash::new(), hashed(0..addresses), 1);
        let mut shares: BTreeMap<u32, u64> = BTreeMap::new();
        for owner in owners(&bench) {
            *shares.entry(owner).or_default() += 1;
        }
        let most = shares.values().max().copied().expect("some");
        assert!(most <= KEYS * 3 / 2 / u64::from(addresses), "of {addresses}: {shares:?}");
        bench.advance(millis(1));
    }
}

#[test]
fn b7_two_clients_agree_whatever_happened_to_them_before() {
    let one = up(ConsistentHash::new(), hashed(0..20), 1);
    let mut other = up(ConsistentHash::new(), hashed(7..15), 99);
    other.set(hashed((0..20).rev()));
    other.connect_all();
    let busy = other.slot_of(3);
    other.busy(busy);
    other.ready(busy);
    assert_eq!(owners(&one), owners(&other));
}

#[test]
fn b7_an_address_that_is_busy_or_away_gives_its_keys_to_others_and_has_them_again_later() {
    let mut bench = up(ConsistentHash::new(), hashed(0..10), 1);
    let before = owners(&bench);
    let slot = bench.slot_of(4);
    bench.busy(slot);
    let meanwhile = owners(&bench);
    for (before, meanwhile) in before.iter().zip(&meanwhile) {
        assert!(*before == 4 || before == meanwhile);
        assert_ne!(*meanwhile, 4);
    }
    bench.ready(slot);
    assert_eq!(owners(&bench), before);
    bench.fail(slot);
    assert_eq!(owners(&bench), meanwhile, "away is as busy");
    bench.wait_out_backoff(4);
    bench.connect_all();
    assert_eq!(owners(&bench), before);
}

#[test]
fn b7_no_address_has_more_in_flight_than_its_bound_and_nobody_waits() {
    let mut bench = up(ConsistentHash::new(), hashed(0..10), 1);
    let key = PickArgs::with_key(7);
    // An outcome is heard of.
    let first = bench.send_with(&key).expect("ready");
    bench.finish(first, DONE);
    for in_flight in 1..=1_000_u32 {
        let address = bench.send_with(&key).expect("nobody waits");
        let own = bench.status(address).in_flight;
        // 125 % of the mean of ten, rounded up.
        assert!(own <= (in_flight * 125).div_ceil(1_000), "{own} of {in_flight}");
    }
    assert_eq!(bench.status(first).in_flight, 125, "its own address has all that it may");
    for _ in 0..125 {
        bench.finish(first, DONE);
    }
    assert_eq!(bench.send_with(&key), Some(first), "it is below its bound");
}

#[test]
fn b7_what_was_ever_sent_is_no_load_where_no_outcomes_are_told() {
    let mut bench = up(ConsistentHash::new(), hashed(0..10), 1);
    let key = PickArgs::with_key(7);
    let sent: BTreeSet<u32> = (0..1_000).filter_map(|_| bench.send_with(&key)).collect();
    assert_eq!(sent.len(), 1, "all to one");
    bench.reply(bench.slot_of(*sent.first().expect("one")), Outcome::Unsent);
    assert_eq!(bench.send_with(&key), sent.first().copied(), "an item that comes back is no outcome");
}

#[test]
fn b7_items_without_a_key_are_spread() {
    let mut bench = up(ConsistentHash::new(), hashed(0..5), 1);
    let shares = bench.shares(1_000);
    assert!(shares.len() == 5 && shares.values().all(|share| *share >= 80), "{shares:?}");
}

#[test]
fn equal_hashes_and_none_are_shared_by_load_and_lose_nothing() {
    for hash in [0, 1, u64::MAX] {
        let set = (0..50_u32).map(|address| Endpoint::new(address).with_hash(hash));
        let mut bench = up(ConsistentHash::new(), set.collect::<AddressSet<u32>>(), 1);
        let first = bench.send_with(&PickArgs::with_key(1)).expect("ready");
        bench.finish(first, DONE);
        for key in 0..500 {
            bench.send_with(&PickArgs::with_key(key)).expect("nobody waits");
        }
        assert!((0..50).all(|address| bench.status(address).in_flight <= 13), "within the bound");
        for address in 0..50 {
            bench.fail(bench.slot_of(address));
        }
        assert_eq!(bench.selected(&PickArgs::with_key(1)), None);
        bench.advance(secs(1));
        bench.connect_all();
        bench.send_with(&PickArgs::with_key(1)).expect("ready");
    }
}

#[test]
fn b7_keys_go_by_the_addresses_of_the_priority_that_items_go_to() {
    let endpoint =
        |address, priority| Endpoint::new(address).with_hash(stable(address)).with_priority(priority);
    let set = |is_first: fn(u32) -> bool| -> AddressSet<u32> {
        (0..6).map(|address| endpoint(address, u16::from(!is_first(address)))).collect()
    };
    let both = || set(|address| address < 3);
    let mut bench = up(ConsistentHash::new(), both(), 1);
    let before = owners(&bench);
    assert!(before.iter().all(|owner| *owner < 3));
    for address in 0..3 {
        bench.fail(bench.slot_of(address));
    }
    assert!(owners(&bench).iter().all(|owner| *owner >= 3));
    bench.set(set(|address| address >= 3));
    let swapped = owners(&bench);
    assert!(swapped.iter().all(|owner| *owner >= 3));
    bench.set(both());
    bench.advance(secs(1));
    bench.connect_all();
    assert_eq!(owners(&bench), before);
}

#[test]
fn overloaded_addresses_get_items_where_there_are_no_others_under_any_policy() {
    fn check(policy: impl Balance) {
        let mut bench = up(policy, hashed([A, B]), 1);
        for address in [A, B] {
            bench.sent(bench.slot_of(address));
            bench.finish(address, Outcome::Overloaded { latency: None, pause: Some(secs(10)) });
        }
        for key in 0..20 {
            let address = bench.send_with(&PickArgs::with_key(key)).expect("nobody waits");
            bench.finish(address, DONE);
        }
    }
    check(WeightedRoundRobin::new());
    check(LeastLoaded::new());
    check(PeakEwma::new());
    check(ConsistentHash::new());
}

#[test]
fn one_address_gets_all_under_any_policy() {
    fn check(policy: impl Balance) {
        let mut bench = up(policy, hashed([A]), 1);
        for key in 0..100 {
            assert_eq!(bench.send_with(&PickArgs::with_key(key)), Some(A));
        }
        for _ in 0..100 {
            bench.finish(A, FAILED);
        }
        assert_eq!(bench.sends(3), [A, A, A]);
    }
    check(WeightedRoundRobin::new());
    check(LeastLoaded::new());
    check(PeakEwma::new());
    check(ConsistentHash::new());
}

#[test]
fn outcomes_of_connections_that_are_gone_change_nothing_under_any_policy() {
    fn check(policy: impl Balance) {
        let mut bench = up(policy, hashed([A, B]), 1);
        bench.sends(10);
        let slot = bench.slot_of(A);
        bench.fail(slot);
        assert_eq!(bench.uniform.handle_outcome(slot, DONE, bench.now), Handled::Stale);
        bench.set(hashed([B]));
        bench.advance(secs(3_600));
        // Its place is taken by another.
        bench.set(hashed([B, C]));
        bench.connect_all();
        assert_eq!(bench.uniform.handle_outcome(slot, FAILED, bench.now), Handled::Stale);
        bench.sends(10);
    }
    check(WeightedRoundRobin::new());
    check(LeastLoaded::new());
    check(PeakEwma::new());
    check(ConsistentHash::new());
}

#[test]
fn b2_the_policies_that_need_outcomes_say_so() {
    assert!(LeastLoaded::new().needs_outcomes() && PeakEwma::new().needs_outcomes());
    assert!(!RoundRobin::new().needs_outcomes() && !WeightedRoundRobin::new().needs_outcomes());
    assert!(!ConsistentHash::new().needs_outcomes());
}

#[test]
fn any_settings_of_a_policy_are_taken() {
    let policy = PeakEwma::new().with_decay(Duration::ZERO).with_failure_latency(Duration::MAX);
    let mut bench = up(policy, [A, B], 1);
    bench.sends(5);
    bench.fail(bench.slot_of(A));
    bench.sends(5);
    for percent in [0, 100, u32::MAX] {
        let mut bench = up(ConsistentHash::new().with_bound_percent(percent), hashed(0..3), 1);
        let first = bench.send();
        bench.finish(first, DONE);
        bench.sends(100);
    }
}
