//! What the machine has to say, worked out the slow way: every question is answered by a search through
//! everything that is known.

use core::mem;
use core::time::Duration;
use std::collections::VecDeque;

use pool_core::Instant;
use pool_core::pool_map::{
    Inserted, NameId, Output, Patience, PoolMapConfig, PoolMapCounts, Refusal, Wanted,
};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    Waiting,
    Granted,
    Creating,
    Open,
    Closing,
}

#[derive(Clone, Debug)]
pub(crate) struct Name {
    pub(crate) id: NameId,
    pub(crate) phase: Phase,
    pub(crate) waiters: usize,
    /// Looks that are under way, and whether they still count.
    looks: VecDeque<bool>,
    /// Known to be idle, unless it has been used since.
    is_listed: bool,
    /// Found idle then, and not used since.
    idle_since: Option<Instant>,
    last_use: u64,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Reference {
    config: PoolMapConfig,
    /// In the order in which they were first wanted.
    pub(crate) names: Vec<Name>,
    is_room_wanted: bool,
    searching: Option<NameId>,
    /// What the sweep has not looked at yet.
    unswept: Vec<NameId>,
    sweep_at: Option<Instant>,
    is_urgent: bool,
    pub(crate) is_closed: bool,
    has_ended: bool,
    is_abandoned: bool,
    uses: u64,
    outputs: Vec<Output>,
}

impl Reference {
    pub(crate) fn new(config: PoolMapConfig) -> Self {
        Self {
            config,
            names: Vec::new(),
            is_room_wanted: false,
            searching: None,
            unswept: Vec::new(),
            sweep_at: None,
            is_urgent: false,
            is_closed: false,
            has_ended: false,
            is_abandoned: false,
            uses: 0,
            outputs: Vec::new(),
        }
    }

    /// What the machine should have ordered since the last time.
    pub(crate) fn take_outputs(&mut self) -> Vec<Output> {
        let is_over = self.is_closed && self.names.is_empty();
        if is_over && !mem::replace(&mut self.has_ended, true) && !self.is_abandoned {
            self.outputs.push(Output::Closed);
        }
        mem::take(&mut self.outputs)
    }

    pub(crate) fn name(&self, id: NameId) -> Option<&Name> {
        self.names.iter().find(|name| name.id == id)
    }

    fn name_mut(&mut self, id: NameId) -> Option<&mut Name> {
        self.names.iter_mut().find(|name| name.id == id)
    }

    fn open_mut(&mut self, id: NameId) -> Option<&mut Name> {
        self.name_mut(id).filter(|name| name.phase == Phase::Open)
    }

    pub(crate) fn count(&self, phase: Phase) -> usize {
        self.names.iter().filter(|name| name.phase == phase).count()
    }

    pub(crate) fn ids(&self, phase: Phase) -> Vec<NameId> {
        self.names.iter().filter(|name| name.phase == phase).map(|name| name.id).collect()
    }

    pub(crate) fn permits_taken(&self) -> usize {
        self.names.len() - self.count(Phase::Waiting)
    }

    pub(crate) fn assert_counts(&self, counts: PoolMapCounts) {
        assert_eq!(counts.open, self.count(Phase::Open), "open");
        assert_eq!(counts.creating, self.count(Phase::Creating) + self.count(Phase::Granted), "creating");
        assert_eq!(counts.closing, self.count(Phase::Closing), "closing");
        assert_eq!(counts.waiting, self.count(Phase::Waiting), "waiting");
        assert_eq!(counts.names_max, self.config.names_max);
    }

    fn next_use(&mut self) -> u64 {
        self.uses += 1;
        self.uses
    }
}

/// Callers and creators.
impl Reference {
    /// What a caller of a new name is told, as far as that can be known without its id.
    pub(crate) fn expect_insert(&self, patience: Patience) -> Result<bool, Refusal> {
        match patience {
            _ if self.is_closed => Err(Refusal::Closed),
            _ if self.permits_taken() < self.config.names_max => Ok(true),
            Patience::Wait => Ok(false),
            Patience::NoWait => Err(Refusal::Full),
        }
    }

    pub(crate) fn on_insert(&mut self, inserted: Result<Inserted, Refusal>) {
        let (id, phase, waiters) = match inserted {
            Ok(Inserted::Create(id)) => (id, Phase::Creating, 0),
            Ok(Inserted::Wait(id)) => (id, Phase::Waiting, 1),
            Err(refusal) => {
                self.is_room_wanted |= refusal == Refusal::Full;
                self.is_urgent |= refusal == Refusal::Full;
                return;
            }
        };
        self.is_urgent |= phase == Phase::Waiting;
        assert!(self.name(id).is_none(), "{id:?} is in use");
        self.names.push(Name {
            id,
            phase,
            waiters,
            looks: VecDeque::new(),
            is_listed: false,
            idle_since: None,
            last_use: 0,
        });
    }

    pub(crate) fn want(&mut self, id: NameId, patience: Patience) -> Result<Wanted, Refusal> {
        let last_use = self.next_use();
        let Some(name) = self.name_mut(id) else { return Ok(Wanted::Unknown) };
        match (name.phase, patience) {
            (Phase::Open, _) => {
                (name.idle_since, name.last_use) = (None, last_use);
                name.looks.iter_mut().for_each(|counts| *counts = false);
                Ok(Wanted::Open)
            }
            (Phase::Granted, _) => {
                name.phase = Phase::Creating;
                Ok(Wanted::Create)
            }
            (Phase::Closing, _) => Ok(Wanted::Unknown),
            (Phase::Waiting, Patience::NoWait) => Err(Refusal::Full),
            (Phase::Creating, Patience::NoWait) => Err(Refusal::BeingCreated),
            (Phase::Waiting | Phase::Creating, Patience::Wait) => {
                name.waiters += 1;
                Ok(Wanted::Wait)
            }
        }
    }

    pub(crate) fn resume(&mut self, id: NameId) -> Wanted {
        match self.name(id).map(|name| name.phase) {
            Some(Phase::Waiting | Phase::Creating) => Wanted::Wait,
            Some(Phase::Granted | Phase::Open) => {
                self.remove_waiter(id);
                self.want(id, Patience::NoWait).expect("nobody is refused")
            }
            Some(Phase::Closing) | None => Wanted::Unknown,
        }
    }

    pub(crate) fn cancel(&mut self, id: NameId) {
        self.remove_waiter(id);
        let Some(&Name { phase, waiters, .. }) = self.name(id) else { return };
        match (phase, waiters) {
            (Phase::Waiting, 0) => self.forget(id),
            (Phase::Granted, 0) => {
                self.forget(id);
                self.grant();
            }
            (Phase::Granted, _) => self.outputs.push(Output::Grant(id)),
            _ => {}
        }
    }

    fn remove_waiter(&mut self, id: NameId) {
        let Some(name) = self.name_mut(id) else { return };
        name.waiters -= 1;
        if name.waiters == 0 && name.phase == Phase::Open {
            self.outputs.push(Output::NotifyWhenIdle(id));
        }
    }

    pub(crate) fn on_created(&mut self, id: NameId) -> bool {
        let (is_closed, is_abandoned) = (self.is_closed, self.is_abandoned);
        let name = self.name_mut(id).expect("it is being created");
        if is_abandoned {
            self.forget(id);
        } else if is_closed {
            self.release(id);
            self.outputs.push(Output::ShutDown { name: id, timeout: Duration::ZERO });
        } else {
            name.phase = Phase::Open;
            let is_awaited = name.waiters > 0;
            self.outputs.push(if is_awaited { Output::Opened(id) } else { Output::NotifyWhenIdle(id) });
        }
        !is_closed
    }

    pub(crate) fn on_creation_failed(&mut self, id: NameId) {
        self.forget(id);
        self.grant();
    }
}

/// Pools and time.
impl Reference {
    pub(crate) fn on_news(&mut self, id: NameId) {
        let name = self.name_mut(id);
        if let Some(name) = name.filter(|name| matches!(name.phase, Phase::Open | Phase::Closing)) {
            name.looks.push_back(true);
            self.outputs.push(Output::Look(id));
        }
    }

    pub(crate) fn on_idle(&mut self, id: NameId, now: Instant) {
        let was_searching = self.end_search(id);
        let last_use = self.next_use();
        if let Some(name) = self.open_mut(id)
            && (name.looks.pop_front().unwrap_or(false) || name.waiters > 0)
        {
            if name.waiters == 0 {
                if !mem::replace(&mut name.is_listed, true) {
                    name.last_use = last_use;
                }
                name.idle_since.get_or_insert(now);
                self.close_if_due(id, now);
            }
        } else if let Some(name) = self.open_mut(id)
            && !name.is_listed
        {
            self.outputs.push(Output::NotifyWhenIdle(id));
        }
        if was_searching {
            self.search(now);
        }
    }

    fn close_if_due(&mut self, id: NameId, now: Instant) {
        let is_room_due = self.is_room_due();
        if (is_room_due && self.least_recently_used() == Some(id)) || self.is_overdue(id, now) {
            self.close_name(id, self.config.shutdown_timeout);
        } else {
            self.is_urgent |= is_room_due;
        }
    }

    pub(crate) fn on_in_use(&mut self, id: NameId, now: Instant) {
        let was_searching = self.end_search(id);
        if let Some(name) = self.open_mut(id) {
            name.looks.pop_front();
            (name.is_listed, name.idle_since) = (false, None);
            if name.waiters == 0 {
                self.outputs.push(Output::NotifyWhenIdle(id));
            }
        }
        if was_searching {
            self.search(now);
        }
    }

    pub(crate) fn on_closed(&mut self, id: NameId) {
        if self.open_mut(id).is_some() {
            self.release(id);
        }
    }

    pub(crate) fn on_ended(&mut self, id: NameId) -> bool {
        let phase = self.name(id).map(|name| name.phase);
        let has_pool = matches!(phase, Some(Phase::Open | Phase::Closing));
        if has_pool {
            self.forget(id);
            self.grant();
        }
        has_pool
    }

    pub(crate) fn on_timeout(&mut self, now: Instant) {
        self.is_urgent = false;
        if let Some(timeout) = self.config.idle_timeout {
            if self.sweep_at.is_some_and(|at| at <= now) {
                self.unswept = self.used();
                self.sweep_at = None;
            }
            if self.sweep_at.is_none() && !self.used().is_empty() {
                self.sweep_at = Some(now + timeout / 4);
            }
        }
        self.search(now);
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        if self.is_urgent {
            return Some(Instant::ZERO);
        }
        let timeout = self.config.idle_timeout?;
        let sweep = (!self.used().is_empty()).then(|| self.sweep_at.unwrap_or(Instant::ZERO));
        let oldest = self.least_recently_used().and_then(|id| self.name(id));
        let overdue = oldest.and_then(|name| name.idle_since).map(|since| since + timeout);
        [sweep, overdue].into_iter().flatten().min()
    }

    fn search(&mut self, now: Instant) {
        if self.searching.is_some() {
            return;
        }
        let oldest = self.least_recently_used();
        let is_listed_and_used = |name: &Name| name.is_listed && name.idle_since.is_none();
        let names = &self.names;
        let room = oldest.filter(|_| self.is_room_due());
        let overdue = oldest.filter(|&id| self.is_overdue(id, now));
        let next = room.or(overdue).or_else(|| {
            self.unswept.retain(|id| names.iter().any(|name| name.id == *id && is_listed_and_used(name)));
            (!self.unswept.is_empty()).then(|| self.unswept.remove(0))
        });
        self.searching = next;
        match next.and_then(|id| self.name_mut(id)) {
            Some(name) => {
                name.looks.push_back(true);
                let id = name.id;
                self.outputs.push(Output::Look(id));
            }
            None => self.is_room_wanted = false,
        }
    }

    fn end_search(&mut self, id: NameId) -> bool {
        let was_searching = self.searching == Some(id);
        if was_searching {
            self.searching = None;
        }
        was_searching
    }

    pub(crate) fn is_room_due(&self) -> bool {
        self.count(Phase::Closing) < self.count(Phase::Waiting).max(usize::from(self.is_room_wanted))
    }

    fn listed(&self) -> impl Iterator<Item = &Name> {
        self.names.iter().filter(|name| name.phase == Phase::Open && name.is_listed)
    }

    /// Names that have been used since they were last found idle, the oldest use first.
    fn used(&self) -> Vec<NameId> {
        let mut used: Vec<&Name> = self.listed().filter(|name| name.idle_since.is_none()).collect();
        used.sort_by_key(|name| name.last_use);
        used.iter().map(|name| name.id).collect()
    }

    pub(crate) fn least_recently_used(&self) -> Option<NameId> {
        self.listed().min_by_key(|name| name.last_use).map(|name| name.id)
    }

    fn is_overdue(&self, id: NameId, now: Instant) -> bool {
        let since = self.name(id).and_then(|name| name.idle_since);
        let end = since.zip(self.config.idle_timeout).map(|(since, timeout)| since + timeout);
        end.is_some_and(|end| end <= now)
    }
}

/// Ends.
impl Reference {
    pub(crate) fn close_name(&mut self, id: NameId, timeout: Duration) -> bool {
        let is_open = self.open_mut(id).is_some();
        if is_open {
            self.release(id);
            self.outputs.push(Output::ShutDown { name: id, timeout });
        }
        is_open
    }

    pub(crate) fn forget_name(&mut self, id: NameId) {
        self.on_ended(id);
    }

    /// The names in the machine's order, which is nobody's promise.
    pub(crate) fn close(&mut self) {
        if mem::replace(&mut self.is_closed, true) {
            return;
        }
        for id in self.sorted(|phase| matches!(phase, Phase::Waiting | Phase::Granted)) {
            self.forget(id);
        }
    }

    pub(crate) fn shut_down(&mut self, timeout: Duration) {
        self.close();
        for id in self.sorted(|phase| phase == Phase::Closing) {
            self.outputs.push(Output::ShutDown { name: id, timeout });
        }
        for id in self.sorted(|phase| phase == Phase::Open) {
            self.close_name(id, timeout);
        }
    }

    pub(crate) fn abandon(&mut self) {
        self.close();
        for id in self.sorted(|phase| matches!(phase, Phase::Open | Phase::Closing)) {
            self.forget(id);
        }
        self.is_abandoned = !self.names.is_empty();
    }

    fn sorted(&self, is_meant: impl Fn(Phase) -> bool) -> Vec<NameId> {
        let mut ids: Vec<NameId> =
            self.names.iter().filter(|name| is_meant(name.phase)).map(|name| name.id).collect();
        ids.sort_by_key(|id| id.index());
        ids
    }

    fn release(&mut self, id: NameId) {
        self.is_urgent |= self.end_search(id);
        let name = self.name_mut(id).expect("it has a pool");
        (name.phase, name.waiters, name.is_listed, name.idle_since) = (Phase::Closing, 0, false, None);
        self.outputs.push(Output::Release(id));
    }

    fn forget(&mut self, id: NameId) {
        if self.name(id).is_some_and(|name| name.phase == Phase::Open) {
            self.is_urgent |= self.end_search(id);
        }
        self.names.retain(|name| name.id != id);
        self.outputs.push(Output::Forget(id));
    }

    fn grant(&mut self) {
        while self.permits_taken() < self.config.names_max
            && let Some(name) = self.names.iter_mut().find(|name| name.phase == Phase::Waiting)
        {
            name.phase = Phase::Granted;
            let id = name.id;
            self.outputs.push(Output::Grant(id));
        }
    }
}
