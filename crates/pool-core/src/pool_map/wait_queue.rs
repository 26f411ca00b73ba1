//! The names that wait for a permit: first come, first served.

use alloc::collections::BTreeMap;

use super::NameId;

/// Joining and leaving cost the same wherever a name stands.
#[derive(Clone, Debug, Default)]
pub(super) struct WaitQueue {
    /// By the number of the ticket.
    names: BTreeMap<u64, NameId>,
    /// Where each name stands.
    tickets: BTreeMap<NameId, u64>,
    tickets_issued: u64,
}

impl WaitQueue {
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn push(&mut self, name: NameId) {
        self.tickets_issued += 1;
        self.names.insert(self.tickets_issued, name);
        self.tickets.insert(name, self.tickets_issued);
    }

    pub(super) fn pop(&mut self) -> Option<NameId> {
        let (_, name) = self.names.pop_first()?;
        self.tickets.remove(&name);
        Some(name)
    }

    pub(super) fn remove(&mut self, name: NameId) {
        if let Some(ticket) = self.tickets.remove(&name) {
            self.names.remove(&ticket);
        }
    }
}
