//! A bench for the state machine: virtual time, a driver that carries out nothing by itself, and
//! verbs that read like the tests' names.

#![allow(dead_code, reason = "every test file uses another part of the bench")]

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use pool_core::{
    AddressId, AddressSet, AddressStatus, Balance, Config, Endpoint, Event, FailureKind, Handled, Instant,
    Opening, Outcome, Output, PickArgs, RoundRobin, SlotEnd, SlotEvent, SlotId, SlotState, Uniform,
};

pub(crate) const A: u32 = 1;
pub(crate) const B: u32 = 2;
pub(crate) const C: u32 = 3;
pub(crate) const D: u32 = 4;
pub(crate) const SEED: u64 = 42;

/// What is due is dialled at once, not within 50 ms.
pub(crate) fn config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::default();
    config.pace.redial_spread = None;
    change(&mut config);
    config
}

pub(crate) fn eager(connections_per_address: u32) -> Config {
    config(|config| config.connections_per_address = connections_per_address)
}

pub(crate) fn lazy(connections_per_address: u32) -> Config {
    config(|config| {
        config.connections_per_address = connections_per_address;
        config.opening = Opening::Lazy;
    })
}

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(crate) fn prioritised<const N: usize>(addresses: [(u32, u16); N]) -> AddressSet<u32> {
    addresses.into_iter().map(|(address, priority)| Endpoint::new(address).with_priority(priority)).collect()
}

/// What is at an address: decides what becomes of dials and drains without a test's doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Peer {
    /// Nothing happens unless the test says so.
    Manual,
    /// Every dial succeeds at once, every connection is ready, every drain completes.
    Up,
    /// Every dial fails at once.
    Refuses,
    /// Every dial succeeds at once, and the connection breaks at once.
    Flaps,
}

/// A slot as the driver knows it: what it was told to do, and what it has reported.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum View {
    Dialling,
    Open,
    Draining,
    /// To be dropped, which is not reported yet.
    Dropping,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    address: u32,
    view: View,
}

pub(crate) struct Bench<P = RoundRobin> {
    pub(crate) uniform: Uniform<u32, P>,
    pub(crate) now: Instant,
    /// The last `Timeout`.
    pub(crate) wake_at: Option<Instant>,
    /// How often `advance` has woken the machine.
    pub(crate) wakes: usize,
    /// Whether `Output::Closed` was seen.
    pub(crate) is_closed: bool,
    /// All outputs but timeouts since the last `take`, in order.
    outputs: Vec<Output<u32>>,
    /// Every dial ever: when, to whom.
    dialled: Vec<(Instant, u32)>,
    slots: BTreeMap<SlotId, Held>,
    seen: BTreeSet<SlotId>,
    peers: BTreeMap<u32, Peer>,
    is_reacting: bool,
    /// Whether the test itself reports what is dropped; by default it happens at once.
    pub(crate) holds_drops: bool,
}

impl Bench {
    pub(crate) fn new(config: Config) -> Self {
        Self::seeded(config, SEED)
    }

    pub(crate) fn seeded(config: Config, seed: u64) -> Self {
        Self::balanced(config, RoundRobin::new(), seed)
    }

    /// A pool whose connections to these addresses are all up and ready.
    pub(crate) fn up(config: Config, addresses: impl Into<AddressSet<u32>>) -> Self {
        let mut bench = Self::new(config);
        bench.set(addresses);
        bench.connect_all();
        bench
    }
}

impl<P: Balance> Bench<P> {
    pub(crate) fn balanced(config: Config, balancer: P, seed: u64) -> Self {
        let uniform = Uniform::new(config, balancer, seed).expect("a valid configuration");
        let mut bench = Self {
            uniform,
            now: Instant::ZERO + secs(1_000),
            wake_at: None,
            wakes: 0,
            is_closed: false,
            outputs: Vec::new(),
            dialled: Vec::new(),
            slots: BTreeMap::new(),
            seen: BTreeSet::new(),
            peers: BTreeMap::new(),
            is_reacting: false,
            holds_drops: false,
        };
        bench.drain();
        bench
    }

    // Inputs.

    pub(crate) fn set(&mut self, set: impl Into<AddressSet<u32>>) {
        self.uniform.handle_addresses(&set.into(), self.now);
        self.drain();
    }

    /// Decides what happens at an address from now on.
    pub(crate) fn peer(&mut self, address: u32, peer: Peer) {
        self.peers.insert(address, peer);
        self.drain();
    }

    /// The only way to report an event: keeps the driver's view.
    pub(crate) fn event(&mut self, slot: SlotId, event: SlotEvent) -> Handled {
        let handled = self.uniform.handle_slot(slot, event, self.now);
        if handled == Handled::Applied {
            match event {
                SlotEvent::Connected if self.slots[&slot].view == View::Dialling => {
                    self.view(slot, View::Open);
                }
                SlotEvent::Dropped => drop(self.slots.remove(&slot)),
                SlotEvent::Failed(_) | SlotEvent::Closed if self.slots[&slot].view != View::Dropping => {
                    self.slots.remove(&slot);
                }
                _ => {}
            }
        }
        self.drain();
        handled
    }

    fn apply(&mut self, slot: SlotId, event: SlotEvent) {
        assert_eq!(self.event(slot, event), Handled::Applied, "{event:?} for {slot:?}");
    }

    pub(crate) fn connected(&mut self, slot: SlotId) {
        self.apply(slot, SlotEvent::Connected);
    }

    /// The dial succeeds, and the connection can take items.
    pub(crate) fn connect(&mut self, slot: SlotId) {
        self.connected(slot);
        self.ready(slot);
    }

    pub(crate) fn ready(&mut self, slot: SlotId) {
        self.apply(slot, SlotEvent::Ready);
    }

    pub(crate) fn busy(&mut self, slot: SlotId) {
        self.apply(slot, SlotEvent::Busy);
    }

    pub(crate) fn sent(&mut self, slot: SlotId) {
        self.apply(slot, SlotEvent::Sent);
    }

    pub(crate) fn fail(&mut self, slot: SlotId) {
        self.apply(slot, SlotEvent::Failed(FailureKind::Error));
    }

    pub(crate) fn closed(&mut self, slot: SlotId) {
        self.apply(slot, SlotEvent::Closed);
    }

    pub(crate) fn going_away(&mut self, slot: SlotId) {
        self.apply(slot, SlotEvent::GoingAway);
    }

    pub(crate) fn dropped(&mut self, slot: SlotId) {
        self.apply(slot, SlotEvent::Dropped);
    }

    pub(crate) fn succeed(&mut self, slot: SlotId) {
        let outcome = Outcome::Success { latency: Some(millis(1)) };
        assert_eq!(self.uniform.handle_outcome(slot, outcome, self.now), Handled::Applied);
        self.drain();
    }

    /// The oldest item of this connection has come to its end.
    pub(crate) fn reply(&mut self, slot: SlotId, outcome: Outcome) {
        assert_eq!(self.uniform.handle_outcome(slot, outcome, self.now), Handled::Applied);
        self.drain();
    }

    pub(crate) fn demand(&mut self, waiting: usize) {
        self.uniform.set_demand(waiting, self.now);
        self.drain();
    }

    pub(crate) fn retry_now(&mut self, address: u32) -> bool {
        let was_in_backoff = self.uniform.retry_now(&address, self.now);
        self.drain();
        was_in_backoff
    }

    pub(crate) fn close(&mut self, after: Duration) {
        self.uniform.close(self.now + after, self.now);
        self.drain();
    }

    /// Other settings.
    pub(crate) fn configure(&mut self, config: Config) {
        self.uniform.handle_config(config, self.now).expect("a valid configuration");
        self.drain();
    }

    /// Connects all dials there are, and those that follow, until there are none.
    pub(crate) fn connect_all(&mut self) {
        while let Some(&slot) = self.dials().first() {
            self.connect(slot);
        }
    }

    /// Lets time pass; the machine is woken whenever it asked for it.
    pub(crate) fn advance(&mut self, duration: Duration) {
        let end = self.now + duration;
        let mut wakes_at_once = 0;
        while let Some(at) = self.wake_at.filter(|&at| at <= end) {
            wakes_at_once = if at > self.now { 0 } else { wakes_at_once + 1 };
            assert!(wakes_at_once < 1_000, "the machine spins at {:?}", self.now);
            self.now = self.now.max(at);
            self.wake();
        }
        self.now = end;
        self.wake();
    }

    /// Lets time pass until the address may be dialled again.
    pub(crate) fn wait_out_backoff(&mut self, address: u32) {
        if let Some(at) = self.status(address).retry_at {
            self.advance(at.saturating_duration_since(self.now));
        }
    }

    /// The driver sleeps through all deadlines, and wakes the machine late.
    pub(crate) fn oversleep(&mut self, duration: Duration) {
        self.now = self.now + duration;
        self.wake();
    }

    fn wake(&mut self) {
        self.wakes += 1;
        self.uniform.handle_timeout(self.now);
        self.drain();
    }

    // The items.

    pub(crate) fn select(&self) -> Option<SlotId> {
        let slot = self.uniform.select(&PickArgs::any(), self.now)?;
        assert_eq!(self.slots[&slot].view, View::Open, "selected {slot:?}");
        Some(slot)
    }

    /// Sends an item to the slot whose turn it is; says whose address that is.
    pub(crate) fn send(&mut self) -> u32 {
        let slot = self.select().expect("a ready slot");
        let address = self.address_of(slot);
        self.sent(slot);
        address
    }

    pub(crate) fn sends(&mut self, items: usize) -> Vec<u32> {
        (0..items).map(|_| self.send()).collect()
    }

    /// How many of so many items go to each address.
    pub(crate) fn shares(&mut self, items: usize) -> BTreeMap<u32, usize> {
        let mut shares = BTreeMap::new();
        for address in self.sends(items) {
            *shares.entry(address).or_default() += 1;
        }
        shares
    }

    // What the driver sees.

    /// The outputs since the last call, timeouts apart.
    pub(crate) fn take(&mut self) -> Vec<Output<u32>> {
        core::mem::take(&mut self.outputs)
    }

    pub(crate) fn take_events(&mut self) -> Vec<Event<u32>> {
        let events = self.take().into_iter().filter_map(|output| match output {
            Output::Event(event) => Some(event),
            _ => None,
        });
        events.collect()
    }

    /// How the slots that ended since the last `take` ended.
    pub(crate) fn take_ends(&mut self) -> Vec<(SlotId, SlotEnd)> {
        let ends = self.take_events().into_iter().filter_map(|event| match event {
            Event::SlotEnded { slot, end, .. } => Some((slot, end)),
            _ => None,
        });
        ends.collect()
    }

    /// The ends of backoff that were announced since the last `take`.
    pub(crate) fn take_backoffs(&mut self) -> Vec<(u32, Instant)> {
        let backoffs = self.take_events().into_iter().filter_map(|event| match event {
            Event::BackedOff { failures, until, .. } => Some((failures, until)),
            _ => None,
        });
        backoffs.collect()
    }

    fn held(&self, view: View, of: Option<u32>) -> Vec<SlotId> {
        let mut held: Vec<SlotId> = Vec::new();
        for (&slot, found) in &self.slots {
            if found.view == view && of.is_none_or(|address| address == found.address) {
                held.push(slot);
            }
        }
        held
    }

    pub(crate) fn dials(&self) -> Vec<SlotId> {
        self.held(View::Dialling, None)
    }

    pub(crate) fn dials_to(&self, address: u32) -> Vec<SlotId> {
        self.held(View::Dialling, Some(address))
    }

    /// The only dial in flight to this address.
    pub(crate) fn dial(&self, address: u32) -> SlotId {
        let dials = self.dials_to(address);
        assert_eq!(dials.len(), 1, "dials to {address} at {:?}", self.now);
        dials[0]
    }

    pub(crate) fn open(&self, address: u32) -> Vec<SlotId> {
        self.held(View::Open, Some(address))
    }

    pub(crate) fn draining(&self, address: u32) -> Vec<SlotId> {
        self.held(View::Draining, Some(address))
    }

    pub(crate) fn dropping(&self, address: u32) -> Vec<SlotId> {
        self.held(View::Dropping, Some(address))
    }

    pub(crate) fn draining_all(&self) -> Vec<SlotId> {
        self.held(View::Draining, None)
    }

    pub(crate) fn address_of(&self, slot: SlotId) -> u32 {
        self.slots[&slot].address
    }

    /// The addresses being dialled, in order of address.
    pub(crate) fn dialled_addresses(&self) -> Vec<u32> {
        let mut addresses: Vec<u32> = self.dials().into_iter().map(|slot| self.address_of(slot)).collect();
        addresses.sort_unstable();
        addresses
    }

    /// When the address was dialled, from the first time on.
    pub(crate) fn dial_times(&self, address: u32) -> Vec<Instant> {
        self.dialled.iter().filter(|(_, to)| *to == address).map(|(at, _)| *at).collect()
    }

    /// Every dial so far.
    pub(crate) fn dials_made(&self) -> usize {
        self.dialled.len()
    }

    pub(crate) fn id(&self, address: u32) -> AddressId {
        self.uniform.find_address(&address).expect("a known address")
    }

    pub(crate) fn status(&self, address: u32) -> AddressStatus {
        self.uniform.address(self.id(address)).expect("a known address").1
    }

    pub(crate) fn state(&self, slot: SlotId) -> Option<SlotState> {
        self.uniform.slot(slot).map(|status| status.state)
    }

    // The driver.

    fn view(&mut self, slot: SlotId, view: View) {
        self.slots.get_mut(&slot).expect("a slot that the driver holds").view = view;
    }

    /// Carries out what the machine has ordered: after inputs that went past the bench.
    pub(crate) fn drain(&mut self) {
        self.drain_outputs();
        if !self.is_reacting {
            self.is_reacting = true;
            while self.react() {}
            self.is_reacting = false;
        }
    }

    fn drain_outputs(&mut self) {
        loop {
            let output = self.uniform.poll_output();
            assert!(!self.is_closed || output == Output::Timeout(None), "{output:?} after Closed");
            match &output {
                Output::Timeout(at) => {
                    self.wake_at = *at;
                    return self.check_views();
                }
                Output::Dial { slot, address } => {
                    assert!(self.seen.insert(*slot), "{slot:?} has been used before");
                    self.dialled.push((self.now, *address));
                    self.slots.insert(*slot, Held { address: *address, view: View::Dialling });
                }
                Output::Drain { slot } => {
                    assert_eq!(self.slots[slot].view, View::Open, "{slot:?} is to drain");
                    self.view(*slot, View::Draining);
                }
                Output::Drop { slot } => {
                    self.view(*slot, View::Dropping);
                    if !self.holds_drops {
                        let handled = self.uniform.handle_slot(*slot, SlotEvent::Dropped, self.now);
                        assert_eq!(handled, Handled::Applied);
                        self.slots.remove(slot);
                    }
                }
                Output::Closed => self.is_closed = true,
                Output::Availability(_) | Output::Refresh | Output::Event(_) => {}
            }
            self.outputs.push(output);
        }
    }

    /// The machine and the driver must agree on who holds what.
    fn check_views(&self) {
        let theirs: BTreeMap<SlotId, View> = self
            .uniform
            .slots()
            .map(|status| match status.state {
                SlotState::Dialling => (status.id, View::Dialling),
                SlotState::Busy | SlotState::Ready | SlotState::Suspect => (status.id, View::Open),
                SlotState::Draining => (status.id, View::Draining),
                SlotState::Dropping => (status.id, View::Dropping),
            })
            .collect();
        let ours: BTreeMap<SlotId, View> = self.slots.iter().map(|(&slot, held)| (slot, held.view)).collect();
        assert_eq!(theirs, ours, "the machine's slots, and what the driver was told of them");
    }

    /// Lets one peer react to what it was asked; says whether one has.
    fn react(&mut self) -> bool {
        let todo = self.slots.iter().find_map(|(&slot, held)| {
            let peer = self.peers.get(&held.address).copied().unwrap_or(Peer::Manual);
            (peer != Peer::Manual && !matches!(held.view, View::Open | View::Dropping))
                .then_some((slot, held.view, peer))
        });
        let Some((slot, view, peer)) = todo else { return false };
        match (view, peer) {
            (View::Dialling, Peer::Up) => self.connect(slot),
            (View::Dialling, Peer::Flaps) => {
                self.connected(slot);
                self.fail(slot);
            }
            (View::Draining, _) => self.closed(slot),
            _ => self.fail(slot),
        }
        true
    }
}

/// Whether a time lies within a fifth of the expected one, which is what jitter may do.
#[track_caller]
pub(crate) fn assert_jittered(found: Duration, expected: Duration) {
    let (low, high) = (expected * 8 / 10, expected * 12 / 10);
    assert!(low <= found && found <= high, "{found:?} is not within a fifth of {expected:?}");
}
