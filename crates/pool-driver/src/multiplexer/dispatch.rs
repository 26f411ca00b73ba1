//! The hot path: items to connections, in batches, and one flush for each connection touched.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};

use futures_sink::Sink;
use pool_core::{Balance, PickArgs, SlotEvent, SlotId};

use super::Multiplexer;
use super::occupant::{Failure, Occupant, Stage};
use crate::addresses::AddressStream;
use crate::backlog::{Backlog, Items};
use crate::connect::Connect;
use crate::connection::Connection;
use crate::error::BoxError;
use crate::item_policy::ItemPolicy;
use crate::observer::Observer;
use crate::panic::{Panicked, guard};
use crate::runtime::Runtime;

/// Whose code runs at the moment: one `catch_unwind` serves a whole batch, and this says whom a
/// panic is to be charged to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum UserCode {
    /// Or the policy that tells it where an item wants to go.
    Balancer,
    Connection(SlotId),
}

/// A connection returned an error.
struct Broken {
    slot: SlotId,
    error: BoxError,
}

impl<T, C, S, R, O, B> Multiplexer<T, C, S, R, O, B>
where
    S: AddressStream,
    C: Connect<S::Address>,
    C::Connection: Connection<T>,
    R: Runtime,
    O: Observer<S::Address>,
    B: Balance,
{
    /// Hands items to connections, oldest first, until `max` are sent or no connection can take
    /// one, or items came back. An item leaves `items` in the moment a connection takes it.
    pub(crate) fn dispatch(&mut self, items: &mut Backlog<T>, max: usize, policy: &impl ItemPolicy<T>) {
        let left = self.dispatch_from(&mut items.returned(), max, policy);
        if !items.has_returned() && !self.is_held_news {
            self.dispatch_from(items.batch(), left, policy);
        }
    }

    /// Returns how many of `max` are left.
    fn dispatch_from(&mut self, items: &mut impl Items<T>, max: usize, policy: &impl ItemPolicy<T>) -> usize {
        let offered = items.len().min(max);
        self.offered = offered;
        // What comes back from a connection that breaks goes first: the caller sees to that.
        while self.offered > 0 && self.core.takes_items() && !self.is_held_news {
            let (items_before, offered_before) = (items.len(), self.offered);
            match catch_unwind(AssertUnwindSafe(|| self.dispatch_unguarded(items, policy))) {
                Ok(Ok(())) => break,
                Ok(Err(Broken { slot, error })) => self.fail(slot, Failure::Error(error)),
                Err(payload) => {
                    let is_item_gone = items_before - items.len() > offered_before - self.offered;
                    self.offered -= usize::from(is_item_gone);
                    self.on_dispatch_panic(Panicked::from_payload(payload), is_item_gone);
                }
            }
        }
        max - (offered - self.offered)
    }

    /// A function of its own, so that nothing around it takes registers from it.
    #[inline(never)]
    fn dispatch_unguarded(
        &mut self,
        items: &mut impl Items<T>,
        policy: &impl ItemPolicy<T>,
    ) -> Result<(), Broken> {
        let now = self.now;
        self.running = UserCode::Balancer;
        while self.offered > 0 {
            let Some(item) = items.first() else { return Ok(()) };
            let Some(slot) = self.core.select(&policy.pick(item), now) else { return Ok(()) };
            let Some(Occupant { stage: Stage::Open(connection), waker, sent, address_id, .. }) =
                &mut self.occupants[slot.index()]
            else {
                return Ok(());
            };
            self.running = UserCode::Connection(slot);
            match connection.as_mut().poll_ready(&mut Context::from_waker(waker)) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Err(Broken { slot, error: error.into() }),
                Poll::Pending => {
                    self.running = UserCode::Balancer;
                    self.on_busy(slot);
                    continue;
                }
            }
            // The policy's word is part of the choice; a connection answers only for what it has got.
            self.running = UserCode::Balancer;
            policy.on_picked(item, *address_id);
            self.running = UserCode::Connection(slot);
            let Some(item) = items.next() else { return Ok(()) };
            if *sent == 0 {
                self.dirty.push(slot);
            }
            *sent += 1;
            let started = connection.as_mut().start_send(item);
            self.running = UserCode::Balancer;
            self.core.handle_slot(slot, SlotEvent::Sent, now);
            self.offered -= 1;
            if let Err(error) = started {
                // Its conversion is the connection's code too.
                self.running = UserCode::Connection(slot);
                return Err(Broken { slot, error: error.into() });
            }
        }
        Ok(())
    }

    #[cold]
    fn on_busy(&mut self, slot: SlotId) {
        if let Some(occupant) = self.occupant(slot) {
            occupant.is_busy = true;
            let address = occupant.address_id;
            self.touched.push(address);
        }
        self.core.handle_slot(slot, SlotEvent::Busy, self.now);
    }

    /// Whether some connection took items when last seen.
    pub(super) fn is_any_ready(&mut self) -> bool {
        self.running = UserCode::Balancer;
        match guard(|| self.core.select(&PickArgs::any(), self.now)) {
            Ok(slot) => slot.is_some(),
            Err(panic) => {
                self.on_balancer_panic(&panic);
                false
            }
        }
    }

    /// An item that is gone counts as sent: nobody knows how far it went.
    fn on_dispatch_panic(&mut self, panic: Panicked, is_item_gone: bool) {
        let UserCode::Connection(slot) = self.running else {
            self.on_balancer_panic(&panic);
            return self.carry_out();
        };
        if is_item_gone {
            self.running = UserCode::Balancer;
            if let Err(panic) = guard(|| self.core.handle_slot(slot, SlotEvent::Sent, self.now)) {
                self.on_balancer_panic(&panic);
            }
        }
        self.fail(slot, panic.into());
    }

    /// Flushes every connection that took items since the last time, once.
    pub(crate) fn flush_dirty(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for slot in dirty.drain(..) {
            let Some(occupant) = self.occupant(slot) else { continue };
            let (address, sent) = (occupant.address_id, std::mem::take(&mut occupant.sent));
            self.count_sent_items(address, sent);
            self.flush(slot);
        }
        self.dirty = dirty;
    }

    pub(super) fn flush(&mut self, slot: SlotId) {
        let Some(occupant) = self.occupant(slot) else { return };
        let (Stage::Open(connection) | Stage::Draining(connection)) = &mut occupant.stage else { return };
        let mut cx = Context::from_waker(&occupant.waker);
        match guard(|| connection.as_mut().poll_flush(&mut cx).map_err(Into::into)) {
            Ok(Poll::Pending) => occupant.is_flushing = true,
            Ok(Poll::Ready(Ok(()))) => occupant.is_flushing = false,
            Ok(Poll::Ready(Err(error))) => self.fail(slot, Failure::Error(error)),
            Err(panic) => self.fail(slot, panic.into()),
        }
    }

    /// Whether all that was sent over has been flushed.
    pub(super) fn is_all_flushed(&self) -> bool {
        self.occupants.iter().flatten().all(|occupant| occupant.sent == 0 && !occupant.is_flushing)
    }
}
