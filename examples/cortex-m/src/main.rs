//! A pool on a microcontroller: no operating system, 64 KiB of RAM, time as a plain number.
//!
//! The network is a script: three addresses come; one fails, and is dialled again after just the
//! right delays; one leaves, another joins; the dead one recovers; the pool closes. Every step
//! says what must come of it. A step that turns out otherwise panics, and ends the emulator with
//! an exit code that isn't 0.

#![no_std]
#![no_main]

extern crate alloc;

mod client;

use core::time::Duration;

use cortex_m_rt::entry;
use cortex_m_semihosting::{debug, hprintln};
use panic_semihosting as _;
use pool_core::{Availability, FailureKind, SlotEvent};

use client::Client;
use emballoc::Allocator;

/// All the heap there is. A script that runs out of memory panics.
const HEAP_SIZE: usize = 4096;

#[global_allocator]
static HEAP: Allocator<HEAP_SIZE> = Allocator::new();

const A: &str = "10.0.0.1:6379";
const B: &str = "10.0.0.2:6379";
const C: &str = "10.0.0.3:6379";
const D: &str = "10.0.0.4:6379";

const FAILED: SlotEvent = SlotEvent::Failed(FailureKind::Error);

#[entry]
fn main() -> ! {
    let mut client = Client::new();

    three_addresses_come_and_share_the_items(&mut client);
    one_fails_and_backs_off(&mut client);
    one_leaves_and_another_joins(&mut client);
    the_dead_one_recovers(&mut client);
    the_pool_closes(&mut client);

    hprintln!("all as it should be, with {HEAP_SIZE} bytes of heap");
    debug::exit(debug::EXIT_SUCCESS);
    unreachable!("the emulator has ended");
}

fn three_addresses_come_and_share_the_items(client: &mut Client) {
    hprintln!("three addresses come and share the items");
    let orders = client.resolve(0, [A, B, C]);
    assert_eq!(orders.dials, [A, B, C]);
    assert_eq!(orders.next, Some(5000), "a dial may take 5 s");

    for address in [A, B, C] {
        client.connect(5, address);
    }
    assert_eq!(client.availability(), Availability::Usable);
    assert_eq!(client.send(300), [(A, 100), (B, 100), (C, 100)].into());
}

/// The delays, from dial to dial: 100 ms, 160 ms, 256 ms.
fn one_fails_and_backs_off(client: &mut Client) {
    hprintln!("one fails and backs off");
    let orders = client.report(1000, B, FAILED);
    assert_eq!(orders.dials, [B], "its last dial is longer ago than 100 ms");

    let orders = client.report(1010, B, FAILED);
    assert!(orders.dials.is_empty());
    assert_eq!(orders.next, Some(1160));
    assert_eq!(client.send(200), [(A, 100), (C, 100)].into());
}

fn one_leaves_and_another_joins(client: &mut Client) {
    hprintln!("one leaves and another joins");
    let orders = client.resolve(1100, [A, B, D]);
    assert_eq!(orders.drains, [C]);
    assert_eq!(orders.dials, [D], "and not yet {B}");
    assert_eq!(client.send(10), [(A, 10)].into());

    client.connect(1105, D);
    assert_eq!(client.send(200), [(A, 100), (D, 100)].into());
    client.report(1150, C, SlotEvent::Closed);
}

fn the_dead_one_recovers(client: &mut Client) {
    hprintln!("the dead one recovers");
    assert!(client.wait_until(1159).dials.is_empty());
    assert_eq!(client.wait_until(1160).dials, [B]);
    assert_eq!(client.report(1170, B, FAILED).next, Some(1416));
    assert_eq!(client.wait_until(1416).dials, [B]);

    client.connect(1420, B);
    assert_eq!(client.failures(B), 3);
    assert_eq!(client.send(300), [(A, 100), (B, 100), (D, 100)].into());
    client.succeed(1425, B, Duration::from_millis(5));
    assert_eq!(client.failures(B), 0, "a success proves that it works");
}

fn the_pool_closes(client: &mut Client) {
    hprintln!("the pool closes");
    let orders = client.turn(2000, |uniform, now| uniform.close(now + Duration::from_secs(1), now));
    assert_eq!(orders.drains, [A, B, D], "no item waits");
    assert!(client.send(1).is_empty());

    assert!(!client.report(2010, A, SlotEvent::Closed).is_closed);
    assert!(!client.report(2020, B, SlotEvent::Closed).is_closed);
    let orders = client.report(2030, D, SlotEvent::Closed);
    assert!(orders.is_closed);
    assert_eq!(orders.next, None);
}
