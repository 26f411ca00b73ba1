//! The user's balancer as the core has it: what it is told in the middle of the core's work can't panic there.

use std::mem;
use std::time::Duration;

use pool_core::{AddressId, Attributes, Balance, Instant, Outcome, PickArgs, Ring, TurnOrder};

use crate::panic::{Panicked, guard};

/// Passes everything on to a balancer.
///
/// `pick` and what is told once for each item come as they are: each is the last thing that the core does in its
/// step, and its caller has a guard that serves for many of them. Everything else is told while the core is half way
/// through a change, where a panic would leave it there. So each of those is guarded here, and the panic is
/// kept for the pump, which ends the pool by it. After that the balancer is told no more of them.
pub(super) struct GuardedBalancer<B> {
    balancer: B,
    state: State,
}

enum State {
    Working,
    /// It has panicked, and the pump does not know it yet.
    Panicked(Panicked),
    /// The pump knows that it has panicked.
    Retired,
}

impl<B: Balance> GuardedBalancer<B> {
    pub(super) fn new(balancer: B) -> Self {
        Self { balancer, state: State::Working }
    }

    /// What the balancer has panicked with, once.
    pub(super) fn take_panic(&mut self) -> Option<Panicked> {
        if !matches!(self.state, State::Panicked(_)) {
            return None;
        }
        match mem::replace(&mut self.state, State::Retired) {
            State::Panicked(panic) => Some(panic),
            State::Working | State::Retired => None,
        }
    }

    /// It has panicked where somebody else has caught that.
    pub(super) fn retire(&mut self) {
        self.state = State::Retired;
    }

    fn tell(&mut self, told: impl FnOnce(&mut B)) {
        if matches!(self.state, State::Working)
            && let Err(panic) = guard(|| told(&mut self.balancer))
        {
            self.state = State::Panicked(panic);
        }
    }
}

impl<B: Balance> Balance for GuardedBalancer<B> {
    #[inline]
    fn pick(&self, ring: &Ring<'_>, args: &PickArgs, now: Instant) -> Option<AddressId> {
        self.balancer.pick(ring, args, now)
    }

    #[inline]
    fn keeps_turn(&self, address: AddressId) -> bool {
        self.balancer.keeps_turn(address)
    }

    #[inline]
    fn turn_order(&self) -> TurnOrder {
        self.balancer.turn_order()
    }

    fn needs_outcomes(&self) -> bool {
        self.balancer.needs_outcomes()
    }

    fn on_joined(&mut self, address: AddressId, attributes: &Attributes, now: Instant) {
        self.tell(|balancer| balancer.on_joined(address, attributes, now));
    }

    fn on_changed(&mut self, address: AddressId, attributes: &Attributes, now: Instant) {
        self.tell(|balancer| balancer.on_changed(address, attributes, now));
    }

    fn on_left(&mut self, address: AddressId, now: Instant) {
        self.tell(|balancer| balancer.on_left(address, now));
    }

    fn on_readiness(&mut self, address: AddressId, is_ready: bool, now: Instant) {
        self.tell(|balancer| balancer.on_readiness(address, is_ready, now));
    }

    #[inline]
    fn on_sent(&mut self, address: AddressId, now: Instant) {
        self.balancer.on_sent(address, now);
    }

    #[inline]
    fn on_answered(&mut self, address: AddressId, latency: Duration, now: Instant) {
        self.balancer.on_answered(address, latency, now);
    }

    #[inline]
    fn on_finished(&mut self, address: AddressId, outcome: &Outcome, now: Instant) {
        self.balancer.on_finished(address, outcome, now);
    }

    fn on_lost(&mut self, address: AddressId, items: u32, now: Instant) {
        self.tell(|balancer| balancer.on_lost(address, items, now));
    }
}
