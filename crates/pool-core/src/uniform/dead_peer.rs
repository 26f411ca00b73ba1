//! Detection of dead peers: connections that owe outcomes and report none for
//! [`outcome_timeout`](crate::Config::outcome_timeout).

use core::time::Duration;

use super::Uniform;
use crate::balance::Balance;
use crate::instant::Instant;
use crate::slot::Slot;

impl<A: Clone + Ord, B: Balance> Uniform<A, B> {
    /// When a connection that owes outcomes has been silent for too long, by a timeout.
    pub(super) fn silence_end(slot: &Slot, timeout: Duration) -> Instant {
        slot.quiet_since.max(slot.since) + timeout
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
