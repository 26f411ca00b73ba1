//! How the pool ends.

use super::Uniform;
use crate::balance::Balance;
use crate::deadline_queue::DeadlineKind;
use crate::instant::Instant;
use crate::output::Output;
use crate::reason::{DrainReason, SlotEnd};

/// Where the pool is in its life, in the order of life.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Phase {
    Open,
    /// No new items; those that wait may still be sent until the deadline.
    Closing {
        deadline: Instant,
    },
    /// All connections drain.
    Draining,
    Closed,
}

impl Phase {
    pub(super) fn is_open(self) -> bool {
        self == Self::Open
    }

    /// Whether connections are made and kept.
    pub(super) fn keeps_connections(self) -> bool {
        self < Self::Draining
    }
}

impl<A: Clone + Ord, B: Balance> Uniform<A, B> {
    pub(super) fn start_closing(&mut self, deadline: Instant) {
        let deadline = match self.phase {
            Phase::Open => deadline,
            Phase::Closing { deadline: earlier } => {
                self.deadlines.disarm(earlier, DeadlineKind::Close);
                deadline.min(earlier)
            }
            Phase::Draining | Phase::Closed => return,
        };
        self.phase = Phase::Closing { deadline };
        self.deadlines.arm(deadline, DeadlineKind::Close);
    }

    pub(super) fn progress_closing(&mut self) {
        if let Phase::Closing { deadline } = self.phase {
            let is_waited_for = self.demand > 0 || self.dials.is_any_asked_for();
            if is_waited_for && deadline > self.now {
                return;
            }
            self.deadlines.disarm(deadline, DeadlineKind::Close);
            self.drain_all();
        }
    }

    pub(super) fn finish_closing(&mut self) {
        if self.phase == Phase::Draining && self.slots.len() == 0 {
            self.phase = Phase::Closed;
            self.outputs.push_back(Output::Closed);
        }
    }

    pub(super) fn on_close_deadline(&mut self) {
        self.drain_all();
    }

    fn drain_all(&mut self) {
        self.phase = Phase::Draining;
        for index in self.addresses.members().to_vec() {
            self.end_slots(index, DrainReason::PoolClosing, SlotEnd::PoolClosing);
        }
    }
}
