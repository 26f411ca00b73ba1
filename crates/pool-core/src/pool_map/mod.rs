//! One pool per name as a pure state machine: who creates, who waits, who makes room, what is closed.
//!
//! [`NamedPools`] knows names by their ids alone. What a name is, its hash, the handle of its pool and the
//! wakers of its callers stay with the owner, who passes in what callers and pools do, and carries out the
//! [`Output`]s.
//!
//! # The life of a name
//!
//! 1. A caller wants a pool for a new name ([`NamedPools::insert`]). If fewer than
//!    [`names_max`](PoolMapConfig::names_max) permits are taken it creates the pool; else it waits.
//! 2. [`NamedPools::handle_created`] opens the name: others who wait are woken, and from now on
//!    [`NamedPools::want`] says [`Wanted::Open`].
//! 3. The pool tells once when it becomes idle ([`Output::NotifyWhenIdle`], [`NamedPools::handle_news`]).
//!    Idle names are kept in the order of their last use.
//! 4. When a name waits for a permit, the least recently used of the idle ones is looked at
//!    ([`Output::Look`]) and closed, if it is still idle. The same happens to pools that have been idle for
//!    [`idle_timeout`](PoolMapConfig::idle_timeout).
//! 5. A pool that closes has lost its name ([`Output::Release`]) and keeps its permit until
//!    [`NamedPools::handle_ended`]. Then the name that has waited longest gets the permit
//!    ([`Output::Grant`]).
//!
//! A look takes place outside of the machine, and a caller may get the pool meanwhile. Such a look counts for
//! nothing: a pool that a caller was just given is not closed.

mod closing;
mod config;
mod eviction;
mod idle_names;
mod idle_timeout;
mod name;
mod output;
mod wait_queue;

use alloc::collections::VecDeque;
use core::time::Duration;

use closing::MapPhase;
use eviction::Eviction;
use idle_names::IdleNames;
use idle_timeout::IdleTimeout;
use name::{Name, NamePhase};
use wait_queue::WaitQueue;

use crate::config_error::ConfigError;
use crate::instant::Instant;
use crate::slab::Slab;

pub use config::PoolMapConfig;
pub use name::NameId;
pub use output::{Inserted, Output, Patience, PoolMapCounts, Refusal, Wanted};

/// Decides for a map of pools. See the [module](self) for the life of a name.
///
/// After each input the owner drains [`poll_output`](Self::poll_output) until it returns
/// [`Output::Timeout`], and calls [`handle_timeout`](Self::handle_timeout) at that time. The same inputs
/// give the same outputs.
///
/// ```
/// use pool_core::Instant;
/// use pool_core::pool_map::{Inserted, NamedPools, Output, Patience, PoolMapConfig};
///
/// let mut config = PoolMapConfig::default();
/// config.names_max = 1;
/// let mut pools = NamedPools::new(config.clone())?;
/// let outputs = |pools: &mut NamedPools| {
///     let next = || Some(pools.poll_output()).filter(|output| !matches!(output, Output::Timeout(_)));
///     std::iter::from_fn(next).collect::<Vec<_>>()
/// };
///
/// // The first caller creates a pool.
/// let Ok(Inserted::Create(first)) = pools.insert(Patience::Wait) else { panic!("there is a permit") };
/// assert!(pools.handle_created(first));
/// assert_eq!(outputs(&mut pools), [Output::NotifyWhenIdle(first)]);
///
/// // Another name has to wait, until the first pool is idle and closed.
/// let Ok(Inserted::Wait(second)) = pools.insert(Patience::Wait) else { panic!("there is none left") };
/// pools.handle_news(first);
/// assert_eq!(outputs(&mut pools), [Output::Look(first)]);
/// pools.handle_idle(first, Instant::ZERO);
/// let timeout = config.shutdown_timeout;
/// assert_eq!(outputs(&mut pools), [Output::Release(first), Output::ShutDown { name: first, timeout }]);
/// pools.handle_ended(first);
/// assert_eq!(outputs(&mut pools), [Output::Forget(first), Output::Grant(second)]);
/// # Ok::<(), pool_core::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct NamedPools {
    config: PoolMapConfig,
    names: Slab<Name>,
    wait_queue: WaitQueue,
    idle: IdleNames,
    eviction: Eviction,
    idle_timeout: IdleTimeout,
    /// The one name that is being looked at, to make room or for a timeout.
    searching: Option<NameId>,
    open: usize,
    closing: usize,
    phase: MapPhase,
    /// `handle_timeout` has something to do at once.
    is_urgent: bool,
    outputs: VecDeque<Output>,
}

/// Callers.
impl NamedPools {
    /// A map without names.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] that names the setting that makes no sense.
    pub fn new(config: PoolMapConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self {
            config,
            names: Slab::new(),
            wait_queue: WaitQueue::default(),
            idle: IdleNames::new(),
            eviction: Eviction::default(),
            idle_timeout: IdleTimeout::new(config.idle_timeout),
            searching: None,
            open: 0,
            closing: 0,
            phase: MapPhase::Open,
            is_urgent: false,
            outputs: VecDeque::new(),
        })
    }

    /// A caller wants a pool for a name that has no id.
    ///
    /// # Errors
    ///
    /// [`Refusal::Closed`]; [`Refusal::Full`] for a caller that doesn't wait, for which room is made
    /// nevertheless.
    pub fn insert(&mut self, patience: Patience) -> Result<Inserted, Refusal> {
        if self.phase != MapPhase::Open {
            return Err(Refusal::Closed);
        }
        if self.permits_taken() < self.config.names_max {
            return Ok(Inserted::Create(self.add(NamePhase::Creating, 0)));
        }
        self.is_urgent = true;
        if patience == Patience::NoWait {
            self.eviction.handle_refused();
            return Err(Refusal::Full);
        }
        let name = self.add(NamePhase::Waiting, 1);
        self.wait_queue.push(name);
        Ok(Inserted::Wait(name))
    }

    /// A caller wants the pool of a name.
    ///
    /// # Errors
    ///
    /// [`Refusal::Full`] or [`Refusal::BeingCreated`] for a caller that doesn't wait.
    pub fn want(&mut self, name: NameId, patience: Patience) -> Result<Wanted, Refusal> {
        let Some(entry) = self.names.get_mut(name.key) else { return Ok(Wanted::Unknown) };
        let refusal = match entry.phase {
            NamePhase::Open => {
                entry.void_looks();
                self.idle.touch(name);
                return Ok(Wanted::Open);
            }
            NamePhase::Granted => {
                entry.phase = NamePhase::Creating;
                return Ok(Wanted::Create);
            }
            NamePhase::Closing => return Ok(Wanted::Unknown),
            NamePhase::Waiting => Refusal::Full,
            NamePhase::Creating => Refusal::BeingCreated,
        };
        match patience {
            Patience::NoWait => Err(refusal),
            Patience::Wait => {
                entry.waiters += 1;
                Ok(Wanted::Wait)
            }
        }
    }

    /// A caller that waits comes again. With anything but [`Wanted::Wait`] it waits no longer.
    pub fn resume(&mut self, name: NameId) -> Wanted {
        match self.phase_of(name) {
            Some(NamePhase::Waiting | NamePhase::Creating) => Wanted::Wait,
            Some(NamePhase::Granted | NamePhase::Open) => {
                self.remove_waiter(name);
                self.want(name, Patience::NoWait).unwrap_or(Wanted::Unknown)
            }
            Some(NamePhase::Closing) | None => Wanted::Unknown,
        }
    }

    /// A caller that waits gives up. A permit that it was to use passes to the next of its name, or of the
    /// queue.
    pub fn cancel(&mut self, name: NameId) {
        let Some(left) = self.remove_waiter(name) else { return };
        match self.phase_of(name) {
            Some(NamePhase::Waiting) if left == 0 => {
                self.wait_queue.remove(name);
                self.forget(name);
            }
            Some(NamePhase::Granted) if left == 0 => {
                self.forget(name);
                self.grant();
            }
            // It may have been the one that was to create the pool.
            Some(NamePhase::Granted) => self.outputs.push_back(Output::Grant(name)),
            _ => {}
        }
    }

    /// One caller less waits. Returns how many are left.
    fn remove_waiter(&mut self, name: NameId) -> Option<usize> {
        let entry = self.names.get_mut(name.key)?;
        entry.waiters = entry.waiters.checked_sub(1)?;
        let (phase, left) = (entry.phase, entry.waiters);
        if phase == NamePhase::Open && left == 0 {
            self.outputs.push_back(Output::NotifyWhenIdle(name));
        }
        Some(left)
    }
}

/// Creators.
impl NamedPools {
    /// The caller that was told to has created the pool. Returns whether it is there for others; a map that
    /// is closed meanwhile closes the pool instead.
    pub fn handle_created(&mut self, name: NameId) -> bool {
        let Some(entry) = self.names.get_mut(name.key) else { return false };
        if entry.phase != NamePhase::Creating {
            return false;
        }
        match self.phase {
            MapPhase::Open => {
                entry.phase = NamePhase::Open;
                self.open += 1;
                let is_awaited = entry.waiters > 0;
                // While a caller comes for it, it isn't idle.
                let output = if is_awaited { Output::Opened } else { Output::NotifyWhenIdle };
                self.outputs.push_back(output(name));
                true
            }
            MapPhase::Closing => {
                self.release(name);
                self.outputs.push_back(Output::ShutDown { name, timeout: Duration::ZERO });
                false
            }
            MapPhase::Closed => {
                self.forget(name);
                false
            }
        }
    }

    /// The caller that was told to could not create the pool.
    pub fn handle_creation_failed(&mut self, name: NameId) {
        if self.phase_of(name) == Some(NamePhase::Creating) {
            self.forget(name);
            self.grant();
        }
    }
}

/// Pools.
impl NamedPools {
    /// A pool has something to tell. It is looked at.
    pub fn handle_news(&mut self, name: NameId) {
        if let Some(entry) = self.names.get_mut(name.key)
            && matches!(entry.phase, NamePhase::Open | NamePhase::Closing)
        {
            entry.order_look();
            self.outputs.push_back(Output::Look(name));
        }
    }

    /// A look has shown that the pool is idle: nobody has a handle of it, and it owes nothing.
    pub fn handle_idle(&mut self, name: NameId, now: Instant) {
        let was_searching = self.end_search(name);
        if let Some(entry) = self.open_mut(name) {
            let (is_current, is_awaited) = (entry.answer_look(), entry.waiters > 0);
            match (is_current, is_awaited) {
                // It tells once more when the callers that were woken have come.
                (_, true) => {}
                (false, false) if self.idle.contains(name) => {}
                (false, false) => self.outputs.push_back(Output::NotifyWhenIdle(name)),
                (true, false) => self.found_idle(name, now),
            }
        }
        if was_searching {
            self.search(now);
        }
    }

    fn found_idle(&mut self, name: NameId, now: Instant) {
        self.idle.insert(name, now);
        let (waiting, closing) = (self.wait_queue.len(), self.closing);
        let makes_room = self.eviction.candidate(waiting, closing, &self.idle) == Some(name);
        if makes_room || self.idle_timeout.is_overdue(name, &self.idle, now) {
            self.close_name(name, self.config.shutdown_timeout);
        } else {
            self.is_urgent |= self.eviction.is_due(waiting, closing);
        }
    }

    /// A look has shown that the pool is in use, or was used since the last look without a word to the map.
    pub fn handle_in_use(&mut self, name: NameId, now: Instant) {
        let was_searching = self.end_search(name);
        if let Some(entry) = self.open_mut(name) {
            entry.answer_look();
            let is_awaited = entry.waiters > 0;
            self.idle.remove(name);
            if !is_awaited {
                self.outputs.push_back(Output::NotifyWhenIdle(name));
            }
        }
        if was_searching {
            self.search(now);
        }
    }

    /// The pool takes no more items, and nobody in the map has seen to that: its name is free.
    pub fn handle_closed(&mut self, name: NameId) {
        if self.open_mut(name).is_some() {
            self.release(name);
        }
    }

    /// The pool has ended: its permit is free. Returns whether it had one.
    pub fn handle_ended(&mut self, name: NameId) -> bool {
        let has_permit = matches!(self.phase_of(name), Some(NamePhase::Open | NamePhase::Closing));
        if has_permit {
            self.forget(name);
            self.grant();
        }
        has_permit
    }
}

/// Time, and what comes of it.
impl NamedPools {
    /// It is time, or there is something to do at once.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.is_urgent = false;
        self.idle_timeout.handle_timeout(&self.idle, now);
        self.search(now);
    }

    /// Looks at one more name, if there has to be room or a timeout has come.
    fn search(&mut self, now: Instant) {
        if self.searching.is_some() {
            return;
        }
        let room = self.eviction.candidate(self.wait_queue.len(), self.closing, &self.idle);
        let next = room.or_else(|| self.idle_timeout.next(&self.idle, now));
        self.searching = next;
        match next.and_then(|name| self.names.get_mut(name.key).map(|entry| (name, entry))) {
            Some((name, entry)) => {
                entry.order_look();
                self.outputs.push_back(Output::Look(name));
            }
            None => self.eviction.handle_searched(),
        }
    }

    /// Returns whether this name was the one to be looked at.
    fn end_search(&mut self, name: NameId) -> bool {
        self.searching.take_if(|searching| *searching == name).is_some()
    }

    /// What the owner has to do next; [`Output::Timeout`] when there is nothing left.
    pub fn poll_output(&mut self) -> Output {
        self.outputs.pop_front().unwrap_or_else(|| Output::Timeout(self.deadline()))
    }

    fn deadline(&self) -> Option<Instant> {
        if self.is_urgent { Some(Instant::ZERO) } else { self.idle_timeout.deadline(&self.idle) }
    }
}

/// Names and permits.
impl NamedPools {
    fn add(&mut self, phase: NamePhase, waiters: usize) -> NameId {
        let key = self.names.insert_with(|key| Name::new(key, phase, waiters));
        NameId { key }
    }

    fn phase_of(&self, name: NameId) -> Option<NamePhase> {
        self.names.get(name.key).map(|entry| entry.phase)
    }

    fn open_mut(&mut self, name: NameId) -> Option<&mut Name> {
        self.names.get_mut(name.key).filter(|entry| entry.phase == NamePhase::Open)
    }

    fn permits_taken(&self) -> usize {
        self.names.len() - self.wait_queue.len()
    }

    /// Gives free permits to the names that have waited longest.
    fn grant(&mut self) {
        while self.permits_taken() < self.config.names_max
            && let Some(name) = self.wait_queue.pop()
        {
            if let Some(entry) = self.names.get_mut(name.key) {
                entry.phase = NamePhase::Granted;
                self.outputs.push_back(Output::Grant(name));
            }
        }
    }

    /// Takes the pool from its name; it keeps its permit until it has ended.
    fn release(&mut self, name: NameId) {
        self.leave_phase(name);
        if let Some(entry) = self.names.get_mut(name.key) {
            entry.phase = NamePhase::Closing;
            entry.waiters = 0;
            self.closing += 1;
            self.outputs.push_back(Output::Release(name));
        }
    }

    fn forget(&mut self, name: NameId) {
        self.leave_phase(name);
        self.names.remove(name.key.index);
        self.outputs.push_back(Output::Forget(name));
        self.end_if_over();
    }

    /// What is counted by phase, and what is known of an open name.
    fn leave_phase(&mut self, name: NameId) {
        match self.phase_of(name) {
            Some(NamePhase::Open) => {
                self.open -= 1;
                self.idle.remove(name);
                // The answer will not come.
                self.is_urgent |= self.end_search(name);
            }
            Some(NamePhase::Closing) => self.closing -= 1,
            _ => {}
        }
    }

    /// How many names are how far.
    #[must_use]
    pub fn counts(&self) -> PoolMapCounts {
        let (open, closing, waiting) = (self.open, self.closing, self.wait_queue.len());
        let creating = self.names.len() - open - closing - waiting;
        PoolMapCounts { open, creating, closing, waiting, names_max: self.config.names_max }
    }
}
