//! How pools are closed, and how a map ends.

use alloc::vec::Vec;
use core::time::Duration;

use super::name::NamePhase;
use super::{NameId, NamedPools, Output};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum MapPhase {
    Open,
    /// No new names. Pools come to their ends.
    Closing,
    /// Over, or nobody waits for the ends of pools.
    Closed,
}

impl NamedPools {
    /// Closes the pool of a name. Returns whether it had one.
    pub fn close_name(&mut self, name: NameId, timeout: Duration) -> bool {
        let is_open = self.open_mut(name).is_some();
        if is_open {
            self.release(name);
            self.outputs.push_back(Output::ShutDown { name, timeout });
        }
        is_open
    }

    /// The pool of a name, open or closing, is no concern of the map any more: nobody closes it or waits for
    /// its end, and its permit is free.
    pub fn forget_name(&mut self, name: NameId) {
        self.handle_ended(name);
    }

    /// Takes no new names from now on. Callers that wait are told; pools stay as they are.
    pub fn close(&mut self) {
        if self.phase != MapPhase::Open {
            return;
        }
        self.phase = MapPhase::Closing;
        for name in self.names_in(|phase| matches!(phase, NamePhase::Waiting | NamePhase::Granted)) {
            self.wait_queue.remove(name);
            self.forget(name);
        }
        self.end_if_over();
    }

    /// Closes all pools, those included that are closing already: the shortest timeout counts.
    pub fn shut_down(&mut self, timeout: Duration) {
        self.close();
        for name in self.names_in(|phase| phase == NamePhase::Closing) {
            self.outputs.push_back(Output::ShutDown { name, timeout });
        }
        for name in self.open_names() {
            self.close_name(name, timeout);
        }
    }

    /// Nobody waits for the ends of pools any more: they are left to themselves.
    pub fn abandon(&mut self) {
        self.close();
        for name in self.names_in(|phase| matches!(phase, NamePhase::Open | NamePhase::Closing)) {
            self.forget(name);
        }
        self.phase = MapPhase::Closed;
    }

    /// The names that have a pool.
    #[must_use]
    pub fn open_names(&self) -> Vec<NameId> {
        self.names_in(|phase| phase == NamePhase::Open)
    }

    fn names_in(&self, is_meant: impl Fn(NamePhase) -> bool) -> Vec<NameId> {
        let meant = self.names.iter().filter(|(_, entry)| is_meant(entry.phase));
        meant.map(|(key, _)| NameId { key }).collect()
    }

    /// Whether the map is closed and has no names any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.phase != MapPhase::Open && self.names.len() == 0
    }

    pub(super) fn end_if_over(&mut self) {
        if self.phase == MapPhase::Closing && self.names.len() == 0 {
            self.phase = MapPhase::Closed;
            self.outputs.push_back(Output::Closed);
        }
    }
}
