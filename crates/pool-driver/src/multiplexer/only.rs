//! Items that are for one address only: where they go, and who waits for what.

use std::collections::{BTreeSet, VecDeque};

use pool_core::{AddressId, PickArgs};

use super::Multiplexer;
use crate::driver::backlog::PopFront;
use crate::error::UndeliveredReason;
use crate::seams::Seams;
use crate::seams::item_policy::ItemPolicy;

/// What a batch has to know of items for one address only.
pub(super) struct Only {
    /// The batch stopped at an item that has to wait for this address.
    pub(super) blocked: Option<AddressId>,
    /// Addresses that older items wait for. The owner has those items.
    waited_for: BTreeSet<AddressId>,
    /// These are the older items.
    is_served: bool,
}

impl Only {
    pub(super) const fn new() -> Self {
        Self { blocked: None, waited_for: BTreeSet::new(), is_served: false }
    }

    /// Whether older items wait for the only address that will do.
    #[inline]
    pub(super) fn has_older(&self, args: &PickArgs) -> bool {
        args.only.is_some_and(|id| !self.is_served && self.waited_for.contains(&id))
    }
}

/// The policy of items that wait for an address by themselves.
struct OnlyTo<'a, U> {
    id: AddressId,
    policy: &'a U,
}

impl<T, U: ItemPolicy<T>> ItemPolicy<T> for OnlyTo<'_, U> {
    fn on_undelivered(&mut self, _: T, _: UndeliveredReason) {}

    fn pick(&self, _: &T) -> PickArgs {
        PickArgs::only(self.id)
    }

    fn on_picked(&self, item: &T, address: AddressId) {
        self.policy.on_picked(item, address);
    }
}

impl<P: Seams> Multiplexer<P> {
    /// Items wait for this address, and for no other: younger ones wait behind them. Returns whether the address is in the
    /// set; if not, nobody waits for it.
    pub(crate) fn wait_for(&mut self, id: AddressId) -> bool {
        let is_in_set = self.step(|this| this.core.set_demand_for(id, true, this.now));
        if is_in_set {
            self.batch.only.waited_for.insert(id);
        }
        is_in_set
    }

    /// No item waits for this address any more.
    pub(crate) fn stop_waiting_for(&mut self, id: AddressId) {
        self.batch.only.waited_for.remove(&id);
        self.step(|this| this.core.set_demand_for(id, false, this.now));
    }

    /// There may be other addresses now: who has items for some of them only has to look whether these are still there.
    pub(super) fn look_at_waiting(&mut self) {
        if !self.batch.only.waited_for.is_empty() {
            self.held.look_soon();
        }
    }

    /// Sends items to this address and no other, oldest first, `max` at most, as far as it can take them.
    pub(crate) fn dispatch_only(
        &mut self,
        id: AddressId,
        items: &mut VecDeque<P::Item>,
        max: usize,
        policy: &P::Policy,
    ) {
        self.batch.only.is_served = true;
        self.dispatch_from(&mut PopFront(items), max, &OnlyTo { id, policy });
        self.batch.only.is_served = false;
    }
}
