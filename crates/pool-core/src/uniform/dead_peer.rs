//! Detection of dead peers: connections that owe outcomes and report none for
//! [`outcome_timeout`](crate::Config::outcome_timeout).

use core::time::Duration;

use super::Uniform;
use crate::balance::Balance;
use crate::ids::SlotId;
use crate::instant::Instant;
use crate::slot::{Handled, Slot};

impl<A: Clone + Ord, B: Balance> Uniform<A, B> {
    /// When a connection that owes outcomes has been silent for too long, by a timeout.
    pub(super) fn silence_end(slot: &Slot, timeout: Duration) -> Instant {
        slot.quiet_since.max(slot.since) + timeout
    }

    /// A new item gives no more time to a connection that owed outcomes before. One that owed none has
    /// to report on it before long.
    #[inline(never)]
    pub(super) fn on_sent_watched(&mut self, id: SlotId) -> Handled {
        let owing = self.slots.get(id.0).filter(|slot| slot.unreported > 0);
        let silent_since = owing.map(|slot| slot.quiet_since);
        let handled = self.commit_sent(id);
        let Some(slot) = self.slots.get_mut(id.0) else { return handled };
        if let Some(since) = silent_since {
            slot.quiet_since = since;
        } else if slot.is_due_sooner(self.config.outcome_timeout) {
            self.update_deadline(id.0.index);
        }
        handled
    }

    /// Connections that may or may not report are idle from now, at the earliest: while they were
    /// watched, the time of their last item wasn't kept.
    pub(super) fn stop_watching(&mut self) {
        let now = self.now;
        for slot in self.slots.iter_mut().filter(|slot| slot.unreported > 0) {
            slot.quiet_since = now;
        }
    }
}
