//! What balancers are told, what they see, and how they are obeyed.

mod support;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use pool_core::{
    AddressId, AddressSet, Attributes, Balance, Endpoint, Event, FailureKind, Handled, Instant, Member,
    Outcome, PickArgs, Random, Ring, RoundRobin, SlotId,
};
use support::{A, B, Bench, C, config, eager, millis, prioritised, secs};

/// Takes the turns as they come, and writes down what it is told.
#[derive(Default, Debug)]
struct Log(Vec<String>);

impl Log {
    fn tell(&mut self, address: AddressId, what: impl Into<String>) {
        self.0.push(format!("{}: {}", address.index(), what.into()));
    }
}

impl Balance for Log {
    fn pick(&self, ring: &Ring<'_>, args: &PickArgs, now: Instant) -> Option<AddressId> {
        RoundRobin::new().pick(ring, args, now)
    }

    fn on_joined(&mut self, address: AddressId, attributes: &Attributes, _: Instant) {
        let Attributes { weight, priority, hash, .. } = attributes;
        self.tell(address, format!("joined {weight} {priority} {hash}"));
    }

    fn on_changed(&mut self, address: AddressId, attributes: &Attributes, _: Instant) {
        let Attributes { weight, priority, hash, .. } = attributes;
        self.tell(address, format!("changed {weight} {priority} {hash}"));
    }

    fn on_left(&mut self, address: AddressId, _: Instant) {
        self.tell(address, "left");
    }

    fn on_readiness(&mut self, address: AddressId, is_ready: bool, _: Instant) {
        self.tell(address, if is_ready { "ready" } else { "not ready" });
    }

    fn on_sent(&mut self, address: AddressId, _: Instant) {
        self.tell(address, "sent");
    }

    fn on_answered(&mut self, address: AddressId, latency: Duration, _: Instant) {
        self.tell(address, format!("answered in {} ms", latency.as_millis()));
    }

    fn on_finished(&mut self, address: AddressId, outcome: &Outcome, _: Instant) {
        let word = match outcome {
            Outcome::Success { .. } => "done",
            Outcome::Failure { .. } => "failed",
            Outcome::Cancelled => "cancelled",
            _ => "unsent",
        };
        self.tell(address, word);
    }

    fn on_lost(&mut self, address: AddressId, items: u32, _: Instant) {
        self.tell(address, format!("lost {items}"));
    }
}

fn logged(connections: u32, set: impl Into<AddressSet<u32>>) -> Bench<Log> {
    let mut bench = Bench::balanced(eager(connections), Log::default(), 1);
    bench.set(set);
    bench
}

impl Bench<Log> {
    /// What the balancer was told since the last call.
    fn told(&mut self) -> Vec<String> {
        core::mem::take(&mut self.uniform.balancer_mut().0)
    }
}

const DONE: Outcome = Outcome::Success { latency: None };

fn done_after(latency: Duration) -> Outcome {
    Outcome::Success { latency: Some(latency) }
}

impl<P: Balance> Bench<P> {
    fn outcome(&mut self, slot: SlotId, outcome: Outcome) -> Handled {
        self.uniform.handle_outcome(slot, outcome, self.now)
    }

    fn answered(&mut self, slot: SlotId, latency: Duration) -> Handled {
        self.uniform.handle_answered(slot, latency, self.now)
    }
}

// What it is told.

#[test]
fn a_balancer_is_told_of_addresses_that_join_change_and_leave() {
    let endpoint = Endpoint::new(A).with_weight(2).with_hash(77);
    let mut bench = logged(1, AddressSet::from_iter([endpoint, Endpoint::new(B).with_priority(3)]));
    assert_eq!(bench.told(), ["0: joined 2 0 77", "1: joined 1 3 0"]);
    bench.connect_all();
    assert_eq!(bench.told().len(), 2, "both are ready");
    bench.set(AddressSet::from_iter([endpoint.with_weight(9).with_priority(1)]));
    assert_eq!(bench.told(), ["0: changed 9 1 77", "1: not ready", "1: left"]);
    bench.set(AddressSet::from_iter([endpoint.with_weight(9).with_priority(1)]));
    assert_eq!(bench.told(), [""; 0], "the same again");
}

#[test]
fn an_address_that_returns_before_it_is_forgotten_joins_under_its_old_id() {
    let mut bench = logged(1, [A]);
    bench.connect_all();
    bench.send();
    let draining = bench.open(A)[0];
    bench.set([]);
    bench.set([A]);
    bench.outcome(draining, done_after(millis(5)));
    bench.closed(draining);
    let told = bench.told();
    assert_eq!(told[2..5], ["0: sent", "0: not ready", "0: left"]);
    assert_eq!(told[5..], ["0: joined 1 0 0", "0: answered in 5 ms", "0: done"]);
}

#[test]
fn readiness_is_told_of_an_address_and_not_of_each_of_its_connections() {
    let mut bench = logged(2, [A]);
    let first = bench.dial(A);
    bench.told();
    bench.connect(first);
    assert_eq!(bench.told(), ["0: ready"]);
    bench.connect_all();
    let slots = bench.open(A);
    bench.busy(slots[0]);
    assert_eq!(bench.told(), [""; 0], "the other one is ready");
    bench.busy(slots[1]);
    assert_eq!(bench.told(), ["0: not ready"]);
    bench.ready(slots[0]);
    bench.fail(slots[0]);
    assert_eq!(bench.told(), ["0: ready", "0: not ready"]);
}

#[test]
fn items_that_a_connection_has_not_reported_on_are_lost_with_it() {
    let mut bench = logged(1, [A]);
    bench.connect_all();
    bench.sends(4);
    let slot = bench.open(A)[0];
    bench.outcome(slot, Outcome::Unsent);
    bench.told();
    bench.fail(slot);
    assert_eq!(bench.told(), ["0: not ready", "0: lost 3"]);
    bench.advance(secs(1));
    bench.connect(bench.dial(A));
    bench.fail(bench.open(A)[0]);
    assert_eq!(bench.told(), ["0: ready", "0: not ready"], "it had none");
}

#[test]
fn a_connection_that_drains_is_still_reported_on_after_its_address_left() {
    let mut bench = logged(1, [A]);
    bench.connect_all();
    bench.sends(2);
    let slot = bench.open(A)[0];
    bench.set([]);
    bench.told();
    bench.outcome(slot, Outcome::Cancelled);
    bench.closed(slot);
    assert_eq!(bench.told(), ["0: cancelled", "0: lost 1"]);
}

// Answered, then finished.

#[test]
fn an_answer_is_told_once_and_before_the_end_whether_they_come_together_or_not() {
    let mut bench = logged(1, [A]);
    bench.connect_all();
    bench.sends(4);
    let slot = bench.open(A)[0];
    bench.told();
    bench.outcome(slot, done_after(millis(3)));
    assert_eq!(bench.told(), ["0: answered in 3 ms", "0: done"]);
    assert_eq!(bench.answered(slot, millis(4)), Handled::Applied);
    assert_eq!(bench.told(), ["0: answered in 4 ms"]);
    bench.outcome(slot, DONE);
    assert_eq!(bench.told(), ["0: done"]);
    let failure = |latency| Outcome::Failure { latency, kind: FailureKind::Error };
    bench.outcome(slot, failure(Some(millis(5))));
    assert_eq!(bench.told(), ["0: answered in 5 ms", "0: failed"]);
    bench.answered(slot, millis(6));
    bench.outcome(slot, failure(None));
    assert_eq!(bench.told(), ["0: answered in 6 ms", "0: failed"]);
}

#[test]
fn an_answered_item_is_in_flight_until_it_is_finished() {
    let mut bench = logged(1, [A]);
    bench.connect_all();
    bench.send();
    let slot = bench.open(A)[0];
    bench.answered(slot, millis(1));
    assert_eq!(bench.status(A).in_flight, 1);
    bench.outcome(slot, DONE);
    assert_eq!(bench.status(A).in_flight, 0);
}

#[test]
fn an_answer_where_none_is_owed_changes_nothing() {
    let mut bench = logged(1, [A]);
    bench.connect_all();
    let slot = bench.open(A)[0];
    assert_eq!(bench.answered(slot, millis(1)), Handled::Invalid, "it was sent nothing");
    bench.send();
    bench.answered(slot, millis(1));
    bench.told();
    assert_eq!(bench.answered(slot, millis(2)), Handled::Invalid, "it has answered all it has");
    assert_eq!(bench.outcome(slot, done_after(millis(2))), Handled::Applied);
    assert_eq!(bench.told(), ["0: done"], "the latency was told");
    assert_eq!(bench.answered(slot, millis(1)), Handled::Invalid, "it has finished all it had");
    bench.fail(slot);
    assert_eq!(bench.answered(slot, millis(1)), Handled::Stale);
}

#[test]
fn an_item_that_is_cancelled_or_comes_back_never_uses_up_the_answer_of_another() {
    for outcome in [Outcome::Cancelled, Outcome::Unsent] {
        let mut bench = logged(1, [A]);
        bench.connect_all();
        bench.sends(3);
        let slot = bench.open(A)[0];
        bench.answered(slot, millis(1));
        bench.outcome(slot, outcome);
        assert_eq!(bench.answered(slot, millis(2)), Handled::Applied, "{outcome:?}");
    }
}

#[test]
fn an_answer_proves_that_the_address_works() {
    let mut bench = logged(1, [A]);
    bench.fail(bench.dial(A));
    bench.advance(secs(1));
    bench.connect(bench.dial(A));
    bench.send();
    bench.take();
    bench.answered(bench.open(A)[0], millis(1));
    bench.demand(1);
    assert_eq!(bench.take_events(), [Event::Recovered { address: A, id: bench.id(A) }]);
    assert_eq!(bench.status(A).failures, 0);
}

#[test]
fn an_answer_ends_the_silence_but_the_rest_of_it_may_not_take_for_ever() {
    let settings = config(|config| config.silence.outcome_timeout = Some(secs(10)));
    let mut bench = Bench::balanced(settings, Log::default(), 1);
    bench.set([A]);
    bench.connect_all();
    bench.send();
    let slot = bench.open(A)[0];
    bench.advance(secs(9));
    bench.answered(slot, secs(9));
    bench.advance(secs(9));
    assert_eq!(bench.open(A), [slot]);
    bench.advance(secs(2));
    assert_eq!(bench.open(A), []);
}

// What it sees.

/// Picks the address with the lowest hash, whether it can take an item or not.
#[derive(Debug)]
struct LowestHash;

impl Balance for LowestHash {
    fn pick(&self, ring: &Ring<'_>, _: &PickArgs, _: Instant) -> Option<AddressId> {
        ring.members().min_by_key(|member| member.hash).map(|member| member.id)
    }
}

fn hashed<const N: usize>(addresses: [(u32, u64); N]) -> AddressSet<u32> {
    addresses.into_iter().map(|(address, hash)| Endpoint::new(address).with_hash(hash)).collect()
}

#[test]
fn an_item_waits_for_the_address_that_was_picked_while_that_can_take_none() {
    let mut bench = Bench::balanced(eager(1), LowestHash, 1);
    bench.set(hashed([(A, 3), (B, 1), (C, 2)]));
    bench.connect_all();
    assert_eq!(bench.sends(2), [B, B]);
    let slot = bench.open(B)[0];
    bench.busy(slot);
    assert_eq!(bench.select(), None, "others are ready");
    bench.ready(slot);
    assert_eq!(bench.send(), B);
    bench.fail(slot);
    assert_eq!(bench.send(), C, "one that is not connected is not waited for");
}

#[test]
fn another_hash_is_a_change_of_the_address() {
    let mut bench = Bench::balanced(eager(1), LowestHash, 1);
    bench.set(hashed([(A, 1), (B, 2)]));
    bench.connect_all();
    assert_eq!(bench.send(), A);
    bench.take();
    let high = 3_u64 << 40;
    bench.set(hashed([(A, high), (B, 2)]));
    assert_eq!(bench.take_events(), [Event::AddressChanged { address: A, id: bench.id(A) }]);
    assert_eq!(bench.send(), B);
    bench.set(hashed([(A, high), (B, high + 1)]));
    assert_eq!(bench.send(), A, "all of the hash counts");
}

#[test]
fn a_duplicate_keeps_the_hash_of_the_first_of_the_best_priority() {
    let endpoint = |priority, hash| Endpoint::new(A).with_priority(priority).with_hash(hash);
    let set = AddressSet::from_iter([endpoint(1, 5), endpoint(0, 6), endpoint(0, 7)]);
    assert_eq!(set.endpoints(), [endpoint(0, 6).with_weight(2)]);
}

/// Takes the turns as they come, and remembers the ring: the addresses by position, and how many are ready.
#[derive(Default, Debug)]
struct Viewer(RefCell<(Vec<AddressId>, usize)>);

impl Balance for Viewer {
    fn pick(&self, ring: &Ring<'_>, _: &PickArgs, _: Instant) -> Option<AddressId> {
        *self.0.borrow_mut() = (ring.members().map(|member| member.id).collect(), ring.ready_len());
        ring.first()
    }
}

impl Bench<Viewer> {
    /// The addresses of the ring in order of address, and those of them that are ready.
    fn ring_view(&self) -> (Vec<u32>, Vec<u32>) {
        self.select().expect("one is ready");
        let (members, ready) = self.uniform.balancer().0.borrow().clone();
        let sorted = |ids: &[AddressId]| {
            let mut addresses: Vec<u32> =
                ids.iter().map(|id| *self.uniform.address(*id).expect("known").0).collect();
            addresses.sort_unstable();
            addresses
        };
        (sorted(&members), sorted(&members[..ready]))
    }
}

#[test]
fn the_ring_has_all_that_are_connected_and_those_that_are_ready_first() {
    let mut bench = Bench::balanced(eager(1), Viewer::default(), 1);
    bench.set([A, B, C]);
    bench.connected(bench.dial(A));
    bench.connect(bench.dial(B));
    assert_eq!(bench.ring_view(), (vec![A, B], vec![B]));
    bench.connect(bench.dial(C));
    assert_eq!(bench.ring_view(), (vec![A, B, C], vec![B, C]));
    bench.ready(bench.open(A)[0]);
    bench.busy(bench.open(B)[0]);
    assert_eq!(bench.ring_view(), (vec![A, B, C], vec![A, C]));
    bench.fail(bench.open(A)[0]);
    assert_eq!(bench.ring_view(), (vec![B, C], vec![C]));
    bench.set(prioritised([(B, 0), (C, 1)]));
    bench.ready(bench.open(B)[0]);
    assert_eq!(bench.ring_view(), (vec![B], vec![B]));
    bench.set(prioritised([(B, 1), (C, 1)]));
    assert_eq!(bench.ring_view(), (vec![B, C], vec![B, C]));
}

// A drawn number, and a policy that draws.

/// The less loaded of two that are drawn among those that can take an item. It works from what it is told alone.
#[derive(Default, Debug)]
struct TwoChoices {
    known: BTreeMap<AddressId, Load>,
    turns: u64,
}

#[derive(Clone, Copy, Default, Debug)]
struct Load {
    weight: u32,
    is_ready: bool,
    in_flight: u32,
    last_turn: u64,
}

impl TwoChoices {
    fn load(&mut self, address: AddressId) -> &mut Load {
        self.known.entry(address).or_default()
    }
}

impl Balance for TwoChoices {
    fn pick(&self, ring: &Ring<'_>, _: &PickArgs, _: Instant) -> Option<AddressId> {
        let known = |member: Member| {
            let load = self.known[&member.id];
            let told = (load.weight, load.in_flight, load.is_ready);
            assert_eq!((member.weight, member.in_flight, member.is_ready), told, "{member:?}");
            (load, member.id)
        };
        let ready: Vec<(Load, AddressId)> =
            ring.members().map(known).filter(|(load, _)| load.is_ready).collect();
        let mut random = Random::new(ring.draw());
        let mut up_to = |max: usize| usize::try_from(random.up_to(max as u64)).expect("it fits");
        let last = ready.len() - 1;
        let first = up_to(last);
        // Another one, if there is another.
        let second = (first + 1 + up_to(last.saturating_sub(1))) % ready.len();
        let (one, other) = (ready[first], ready[second]);
        // In flight by weight, without a division; the older turn of two equals.
        let rank = |(load, _): &(Load, AddressId), weight: u32| (load.in_flight * weight, load.last_turn);
        let is_first = rank(&one, other.0.weight) <= rank(&other, one.0.weight);
        Some(if is_first { one.1 } else { other.1 })
    }

    fn on_joined(&mut self, address: AddressId, attributes: &Attributes, _: Instant) {
        self.load(address).weight = attributes.weight;
    }

    fn on_changed(&mut self, address: AddressId, attributes: &Attributes, _: Instant) {
        self.load(address).weight = attributes.weight;
    }

    fn on_readiness(&mut self, address: AddressId, is_ready: bool, _: Instant) {
        self.load(address).is_ready = is_ready;
    }

    fn on_sent(&mut self, address: AddressId, _: Instant) {
        self.turns += 1;
        let turns = self.turns;
        let load = self.load(address);
        load.in_flight += 1;
        load.last_turn = turns;
    }

    fn on_finished(&mut self, address: AddressId, _: &Outcome, _: Instant) {
        self.load(address).in_flight -= 1;
    }

    fn on_lost(&mut self, address: AddressId, items: u32, _: Instant) {
        self.load(address).in_flight -= items;
    }
}

fn weighted<const N: usize>(addresses: [(u32, u32); N]) -> AddressSet<u32> {
    addresses.into_iter().map(|(address, weight)| Endpoint::new(address).with_weight(weight)).collect()
}

#[test]
fn a_balancer_of_two_choices_shares_out_by_weight() {
    let mut bench = Bench::balanced(eager(1), TwoChoices::default(), 1);
    bench.set(weighted([(A, 1), (B, 3)]));
    bench.connect_all();
    let shares = bench.shares(400);
    assert!((90..=110).contains(&shares[&A]), "{shares:?}");
    bench.set(weighted([(A, 3), (B, 3)]));
    bench.shares(400);
    let in_flight = [A, B].map(|address| bench.status(address).in_flight);
    assert!(in_flight[0].abs_diff(in_flight[1]) <= 20, "{in_flight:?}");
}

#[test]
fn a_balancer_that_works_from_what_it_is_told_alone_agrees_with_the_ring() {
    let addresses: Vec<u32> = (0..20).collect();
    let mut bench = Bench::balanced(eager(1), TwoChoices::default(), 1);
    bench.set(addresses.clone());
    bench.connect_all();
    for round in 0..2_000 {
        let slot = bench.select().expect("all are ready");
        bench.sent(slot);
        match round % 10 {
            3 => {
                bench.busy(slot);
                assert!(bench.select().is_some_and(|other| other != slot));
                bench.ready(slot);
            }
            5 => bench.fail(slot),
            7 => drop(bench.outcome(slot, done_after(millis(1)))),
            _ => {}
        }
        bench.advance(millis(100));
        bench.connect_all();
    }
    let told = |address: u32| bench.uniform.balancer().known[&bench.id(address)].in_flight;
    for address in addresses {
        assert_eq!(bench.status(address).in_flight, told(address));
    }
}

/// Picks one of those that can take an item by the drawn number alone.
#[derive(Default, Debug)]
struct Lots {
    drawn: Cell<u64>,
}

impl Balance for Lots {
    fn pick(&self, ring: &Ring<'_>, _: &PickArgs, _: Instant) -> Option<AddressId> {
        self.drawn.set(ring.draw());
        let position = Random::new(ring.draw()).up_to(ring.ready_len() as u64 - 1);
        ring.get(usize::try_from(position).ok()?).map(|member| member.id)
    }
}

fn lots(seed: u64) -> Bench<Lots> {
    let mut bench = Bench::balanced(eager(1), Lots::default(), seed);
    bench.set((0..10).collect::<Vec<u32>>());
    bench.connect_all();
    bench
}

#[test]
fn a_number_is_drawn_for_each_item_and_stays_until_that_is_sent() {
    let mut bench = lots(7);
    let mut picked = Vec::new();
    for _ in 0..1_000 {
        let slot = bench.select().expect("ten are ready");
        bench.advance(millis(1));
        assert_eq!(bench.select(), Some(slot), "a peek");
        picked.push(bench.send());
    }
    let counts: Vec<usize> = (0..10).map(|of| picked.iter().filter(|to| **to == of).count()).collect();
    assert!(counts.iter().all(|count| (60..=140).contains(count)), "{counts:?}");
    assert_eq!(lots(7).sends(1_000), picked, "the same seed draws the same");
    assert_ne!(lots(8).sends(1_000), picked);
}

#[test]
fn an_item_to_a_connection_whose_turn_it_was_not_draws_another_number_too() {
    let mut bench = lots(7);
    bench.busy(bench.open(0)[0]);
    let drawn = |bench: &Bench<Lots>| {
        bench.select().expect("nine are ready");
        bench.uniform.balancer().drawn.get()
    };
    let before = drawn(&bench);
    assert_eq!(drawn(&bench), before);
    bench.sent(bench.open(0)[0]);
    assert_ne!(drawn(&bench), before);
}
