//! The hot path: items to connections, in batches, and one flush for each connection touched.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

use pool_core::{PickArgs, SlotEvent, SlotId};

use super::Multiplexer;
use super::connections::Failure;
use crate::driver::backlog::{Backlog, Items};
use crate::error::BoxError;
use crate::panic::{Panicked, guard};
use crate::seams::connection::Connection;
use crate::seams::item_policy::{DropUndelivered, ItemPolicy};
use crate::seams::{ConnectionOf, Seams};

/// How far a batch has come. It is kept where a panic can't take it away: one `catch_unwind` serves a whole
/// batch.
pub(super) struct Batch {
    running: UserCode,
    /// Items that are left of those to be sent now.
    offered: usize,
}

/// Whose code runs at the moment: a panic is charged to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum UserCode {
    /// Or the policy that tells it where an item is to go.
    Balancer,
    Connection(SlotId),
}

/// A connection returned an error.
struct Broken {
    slot: SlotId,
    error: BoxError,
}

impl Batch {
    pub(super) const fn new() -> Self {
        Self { running: UserCode::Balancer, offered: 0 }
    }
}

impl<P: Seams> Multiplexer<P> {
    /// As [`dispatch`](Self::dispatch), with the policy of the pool, which is left out if it wants nothing.
    pub(crate) fn dispatch_by(&mut self, items: &mut Backlog<P::Item>, max: usize, policy: &P::Policy) {
        match guard(|| policy.has_pick_args()) {
            Ok(true) => self.dispatch(items, max, policy),
            Ok(false) => self.dispatch(items, max, &DropUndelivered),
            // The question belongs to the choice, as `pick` does.
            Err(panic) => self.step(|this| this.on_balancer_panic(panic)),
        }
    }

    /// Sends items to connections, oldest first, until `max` are sent or no connection can take one, or items
    /// came back. An item leaves `items` in the moment a connection takes it.
    pub(crate) fn dispatch(
        &mut self,
        items: &mut Backlog<P::Item>,
        max: usize,
        policy: &impl ItemPolicy<P::Item>,
    ) {
        self.core.set_load(items.len() + self.in_flight());
        let left = self.dispatch_from(&mut items.returned(), max, policy);
        if !items.has_returned() && !self.held.has_returned() {
            self.dispatch_from(items.batch(), left, policy);
        }
    }

    /// Items whose replies are awaited, if connections tell of them.
    pub(crate) fn in_flight(&self) -> usize {
        if ConnectionOf::<P>::REPORTS_OUTCOMES { self.core.in_flight() } else { 0 }
    }

    /// Returns how many of `max` are left.
    fn dispatch_from(
        &mut self,
        items: &mut impl Items<P::Item>,
        max: usize,
        policy: &impl ItemPolicy<P::Item>,
    ) -> usize {
        let offered = items.len().min(max);
        self.batch.offered = offered;
        // What comes back from a connection that breaks goes first: the caller sees to that.
        while self.batch.offered > 0 && self.core.takes_items() && !self.held.has_returned() {
            let (items_before, offered_before) = (items.len(), self.batch.offered);
            match catch_unwind(AssertUnwindSafe(|| self.dispatch_unguarded(items, policy))) {
                Ok(Ok(())) => break,
                Ok(Err(Broken { slot, error })) => self.step(|this| this.fail(slot, Failure::Error(error))),
                Err(payload) => {
                    let is_item_gone = items_before - items.len() > offered_before - self.batch.offered;
                    self.batch.offered -= usize::from(is_item_gone);
                    let panic = Panicked::from_payload(payload);
                    self.step(|this| this.on_dispatch_panic(panic, is_item_gone));
                }
            }
        }
        max - (offered - self.batch.offered)
    }

    /// A function of its own, so that nothing around it takes registers from it.
    #[inline(never)]
    fn dispatch_unguarded(
        &mut self,
        items: &mut impl Items<P::Item>,
        policy: &impl ItemPolicy<P::Item>,
    ) -> Result<(), Broken> {
        let now = self.now;
        self.batch.running = UserCode::Balancer;
        while self.batch.offered > 0 {
            let Some(item) = items.first() else { return Ok(()) };
            let Some(slot) = self.core.select(&policy.pick(item), now) else { return Ok(()) };
            let Some(mut target) = self.connections.target(slot) else { return Ok(()) };
            self.batch.running = UserCode::Connection(slot);
            match target.poll_ready(now) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Err(Broken { slot, error }),
                Poll::Pending => {
                    self.batch.running = UserCode::Balancer;
                    self.on_busy(slot);
                    continue;
                }
            }
            // The policy's word is part of the choice; a connection answers only for what it has got.
            self.batch.running = UserCode::Balancer;
            policy.on_picked(item, target.address);
            self.batch.running = UserCode::Connection(slot);
            let Some(item) = items.next() else { return Ok(()) };
            let started = target.start_send(item);
            self.batch.running = UserCode::Balancer;
            self.core.handle_slot(slot, SlotEvent::Sent, now);
            self.batch.offered -= 1;
            if let Err(error) = started {
                // Its conversion is the connection's code too.
                self.batch.running = UserCode::Connection(slot);
                return Err(Broken { slot, error: error.into() });
            }
        }
        Ok(())
    }

    #[cold]
    fn on_busy(&mut self, slot: SlotId) {
        if let Some(address) = self.connections.set_busy(slot) {
            self.reporter.touch(address);
        }
        self.core.handle_slot(slot, SlotEvent::Busy, self.now);
    }

    /// Whether some connection took items when last seen.
    pub(super) fn is_any_ready(&mut self) -> bool {
        match guard(|| self.core.select(&PickArgs::any(), self.now)) {
            Ok(slot) => slot.is_some(),
            Err(panic) => {
                self.step(|this| this.on_balancer_panic(panic));
                false
            }
        }
    }

    /// An item that is gone counts as sent: nobody knows how far it went.
    fn on_dispatch_panic(&mut self, panic: Panicked, is_item_gone: bool) {
        let UserCode::Connection(slot) = self.batch.running else { return self.on_balancer_panic(panic) };
        if is_item_gone && let Err(panic) = guard(|| self.core.handle_slot(slot, SlotEvent::Sent, self.now)) {
            self.on_balancer_panic(panic);
        }
        self.fail(slot, panic.into());
    }

    /// Flushes every connection that took items since the last time, once.
    pub(super) fn flush_dirty(&mut self) {
        let mut dirty = self.connections.take_dirty();
        for slot in dirty.drain(..) {
            let Some((sent, flushed)) = self.connections.flush(slot, self.now) else { continue };
            self.reporter.count_sent(sent);
            if let Err(failure) = flushed {
                self.fail(slot, failure);
            }
        }
        self.connections.keep_dirty(dirty);
    }
}
