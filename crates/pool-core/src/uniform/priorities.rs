//! Which priorities get items: when they spill to worse ones, and when they come back.

use super::Uniform;
use crate::balance::Balance;
use crate::deadline_queue::DeadlineKind;

impl<A: Clone + Ord, B: Balance> Uniform<A, B> {
    /// Shares are out by what is there now. What is back only now is counted upon later.
    pub(super) fn update_priorities(&mut self) {
        let priorities = self.config.sharing.priorities;
        let due = if priorities.is_plain() {
            if self.rings.is_ruled() {
                self.rings.share_out_plainly();
            }
            None
        } else {
            self.rings.share_out(priorities.is_spilling(), self.now, priorities.failback_after())
        };
        if due != self.rings.failback_at {
            if let Some(at) = self.rings.failback_at {
                self.deadlines.disarm(at, DeadlineKind::Failback);
            }
            if let Some(at) = due {
                self.deadlines.arm(at, DeadlineKind::Failback);
            }
            self.rings.failback_at = due;
        }
    }

    pub(super) fn on_failback(&mut self) {
        self.rings.failback_at = None;
        self.update_priorities();
    }
}
