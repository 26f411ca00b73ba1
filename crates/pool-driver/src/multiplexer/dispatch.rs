//! The hot path: items to connections, in batches, and one flush for each connection touched.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};

use futures_sink::Sink;
use pool_core::{Balance, Pick, SlotEvent, SlotId};

use super::Multiplexer;
use super::tenant::{Failure, Stage};
use crate::addresses::AddressStream;
use crate::connect::Connect;
use crate::connection::Connection;
use crate::error::BoxError;
use crate::hand::Hand;
use crate::observer::Observer;
use crate::panic::{Panicked, guard};
use crate::runtime::Runtime;

/// Whose code runs at the moment: one `catch_unwind` serves a whole batch, and this says whom a
/// panic is to be charged to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum UserCode {
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
    /// Hands items to connections, oldest first, until `max` are handed or no connection can take
    /// one. An item leaves `items` in the moment a connection takes it.
    pub(crate) fn dispatch(&mut self, items: &mut Hand<T>, max: usize) {
        let mut left = max;
        while !items.is_empty() && left > 0 && self.core.takes_items() {
            let (items_before, left_before) = (items.len(), left);
            match catch_unwind(AssertUnwindSafe(|| self.dispatch_unguarded(items, &mut left))) {
                Ok(Ok(())) => return,
                Ok(Err(Broken { slot, error })) => self.fail(slot, Failure::Error(error)),
                Err(payload) => {
                    let is_item_gone = items_before - items.len() > left_before - left;
                    self.on_dispatch_panic(Panicked::from_payload(payload), is_item_gone);
                }
            }
        }
    }

    fn dispatch_unguarded(&mut self, items: &mut Hand<T>, left: &mut usize) -> Result<(), Broken> {
        let now = self.now;
        while *left > 0 && !items.is_empty() {
            self.running = UserCode::Balancer;
            let Some(slot) = self.core.select(&Pick::any(), now) else { return Ok(()) };
            let Some(tenant) = self.tenants[slot.index()].as_mut() else { return Ok(()) };
            let Stage::Open(connection) = &mut tenant.stage else { return Ok(()) };
            self.running = UserCode::Connection(slot);
            match connection.as_mut().poll_ready(&mut Context::from_waker(&tenant.waker)) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Err(Broken { slot, error: error.into() }),
                Poll::Pending => {
                    tenant.is_busy = true;
                    self.touched.push(tenant.address_id);
                    self.core.handle_slot(slot, SlotEvent::Busy, now);
                    continue;
                }
            }
            let Some(item) = items.pop() else { return Ok(()) };
            if !tenant.is_dirty {
                tenant.is_dirty = true;
                self.dirty.push(slot);
            }
            let sent = connection.as_mut().start_send(item).map_err(Into::into);
            self.running = UserCode::Balancer;
            self.core.handle_slot(slot, SlotEvent::Sent, now);
            tenant.handed += 1;
            *left -= 1;
            sent.map_err(|error| Broken { slot, error })?;
        }
        Ok(())
    }

    /// Whether some connection took items when last seen.
    pub(super) fn is_any_ready(&mut self) -> bool {
        self.running = UserCode::Balancer;
        match guard(|| self.core.select(&Pick::any(), self.now)) {
            Ok(slot) => slot.is_some(),
            Err(panic) => {
                self.on_balancer_panic(&panic);
                false
            }
        }
    }

    /// An item that is gone counts as handed: nobody knows how far it went.
    fn on_dispatch_panic(&mut self, panic: Panicked, is_item_gone: bool) {
        let UserCode::Connection(slot) = self.running else {
            self.summary.handed += u64::from(is_item_gone);
            self.on_balancer_panic(&panic);
            return self.carry_out();
        };
        if is_item_gone {
            self.running = UserCode::Balancer;
            if let Err(panic) = guard(|| self.core.handle_slot(slot, SlotEvent::Sent, self.now)) {
                self.on_balancer_panic(&panic);
            }
            if let Some(tenant) = self.tenant(slot) {
                tenant.handed += 1;
            }
        }
        self.fail(slot, panic.into());
    }

    /// Flushes every connection that took items since the last time, once.
    pub(crate) fn flush_dirty(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for slot in dirty.drain(..) {
            let Some(tenant) = self.tenant(slot) else { continue };
            tenant.is_dirty = false;
            let (address, handed) = (tenant.address_id, std::mem::take(&mut tenant.handed));
            self.count_handed(address, handed);
            self.flush(slot);
        }
        self.dirty = dirty;
    }

    /// A draining connection is flushed by its close.
    pub(super) fn flush(&mut self, slot: SlotId) {
        let Some(tenant) = self.tenant(slot) else { return };
        let Stage::Open(connection) = &mut tenant.stage else { return };
        let mut cx = Context::from_waker(&tenant.waker);
        match guard(|| connection.as_mut().poll_flush(&mut cx).map_err(Into::into)) {
            Ok(Poll::Pending) => tenant.is_flushing = true,
            Ok(Poll::Ready(Ok(()))) => tenant.is_flushing = false,
            Ok(Poll::Ready(Err(error))) => self.fail(slot, Failure::Error(error)),
            Err(panic) => self.fail(slot, panic.into()),
        }
    }

    /// Whether all that was handed over has been flushed.
    pub(super) fn is_all_flushed(&self) -> bool {
        self.tenants.iter().flatten().all(|tenant| {
            !tenant.is_dirty && !tenant.is_flushing && !matches!(tenant.stage, Stage::Draining(_))
        })
    }
}
