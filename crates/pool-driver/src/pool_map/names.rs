//! What belongs to a name beside the decisions: the name itself, its hash, the pool's handle, and the wakers
//! of callers that wait.

use std::collections::BTreeMap;
use std::mem;
use std::ops::Bound::{Excluded, Included};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Waker;

use pool_core::pool_map::NameId;

use super::MapWakeUp;
use super::effects::Effects;
use super::error::GetErrorReason;
use super::handle::PoolHandle;
use crate::wake_list::Signal;

/// A name, and what callers that wait for its pool are told if there won't be one.
pub(super) struct Named<N> {
    pub(super) name: N,
    pub(super) failure: OnceLock<GetErrorReason>,
}

impl<N> Named<N> {
    pub(super) fn new(name: N) -> Self {
        Self { name, failure: OnceLock::new() }
    }
}

/// The map's own handle of a pool.
pub(super) struct Held<H> {
    pub(super) handle: H,
    /// Lists the name for the driver.
    pub(super) signal: Arc<Signal<MapWakeUp>>,
    claims: AtomicUsize,
    /// The driver wants to look when nobody claims the handle any more.
    is_look_due: AtomicBool,
}

impl<H> Held<H> {
    pub(super) fn new(handle: H, signal: Arc<Signal<MapWakeUp>>) -> Arc<Self> {
        let (claims, is_look_due) = (AtomicUsize::new(0), AtomicBool::new(false));
        Arc::new(Self { handle, signal, claims, is_look_due })
    }

    /// Whether somebody is about to clone the handle.
    pub(super) fn is_claimed(&self) -> bool {
        self.claims.load(Ordering::SeqCst) > 0
    }

    /// Returns whether a look was due that is not due any more.
    fn take_due_look(&self) -> bool {
        self.is_look_due.load(Ordering::SeqCst) && self.is_look_due.swap(false, Ordering::SeqCst)
    }
}

impl<H: PoolHandle> Held<H> {
    /// To be called outside of the lock. A pool that is claimed tells nothing yet: as far as its handles go
    /// it would be idle at once, and again and again.
    pub(super) fn notify_when_idle(&self) {
        self.is_look_due.store(true, Ordering::SeqCst);
        if !self.is_claimed() && self.take_due_look() {
            self.handle.notify_when_idle();
        }
    }
}

/// A caller that is about to clone the handle: that is user code, and takes place outside of the lock.
pub(super) struct Claim<H>(Arc<Held<H>>);

impl<H> Claim<H> {
    fn new(held: &Arc<Held<H>>) -> Self {
        held.claims.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(held))
    }

    pub(super) fn handle(&self) -> &H {
        &self.0.handle
    }
}

impl<H> Drop for Claim<H> {
    fn drop(&mut self) {
        if self.0.claims.fetch_sub(1, Ordering::SeqCst) == 1 && self.0.take_due_look() {
            self.0.signal.raise();
        }
    }
}

/// Where a name stands among those with the same hash. Numbers are never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct HashKey {
    hash: u64,
    arrival: u64,
}

/// A name that is in use.
pub(super) struct NameEntry<N, H> {
    id: NameId,
    key: HashKey,
    pub(super) named: Arc<Named<N>>,
    pub(super) held: Option<Arc<Held<H>>>,
    /// By ticket, oldest first.
    pub(super) waiters: BTreeMap<u64, Waker>,
}

/// Tables beside `pool_core::pool_map`, which follow its outputs one by one.
pub(super) struct Names<N, H> {
    /// By the id's index.
    entries: Vec<Option<NameEntry<N, H>>>,
    by_hash: BTreeMap<HashKey, NameId>,
    arrivals: u64,
    /// Pools that have lost their names.
    closing: BTreeMap<NameId, Arc<Held<H>>>,
}

impl<N, H> Names<N, H> {
    pub(super) const fn new() -> Self {
        Self { entries: Vec::new(), by_hash: BTreeMap::new(), arrivals: 0, closing: BTreeMap::new() }
    }

    /// The oldest name with this hash that arrived later than `after`, and when it arrived.
    pub(super) fn find(&self, hash: u64, after: u64) -> Option<(u64, NameId, Arc<Named<N>>)> {
        let (first, last) = (HashKey { hash, arrival: after }, HashKey { hash, arrival: u64::MAX });
        let (key, &id) = self.by_hash.range((Excluded(first), Included(last))).next()?;
        Some((key.arrival, id, Arc::clone(&self.get(id)?.named)))
    }

    pub(super) fn insert(&mut self, id: NameId, hash: u64, named: &Arc<Named<N>>) {
        self.arrivals += 1;
        let key = HashKey { hash, arrival: self.arrivals };
        self.by_hash.insert(key, id);
        if self.entries.len() <= id.index() {
            self.entries.resize_with(id.index() + 1, || None);
        }
        let entry = NameEntry { id, key, named: Arc::clone(named), held: None, waiters: BTreeMap::new() };
        self.entries[id.index()] = Some(entry);
    }

    pub(super) fn get(&self, id: NameId) -> Option<&NameEntry<N, H>> {
        self.entries.get(id.index())?.as_ref().filter(|entry| entry.id == id)
    }

    pub(super) fn get_mut(&mut self, id: NameId) -> Option<&mut NameEntry<N, H>> {
        self.entries.get_mut(id.index())?.as_mut().filter(|entry| entry.id == id)
    }

    /// Frees the name.
    pub(super) fn remove(&mut self, id: NameId) -> Option<NameEntry<N, H>> {
        let entry = self.entries.get_mut(id.index())?.take_if(|entry| entry.id == id)?;
        self.by_hash.remove(&entry.key);
        Some(entry)
    }

    /// Keeps a handle whose name is free, until the pool has ended.
    pub(super) fn keep_closing(&mut self, id: NameId, held: Arc<Held<H>>) {
        self.closing.insert(id, held);
    }

    pub(super) fn remove_closing(&mut self, id: NameId) -> Option<Arc<Held<H>>> {
        self.closing.remove(&id)
    }

    /// The map's handle of a pool, whether it has a name or is closing.
    pub(super) fn held(&self, id: NameId) -> Option<&Arc<Held<H>>> {
        self.get(id).and_then(|entry| entry.held.as_ref()).or_else(|| self.closing.get(&id))
    }

    pub(super) fn claim(&self, id: NameId) -> Option<Claim<H>> {
        self.get(id)?.held.as_ref().map(Claim::new)
    }
}

impl<N, H> NameEntry<N, H> {
    pub(super) fn wake_oldest(&mut self, effects: &mut Effects<N, H>) {
        if let Some(waker) = self.waiters.values_mut().next() {
            effects.wake(mem::replace(waker, Waker::noop().clone()));
        }
    }

    pub(super) fn wake_all(&mut self, effects: &mut Effects<N, H>) {
        for waker in self.waiters.values_mut() {
            effects.wake(mem::replace(waker, Waker::noop().clone()));
        }
    }
}
