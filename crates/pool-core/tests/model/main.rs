//! Random histories, checked against a naive reference after every step.

mod bookkeeper;
mod reference;
mod rest;

use core::time::Duration;
use std::collections::BTreeSet;

use bookkeeper::{Bookkeeper, Policy};
use pool_core::{
    AddressSet, AddressState, Backoff, Balance, Config, Endpoint, FailureKind, Instant, Opening, Outcome,
    Output, PickArgs, SlotEvent, SlotId, SlotState, Uniform,
};
use proptest::prelude::*;
use proptest::test_runner::Config as Runs;
use reference::{Answer, Input, Phase, Reference};
use rest::Place;

/// The machine beside its reference.
struct Pair {
    uniform: Uniform<u32, Bookkeeper>,
    reference: Reference,
    now: Instant,
    wake_at: Option<Instant>,
    trace: Vec<Output<u32>>,
    /// Whether the owner reports what is dropped at once.
    is_prompt: bool,
}

impl Pair {
    fn new(config: &Config, seed: u64) -> Self {
        let mut balancer = Bookkeeper::default();
        balancer.policy = Policy::nth(seed / 2);
        let order = balancer.turn_order();
        let uniform = Uniform::new(config.clone(), balancer, seed).expect("a valid configuration");
        let reference = Reference::new(config.clone(), order);
        let now = Instant::ZERO + Duration::from_secs(1_000);
        let mut pair = Self {
            uniform,
            reference,
            now,
            wake_at: None,
            trace: Vec::new(),
            is_prompt: seed.is_multiple_of(2),
        };
        pair.input(&Input::Timeout);
        pair
    }

    fn input(&mut self, input: &Input) {
        self.input_at(input, self.now);
    }

    fn input_at(&mut self, input: &Input, now: Instant) {
        let expected = self.reference.on_input(input, now);
        let answer = match input {
            Input::Set(set) => {
                self.uniform.handle_addresses(set, now);
                Answer::Nothing
            }
            Input::Config(config) => {
                Answer::Configured(self.uniform.handle_config(config.clone(), now).is_ok())
            }
            Input::Slot(slot, event) => Answer::Handled(self.uniform.handle_slot(*slot, *event, now)),
            Input::Sent(slot, items) => Answer::Handled(self.uniform.handle_sent(*slot, *items, now)),
            Input::Outcome(slot, outcome) => {
                Answer::Handled(self.uniform.handle_outcome(*slot, *outcome, now))
            }
            Input::Answered(slot) => {
                Answer::Handled(self.uniform.handle_answered(*slot, Duration::from_millis(5), now))
            }
            Input::Abandoned(slot) => Answer::Handled(self.uniform.handle_abandoned(*slot, now)),
            Input::InFlightMax(slot, items) => {
                Answer::Handled(self.uniform.handle_in_flight_max(*slot, *items, now))
            }
            Input::Load(items) => {
                self.uniform.set_load(*items);
                Answer::Nothing
            }
            Input::Demand(waiting) => {
                self.uniform.set_demand(*waiting, now);
                Answer::Nothing
            }
            Input::DemandFor(address, is_waiting) => {
                let id = self.uniform.find_address(address);
                let is_in_set = id.is_some_and(|id| self.uniform.set_demand_for(id, *is_waiting, now));
                assert_eq!(is_in_set, self.reference.is_present(*address));
                Answer::Nothing
            }
            Input::Timeout => {
                self.uniform.handle_timeout(now);
                Answer::Nothing
            }
            Input::RetryNow(address) => Answer::WasLeftAlone(self.uniform.retry_now(address, now)),
            Input::Close(deadline) => {
                self.uniform.close(*deadline, now);
                Answer::Nothing
            }
        };
        assert_eq!(answer, expected, "{input:?}");
        loop {
            let output = self.uniform.poll_output();
            self.reference.on_output(&output);
            if let Output::Timeout(at) = output {
                self.wake_at = at;
                break;
            }
            self.trace.push(output);
        }
        self.compare_backoffs();
        self.reference.end_step(self.wake_at);
        let selected = self.uniform.select(&PickArgs::any(), self.now);
        self.reference.on_selected(selected);
        if selected.is_some() {
            let id = |address: &u32| self.uniform.find_address(address).expect("known");
            let connected: BTreeSet<_> = self.reference.connected_active().iter().map(id).collect();
            assert_eq!(self.uniform.balancer().last_ring(), connected);
            let takers: BTreeSet<_> = self.reference.takers().iter().map(id).collect();
            assert_eq!(self.uniform.balancer().last_takers(), takers);
        }
        self.check();
        if self.is_prompt
            && let Some(&slot) = self.slots(|state| state == SlotState::Dropping).first()
        {
            self.input(&Input::Slot(slot, SlotEvent::Dropped));
        }
    }

    fn compare_backoffs(&mut self) {
        for (address, status) in self.uniform.addresses() {
            self.reference.on_retry_at(*address, status.retry_at);
        }
    }

    /// Other settings; what they make overdue is done when the machine asks for it, which is at once.
    fn configure(&mut self, config: &Config) {
        self.input(&Input::Config(config.clone()));
        let is_urgent = self.wake_at.is_some_and(|at| at <= self.now);
        if is_urgent {
            self.input(&Input::Timeout);
        }
        let outputs = self.trace.len();
        self.input(&Input::Config(config.clone()));
        assert_eq!(self.trace[outputs..], [], "unchanged settings");
    }

    /// Lets time pass, waking the machine whenever it asked for it.
    fn advance(&mut self, duration: Duration) {
        let end = self.now + duration;
        for _ in 0..100_000 {
            let Some(at) = self.wake_at.filter(|at| *at <= end) else {
                self.now = end;
                return self.input(&Input::Timeout);
            };
            self.now = self.now.max(at);
            self.input(&Input::Timeout);
        }
        panic!("the machine spins at {:?}", self.now);
    }

    fn slots(&self, is_meant: impl Fn(SlotState) -> bool) -> Vec<SlotId> {
        let slots = self.reference.slots.iter().filter(|(_, slot)| is_meant(slot.state));
        slots.map(|(slot, _)| *slot).collect()
    }

    fn check(&self) {
        let (uniform, reference) = (&self.uniform, &self.reference);
        assert_eq!(uniform.slots().count(), reference.slots.len());
        for slot in uniform.slots() {
            let occupant = &reference.slots[&slot.id];
            let found = (slot.state, slot.since, slot.sent, slot.in_flight);
            assert_eq!(
                found,
                (occupant.state, occupant.since, occupant.sent, occupant.in_flight),
                "{:?}",
                slot.id
            );
        }
        assert_eq!(uniform.addresses().count(), reference.known.len());
        for address in reference.known.keys() {
            self.check_address(*address);
        }
        assert_eq!(uniform.dials_in_flight(), reference.dialling(), "permits are dials");
        assert!(reference.dialling() <= reference.dials_max);
        assert_eq!(uniform.addresses_len(), reference.set.len());
        assert_eq!(uniform.availability(), reference.availability);
        assert_eq!(uniform.is_failing(), reference.is_failing());
        assert_eq!(reference.due_for_a_dial(), [], "dials that ought to have been started");
        match reference.phase {
            Phase::Draining => assert!(!reference.slots.is_empty(), "the pool ought to have closed"),
            Phase::Closed => assert!(reference.slots.is_empty() && self.wake_at.is_none()),
            Phase::Open | Phase::Closing(_) => return,
        }
        assert_eq!(self.slots(|state| state < SlotState::Draining), [], "a closing pool drains");
    }

    fn check_address(&self, address: u32) {
        let reference = &self.reference;
        let id = self.uniform.find_address(&address).expect("the machine knows it too");
        let (_, status) = self.uniform.address(id).expect("known");
        let known = &reference.known[&address];
        let count = |state| reference.count(address, state);
        let counts = [
            status.slots.dialling,
            status.slots.busy,
            status.slots.ready,
            status.slots.suspect,
            status.slots.draining,
        ]
        .map(usize::from);
        let counted =
            [SlotState::Dialling, SlotState::Busy, SlotState::Ready, SlotState::Suspect, SlotState::Draining];
        let expected = counted.map(count);
        assert_eq!(counts, expected, "{address}");
        assert_eq!(usize::from(status.slots.dropping), count(SlotState::Dropping), "{address}");
        let slots = reference.slots.values().filter(|slot| slot.address == address);
        assert_eq!(status.in_flight, slots.map(|slot| slot.in_flight).sum::<u32>(), "{address}");
        assert_eq!(
            (status.failures, status.retry_at),
            (known.failures, reference.retry_at(address)),
            "{address}"
        );
        let [dialling, busy, ready, suspect, _] = counts;
        let (found, only) = (self.uniform.select(&PickArgs::only(id), self.now), reference.only(address));
        assert!(
            found == only || (found.is_some() == only.is_some() && !reference.knows_slots()),
            "{address}"
        );
        let account = self.uniform.balancer().account(id);
        let gets_share = ready > 0 && known.place() == Some(Place::Regular);
        assert_eq!((account.is_ready, account.tally), (gets_share, known.tally), "{address}");
        let rest = known.rest_under_way().map(|rest| (rest.reason, rest.until));
        assert_eq!(status.rest.map(|rest| (rest.reason, rest.until)), rest, "{address}");
        assert_eq!(account.tally.in_flight(), u64::from(status.in_flight), "{address}");
        let attributes = account.attributes.map(|told| (told.priority, told.weight, told.hash));
        if reference.is_present(address) {
            assert_eq!((status.priority, status.weight), (known.priority, known.weight));
            assert_eq!(attributes, Some((known.priority, known.weight, known.hash)));
        } else {
            assert_eq!((status.state, dialling + busy + ready), (AddressState::Departed, 0));
            assert_eq!(suspect, 0);
            assert_eq!(attributes, None);
        }
        let n = reference.config.connections_per_address as usize;
        let recycled = usize::from(reference.config.lifetime_max.is_some());
        // As many as usual may have been made beside suspects.
        let most = if reference.may_be_whole_undialled { 2 * n } else { n };
        let is_small = dialling + busy + ready <= most + recycled && busy + ready <= most;
        assert!(is_small || reference.was_reconfigured, "{counts:?}");
        assert!(suspect <= n || reference.was_reconfigured, "{counts:?}");
        let is_urgent = self.wake_at.is_some_and(|at| at <= self.now);
        assert!(!reference.has_stable(address) || is_urgent, "{address} ought to be cleared of failures");
    }
}

/// One step of a history. Numbers choose among what there is at the time.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there are few of them")]
enum Op {
    Set(Vec<(u32, u16, u32, u64)>),
    SetTooLarge,
    SetAgain,
    Config(Config),
    Connect(usize),
    Live(usize, SlotEvent),
    Any(usize, SlotEvent),
    Send,
    /// So many items in one turn, if it is as long.
    SendTurn(u32),
    SendElsewhere(usize),
    FindBusy,
    Dropped(usize),
    Answered(usize),
    AnyAnswered(usize),
    Abandoned(usize),
    InFlightMax(usize, u32),
    Outcome(usize, Outcome),
    AnyOutcome(usize, Outcome),
    Demand(usize),
    DemandFor(u32, bool),
    SendOnly(u32),
    Load(usize),
    Advance(u64),
    Oversleep(u64),
    Backwards(u64),
    RetryNow(u32),
    Close(u64),
}

impl Pair {
    fn carry_out(&mut self, op: &Op) {
        match op {
            Op::Set(endpoints) => {
                let endpoint = |&(address, priority, weight, hash)| {
                    Endpoint::new(address).with_priority(priority).with_weight(weight).with_hash(hash)
                };
                self.input(&Input::Set(endpoints.iter().map(endpoint).collect()));
            }
            Op::SetTooLarge => self.input(&Input::Set((100..=100 + ADDRESSES_MAX).collect())),
            Op::SetAgain => self.set_again(),
            Op::Config(config) => self.configure(config),
            Op::Connect(which) => {
                if let Some(slot) = chosen(&self.slots(|state| state == SlotState::Dialling), *which) {
                    self.input(&Input::Slot(slot, SlotEvent::Connected));
                    self.input(&Input::Slot(slot, SlotEvent::Ready));
                }
            }
            Op::Live(which, event) => {
                if let Some(slot) = chosen(&self.slots(|_| true), *which) {
                    self.report(slot, *event);
                }
            }
            Op::Any(which, event) => {
                if let Some(slot) = chosen(&self.reference.used, *which) {
                    self.report(slot, *event);
                }
            }
            Op::Send | Op::FindBusy => {
                let event = if matches!(op, Op::Send) { SlotEvent::Sent } else { SlotEvent::Busy };
                if let Some(slot) = self.uniform.select(&PickArgs::any(), self.now) {
                    self.input(&Input::Slot(slot, event));
                }
            }
            Op::SendTurn(most) => {
                if let Some(slot) = self.uniform.select(&PickArgs::any(), self.now) {
                    let items = self.uniform.turn_left(slot).min(*most);
                    self.input(&Input::Sent(slot, items));
                }
            }
            Op::SendElsewhere(which) => {
                if let Some(slot) = chosen(&self.slots(|state| state == SlotState::Ready), *which) {
                    self.report(slot, SlotEvent::Sent);
                }
            }
            Op::Dropped(which) => {
                if let Some(slot) = chosen(&self.slots(|state| state == SlotState::Dropping), *which) {
                    self.report(slot, SlotEvent::Dropped);
                }
            }
            Op::Answered(which) => {
                if let Some(slot) = chosen(&self.at_work(), *which) {
                    self.input(&Input::Answered(slot));
                }
            }
            Op::AnyAnswered(which) => {
                if let Some(slot) = chosen(&self.reference.used, *which) {
                    self.input(&Input::Answered(slot));
                }
            }
            Op::Abandoned(which) => {
                if let Some(slot) = chosen(&self.reference.used, *which) {
                    self.input(&Input::Abandoned(slot));
                }
            }
            Op::InFlightMax(which, items) => {
                if let Some(slot) = chosen(&self.slots(|_| true), *which) {
                    self.input(&Input::InFlightMax(slot, *items));
                }
            }
            Op::Outcome(which, outcome) => {
                if let Some(slot) = chosen(&self.at_work(), *which) {
                    self.input(&Input::Outcome(slot, *outcome));
                }
            }
            Op::AnyOutcome(which, outcome) => {
                if let Some(slot) = chosen(&self.reference.used, *which) {
                    self.input(&Input::Outcome(slot, *outcome));
                }
            }
            Op::Demand(waiting) => self.input(&Input::Demand(*waiting)),
            Op::DemandFor(address, is_waiting) => self.input(&Input::DemandFor(*address, *is_waiting)),
            Op::SendOnly(address) => {
                let id = self.uniform.find_address(address);
                let slot = id.and_then(|id| self.uniform.select(&PickArgs::only(id), self.now));
                if let Some(slot) = slot {
                    self.input(&Input::Slot(slot, SlotEvent::Sent));
                }
            }
            Op::Load(items) => self.input(&Input::Load(*items)),
            Op::Advance(millis) => self.advance(Duration::from_millis(*millis)),
            Op::Oversleep(millis) => {
                self.now = self.now + Duration::from_millis(*millis);
                self.input(&Input::Timeout);
            }
            Op::Backwards(nanos) => self.input_at(&Input::Timeout, Instant::from_nanos(*nanos)),
            Op::RetryNow(address) => self.input(&Input::RetryNow(*address)),
            Op::Close(millis) => self.input(&Input::Close(self.now + Duration::from_millis(*millis))),
        }
    }

    fn at_work(&self) -> Vec<SlotId> {
        let slots = self.reference.slots.iter().filter(|(_, slot)| slot.in_flight > 0);
        slots.map(|(slot, _)| *slot).collect()
    }

    /// Reports an event, unless it is an item for an address that `select` would not choose and
    /// turns are chunks: whether that counts as a whole turn is nobody's promise.
    fn report(&mut self, slot: SlotId, event: SlotEvent) {
        let is_chunked = self.reference.config.sharing.items_per_turn > 1;
        if event == SlotEvent::Sent && is_chunked && !self.reference.is_in_use(slot) {
            return;
        }
        self.input(&Input::Slot(slot, event));
    }

    /// The same set, built anew: nothing may come of it.
    fn set_again(&mut self) {
        let endpoint = |address: &u32| {
            let known = &self.reference.known[address];
            let endpoint = Endpoint::new(*address).with_priority(known.priority);
            endpoint.with_weight(known.weight).with_hash(known.hash)
        };
        let set: AddressSet<u32> = self.reference.set.iter().map(endpoint).collect();
        let outputs = self.trace.len();
        self.input(&Input::Set(set));
        assert_eq!(self.trace[outputs..], [], "an unchanged set");
    }

    /// From now on every dial succeeds and every drain completes: the pool must be whole again.
    fn heal(&mut self) {
        let backoff = self.reference.config.backoff;
        // Nobody reports any more: connections that owe outcomes are lost first.
        let silence = self.reference.config.silence.outcome_timeout.unwrap_or_default();
        let end = self.now + silence + backoff.cap * 12 / 10 + self.reference.config.dial_timeout;
        self.input(&Input::Demand(100));
        self.drop_promptly();
        self.live_well_until(end);
        if self.reference.phase != Phase::Open {
            return;
        }
        self.check_whole();
        let is_old = |address: &u32| self.reference.came_up_after_last_failure(*address);
        let proving: Vec<u32> = self.reference.set.iter().copied().filter(is_old).collect();
        assert!(
            self.reference.is_lazy()
                || self.reference.was_reconfigured
                || self.reference.may_be_whole_undialled
                || proving.len() == self.reference.set.len(),
            "every address of an eager pool has been dialled anew since it failed"
        );
        self.live_well_until(self.now + self.reference.config.stable_after);
        // What was made beside a suspect may have gone for it.
        let proven = proving.into_iter().filter(|_| !self.reference.may_be_whole_undialled);
        for address in proven {
            assert_eq!(self.reference.known[&address].failures, 0, "{address} works again");
        }
    }

    /// From now on what is dropped is reported at once.
    fn drop_promptly(&mut self) {
        self.is_prompt = true;
        self.input(&Input::Timeout);
    }

    /// Every dial succeeds and every drain completes at once.
    fn live_well_until(&mut self, end: Instant) {
        loop {
            self.answer_all();
            let Some(at) = self.wake_at.filter(|at| *at <= end) else { break };
            self.now = self.now.max(at);
            self.input(&Input::Timeout);
        }
        self.now = end;
        self.input(&Input::Timeout);
        self.answer_all();
        // A suspect that was cleared just now may have lived for long.
        self.input(&Input::Timeout);
    }

    fn answer_all(&mut self) {
        while let Some(&slot) = self.slots(|state| state != SlotState::Ready).first() {
            let event = match self.reference.slots[&slot].state {
                SlotState::Dialling => SlotEvent::Connected,
                SlotState::Busy | SlotState::Ready => SlotEvent::Ready,
                SlotState::Suspect => SlotEvent::Progress,
                SlotState::Draining => SlotEvent::Closed,
                SlotState::Dropping => SlotEvent::Dropped,
            };
            self.input(&Input::Slot(slot, event));
        }
    }

    fn check_whole(&self) {
        let reference = &self.reference;
        if reference.is_lazy() {
            let has_any = self.uniform.select(&PickArgs::any(), self.now).is_some();
            let is_any = reference.set.iter().any(|address| reference.known[address].weight > 0);
            return assert_eq!(has_any, is_any, "items wait, and all is well");
        }
        for address in &reference.set {
            let n = reference.config.connections_per_address as usize;
            let connected = reference.connected(*address);
            let is_surplus = connected > n && reference.may_be_whole_undialled;
            assert!(connected == n || is_surplus, "{connected} to {address}, after all has healed");
        }
    }
}

fn chosen(slots: &[SlotId], which: usize) -> Option<SlotId> {
    slots.get(which % slots.len().max(1)).copied()
}

const ADDRESSES_MAX: u32 = 6;

fn any_config() -> impl Strategy<Value = Config> {
    let options = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (1..=3_u32, any::<bool>(), 1..=5_u32, 1..=3_u32, options).prop_map(
        |(connections, lazy, dials, items, (fail_fast, lifetime, idle, suspect, outcome))| {
            let mut config = Config::default();
            config.connections_per_address = connections;
            config.opening = if lazy { Opening::Lazy } else { Opening::Eager };
            config.dials_max = dials;
            config.sharing.items_per_turn = items;
            config.dial_timeout = Duration::from_secs(1);
            config.backoff = Backoff::default();
            config.backoff.cap = Duration::from_secs(2);
            config.stable_after = Duration::from_secs(2);
            config.drain_timeout = Duration::from_secs(3);
            config.fail_fast_after = fail_fast.then_some(Duration::from_millis(700));
            config.lifetime_max = lifetime.then_some(Duration::from_secs(4));
            config.idle_timeout = (idle && lazy).then_some(Duration::from_millis(1_500));
            config.silence.suspect_after = suspect.then_some(Duration::from_millis(400));
            config.silence.outcome_timeout = outcome.then_some(Duration::from_millis(900));
            config.addresses_max = ADDRESSES_MAX as usize;
            config
        },
    )
}

/// Other settings, now and then ones that make no sense.
fn any_change() -> impl Strategy<Value = Config> {
    let percent = || prop_oneof![Just(100_u32), 20..300_u32];
    (any_config(), percent(), percent(), percent(), 0..20_u32).prop_map(
        |(mut config, dials, connections, silence, nonsense)| {
            let scaled = |duration: Duration, percent: u32| duration * percent / 100;
            config.dial_timeout = scaled(config.dial_timeout, dials);
            config.backoff.cap = scaled(config.backoff.cap, dials);
            config.stable_after = scaled(config.stable_after, connections);
            config.lifetime_max = config.lifetime_max.map(|max| scaled(max, connections));
            config.idle_timeout = config.idle_timeout.map(|max| scaled(max, connections));
            config.drain_timeout = scaled(config.drain_timeout, silence);
            config.refresh_interval_min = scaled(config.refresh_interval_min, 1 + silence / 10);
            config.silence.suspect_after = config.silence.suspect_after.map(|max| scaled(max, dials));
            config.silence.outcome_timeout = config.silence.outcome_timeout.map(|max| scaled(max, silence));
            config.fail_fast_after = config.fail_fast_after.map(|after| scaled(after, silence));
            if nonsense == 0 {
                config.dials_max = 0;
            }
            config
        },
    )
}

fn any_event() -> impl Strategy<Value = SlotEvent> {
    prop_oneof![
        2 => Just(SlotEvent::Connected),
        2 => Just(SlotEvent::Sent),
        4 => Just(SlotEvent::Ready),
        3 => Just(SlotEvent::Busy),
        3 => Just(SlotEvent::Failed(FailureKind::Error)),
        2 => Just(SlotEvent::Closed),
        2 => Just(SlotEvent::GoingAway),
        2 => Just(SlotEvent::Progress),
        1 => Just(SlotEvent::Unfit),
        2 => Just(SlotEvent::Dropped),
    ]
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    let latency = || prop_oneof![Just(Some(Duration::from_millis(5))), Just(None)];
    prop_oneof![
        2 => latency().prop_map(|latency| Outcome::Success { latency }),
        1 => latency().prop_map(|latency| Outcome::Failure { latency, kind: FailureKind::Error }),
        2 => (latency(), any_pause()).prop_map(|(latency, pause)| Outcome::Overloaded { latency, pause }),
        2 => latency().prop_map(|latency| Outcome::Unfit { latency }),
        1 => Just(Outcome::Cancelled),
        1 => Just(Outcome::Unsent),
    ]
}

fn any_pause() -> impl Strategy<Value = Option<Duration>> {
    prop_oneof![
        2 => Just(None),
        2 => (0..3_000_u64).prop_map(|millis| Some(Duration::from_millis(millis))),
        1 => Just(Some(Duration::MAX)),
    ]
}

fn any_op() -> impl Strategy<Value = Op> {
    let weight = prop_oneof![1 => Just(0), 5 => 1..4_u32];
    let endpoints = prop::collection::vec((0..ADDRESSES_MAX, 0..3_u16, weight, 0..2_u64), 0..8);
    let which = || any::<usize>();
    prop_oneof![
        6 => endpoints.prop_map(Op::Set),
        1 => Just(Op::SetTooLarge),
        1 => Just(Op::SetAgain),
        4 => any_change().prop_map(Op::Config),
        20 => which().prop_map(Op::Connect),
        14 => (which(), any_event()).prop_map(|(which, event)| Op::Live(which, event)),
        3 => (which(), any_event()).prop_map(|(which, event)| Op::Any(which, event)),
        10 => Just(Op::Send),
        5 => (1..5_u32).prop_map(Op::SendTurn),
        2 => which().prop_map(Op::SendElsewhere),
        3 => Just(Op::FindBusy),
        8 => which().prop_map(Op::Dropped),
        4 => which().prop_map(Op::Answered),
        1 => which().prop_map(Op::AnyAnswered),
        2 => which().prop_map(Op::Abandoned),
        6 => (which(), 1..4_u32).prop_map(|(which, items)| Op::InFlightMax(which, items)),
        6 => (which(), any_outcome()).prop_map(|(which, outcome)| Op::Outcome(which, outcome)),
        2 => (which(), any_outcome()).prop_map(|(which, outcome)| Op::AnyOutcome(which, outcome)),
        5 => (0..6_usize).prop_map(Op::Demand),
        3 => (0..ADDRESSES_MAX, any::<bool>()).prop_map(|(address, is_waiting)| Op::DemandFor(address, is_waiting)),
        3 => (0..ADDRESSES_MAX).prop_map(Op::SendOnly),
        3 => (0..12_usize).prop_map(Op::Load),
        10 => (0..1_500_u64).prop_map(Op::Advance),
        2 => (0..5_000_u64).prop_map(Op::Oversleep),
        1 => any::<u32>().prop_map(|nanos| Op::Backwards(nanos.into())),
        2 => (0..ADDRESSES_MAX).prop_map(Op::RetryNow),
    ]
}

fn history(config: &Config, seed: u64, ops: &[Op]) -> Pair {
    let mut pair = Pair::new(config, seed);
    pair.input(&Input::Set((0..3).collect()));
    for op in ops {
        pair.carry_out(op);
    }
    pair
}

/// Every failure prints its configuration, its seed and its shortest history. `MODEL_RUNS=10` plays ten times as
/// many histories.
fn runs(cases: u32) -> Runs {
    let times = std::env::var("MODEL_RUNS").map_or(1, |times| times.parse().expect("a number"));
    let cases = cases * times;
    Runs { cases, failure_persistence: None, max_shrink_iters: 20_000, ..Runs::default() }
}

proptest! {
    #![proptest_config(runs(400))]

    #[test]
    fn whatever_happens_the_machine_does_what_the_reference_says_and_heals(
        config in any_config(),
        seed in any::<u64>(),
        ops in prop::collection::vec(any_op(), 1..120),
    ) {
        history(&config, seed, &ops).heal();
    }
}

proptest! {
    #![proptest_config(runs(120))]

    #[test]
    fn whatever_happened_a_pool_that_closes_comes_to_its_end(
        config in any_config(),
        seed in any::<u64>(),
        before in prop::collection::vec(any_op(), 1..60),
        grace_millis in 0..4_000_u64,
        after in prop::collection::vec(any_op(), 0..30),
    ) {
        let mut pair = history(&config, seed, &before);
        pair.carry_out(&Op::Close(grace_millis));
        for op in &after {
            pair.carry_out(op);
        }
        let drain_timeout = pair.reference.config.drain_timeout;
        pair.drop_promptly();
        pair.advance(Duration::from_millis(grace_millis) + drain_timeout);
        prop_assert_eq!(pair.reference.phase, Phase::Closed);
        prop_assert_eq!(pair.trace.last(), Some(&Output::Closed));
    }

    #[test]
    fn the_same_inputs_times_and_seed_give_the_same_outputs(
        config in any_config(),
        seed in any::<u64>(),
        ops in prop::collection::vec(any_op(), 1..60),
    ) {
        prop_assert_eq!(history(&config, seed, &ops).trace, history(&config, seed, &ops).trace);
    }
}
