//! The names whose pools are idle, in the order of their last use.
//!
//! A pool reports once that it has become idle. From then on its name is here, also while it is used
//! again: a use costs a caller a move to the end of the list, and nothing else. Whether the pool is still
//! idle is asked when that matters.

use alloc::vec::Vec;

use super::NameId;
use crate::instant::Instant;

/// A doubly linked list over a table, so that every operation on one name takes constant time.
#[derive(Clone, Debug, Default)]
pub(super) struct IdleNames {
    /// By the name's index.
    links: Vec<Option<Link>>,
    oldest: Option<NameId>,
    newest: Option<NameId>,
    /// How many have been used since they were last found idle.
    used: usize,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    name: NameId,
    older: Option<NameId>,
    newer: Option<NameId>,
    /// When the pool was found idle; `None` if it has been used since.
    idle_since: Option<Instant>,
}

impl IdleNames {
    pub(super) fn contains(&self, name: NameId) -> bool {
        self.link(name).is_some()
    }

    /// The first to be closed when there has to be room.
    pub(super) fn least_recently_used(&self) -> Option<NameId> {
        self.oldest
    }

    /// Since when the least recently used has been idle; `None` if it was used since it was looked at.
    pub(super) fn idle_longest_since(&self) -> Option<Instant> {
        self.link(self.oldest?)?.idle_since
    }

    pub(super) fn idle_since(&self, name: NameId) -> Option<Instant> {
        self.link(name)?.idle_since
    }

    /// Whether some have been used since they were last found idle.
    pub(super) fn has_used(&self) -> bool {
        self.used > 0
    }

    /// The names that have been used since they were last found idle, most recently used first.
    pub(super) fn used(&self) -> Vec<NameId> {
        let newer = core::iter::successors(self.newest, |&name| self.link(name)?.older);
        newer.filter(|&name| self.idle_since(name).is_none()).take(self.used).collect()
    }

    /// The name's pool was found idle. A name that is new here counts as used until now.
    pub(super) fn insert(&mut self, name: NameId, now: Instant) {
        match self.link_mut(name) {
            Some(link) => {
                let was_used = link.idle_since.is_none();
                link.idle_since.get_or_insert(now);
                self.used -= usize::from(was_used);
            }
            None => self.push(Link { name, older: None, newer: None, idle_since: Some(now) }),
        }
    }

    /// Somebody gets the name's pool. Returns whether it was here and not used before.
    pub(super) fn touch(&mut self, name: NameId) -> bool {
        let Some(link) = self.unlink(name) else { return false };
        self.used += 1;
        self.push(Link { idle_since: None, ..link });
        link.idle_since.is_some()
    }

    /// The name's pool is in use or gone.
    pub(super) fn remove(&mut self, name: NameId) {
        self.unlink(name);
    }

    fn push(&mut self, link: Link) {
        let name = link.name;
        if self.links.len() <= name.index() {
            self.links.resize(name.index() + 1, None);
        }
        let older = self.newest.replace(name);
        self.links[name.index()] = Some(Link { older, newer: None, ..link });
        match older.and_then(|older| self.link_mut(older)) {
            Some(older) => older.newer = Some(name),
            None => self.oldest = Some(name),
        }
    }

    fn unlink(&mut self, name: NameId) -> Option<Link> {
        let link = *self.link(name)?;
        self.links[name.index()] = None;
        self.used -= usize::from(link.idle_since.is_none());
        match link.older.and_then(|older| self.link_mut(older)) {
            Some(older) => older.newer = link.newer,
            None => self.oldest = link.newer,
        }
        match link.newer.and_then(|newer| self.link_mut(newer)) {
            Some(newer) => newer.older = link.older,
            None => self.newest = link.older,
        }
        Some(link)
    }

    fn link(&self, name: NameId) -> Option<&Link> {
        self.links.get(name.index())?.as_ref().filter(|link| link.name == name)
    }

    fn link_mut(&mut self, name: NameId) -> Option<&mut Link> {
        self.links.get_mut(name.index())?.as_mut().filter(|link| link.name == name)
    }
}
