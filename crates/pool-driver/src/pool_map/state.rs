//! What a map knows, under one lock, under which no code of users runs: names are hashed, compared and
//! dropped outside, and so is everything else of theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::ops::Bound::{Excluded, Included};
use std::sync::{Arc, OnceLock};
use std::task::Waker;
use std::thread::{self, ThreadId};
use std::time::Duration;

use pool_core::Instant;

use super::effects::Effects;
use super::error::{GetErrorReason, PoolMapEnded};
use crate::error::{Counts, EndReason, Ended};
use crate::pool::{Pool, Shared as PoolShared};
use crate::wake_list::Signal;

/// Names a slot. Slots with the same hash are neighbours; numbers are never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Key {
    hash: u64,
    pub(super) number: u64,
}

/// What can wake a map's driver.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Woken {
    Handles,
    Timer,
    /// This pool is over, or idle if somebody wants to know.
    Pool(Key),
}

/// A name, and what those who wait for its pool are told if there won't be one.
pub(super) struct Named<N> {
    pub(super) name: N,
    pub(super) failure: OnceLock<GetErrorReason>,
}

/// A name that is in use.
pub(super) struct Slot<N, T, A> {
    named: Arc<Named<N>>,
    phase: Phase<T, A>,
    /// By ticket, oldest first.
    waiters: BTreeMap<u64, Waker>,
}

enum Phase<T, A> {
    /// All places are taken; it stands in line for one.
    InLine,
    /// It has a place. Whoever of those who wait comes first creates the pool.
    Turn,
    Creating,
    Open(Open<T, A>),
}

struct Open<T, A> {
    kept: Kept<T, A>,
    /// The tick of the last use.
    used: u64,
    /// Where it stands in the order of use; it may have been used since.
    ranked: u64,
    /// The last use that the sweep knows of.
    swept: u64,
    idle_since: Option<Instant>,
}

/// The map's handle of a pool.
pub(super) struct Kept<T, A> {
    pub(super) pool: Pool<T, A>,
    pub(super) signal: Arc<Signal<Woken>>,
}

/// What becomes of somebody who asks for a pool.
pub(super) enum Step<N, T, A> {
    Got(Key, Pool<T, A>),
    /// It is up to the caller to create it.
    Create(Key, Arc<Named<N>>),
    /// With a ticket.
    Wait(Key, Arc<Named<N>>, u64),
    Refused(GetErrorReason),
    /// The slot is gone: ask again.
    Again,
}

/// What somebody who asks does if there is no pool yet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    Waits,
    Leaves,
}

pub(super) struct State<N, T, A> {
    slots: BTreeMap<Key, Slot<N, T, A>>,
    /// Names that wait for a place, by their numbers: first come, first served.
    line: BTreeSet<(u64, Key)>,
    /// Open pools by their last use, as of some time ago.
    by_use: BTreeMap<u64, Key>,
    /// Pools that have no name any more and are not over yet. They have places, too.
    closing: BTreeMap<Key, Kept<T, A>>,
    names_max: usize,
    /// Threads that are in a creator, once for each.
    creators: Vec<ThreadId>,
    /// Somebody could not wait for a place and may come again.
    is_room_wanted: bool,
    /// Open pools tell when they become idle.
    is_idle_wanted: bool,
    /// Counts uses, slots and tickets.
    ticks: u64,
    pub(super) closed: Option<EndReason>,
    pub(super) ended: Option<PoolMapEnded>,
    pools_ended: u64,
    counts: Counts,
}

impl<N, T, A> State<N, T, A> {
    pub(super) fn new(names_max: usize) -> Self {
        Self {
            slots: BTreeMap::new(),
            line: BTreeSet::new(),
            by_use: BTreeMap::new(),
            closing: BTreeMap::new(),
            names_max,
            creators: Vec::new(),
            is_room_wanted: false,
            is_idle_wanted: false,
            ticks: 0,
            closed: None,
            ended: None,
            pools_ended: 0,
            counts: Counts::default(),
        }
    }

    fn tick(&mut self) -> u64 {
        self.ticks += 1;
        self.ticks
    }

    /// Places that are taken or promised.
    fn taken(&self) -> usize {
        self.slots.len() - self.line.len() + self.closing.len()
    }

    /// The oldest slot with this hash that is newer than `after`.
    pub(super) fn find(&self, hash: u64, after: u64) -> Option<(Key, Arc<Named<N>>)> {
        let (first, last) = (Key { hash, number: after }, Key { hash, number: u64::MAX });
        let mut found = self.slots.range((Excluded(first), Included(last)));
        found.next().map(|(&key, slot)| (key, Arc::clone(&slot.named)))
    }

    /// Somebody wants this slot's pool.
    pub(super) fn join(&mut self, key: Key, patience: Patience) -> Step<N, T, A> {
        let tick = self.tick();
        let is_in_creator = self.is_in_creator();
        let Some(slot) = self.slots.get_mut(&key) else { return Step::Again };
        let reason = match &mut slot.phase {
            Phase::Open(open) => {
                open.used = tick;
                return Step::Got(key, open.kept.pool.clone());
            }
            Phase::Turn => return self.start_creation(key),
            Phase::InLine => GetErrorReason::Full,
            Phase::Creating => GetErrorReason::BeingCreated,
        };
        if is_in_creator {
            return Step::Refused(GetErrorReason::InCreator);
        }
        if patience == Patience::Leaves {
            return Step::Refused(reason);
        }
        slot.waiters.insert(tick, Waker::noop().clone());
        Step::Wait(key, Arc::clone(&slot.named), tick)
    }

    /// Somebody wants a pool for a name that has no slot, if that is still so: there was none but
    /// those up to `newest`.
    pub(super) fn insert(
        &mut self,
        hash: u64,
        newest: u64,
        named: &Arc<Named<N>>,
        patience: Patience,
        effects: &mut Effects<N, T, A>,
    ) -> Step<N, T, A> {
        if let Some(reason) = self.closed {
            return Step::Refused(GetErrorReason::Closed(reason));
        }
        if self.find(hash, newest).is_some() {
            return Step::Again;
        }
        let key = Key { hash, number: self.tick() };
        if self.taken() < self.names_max {
            self.add(key, named, Phase::Turn);
            return self.start_creation(key);
        }
        effects.tell_driver();
        if patience == Patience::Waits && !self.is_in_creator() {
            self.add(key, named, Phase::InLine);
            self.line.insert((key.number, key));
            return self.join(key, patience);
        }
        self.is_room_wanted = true;
        Step::Refused(if self.is_in_creator() { GetErrorReason::InCreator } else { GetErrorReason::Full })
    }

    fn add(&mut self, key: Key, named: &Arc<Named<N>>, phase: Phase<T, A>) {
        let slot = Slot { named: Arc::clone(named), phase, waiters: BTreeMap::new() };
        self.slots.insert(key, slot);
    }

    fn is_in_creator(&self) -> bool {
        !self.creators.is_empty() && self.creators.contains(&thread::current().id())
    }

    fn start_creation(&mut self, key: Key) -> Step<N, T, A> {
        let Some(slot) = self.slots.get_mut(&key) else { return Step::Again };
        slot.phase = Phase::Creating;
        self.creators.push(thread::current().id());
        Step::Create(key, Arc::clone(&slot.named))
    }

    /// Somebody who waits looks again. `None`: there is still nothing.
    pub(super) fn look_again(
        &mut self,
        key: Key,
        ticket: u64,
        waker: Waker,
        effects: &mut Effects<N, T, A>,
    ) -> Option<Step<N, T, A>> {
        let is_in_creator = self.is_in_creator();
        let Some(slot) = self.slots.get_mut(&key) else {
            effects.drop_waker(Some(waker));
            return Some(Step::Again);
        };
        let waits = matches!(slot.phase, Phase::InLine | Phase::Creating);
        if waits && !is_in_creator {
            effects.drop_waker(slot.waiters.insert(ticket, waker));
            return None;
        }
        effects.drop_waker(Some(waker));
        if waits {
            return Some(Step::Refused(GetErrorReason::InCreator));
        }
        effects.drop_waker(slot.waiters.remove(&ticket));
        Some(self.join(key, Patience::Leaves))
    }

    /// Somebody gives up waiting.
    pub(super) fn leave(&mut self, key: Key, ticket: u64, effects: &mut Effects<N, T, A>) {
        let Some(slot) = self.slots.get_mut(&key) else { return };
        let Some(waker) = slot.waiters.remove(&ticket) else { return };
        effects.drop_waker(Some(waker));
        match slot.phase {
            Phase::InLine if slot.waiters.is_empty() => {
                self.line.remove(&(key.number, key));
                effects.drop_slot(self.slots.remove(&key));
            }
            Phase::Turn if slot.waiters.is_empty() => {
                effects.drop_slot(self.slots.remove(&key));
                self.grant(effects);
            }
            // It may have been the one that was to create the pool.
            Phase::Turn => slot.wake_oldest(effects),
            _ => {}
        }
    }

    /// Gives places that are free to the names that have waited longest.
    fn grant(&mut self, effects: &mut Effects<N, T, A>) {
        while self.taken() < self.names_max
            && let Some((_, key)) = self.line.pop_first()
        {
            if let Some(slot) = self.slots.get_mut(&key) {
                slot.phase = Phase::Turn;
                slot.wake_oldest(effects);
            }
        }
    }

    /// A creator has returned: all who wait are told. Returns what its caller gets.
    pub(super) fn settle(
        &mut self,
        key: Key,
        made: Result<Kept<T, A>, GetErrorReason>,
        effects: &mut Effects<N, T, A>,
    ) -> Result<Pool<T, A>, GetErrorReason> {
        let here = thread::current().id();
        if let Some(index) = self.creators.iter().rposition(|&thread| thread == here) {
            self.creators.swap_remove(index);
        }
        if self.closed.is_some() {
            // Perhaps it waits for this one alone.
            effects.tell_driver();
        }
        match (made, self.closed) {
            (Err(reason), _) => {
                self.fail(key, &reason, effects);
                Err(reason)
            }
            (Ok(kept), Some(reason)) => {
                self.fail(key, &GetErrorReason::Closed(reason), effects);
                // Without a driver there is nobody to wait for its end.
                match self.ended {
                    Some(_) => effects.drop_kept(kept),
                    None => self.close_pool(key, kept, Duration::ZERO, effects),
                }
                Err(GetErrorReason::Closed(reason))
            }
            (Ok(kept), None) => Ok(self.open(key, kept, effects)),
        }
    }

    fn open(&mut self, key: Key, kept: Kept<T, A>, effects: &mut Effects<N, T, A>) -> Pool<T, A> {
        let tick = self.tick();
        let pool = kept.pool.clone();
        // It may be over already, and that may have been told while nobody looked at this slot; there may
        // be something to sweep now, and somebody who wants to know when it is idle.
        kept.signal.clear();
        effects.raise(&kept.signal);
        self.by_use.insert(tick, key);
        if let Some(slot) = self.slots.get_mut(&key) {
            slot.phase = Phase::Open(Open { kept, used: tick, ranked: tick, swept: tick, idle_since: None });
            slot.wake_all(effects);
        }
        pool
    }

    /// There won't be a pool in this slot.
    fn fail(&mut self, key: Key, reason: &GetErrorReason, effects: &mut Effects<N, T, A>) {
        if let Some(mut slot) = self.slots.remove(&key) {
            // The first reason stands.
            let _ = slot.named.failure.set(reason.clone());
            slot.wake_all(effects);
            effects.drop_slot(Some(slot));
        }
        self.line.remove(&(key.number, key));
        self.grant(effects);
    }

    /// Takes an open pool out of its slot; the name is free.
    fn take_open(&mut self, key: Key, effects: &mut Effects<N, T, A>) -> Option<Kept<T, A>> {
        let slot = self.slots.get_mut(&key)?;
        let Phase::Open(open) = &slot.phase else { return None };
        self.by_use.remove(&open.ranked);
        let mut slot = self.slots.remove(&key)?;
        slot.wake_all(effects);
        let Phase::Open(open) = mem::replace(&mut slot.phase, Phase::InLine) else { return None };
        effects.drop_slot(Some(slot));
        Some(open.kept)
    }

    /// Closes the pool of a slot, if there is one.
    pub(super) fn retire(
        &mut self,
        key: Key,
        deadline: Duration,
        effects: &mut Effects<N, T, A>,
    ) -> Option<Arc<PoolShared<T, A>>> {
        let kept = self.take_open(key, effects)?;
        let shared = Arc::clone(kept.pool.shared());
        self.close_pool(key, kept, deadline, effects);
        Some(shared)
    }

    fn close_pool(&mut self, key: Key, kept: Kept<T, A>, deadline: Duration, effects: &mut Effects<N, T, A>) {
        if kept.pool.shared().ended().is_none() {
            effects.shut_down(&kept, deadline);
        }
        self.await_end(key, kept, effects);
    }

    /// A pool that closes has a place until it is over.
    fn await_end(&mut self, key: Key, kept: Kept<T, A>, effects: &mut Effects<N, T, A>) {
        if let Some(ended) = kept.pool.shared().ended() {
            self.count_end(ended);
            effects.drop_kept(kept);
            self.grant(effects);
        } else {
            // Its end may have been told before anybody waited for it.
            effects.raise(&kept.signal);
            self.closing.insert(key, kept);
        }
    }

    fn count_end(&mut self, ended: Ended) {
        self.pools_ended += 1;
        self.counts.accepted += ended.counts.accepted;
        self.counts.sent += ended.counts.sent;
        self.counts.undelivered += ended.counts.undelivered;
    }

    /// Drops a pool that takes no items any more. Whoever closed it has said how long that may take.
    pub(super) fn retire_closed(&mut self, key: Key, effects: &mut Effects<N, T, A>) {
        let is_closed = |open: &Open<T, A>| open.kept.pool.shared().is_closed();
        if self.slots.get(&key).and_then(Slot::open).is_some_and(is_closed)
            && let Some(kept) = self.take_open(key, effects)
        {
            self.await_end(key, kept, effects);
        }
    }

    /// A pool has something to tell.
    pub(super) fn look_at(&mut self, key: Key, effects: &mut Effects<N, T, A>) {
        if let Some(kept) = self.closing.get(&key) {
            kept.signal.clear();
            if let Some(ended) = kept.pool.shared().ended() {
                self.count_end(ended);
                if let Some(kept) = self.closing.remove(&key) {
                    effects.drop_kept(kept);
                }
                self.grant(effects);
            }
        } else if let Some(open) = self.slots.get(&key).and_then(Slot::open) {
            open.kept.signal.clear();
            if self.is_idle_wanted {
                open.kept.pool.shared().want_idle();
            }
            self.retire_closed(key, effects);
        }
    }

    /// Closes idle pools until there is one for each name that waits for a place, those first that
    /// have not been used for longest. If there are too few, pools tell when they become idle.
    pub(super) fn make_room(&mut self, deadline: Duration, effects: &mut Effects<N, T, A>) {
        let wanted = self.line.len().max(usize::from(mem::take(&mut self.is_room_wanted)));
        if self.closing.len() < wanted && !mem::replace(&mut self.is_idle_wanted, true) {
            self.opens().for_each(|open| open.kept.pool.shared().want_idle());
        }
        let start = self.tick();
        while self.closing.len() < wanted
            && let Some(key) = self.oldest_idle(start)
        {
            self.retire(key, deadline, effects);
        }
        self.is_idle_wanted &= self.closing.len() < self.line.len();
    }

    fn opens(&self) -> impl Iterator<Item = &Open<T, A>> {
        self.slots.values().filter_map(Slot::open)
    }

    /// The pool that is idle and was not used for longest. Those in use are being used now.
    fn oldest_idle(&mut self, start: u64) -> Option<Key> {
        while let Some((&ranked, &key)) = self.by_use.first_key_value()
            && ranked < start
        {
            let now = self.tick();
            let slot = self.slots.get_mut(&key)?;
            let is_idle = slot.is_idle();
            let Phase::Open(open) = &mut slot.phase else { return None };
            if is_idle && open.used == ranked {
                return Some(key);
            }
            // Used since, but before the search: its place in the order is among the others.
            open.ranked = if is_idle { open.used } else { now };
            open.used = open.ranked;
            self.by_use.remove(&ranked);
            self.by_use.insert(open.ranked, key);
        }
        None
    }

    /// Closes what has been idle in all looks for so long.
    pub(super) fn sweep(
        &mut self,
        now: Instant,
        idle_timeout: Duration,
        deadline: Duration,
        effects: &mut Effects<N, T, A>,
    ) {
        let mut over = Vec::new();
        for (&key, slot) in &mut self.slots {
            let is_idle = slot.is_idle();
            let Phase::Open(open) = &mut slot.phase else { continue };
            let is_used = mem::replace(&mut open.swept, open.used) != open.used;
            open.idle_since = match open.idle_since {
                _ if !is_idle => None,
                Some(since) if !is_used => Some(since),
                _ => Some(now),
            };
            let idle = open.idle_since.map(|since| now.saturating_duration_since(since));
            over.extend(idle.filter(|idle| *idle >= idle_timeout).map(|_| key));
        }
        for key in over {
            self.retire(key, deadline, effects);
        }
    }

    pub(super) fn has_open(&self) -> bool {
        !self.by_use.is_empty()
    }

    /// No new pools from now on. Whoever waits is told.
    pub(super) fn close(&mut self, reason: EndReason, effects: &mut Effects<N, T, A>) {
        let reason = *self.closed.get_or_insert(reason);
        let waits = |slot: &Slot<N, T, A>| matches!(slot.phase, Phase::InLine | Phase::Turn);
        let waiting: Vec<Key> =
            self.slots.iter().filter(|(_, slot)| waits(slot)).map(|(&key, _)| key).collect();
        self.line.clear();
        for key in waiting {
            self.fail(key, &GetErrorReason::Closed(reason), effects);
        }
        effects.tell_driver();
    }

    /// Closes all pools.
    pub(super) fn shut_down(&mut self, deadline: Duration, effects: &mut Effects<N, T, A>) {
        self.close(EndReason::Shutdown, effects);
        self.closing.values().for_each(|kept| effects.shut_down(kept, deadline));
        for key in self.by_use.values().copied().collect::<Vec<_>>() {
            self.retire(key, deadline, effects);
        }
    }

    /// The map is given up. Pools that somebody else has a handle of live on; the others are closed,
    /// or, when there is nobody who would wait for that, left to end by themselves.
    pub(super) fn abandon(&mut self, reason: EndReason, deadline: Duration, effects: &mut Effects<N, T, A>) {
        self.close(reason, effects);
        for key in self.by_use.values().copied().collect::<Vec<_>>() {
            let Some(kept) = self.take_open(key, effects) else { continue };
            if kept.pool.shared().handles() > 1 || reason == EndReason::DriverDropped {
                effects.drop_kept(kept);
            } else {
                self.close_pool(key, kept, deadline, effects);
            }
        }
        if reason == EndReason::DriverDropped {
            for kept in mem::take(&mut self.closing).into_values() {
                effects.drop_kept(kept);
            }
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.closed.is_some() && self.slots.is_empty() && self.closing.is_empty()
    }

    pub(super) fn end(&mut self, reason: EndReason) -> PoolMapEnded {
        let ended = PoolMapEnded { reason, pools: self.pools_ended, counts: self.counts };
        *self.ended.get_or_insert(ended)
    }

    pub(super) fn len(&self) -> usize {
        self.by_use.len()
    }

    pub(super) fn names(&self) -> Vec<Arc<Named<N>>> {
        let open = self.slots.values().filter(|slot| slot.open().is_some());
        open.map(|slot| Arc::clone(&slot.named)).collect()
    }

    #[expect(clippy::type_complexity, reason = "names and their pools")]
    pub(super) fn pools(&self) -> Vec<(Arc<Named<N>>, Arc<PoolShared<T, A>>)> {
        let open = self.slots.values().filter_map(|slot| slot.open().map(|open| (slot, open)));
        open.map(|(slot, open)| (Arc::clone(&slot.named), Arc::clone(open.kept.pool.shared()))).collect()
    }

    /// Pools that are being created, those that are being closed, names in line, and places.
    pub(super) fn totals(&self) -> [usize; 4] {
        let creating = self.slots.len() - self.by_use.len() - self.line.len();
        [creating, self.closing.len(), self.line.len(), self.names_max]
    }
}

impl<N, T, A> Slot<N, T, A> {
    fn open(&self) -> Option<&Open<T, A>> {
        match &self.phase {
            Phase::Open(open) => Some(open),
            Phase::InLine | Phase::Turn | Phase::Creating => None,
        }
    }

    /// Nobody uses the pool or is about to.
    fn is_idle(&self) -> bool {
        self.waiters.is_empty() && self.open().is_some_and(|open| open.kept.pool.shared().is_idle())
    }

    fn wake_oldest(&mut self, effects: &mut Effects<N, T, A>) {
        if let Some(waker) = self.waiters.values_mut().next() {
            effects.wake(mem::replace(waker, Waker::noop().clone()));
        }
    }

    fn wake_all(&mut self, effects: &mut Effects<N, T, A>) {
        for waker in self.waiters.values_mut() {
            effects.wake(mem::replace(waker, Waker::noop().clone()));
        }
    }
}
