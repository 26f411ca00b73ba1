//! The names whose pools are idle, in the order of their last use.
//!
//! A pool reports once that it has become idle. From then on its name is here, also while it is used
//! again: a use costs a caller a move to the end of the ring, and nothing else. Whether the pool is still
//! idle is asked when that matters.

use alloc::vec::Vec;

use super::NameId;
use crate::instant::Instant;
use crate::links::{Linked, Links, NONE, ring};

/// A ring over a table by index: every operation on one name takes constant time.
#[derive(Clone, Debug)]
pub(super) struct IdleNames {
    /// By the name's index.
    members: Vec<Option<IdleName>>,
    /// The head of the ring; the most recently used is before it.
    least_recently_used: u32,
    /// How many have been used since they were last found idle.
    used: usize,
}

#[derive(Clone, Copy, Debug)]
struct IdleName {
    name: NameId,
    links: Links,
    /// When the pool was found idle; `None` if it has been used since.
    idle_since: Option<Instant>,
}

impl IdleNames {
    pub(super) const fn new() -> Self {
        Self { members: Vec::new(), least_recently_used: NONE, used: 0 }
    }

    pub(super) fn contains(&self, name: NameId) -> bool {
        self.member(name).is_some()
    }

    /// The first to be closed when there has to be room.
    pub(super) fn least_recently_used(&self) -> Option<NameId> {
        Some(self.members.get(self.least_recently_used as usize)?.as_ref()?.name)
    }

    /// Since when the name's pool has been idle; `None` if it was used since it was looked at.
    pub(super) fn idle_since(&self, name: NameId) -> Option<Instant> {
        self.member(name)?.idle_since
    }

    /// Whether some have been used since they were last found idle.
    pub(super) fn has_used(&self) -> bool {
        self.used > 0
    }

    /// The names that have been used since they were last found idle, least recently used first.
    pub(super) fn used(&self) -> Vec<NameId> {
        if self.used == 0 {
            return Vec::new();
        }
        let members = ring(self.least_recently_used, |place| self.linked(place).links.next);
        let used = members.map(|place| self.linked(place)).filter(|member| member.idle_since.is_none());
        used.map(|member| member.name).collect()
    }

    /// The name's pool was found idle. A name that is new here counts as used until now.
    pub(super) fn insert(&mut self, name: NameId, now: Instant) {
        match self.member_mut(name) {
            Some(member) => {
                let was_used = member.idle_since.is_none();
                member.idle_since.get_or_insert(now);
                self.used -= usize::from(was_used);
            }
            None => self.join(name, Some(now)),
        }
    }

    /// A caller gets the name's pool.
    pub(super) fn touch(&mut self, name: NameId) {
        if self.remove(name) {
            self.used += 1;
            self.join(name, None);
        }
    }

    /// The name's pool is in use or gone. Returns whether it was here.
    pub(super) fn remove(&mut self, name: NameId) -> bool {
        let Some(&IdleName { idle_since, .. }) = self.member(name) else { return false };
        let place = name.key.index;
        let next = self.leave_ring(place);
        if self.least_recently_used == place {
            self.least_recently_used = next;
        }
        self.members[name.index()] = None;
        self.used -= usize::from(idle_since.is_none());
        true
    }

    fn join(&mut self, name: NameId, idle_since: Option<Instant>) {
        if self.members.len() <= name.index() {
            self.members.resize(name.index() + 1, None);
        }
        self.members[name.index()] = Some(IdleName { name, links: Links::NONE, idle_since });
        self.join_ring(self.least_recently_used, name.key.index);
        if self.least_recently_used == NONE {
            self.least_recently_used = name.key.index;
        }
    }

    fn member(&self, name: NameId) -> Option<&IdleName> {
        self.members.get(name.index())?.as_ref().filter(|member| member.name == name)
    }

    fn member_mut(&mut self, name: NameId) -> Option<&mut IdleName> {
        self.members.get_mut(name.index())?.as_mut().filter(|member| member.name == name)
    }

    fn linked(&self, place: u32) -> &IdleName {
        self.members[place as usize].as_ref().expect("a ring links members only")
    }
}

impl Linked for IdleNames {
    fn links(&mut self, place: u32) -> &mut Links {
        &mut self.members[place as usize].as_mut().expect("a ring links members only").links
    }
}
