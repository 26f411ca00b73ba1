//! The core's orders, carried out one by one.

use pool_core::{Output, SlotId, SlotState, SlotStatus};

use super::Multiplexer;
use crate::seams::Seams;
use crate::seams::connect::DialContext;
use crate::seams::observer::Event;

impl<P: Seams> Multiplexer<P> {
    /// Carries out orders until the core has no more, only a deadline.
    pub(super) fn carry_out_orders(&mut self) {
        loop {
            match self.core.poll_output() {
                Output::Dial { slot, address } => self.dial(slot, address),
                Output::Drain { slot } => self.connections.drain(slot),
                Output::Drop { slot } => self.give_up(slot),
                Output::Refresh => self.refresh_addresses(),
                Output::Availability(availability) => self.reporter.tell_availability(availability),
                Output::Event(event) => self.reporter.tell(event, &self.core, self.now),
                Output::Closed => self.closing.on_closed(),
                Output::Timeout(deadline) => {
                    self.deadline = deadline;
                    return;
                }
            }
        }
    }

    fn dial(&mut self, slot: SlotId, address: P::Address) {
        self.reporter.observe(|| Event::Dialling { address: address.clone(), slot });
        let Some(SlotStatus { address: address_id, state, .. }) = self.core.slot(slot) else { return };
        self.reporter.touch(address_id);
        if state != SlotState::Dialling {
            // The order to drop it follows. The observer is told of its beginning, as it will be of its end.
            return;
        }
        let failures = self.core.address(address_id).map_or(0, |(_, status)| status.failures);
        let context = DialContext { failures, timeout: self.core.config().dial_timeout };
        if let Err(failure) = self.connections.dial(slot, address_id, address, &context) {
            let event = failure.event();
            self.reporter.keep_error(address_id, slot, failure.into_error());
            self.core.handle_slot(slot, event, self.now);
        }
    }

    fn refresh_addresses(&mut self) {
        if let Some(news) = self.source.refresh() {
            self.tell_source_news(&news);
            if let Some(state) = news.state {
                self.reporter.set_source(state);
            }
            self.reporter.observe(|| Event::RefreshRequested);
        }
    }
}
