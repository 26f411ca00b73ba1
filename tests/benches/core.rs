//! What deciding costs: the machine of `pool-core` without any connection.
//!
//! `cargo xtask bench core` runs this program once for each figure; see [`CASES`].

use core::hint::black_box;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::alloc::System;

use pool_core::{
    AddressSet, Balance, Config, ConsistentHash, Endpoint, Instant, LeastLoaded, Outcome, Output, PeakEwma,
    PickArgs, RoundRobin, SlotEvent, SlotId, Uniform, WeightedRoundRobin,
};
use pool_tests::bench::{arguments, nanoseconds, number};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const CASES: &str = "\
choose POLICY ADDRESSES CHOICES
                           prints the allocations that CHOICES choices make by round-robin, weighted,
                           least-loaded, peak-ewma or hash
churn ADDRESSES STEPS      replaces 1 % of the addresses STEPS times; prints for each step the
                           nanoseconds of the bare merge and of the update
keep POLICY ADDRESSES      prints the bytes that ADDRESSES connected addresses keep";

fn main() {
    let arguments = arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["choose", policy, addresses, choices] => choose_case(policy, number(addresses), number(choices)),
        ["churn", addresses, steps] => churn_case(number(addresses), number(steps)),
        ["keep", policy, addresses] => keep_case(policy, number(addresses)),
        [] => try_all(),
        _ => panic!("one of these, please:\n{CASES}"),
    }
}

/// Without arguments: every case once, so small that nothing is measured.
fn try_all() {
    for policy in ["round-robin", "weighted", "least-loaded", "peak-ewma", "hash"] {
        choose_case(policy, 10, 100);
        keep_case(policy, 10);
    }
    churn_case(1_000, 2);
}

fn choose_case(policy: &str, addresses: u32, choices: u32) {
    let set = address_set(addresses, 0);
    let allocations = match policy {
        "round-robin" => choose_by(RoundRobin::new(), &set, choices),
        "weighted" => choose_by(WeightedRoundRobin::new(), &weighted(&set), choices),
        "least-loaded" => choose_by(LeastLoaded::new(), &set, choices),
        "peak-ewma" => choose_by(PeakEwma::new(), &set, choices),
        "hash" => choose_by_keys(&hashed(&set), choices),
        _ => panic!("no such policy: {policy}"),
    };
    println!("{allocations}");
}

/// Counts the allocations of choices, each for an item of any kind.
fn choose_by<B: Balance>(policy: B, set: &AddressSet<SocketAddr>, choices: u32) -> usize {
    let mut uniform = connected_by(policy, set);
    tell_outcomes(&mut uniform);
    allocations(|| choose(&mut uniform, choices))
}

/// The same where each item has a key.
fn choose_by_keys(set: &AddressSet<SocketAddr>, choices: u32) -> usize {
    let mut uniform = connected_by(ConsistentHash::new(), set);
    tell_outcomes(&mut uniform);
    allocations(|| choose_keys(&mut uniform, choices))
}

fn allocations(run: impl FnOnce()) -> usize {
    let before = ALLOCATOR.stats();
    run();
    let after = ALLOCATOR.stats();
    after.allocations + after.reallocations - before.allocations - before.reallocations
}

/// Each address answers one item: its latency is known.
fn tell_outcomes<B: Balance>(uniform: &mut Uniform<SocketAddr, B>) {
    let slots: Vec<SlotId> = uniform.slots().map(|slot| slot.id).collect();
    let latency = Some(Duration::from_millis(1));
    for slot in slots {
        uniform.handle_slot(slot, SlotEvent::Sent, Instant::ZERO);
        uniform.handle_outcome(slot, Outcome::Success { latency }, Instant::ZERO);
    }
}

#[inline(never)]
fn choose<B: Balance>(uniform: &mut Uniform<SocketAddr, B>, choices: u32) {
    let now = Instant::ZERO;
    for _ in 0..choices {
        let slot = uniform.select(&PickArgs::any(), now).expect("every slot stays ready");
        uniform.handle_slot(slot, SlotEvent::Sent, now);
    }
}

#[inline(never)]
fn choose_keys(uniform: &mut Uniform<SocketAddr, ConsistentHash>, choices: u32) {
    let now = Instant::ZERO;
    for key in 0..choices {
        let slot = uniform.select(&PickArgs::with_key(key.into()), now).expect("every slot stays ready");
        uniform.handle_slot(slot, SlotEvent::Sent, now);
    }
}

/// The pool goes to and fro between two sets. What the update orders (to dial, to drain) is
/// carried out between the measured parts.
fn churn_case(addresses: u32, steps: u32) {
    let sets = [address_set(addresses, 0), address_set(addresses, 1)];
    let mut uniform = connected(&sets[0]);
    for (from, to) in [(0, 1), (1, 0)].into_iter().cycle().take(steps as usize) {
        let merge = nanoseconds(|| {
            black_box(measured_merge(&sets[from], &sets[to]));
        });
        let update = nanoseconds(|| measured_update(&mut uniform, &sets[to]));
        let changes = carry_out(&mut uniform);
        assert_eq!(changes, 2 * addresses as usize / 100, "1 % leave, and as many come");
        println!("{merge} {update}");
    }
}

#[inline(never)]
fn measured_update(uniform: &mut Uniform<SocketAddr>, set: &AddressSet<SocketAddr>) {
    uniform.handle_addresses(set, Instant::ZERO);
}

/// The floor: nothing but finding out who came and who left.
#[inline(never)]
fn measured_merge(
    old: &AddressSet<SocketAddr>,
    new: &AddressSet<SocketAddr>,
) -> (Vec<SocketAddr>, Vec<SocketAddr>) {
    let (mut removed, mut added) = (Vec::new(), Vec::new());
    let (mut old, mut new) = (old.endpoints(), new.endpoints());
    while let ([before, old_rest @ ..], [after, new_rest @ ..]) = (old, new) {
        let order = before.address.cmp(&after.address);
        if order.is_lt() {
            removed.push(before.address);
        }
        if order.is_gt() {
            added.push(after.address);
        }
        if order.is_le() {
            old = old_rest;
        }
        if order.is_ge() {
            new = new_rest;
        }
    }
    removed.extend(old.iter().map(|endpoint| endpoint.address));
    added.extend(new.iter().map(|endpoint| endpoint.address));
    (removed, added)
}

fn keep_case(policy: &str, addresses: u32) {
    let set = || address_set(addresses, 0);
    let bytes = match policy {
        "round-robin" => kept_by(RoundRobin::new(), set),
        "weighted" => kept_by(WeightedRoundRobin::new(), || weighted(&set())),
        "least-loaded" => kept_by(LeastLoaded::new(), set),
        "peak-ewma" => kept_by(PeakEwma::new(), set),
        "hash" => kept_by(ConsistentHash::new(), || hashed(&set())),
        _ => panic!("no such policy: {policy}"),
    };
    println!("{bytes}");
}

/// The set is among what is kept.
fn kept_by<B: Balance>(policy: B, set: impl FnOnce() -> AddressSet<SocketAddr>) -> usize {
    let before = live_bytes();
    let set = set();
    let uniform = connected_by(policy, &set);
    let after = live_bytes();
    drop((set, uniform));
    after - before
}

fn live_bytes() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// Every hundredth address depends on the edition, the others don't.
fn address_set(addresses: u32, edition: u16) -> AddressSet<SocketAddr> {
    let first = Ipv4Addr::new(10, 0, 0, 1).to_bits();
    let address = |number: u32| {
        let port = if number % 100 == 50 { 6379 + edition } else { 6379 };
        SocketAddr::from((Ipv4Addr::from_bits(first + number), port))
    };
    (0..addresses).map(address).collect()
}

/// Three weights.
fn weighted(set: &AddressSet<SocketAddr>) -> AddressSet<SocketAddr> {
    let weight = |number: usize| [1, 2, 7][number % 3];
    let endpoints = set.addresses().enumerate();
    endpoints.map(|(number, address)| Endpoint::new(*address).with_weight(weight(number))).collect()
}

fn hashed(set: &AddressSet<SocketAddr>) -> AddressSet<SocketAddr> {
    let hash = |address: &SocketAddr| match address.ip() {
        IpAddr::V4(ip) => u64::from(ip.to_bits()) << 16 | u64::from(address.port()),
        IpAddr::V6(_) => 0,
    };
    set.addresses().map(|address| Endpoint::new(*address).with_hash(hash(address))).collect()
}

/// A machine with one ready connection to every address.
fn connected(set: &AddressSet<SocketAddr>) -> Uniform<SocketAddr> {
    connected_by(RoundRobin::new(), set)
}

fn connected_by<B: Balance>(policy: B, set: &AddressSet<SocketAddr>) -> Uniform<SocketAddr, B> {
    let mut config = Config::default();
    config.addresses_max = set.len();
    let mut uniform = Uniform::new(config, policy, 1).expect("the settings make sense");
    uniform.handle_addresses(set, Instant::ZERO);
    assert_eq!(carry_out(&mut uniform), set.len(), "every address is dialled");
    uniform
}

/// Does at once what the machine wants done; returns how many dials and drains that was.
fn carry_out<B: Balance>(uniform: &mut Uniform<SocketAddr, B>) -> usize {
    let mut carried_out = 0;
    let mut report = |uniform: &mut Uniform<SocketAddr, B>, slot: SlotId, events: &[SlotEvent]| {
        for &event in events {
            uniform.handle_slot(slot, event, Instant::ZERO);
        }
        carried_out += 1;
    };
    loop {
        match uniform.poll_output() {
            Output::Dial { slot, .. } => report(uniform, slot, &[SlotEvent::Connected, SlotEvent::Ready]),
            Output::Drain { slot } => report(uniform, slot, &[SlotEvent::Closed]),
            Output::Drop { slot } => report(uniform, slot, &[SlotEvent::Dropped]),
            Output::Availability(_) | Output::Refresh | Output::Event(_) | Output::Closed => {}
            Output::Timeout(_) => return carried_out,
        }
    }
}
