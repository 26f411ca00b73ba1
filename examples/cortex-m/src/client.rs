//! The state machine, and the code that carries out its orders.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use pool_core::{
    Availability, Config, Handled, Instant, Outcome, Output, PickArgs, RoundRobin, SlotEvent, SlotId, Uniform,
};

pub(crate) type Address = &'static str;

pub(crate) struct Client {
    uniform: Uniform<Address>,
    now: Instant,
    /// The latest dial to each address, and the connection that came of it.
    slots: BTreeMap<Address, SlotId>,
}

/// What the state machine wants after an input.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    /// In alphabetical order, as are the drains.
    pub(crate) dials: Vec<Address>,
    pub(crate) drains: Vec<Address>,
    pub(crate) is_closed: bool,
    /// The millisecond at which it wants to be called.
    pub(crate) next: Option<u64>,
}

impl Client {
    pub(crate) fn new() -> Self {
        let mut config = Config::default();
        config.backoff.jitter_percent = 0;
        // This story has no second client to keep out of the way of.
        config.pace.redial_spread = None;
        let uniform = Uniform::new(config, RoundRobin::new(), 42).expect("these settings make sense");
        Self { uniform, now: Instant::ZERO, slots: BTreeMap::new() }
    }

    /// It is `millisecond` now, and something happens.
    pub(crate) fn turn(
        &mut self,
        millisecond: u64,
        input: impl FnOnce(&mut Uniform<Address>, Instant),
    ) -> Orders {
        self.now = Instant::ZERO + Duration::from_millis(millisecond);
        input(&mut self.uniform, self.now);
        self.carry_out()
    }

    /// Nothing happens until `millisecond`.
    pub(crate) fn wait_until(&mut self, millisecond: u64) -> Orders {
        self.turn(millisecond, Uniform::handle_timeout)
    }

    /// The name service says where the service lives.
    pub(crate) fn resolve(&mut self, millisecond: u64, addresses: [Address; 3]) -> Orders {
        self.turn(millisecond, |uniform, now| {
            let is_in_force = uniform.handle_addresses(&addresses.into(), now);
            assert!(is_in_force, "the set is not larger than the pool allows");
        })
    }

    /// Something happens to the latest connection of an address.
    pub(crate) fn report(&mut self, millisecond: u64, address: Address, event: SlotEvent) -> Orders {
        let slot = self.slots[address];
        self.turn(millisecond, |uniform, now| {
            assert_eq!(uniform.handle_slot(slot, event, now), Handled::Applied);
        })
    }

    /// The dial to an address succeeds, and its connection takes items.
    pub(crate) fn connect(&mut self, millisecond: u64, address: Address) {
        self.report(millisecond, address, SlotEvent::Connected);
        self.report(millisecond, address, SlotEvent::Ready);
    }

    /// A connection says that it has done an item that it was sent so long ago.
    pub(crate) fn succeed(&mut self, millisecond: u64, address: Address, latency: Duration) {
        let slot = self.slots[address];
        self.turn(millisecond, |uniform, now| {
            let outcome = Outcome::Success { latency: Some(latency) };
            assert_eq!(uniform.handle_outcome(slot, outcome, now), Handled::Applied);
        });
    }

    /// Sends so many items, while a connection takes them. Returns how many went where.
    pub(crate) fn send(&mut self, items: usize) -> BTreeMap<Address, usize> {
        let mut shares = BTreeMap::new();
        for _ in 0..items {
            let Some(slot) = self.uniform.select(&PickArgs::any(), self.now) else { break };
            self.uniform.handle_slot(slot, SlotEvent::Sent, self.now);
            *shares.entry(self.address_of(slot)).or_default() += 1;
        }
        shares
    }

    pub(crate) fn availability(&self) -> Availability {
        self.uniform.availability()
    }

    /// How often an address has failed since it last worked.
    pub(crate) fn failures(&self, address: Address) -> u32 {
        let id = self.uniform.find_address(&address).expect("it is in the set");
        self.uniform.address(id).expect("it is in the set").1.failures
    }

    fn carry_out(&mut self) -> Orders {
        let mut orders = Orders::default();
        loop {
            let output = self.uniform.poll_output();
            match output {
                Output::Dial { slot, address } => {
                    self.slots.insert(address, slot);
                    orders.dials.push(address);
                }
                Output::Drain { slot } => orders.drains.push(self.address_of(slot)),
                Output::Drop { slot } => {
                    self.uniform.handle_slot(slot, SlotEvent::Dropped, self.now);
                }
                Output::Availability(_) | Output::Refresh | Output::Event(_) => {}
                Output::Closed => orders.is_closed = true,
                Output::Timeout(deadline) => {
                    orders.next = deadline.map(|deadline| deadline.as_nanos() / 1_000_000);
                    orders.dials.sort_unstable();
                    orders.drains.sort_unstable();
                    return orders;
                }
            }
        }
    }

    fn address_of(&self, slot: SlotId) -> Address {
        let status = self.uniform.slot(slot).expect("it has a connection");
        self.uniform.address(status.address).expect("it has connections").0
    }
}
