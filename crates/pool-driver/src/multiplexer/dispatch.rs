//! The hot path: items to connections, in batches, and one flush for each connection touched.

use std::collections::VecDeque;
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
use crate::observer::Observer;
use crate::panic::{Panicked, guard};
use crate::runtime::Runtime;

/// Whose code runs at the moment: one `catch_unwind` serves a whole batch, and this says whom a
/// panic is to be charged to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum UserCode {
    Balancer,
    /// Asked whether it is ready.
    Connection(SlotId),
    /// Given an item, which is gone whatever happens.
    Sending(SlotId),
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
    pub(crate) fn dispatch(&mut self, items: &mut VecDeque<T>, max: usize) {
        let keep = items.len().saturating_sub(max);
        while items.len() > keep && self.core.takes_items() {
            match catch_unwind(AssertUnwindSafe(|| self.dispatch_unguarded(items, keep))) {
                Ok(Ok(())) => return,
                Ok(Err(Broken { slot, error })) => self.fail(slot, Failure::Error(error)),
                Err(payload) => self.on_dispatch_panic(Panicked::from_payload(payload)),
            }
        }
    }

    fn dispatch_unguarded(&mut self, items: &mut VecDeque<T>, keep: usize) -> Result<(), Broken> {
        while items.len() > keep {
            self.running = UserCode::Balancer;
            let Some(slot) = self.core.select(&Pick::any(), self.now) else { return Ok(()) };
            let Some(tenant) = self.tenants[slot.index()].as_mut() else { return Ok(()) };
            let Stage::Open(connection) = &mut tenant.stage else { return Ok(()) };
            self.running = UserCode::Connection(slot);
            match connection.as_mut().poll_ready(&mut Context::from_waker(&tenant.waker)) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Err(Broken { slot, error: error.into() }),
                Poll::Pending => {
                    tenant.is_busy = true;
                    self.touched.push((tenant.address_id, 0));
                    self.core.handle_slot(slot, SlotEvent::Busy, self.now);
                    continue;
                }
            }
            let Some(item) = items.pop_front() else { return Ok(()) };
            tenant.handed += 1;
            if !tenant.is_dirty {
                tenant.is_dirty = true;
                self.dirty.push(slot);
            }
            self.running = UserCode::Sending(slot);
            let sent = connection.as_mut().start_send(item);
            self.running = UserCode::Balancer;
            self.core.handle_slot(slot, SlotEvent::Sent, self.now);
            sent.map_err(|error| Broken { slot, error: error.into() })?;
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

    fn on_dispatch_panic(&mut self, panic: Panicked) {
        match self.running {
            UserCode::Balancer => {
                self.on_balancer_panic(&panic);
                self.carry_out();
            }
            UserCode::Connection(slot) => self.fail(slot, panic.into()),
            UserCode::Sending(slot) => {
                self.running = UserCode::Balancer;
                // It counts as handed: nobody knows how far it went.
                if let Err(panic) = guard(|| self.core.handle_slot(slot, SlotEvent::Sent, self.now)) {
                    self.on_balancer_panic(&panic);
                }
                self.fail(slot, panic.into());
            }
        }
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
