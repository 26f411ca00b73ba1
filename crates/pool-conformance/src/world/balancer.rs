//! Round-robin that can be told to panic, and that keeps accounts of all it is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use pool_driver::{AddressId, Attributes, Balance, Instant, Outcome, PickArgs, Ring, RoundRobin};

use super::user_calls::Calls;

/// The balancer of a scenario's pool. What it is told must pair up: joins and leaves, and items sent with their
/// ends.
#[derive(Clone, Debug, Default)]
pub(crate) struct ScriptedBalancer {
    panics: Arc<AtomicBool>,
    calls: Calls,
    accounts: Arc<Mutex<BTreeMap<AddressId, Account>>>,
}

/// What the balancer knows of an address.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    is_member: bool,
    is_ready: bool,
    in_flight: u32,
    /// Of the items that were ever sent, those that can still be answered for the first time.
    unanswered: u32,
}

impl ScriptedBalancer {
    /// A balancer whose panics count as panics of user code.
    pub(crate) fn new(calls: &Calls) -> Self {
        Self { calls: calls.clone(), ..Self::default() }
    }

    /// From now on it panics.
    pub(crate) fn spoil(&self) {
        self.panics.store(true, Ordering::Relaxed);
    }

    /// Changes an account, and says whether that was possible.
    fn enter(&self, address: AddressId, what: &str, change: impl FnOnce(&mut Account) -> bool) {
        let mut accounts = self.accounts.lock();
        let account = accounts.entry(address).or_default();
        let before = *account;
        if !change(account) {
            self.calls.contradict(&format!("the balancer was told that {address:?} {what}: {before:?}"));
        }
    }

    fn end_items(&self, address: AddressId, items: u32, what: &str) {
        self.enter(address, what, |account| {
            let may = items > 0 && account.in_flight >= items;
            account.in_flight = account.in_flight.saturating_sub(items);
            may
        });
    }

    /// Where no address is ready, the ring shows those that rest for an overload, of which nothing is told.
    fn check_ring(&self, ring: Ring<'_>) {
        let is_told_ready =
            |address: AddressId| self.accounts.lock().get(&address).is_some_and(|account| account.is_ready);
        let is_told = ring.members().any(|member| is_told_ready(member.id));
        for member in ring.members() {
            self.enter(member.id, "is in the ring", |account| {
                let is_as_told = !is_told || member.is_ready == account.is_ready;
                account.is_member && is_as_told && member.in_flight == account.in_flight
            });
        }
    }
}

impl Balance for ScriptedBalancer {
    fn pick(&self, ring: &Ring<'_>, pick: &PickArgs, now: Instant) -> Option<AddressId> {
        if self.panics.load(Ordering::Relaxed) {
            self.calls.panic("of the balancer");
        }
        self.check_ring(*ring);
        RoundRobin::new().pick(ring, pick, now)
    }

    fn keeps_turn(&self, address: AddressId) -> bool {
        RoundRobin::new().keeps_turn(address)
    }

    fn on_joined(&mut self, address: AddressId, _: &Attributes, _: Instant) {
        self.enter(address, "joined", |account| {
            !account.is_ready && !std::mem::replace(&mut account.is_member, true)
        });
    }

    fn on_changed(&mut self, address: AddressId, _: &Attributes, _: Instant) {
        self.enter(address, "changed", |account| account.is_member);
    }

    fn on_left(&mut self, address: AddressId, _: Instant) {
        self.enter(address, "left", |account| {
            !account.is_ready && std::mem::replace(&mut account.is_member, false)
        });
    }

    fn on_readiness(&mut self, address: AddressId, is_ready: bool, _: Instant) {
        self.enter(address, "became ready or not", |account| {
            account.is_member && std::mem::replace(&mut account.is_ready, is_ready) != is_ready
        });
    }

    fn on_sent(&mut self, address: AddressId, _: Instant) {
        self.enter(address, "was sent an item", |account| {
            account.in_flight += 1;
            account.unanswered += 1;
            true
        });
    }

    fn on_answered(&mut self, address: AddressId, _: Duration, _: Instant) {
        self.enter(address, "answered an item", |account| {
            let may = account.in_flight > 0 && account.unanswered > 0;
            account.unanswered = account.unanswered.saturating_sub(1);
            may
        });
    }

    fn on_finished(&mut self, address: AddressId, _: &Outcome, _: Instant) {
        self.end_items(address, 1, "finished an item");
    }

    fn on_lost(&mut self, address: AddressId, items: u32, _: Instant) {
        self.end_items(address, items, "lost items");
    }
}
