//! Callers of a service that have gone, and what they say of its peer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::in_flight::Ended;
use crate::policy::CALLERS_GONE_IN_A_ROW_MAX;

/// Counts callers that left. A peer that responds to none of many in a row is taken for dead, even if its
/// callers are less patient than the pool.
pub(super) struct GoneCallers {
    /// How many times in a row callers left and no response came in between. Callers that leave together, as of
    /// a request that was fanned out, count once.
    in_a_row: usize,
    has_responded: bool,
    /// How many calls are finished without their callers, if they are finished.
    orphans: Option<Arc<AtomicUsize>>,
}

/// What the calls that ended in one poll say.
#[derive(Default)]
pub(super) struct PolledCalls {
    have_responses: bool,
    have_gone_callers: bool,
}

impl PolledCalls {
    pub(super) fn add<Request, Reply, E>(&mut self, ended: &Ended<Request, Reply, E>) {
        match ended {
            Ended::Answered(_) => self.have_responses = true,
            Ended::Abandoned => self.have_gone_callers = true,
        }
    }
}

impl GoneCallers {
    pub(super) fn new() -> Self {
        Self { in_a_row: 0, has_responded: false, orphans: None }
    }

    /// Calls are finished without their callers from now on, and these don't count in a row.
    pub(super) fn finish_abandoned(&mut self) {
        self.orphans = Some(Arc::default());
    }

    /// Counts calls that are finished without their callers.
    pub(super) fn orphans(&self) -> Option<Arc<AtomicUsize>> {
        self.orphans.clone()
    }

    pub(super) fn on_polled(&mut self, polled: &PolledCalls) {
        // A response of the same poll counts, whichever was seen first.
        if polled.have_responses {
            self.has_responded = true;
            self.in_a_row = 0;
        } else {
            self.in_a_row += usize::from(polled.have_gone_callers);
        }
    }

    /// Whether any call has got a response.
    pub(super) fn has_responded(&self) -> bool {
        self.has_responded
    }

    pub(super) fn are_too_many(&self) -> bool {
        self.in_a_row >= CALLERS_GONE_IN_A_ROW_MAX
    }

    /// Whether as many calls as this, or more, are finished without their callers.
    pub(super) fn has_orphans(&self, calls: usize) -> bool {
        self.orphans.as_ref().is_some_and(|count| count.load(Ordering::Relaxed) >= calls)
    }
}
