//! What deciding costs: the machine of `pool-core` without any connection.
//!
//! `cargo xtask bench core` runs this program once for each figure; see [`CASES`].

use core::hint::black_box;
use core::net::{Ipv4Addr, SocketAddr};
use std::alloc::System;

use pool_core::{AddressSet, Config, Instant, Output, PickArgs, RoundRobin, SlotEvent, SlotId, Uniform};
use pool_tests::bench::{arguments, nanoseconds, number};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const CASES: &str = "\
choose ADDRESSES CHOICES   prints the allocations that CHOICES choices make
churn ADDRESSES STEPS      replaces 1 % of the addresses STEPS times; prints for each step the
                           nanoseconds of the bare merge and of the update
keep ADDRESSES             prints the bytes that ADDRESSES connected addresses keep";

fn main() {
    let arguments = arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["choose", addresses, choices] => choose_case(number(addresses), number(choices)),
        ["churn", addresses, steps] => churn_case(number(addresses), number(steps)),
        ["keep", addresses] => keep_case(number(addresses)),
        [] => try_all(),
        _ => panic!("one of these, please:\n{CASES}"),
    }
}

/// Without arguments: every case once, so small that nothing is measured.
fn try_all() {
    choose_case(10, 100);
    churn_case(1_000, 2);
    keep_case(10);
}

fn choose_case(addresses: u32, choices: u32) {
    let mut uniform = connected(&address_set(addresses, 0));
    let before = ALLOCATOR.stats();
    choose(&mut uniform, choices);
    let after = ALLOCATOR.stats();
    let allocations = after.allocations + after.reallocations - before.allocations - before.reallocations;
    println!("{allocations}");
}

#[inline(never)]
fn choose(uniform: &mut Uniform<SocketAddr>, choices: u32) {
    let now = Instant::ZERO;
    for _ in 0..choices {
        let slot = uniform.select(&PickArgs::any(), now).expect("every slot stays ready");
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

fn keep_case(addresses: u32) {
    let before = live_bytes();
    let set = address_set(addresses, 0);
    let uniform = connected(&set);
    let after = live_bytes();
    println!("{}", after - before);
    drop((set, uniform));
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

/// A machine with one ready connection to every address.
fn connected(set: &AddressSet<SocketAddr>) -> Uniform<SocketAddr> {
    let mut config = Config::default();
    config.addresses_max = set.len();
    let mut uniform = Uniform::new(config, RoundRobin::new(), 1).expect("the settings make sense");
    uniform.handle_addresses(set, Instant::ZERO);
    assert_eq!(carry_out(&mut uniform), set.len(), "every address is dialled");
    uniform
}

/// Does at once what the machine wants done; returns how many dials and drains that was.
fn carry_out(uniform: &mut Uniform<SocketAddr>) -> usize {
    let mut carried_out = 0;
    let mut report = |uniform: &mut Uniform<SocketAddr>, slot: SlotId, events: &[SlotEvent]| {
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
