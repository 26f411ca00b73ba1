//! Idle connections, which a lazy pool closes.

use super::Uniform;
use crate::balance::Balance;
use crate::reason::DrainReason;
use crate::slot::SlotState;

impl<A: Clone + Ord, B: Balance> Uniform<A, B> {
    /// A connection that pushes back is anything but idle.
    pub(super) fn on_idle(&mut self, index: u32) {
        let slot = &mut self.slots[index];
        if slot.state == SlotState::Busy {
            slot.quiet_since = self.now;
            return self.update_deadline(index);
        }
        self.prove(index);
        self.drain_slot(index, DrainReason::Idle);
    }
}
