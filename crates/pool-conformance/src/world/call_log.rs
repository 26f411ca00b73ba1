//! The calls into a connection, and what they show of the driver.

use super::behaviour::Call;

/// The calls into one connection.
#[derive(Debug, Default)]
pub(super) struct CallLog {
    /// The calls since the log was last taken.
    log: Vec<Call>,
    count: usize,
    mark: usize,
    /// The latest call was a `poll_ready` that returned ready.
    was_ready: bool,
    unasked: usize,
    empty_event_polls: EmptyEventPolls,
}

/// Calls of `poll_event` that found nothing, in one poll of the driver.
#[derive(Debug, Default)]
struct EmptyEventPolls {
    driver_poll: usize,
    count: usize,
    max: usize,
}

impl CallLog {
    /// Records a call.
    pub(super) fn record(&mut self, call: Call) {
        self.log.push(call);
        self.count += 1;
        let was_ready = std::mem::take(&mut self.was_ready);
        self.unasked += usize::from(call == Call::Send && !was_ready);
    }

    /// Records what `poll_ready` returns.
    pub(super) fn record_readiness(&mut self, is_ready: bool) {
        self.was_ready = is_ready;
    }

    /// Records that `poll_event` found nothing in this poll of the driver.
    pub(super) fn record_empty_event_poll(&mut self, driver_poll: usize) {
        let polls = &mut self.empty_event_polls;
        if polls.driver_poll != driver_poll {
            (polls.driver_poll, polls.count) = (driver_poll, 0);
        }
        polls.count += 1;
        polls.max = polls.max.max(polls.count);
    }

    /// Items that were sent without a `poll_ready` just before that returned ready.
    pub(super) fn unasked(&self) -> usize {
        self.unasked
    }

    /// The most calls of `poll_event` that found nothing in one poll of the driver.
    pub(super) fn empty_event_polls_max(&self) -> usize {
        self.empty_event_polls.max
    }

    /// [`since_mark`](Self::since_mark) counts from now.
    pub(super) fn mark(&mut self) {
        self.mark = self.count;
    }

    pub(super) fn since_mark(&self) -> usize {
        self.count - self.mark
    }

    /// The calls since this was last called.
    pub(super) fn take(&mut self) -> Vec<Call> {
        std::mem::take(&mut self.log)
    }
}
