//! The hot path: items to connections, in batches, and one flush for each connection touched.

use std::mem;
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
    /// Items that a connection has taken in its turn, and the core doesn't know of yet; and which connection.
    taken: usize,
    turn_of: Option<SlotId>,
}

/// How the turn of a connection ends.
enum Turn {
    Over,
    /// It can take no more now.
    Busy,
    Broken(BoxError),
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
        Self { running: UserCode::Balancer, offered: 0, taken: 0, turn_of: None }
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
            match catch_unwind(AssertUnwindSafe(|| self.dispatch_unguarded(items, policy))) {
                Ok(Ok(())) => break,
                Ok(Err(Broken { slot, error })) => self.step(|this| this.fail(slot, Failure::Error(error))),
                Err(payload) => {
                    let panic = Panicked::from_payload(payload);
                    self.step(|this| this.on_dispatch_panic(panic));
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
            let args = policy.pick(item);
            let Some(slot) = self.core.select(&args, now) else { return Ok(()) };
            let turn = if args.is_any() { self.core.turn_left(slot) as usize } else { 1 };
            let Some(mut target) = self.connections.target(slot) else { return Ok(()) };
            let batch = &mut self.batch;
            batch.turn_of = Some(slot);
            let turn = turn.min(batch.offered);
            let ended = loop {
                batch.running = UserCode::Connection(slot);
                match target.poll_ready(now) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(error)) => break Turn::Broken(error),
                    Poll::Pending => break Turn::Busy,
                }
                let Some(item) = items.first() else { break Turn::Over };
                // The policy's word is part of the choice; a connection answers only for what it has got.
                batch.running = UserCode::Balancer;
                policy.on_picked(item, target.address);
                batch.running = UserCode::Connection(slot);
                let Some(item) = items.next() else { break Turn::Over };
                batch.taken += 1;
                if let Err(error) = target.start_send(item) {
                    // Its conversion is the connection's code too.
                    break Turn::Broken(error.into());
                }
                batch.running = UserCode::Balancer;
                // One that wants something has a choice of its own.
                if batch.taken == turn || items.first().is_some_and(|item| !policy.pick(item).is_any()) {
                    break Turn::Over;
                }
            };
            self.batch.running = UserCode::Balancer;
            self.commit_taken(slot);
            match ended {
                Turn::Over => {}
                Turn::Busy => self.on_busy(slot),
                Turn::Broken(error) => return Err(Broken { slot, error }),
            }
        }
        Ok(())
    }

    /// Tells the core what a connection has taken. What is gone counts as sent: nobody knows how far it went.
    #[inline]
    fn commit_taken(&mut self, slot: SlotId) {
        let taken = mem::take(&mut self.batch.taken);
        self.batch.offered -= taken;
        if taken > 0 {
            self.core.handle_sent(slot, u32::try_from(taken).unwrap_or(u32::MAX), self.now);
        }
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

    fn on_dispatch_panic(&mut self, panic: Panicked) {
        let running = self.batch.running;
        if let Some(slot) = self.batch.turn_of
            && let Err(panic) = guard(|| self.commit_taken(slot))
        {
            self.on_balancer_panic(panic);
        }
        match running {
            UserCode::Connection(slot) => self.fail(slot, panic.into()),
            UserCode::Balancer => self.on_balancer_panic(panic),
        }
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
