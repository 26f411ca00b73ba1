//! Whether items can be taken, and when they are refused because nothing has been usable for long.

use super::Uniform;
use crate::balance::Balance;
use crate::deadline_queue::DeadlineKind;
use crate::instant::Instant;
use crate::output::{Availability, Output};

/// What is usable, and since when nothing is.
#[derive(Clone, Debug)]
pub(super) struct FailFast {
    pub(super) availability: Availability,
    /// Since when nothing has been usable, though it should be.
    missed_since: Option<Instant>,
    /// When failing fast starts, if nothing becomes usable.
    starts_at: Option<Instant>,
}

impl FailFast {
    pub(super) fn new() -> Self {
        Self { availability: Availability::Waiting, missed_since: None, starts_at: None }
    }
}

impl<A: Clone + Ord, B: Balance> Uniform<A, B> {
    /// What is usable now, and when to start failing fast if nothing is.
    pub(super) fn update_availability(&mut self) {
        let is_usable = self.rings.active_priority().is_some();
        if is_usable {
            self.set_availability(Availability::Usable);
        } else if self.fail_fast.availability == Availability::Usable {
            self.set_availability(Availability::Waiting);
        }
        // A lazy pool without items has no connection because it needs none.
        let is_missed = !self.is_lazy() || self.demand > 0;
        let counts =
            self.fail_fast.availability == Availability::Waiting && is_missed && self.phase.is_open();
        if counts {
            self.fail_fast.missed_since.get_or_insert(self.now);
        } else if self.fail_fast.availability != Availability::FailingFast && !self.is_on_trial() {
            self.fail_fast.missed_since = None;
        }
        let due = self.fail_fast_due().filter(|_| counts);
        if due != self.fail_fast.starts_at {
            if let Some(at) = self.fail_fast.starts_at {
                self.deadlines.disarm(at, DeadlineKind::FailFast);
            }
            if let Some(at) = due {
                self.deadlines.arm(at, DeadlineKind::FailFast);
            }
            self.fail_fast.starts_at = due;
        }
    }

    /// Whether nothing is usable but what one item may try: unless it succeeds, that was no interruption.
    fn is_on_trial(&self) -> bool {
        self.fail_fast.availability == Availability::Usable && !self.rings.is_any_fit()
    }

    fn fail_fast_due(&self) -> Option<Instant> {
        self.config.fail_fast_after.zip(self.fail_fast.missed_since).map(|(after, since)| since + after)
    }

    /// Nothing has been usable for long enough.
    pub(super) fn on_fail_fast(&mut self) {
        self.fail_fast.starts_at = None;
        self.set_availability(Availability::FailingFast);
    }

    /// By other settings it may not be time to fail fast yet.
    pub(super) fn reconsider_failing_fast(&mut self) {
        let is_failing_fast = self.fail_fast.availability == Availability::FailingFast;
        if is_failing_fast && self.fail_fast_due().is_none_or(|due| due > self.now) {
            self.set_availability(Availability::Waiting);
        }
    }

    fn set_availability(&mut self, availability: Availability) {
        if self.fail_fast.availability != availability {
            self.fail_fast.availability = availability;
            self.outputs.push_back(Output::Availability(availability));
        }
    }
}
