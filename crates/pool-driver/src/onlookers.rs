//! Those who want to know when a queue has a free place, without having it kept for them.

use std::mem;
use std::task::Waker;

use slab::Slab;

/// Whoever waits is woken once, with all others: nothing is kept for anybody, so nobody who then
/// does nothing holds anybody up.
#[derive(Debug, Default)]
pub(crate) struct Onlookers {
    wakers: Slab<Waker>,
    /// Somebody has come since all were woken.
    is_watched: bool,
}

/// Where somebody stands who looks on.
#[derive(Debug, Default)]
pub(crate) struct Outlook {
    key: Option<usize>,
}

impl Outlook {
    pub(crate) fn is_looking(&self) -> bool {
        self.key.is_some()
    }
}

impl Onlookers {
    /// Starts to wait, or goes on to; returns a waker for the caller to drop.
    pub(crate) fn watch(&mut self, outlook: &mut Outlook, waker: Waker) -> Option<Waker> {
        self.is_watched = true;
        if let Some(key) = outlook.key {
            return Some(mem::replace(&mut self.wakers[key], waker));
        }
        outlook.key = Some(self.wakers.insert(waker));
        None
    }

    /// Stops to wait; returns a waker for the caller to drop.
    pub(crate) fn leave(&mut self, outlook: &mut Outlook) -> Option<Waker> {
        outlook.key.take().map(|key| self.wakers.remove(key))
    }

    /// Whether anybody has come since all were woken.
    pub(crate) fn are_waiting(&self) -> bool {
        self.is_watched
    }

    /// The wakers of all who wait.
    pub(crate) fn take_wakers(&mut self, woken: &mut Vec<Waker>) {
        if mem::take(&mut self.is_watched) {
            let wakers = self.wakers.iter_mut();
            woken.extend(wakers.map(|(_, waker)| mem::replace(waker, Waker::noop().clone())));
        }
    }
}
