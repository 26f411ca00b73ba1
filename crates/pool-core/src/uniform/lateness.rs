//! A machine that is called late: what waits for a peer is given the time in which nobody listened.

use core::time::Duration;

use super::Uniform;
use crate::balance::Balance;
use crate::slot::SlotState;

/// What is due at the time of a late call is not ended by that call: its socket may not have been polled
/// since. It is due a little later, after a timer that makes the runtime look at its sockets: one that is due at
/// once may fire without that.
const UNTIL_THE_NEXT_CALL: Duration = Duration::from_millis(1);

impl<A: Clone + Ord, B: Balance> Uniform<A, B> {
    /// Moves dials, drains and the silence of connections that owe outcomes by the lateness of this call, and
    /// those that began in the meantime up to now. A late timer proves nothing about sockets that were not
    /// polled. Other deadlines are about time itself, and stay.
    pub(super) fn excuse_lateness(&mut self) {
        let Some(lateness) = self.deadlines.take_lateness(self.now) else { return };
        let shift = lateness + UNTIL_THE_NEXT_CALL;
        for index in self.slots.indices() {
            let slot = &mut self.slots[index];
            match slot.state {
                SlotState::Dialling | SlotState::Draining => slot.since = self.now.min(slot.since + shift),
                SlotState::Busy | SlotState::Ready | SlotState::Suspect
                    if self.config.silence.is_watched() =>
                {
                    if slot.owes_outcomes(&self.config) {
                        slot.quiet_since = self.now.min(slot.quiet_since.max(slot.since) + shift);
                    }
                }
                SlotState::Busy | SlotState::Ready | SlotState::Suspect | SlotState::Dropping => {}
            }
            self.update_deadline(index);
        }
    }
}
