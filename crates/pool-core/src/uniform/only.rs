//! Items that are for one address only.

use super::Uniform;
use crate::balance::Balance;
use crate::ids::{AddressId, SlotId};
use crate::instant::Instant;
use crate::rings::Allowance;

impl<A: Clone + Ord, B: Balance> Uniform<A, B> {
    /// Whether an address is in the set. An item for this address only ([`PickArgs::only`](crate::PickArgs::only)) that is
    /// for another one has to be refused.
    ///
    /// ```
    /// use pool_core::{Config, Instant, RoundRobin, Uniform};
    ///
    /// let mut uniform = Uniform::new(Config::default(), RoundRobin::new(), 42)?;
    /// uniform.handle_addresses(&["a:1"].into(), Instant::ZERO);
    /// let id = uniform.find_address(&"a:1").expect("known");
    /// assert!(uniform.is_in_set(id));
    /// uniform.handle_addresses(&[].into(), Instant::ZERO);
    /// assert!(!uniform.is_in_set(id));
    /// # Ok::<(), pool_core::ConfigError>(())
    /// ```
    pub fn is_in_set(&self, id: AddressId) -> bool {
        self.addresses.by_id(id).is_some_and(|known| known.present)
    }

    /// Tells whether items wait that are for this address only. Don't count them in
    /// [`set_demand`](Self::set_demand): no other connection can take them.
    ///
    /// If the address has neither a connection nor a dial, it is dialled before others of its kind, also by a lazy pool
    /// and before its pace allows it; but not while it is in backoff. A closing pool waits for such items, too. An address
    /// that leaves the set is not waited for. Returns whether the address is in the set.
    pub fn set_demand_for(&mut self, id: AddressId, is_waiting: bool, now: Instant) -> bool {
        self.advance(now);
        let is_in_set = self.is_in_set(id);
        let index = id.0.index;
        if is_in_set && is_waiting != self.dials.is_asked_for(index) {
            self.dials.ask_for(index, is_waiting);
            self.update_dialling(index);
            self.settle();
        }
        is_in_set
    }

    /// The next slot of the address that is ready.
    #[cold]
    pub(super) fn select_only(&self, id: AddressId) -> Option<SlotId> {
        let index = id.0.index;
        let is_allowed = self.is_in_set(id)
            && self.rings.node(index).standing.takes_only()
            && self.allowance(index) != Allowance::Nothing;
        self.rings.ready_slot(index).filter(|_| is_allowed).map(SlotId)
    }
}
