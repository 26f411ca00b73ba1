//! What a map knows, under one lock, under which no user code runs: names are hashed, compared and dropped
//! outside, handles are cloned and looked at outside. `pool_core::pool_map` decides; its outputs are
//! carried out on the tables here, and as [`Effects`] after the lock is released.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;
use std::thread::{self, ThreadId};
use std::time::Duration;

use pool_core::Instant;
use pool_core::pool_map::{Inserted, NameId, NamedPools, Output, Patience, PoolMapCounts, Refusal, Wanted};

use super::effects::Effects;
use super::error::{GetErrorReason, PoolMapEnded};
use super::names::{Claim, Held, NameEntry, Named, Names};
use crate::error::{Counts, EndReason, Ended};

/// What becomes of a caller that asks for a pool.
pub(super) enum Step<N, H> {
    Got(NameId, Claim<H>),
    /// It is up to the caller to create it.
    Create(NameId, Arc<Named<N>>),
    /// With a ticket.
    Wait(NameId, Arc<Named<N>>, u64),
    Refused(GetErrorReason),
    /// The name is gone: ask again.
    Again,
}

/// A pool that the driver is to look at.
pub(super) struct Look<H> {
    pub(super) id: NameId,
    pub(super) held: Arc<Held<H>>,
    /// A caller was about to get the pool when the look began.
    pub(super) is_claimed: bool,
}

/// What a look at a pool has shown.
#[derive(Clone, Copy)]
pub(super) enum Condition {
    Idle,
    InUse,
    /// It takes no items any more.
    Closed,
    Ended(Ended),
    /// Its handle panicked.
    Broken,
}

pub(super) struct MapState<N, H> {
    decisions: NamedPools,
    names: Names<N, H>,
    looks: VecDeque<NameId>,
    /// When the driver will call again by itself.
    driver_calls_at: Option<Instant>,
    /// Threads that are in a creator, once for each.
    creators: Vec<ThreadId>,
    tickets: u64,
    pub(super) closed: Option<EndReason>,
    pub(super) ended: Option<PoolMapEnded>,
    pools_ended: u64,
    counts: Counts,
}

impl<N, H> MapState<N, H> {
    pub(super) fn new(decisions: NamedPools) -> Self {
        Self {
            decisions,
            names: Names::new(),
            looks: VecDeque::new(),
            driver_calls_at: None,
            creators: Vec::new(),
            tickets: 0,
            closed: None,
            ended: None,
            pools_ended: 0,
            counts: Counts::default(),
        }
    }

    /// Carries out what was decided, as far as that is possible under the lock.
    pub(super) fn carry_out(&mut self, effects: &mut Effects<N, H>) {
        loop {
            match self.decisions.poll_output() {
                Output::Grant(id) => self.for_entry(id, |entry| entry.wake_oldest(effects)),
                Output::Opened(id) => self.for_entry(id, |entry| entry.wake_all(effects)),
                Output::NotifyWhenIdle(id) => self.for_held(id, |held| effects.notify_when_idle(held)),
                Output::Look(id) => self.looks.push_back(id),
                Output::Release(id) => self.release(id, effects),
                Output::ShutDown { name, timeout } => {
                    self.for_held(name, |held| effects.shut_down(held, timeout));
                }
                Output::Forget(id) => self.forget(id, effects),
                Output::Closed => effects.wake_driver(),
                Output::Timeout(at) => {
                    if at.is_some_and(|at| self.driver_calls_at.is_none_or(|known| at < known)) {
                        effects.wake_driver();
                    }
                    return;
                }
            }
        }
    }

    fn for_entry(&mut self, id: NameId, act: impl FnOnce(&mut NameEntry<N, H>)) {
        if let Some(entry) = self.names.get_mut(id) {
            act(entry);
        }
    }

    fn for_held(&self, id: NameId, act: impl FnOnce(&Arc<Held<H>>)) {
        if let Some(held) = self.names.held(id) {
            act(held);
        }
    }

    fn release(&mut self, id: NameId, effects: &mut Effects<N, H>) {
        let Some(mut entry) = self.names.remove(id) else { return };
        entry.wake_all(effects);
        if let Some(held) = entry.held.take() {
            // Its end may have been told before anybody waited for it.
            effects.raise(&held);
            self.names.keep_closing(id, held);
        }
        effects.drop_entry(Some(entry));
    }

    fn forget(&mut self, id: NameId, effects: &mut Effects<N, H>) {
        let mut entry = self.names.remove(id);
        if let Some(entry) = &mut entry {
            if let Some(reason) = self.closed {
                // The first reason stands.
                let _ = entry.named.failure.set(GetErrorReason::Closed(reason));
            }
            entry.wake_all(effects);
        }
        effects.drop_entry(entry);
        effects.drop_handle(self.names.remove_closing(id));
    }
}

/// Callers.
impl<N, H> MapState<N, H> {
    /// The oldest name with this hash that arrived later than `after`, and when it arrived.
    pub(super) fn find(&self, hash: u64, after: u64) -> Option<(u64, NameId, Arc<Named<N>>)> {
        self.names.find(hash, after)
    }

    /// A caller wants the pool of a name that is known.
    pub(super) fn want(&mut self, id: NameId, patience: Patience) -> Step<N, H> {
        let is_in_creator = self.is_in_creator();
        let patience = if is_in_creator { Patience::NoWait } else { patience };
        match self.decisions.want(id, patience) {
            Ok(wanted) => self.step(id, wanted),
            Err(_) if is_in_creator => Step::Refused(GetErrorReason::InCreator),
            Err(refusal) => Step::Refused(self.reason(refusal)),
        }
    }

    /// A caller wants a pool for a name that is new, if that is still so: there was none but those up to
    /// `newest`.
    pub(super) fn insert(
        &mut self,
        hash: u64,
        newest: u64,
        named: &Arc<Named<N>>,
        patience: Patience,
    ) -> Step<N, H> {
        if self.closed.is_none() && self.find(hash, newest).is_some() {
            return Step::Again;
        }
        let is_in_creator = self.is_in_creator();
        let patience = if is_in_creator { Patience::NoWait } else { patience };
        let (id, wanted) = match self.decisions.insert(patience) {
            Ok(Inserted::Create(id)) => (id, Wanted::Create),
            Ok(Inserted::Wait(id)) => (id, Wanted::Wait),
            Err(Refusal::Full) if is_in_creator => return Step::Refused(GetErrorReason::InCreator),
            Err(refusal) => return Step::Refused(self.reason(refusal)),
        };
        self.names.insert(id, hash, named);
        self.step(id, wanted)
    }

    fn step(&mut self, id: NameId, wanted: Wanted) -> Step<N, H> {
        if wanted == Wanted::Open {
            return self.names.claim(id).map_or(Step::Again, |claim| Step::Got(id, claim));
        }
        let Some(entry) = self.names.get_mut(id) else { return Step::Again };
        let named = Arc::clone(&entry.named);
        match wanted {
            Wanted::Create => {
                self.creators.push(thread::current().id());
                Step::Create(id, named)
            }
            Wanted::Wait => {
                self.tickets += 1;
                entry.waiters.insert(self.tickets, Waker::noop().clone());
                Step::Wait(id, named, self.tickets)
            }
            Wanted::Open | Wanted::Unknown => Step::Again,
        }
    }

    fn reason(&self, refusal: Refusal) -> GetErrorReason {
        match (refusal, self.closed) {
            (Refusal::Full, _) => GetErrorReason::Full,
            (Refusal::BeingCreated, _) => GetErrorReason::BeingCreated,
            (Refusal::Closed, reason) => GetErrorReason::Closed(reason.unwrap_or(EndReason::Shutdown)),
        }
    }

    fn is_in_creator(&self) -> bool {
        !self.creators.is_empty() && self.creators.contains(&thread::current().id())
    }

    /// A caller that waits looks again. `None`: there is still nothing.
    pub(super) fn resume(
        &mut self,
        id: NameId,
        ticket: u64,
        waker: Waker,
        effects: &mut Effects<N, H>,
    ) -> Option<Step<N, H>> {
        let is_in_creator = self.is_in_creator();
        let Some(entry) = self.names.get_mut(id) else {
            effects.drop_waker(Some(waker));
            return Some(Step::Again);
        };
        let wanted = self.decisions.resume(id);
        if wanted == Wanted::Wait && !is_in_creator {
            effects.drop_waker(entry.waiters.insert(ticket, waker));
            return None;
        }
        effects.drop_waker(Some(waker));
        if wanted == Wanted::Wait {
            return Some(Step::Refused(GetErrorReason::InCreator));
        }
        effects.drop_waker(entry.waiters.remove(&ticket));
        Some(self.step(id, wanted))
    }

    /// A caller gives up waiting.
    pub(super) fn cancel(&mut self, id: NameId, ticket: u64, effects: &mut Effects<N, H>) {
        let Some(entry) = self.names.get_mut(id) else { return };
        let Some(waker) = entry.waiters.remove(&ticket) else { return };
        effects.drop_waker(Some(waker));
        self.decisions.cancel(id);
    }
}

/// Creators.
impl<N, H> MapState<N, H> {
    /// A creator has made the pool. Its caller gets it, unless the map is closed.
    pub(super) fn handle_created(
        &mut self,
        id: NameId,
        held: &Arc<Held<H>>,
        effects: &mut Effects<N, H>,
    ) -> Result<(), GetErrorReason> {
        self.leave_creator();
        if let Some(entry) = self.names.get_mut(id) {
            entry.held = Some(Arc::clone(held));
        }
        // It may be over already, and that may have been told while nobody looked at this name.
        held.signal.clear();
        effects.raise(held);
        if self.decisions.handle_created(id) { Ok(()) } else { Err(self.reason(Refusal::Closed)) }
    }

    pub(super) fn handle_creation_failed(&mut self, id: NameId, reason: &GetErrorReason) {
        self.leave_creator();
        if let Some(entry) = self.names.get_mut(id) {
            // The first reason stands.
            let _ = entry.named.failure.set(reason.clone());
        }
        self.decisions.handle_creation_failed(id);
    }

    fn leave_creator(&mut self) {
        let here = thread::current().id();
        if let Some(index) = self.creators.iter().rposition(|&thread| thread == here) {
            self.creators.swap_remove(index);
        }
    }
}

/// Pools.
impl<N, H> MapState<N, H> {
    /// A pool has something to tell.
    pub(super) fn handle_news(&mut self, id: NameId) {
        if let Some(held) = self.names.held(id) {
            held.signal.clear();
            self.decisions.handle_news(id);
        }
    }

    /// The pool that the driver looks at next.
    pub(super) fn next_look(&mut self) -> Option<Look<H>> {
        while let Some(id) = self.looks.pop_front() {
            if let Some(held) = self.names.held(id) {
                return Some(Look { id, held: Arc::clone(held), is_claimed: held.is_claimed() });
            }
        }
        None
    }

    pub(super) fn handle_look(&mut self, id: NameId, condition: Condition, now: Instant) {
        match condition {
            Condition::Idle => self.decisions.handle_idle(id, now),
            Condition::InUse => self.decisions.handle_in_use(id, now),
            Condition::Closed => self.handle_closed(id),
            Condition::Ended(ended) => self.handle_ended(id, ended),
            Condition::Broken => self.forget_name(id),
        }
    }

    /// A pool takes no items any more; how long its end may take was said when it was shut down.
    pub(super) fn handle_closed(&mut self, id: NameId) {
        self.decisions.handle_closed(id);
    }

    pub(super) fn handle_ended(&mut self, id: NameId, ended: Ended) {
        if self.decisions.handle_ended(id) {
            self.pools_ended += 1;
            self.counts.accepted += ended.counts.accepted;
            self.counts.sent += ended.counts.sent;
            self.counts.undelivered += ended.counts.undelivered;
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.decisions.handle_timeout(now);
    }

    /// When the driver has to call again. It is woken if that changes to an earlier time.
    pub(super) fn arm(&mut self) -> Option<Instant> {
        if let Output::Timeout(at) = self.decisions.poll_output() {
            self.driver_calls_at = at;
        }
        self.driver_calls_at
    }
}

/// The end.
impl<N, H> MapState<N, H> {
    /// Closes the pool of a name, if there is one.
    pub(super) fn close_name(&mut self, id: NameId, timeout: Duration) -> Option<Arc<Held<H>>> {
        let held = self.names.held(id).map(Arc::clone);
        held.filter(|_| self.decisions.close_name(id, timeout))
    }

    /// No new pools from now on. Who waits is told.
    pub(super) fn close(&mut self, reason: EndReason) {
        self.closed.get_or_insert(reason);
        self.decisions.close();
    }

    /// Closes all pools.
    pub(super) fn shut_down(&mut self, timeout: Duration) {
        self.close(EndReason::Shutdown);
        self.decisions.shut_down(timeout);
    }

    /// The pool of a name lives on without the map.
    pub(super) fn forget_name(&mut self, id: NameId) {
        self.decisions.forget_name(id);
    }

    /// There is no driver any more: pools are left to end by themselves.
    pub(super) fn abandon(&mut self) -> PoolMapEnded {
        self.close(EndReason::DriverDropped);
        self.decisions.abandon();
        self.end(EndReason::DriverDropped)
    }

    /// Why the map is over, once it is.
    pub(super) fn over(&self) -> Option<EndReason> {
        self.closed.filter(|_| self.decisions.is_over())
    }

    pub(super) fn end(&mut self, reason: EndReason) -> PoolMapEnded {
        let ended = PoolMapEnded { reason, pools: self.pools_ended, counts: self.counts };
        *self.ended.get_or_insert(ended)
    }
}

/// Views.
impl<N, H> MapState<N, H> {
    pub(super) fn counts(&self) -> PoolMapCounts {
        self.decisions.counts()
    }

    /// The names that have a pool.
    pub(super) fn names(&self) -> Vec<Arc<Named<N>>> {
        let open = self.decisions.open_names().into_iter();
        open.filter_map(|id| self.names.get(id)).map(|entry| Arc::clone(&entry.named)).collect()
    }

    /// The names that have a pool, and the map's handles of these.
    pub(super) fn open(&self) -> Vec<OpenName<N, H>> {
        let open_name = |id| {
            let entry = self.names.get(id)?;
            Some(OpenName { id, named: Arc::clone(&entry.named), held: Arc::clone(entry.held.as_ref()?) })
        };
        self.decisions.open_names().into_iter().filter_map(open_name).collect()
    }
}

/// A name that has a pool.
pub(super) struct OpenName<N, H> {
    pub(super) id: NameId,
    pub(super) named: Arc<Named<N>>,
    pub(super) held: Arc<Held<H>>,
}
