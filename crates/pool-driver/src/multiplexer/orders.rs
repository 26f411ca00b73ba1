//! The core's orders, carried out one by one.

use std::collections::VecDeque;

use pool_core::{Output, SlotId, SlotState, SlotStatus};

use super::Multiplexer;
use crate::seams::Seams;
use crate::seams::connect::DialContext;
use crate::seams::observer::Event;
use crate::shared_address::SharedAddress;

/// One order of the core.
type Order<P> = Output<SharedAddress<<P as Seams>::Address>>;

impl<P: Seams> Multiplexer<P> {
    /// Carries out orders until the core has no more, only a deadline. A balancer that has panicked meanwhile is the
    /// pool's end.
    pub(super) fn carry_out_orders(&mut self) {
        let mut orders = VecDeque::new();
        loop {
            self.take_orders(&mut orders);
            match orders.pop_front() {
                Some(order) => self.carry_out(order),
                None => match self.core.balancer_mut().take_panic() {
                    Some(panic) => self.on_balancer_panic(panic),
                    None => return,
                },
            }
        }
    }

    /// What follows from an order comes before the orders that were given after it.
    fn take_orders(&mut self, orders: &mut VecDeque<Order<P>>) {
        let mut following = Vec::new();
        loop {
            match self.core.poll_output() {
                Output::Timeout(deadline) => {
                    self.deadline = deadline;
                    break;
                }
                order => following.push(order),
            }
        }
        following.into_iter().rev().for_each(|order| orders.push_front(order));
    }

    fn carry_out(&mut self, order: Order<P>) {
        match order {
            Output::Dial { slot, address } => self.dial(slot, &address),
            Output::Drain { slot } => self.connections.drain(slot),
            Output::Drop { slot } => self.give_up(slot),
            Output::Refresh => self.refresh_addresses(),
            Output::Availability(availability) => self.reporter.tell_availability(availability),
            Output::Event(event) => self.reporter.tell(event, &self.core, self.now),
            Output::Closed => self.closing.on_closed(),
            Output::Timeout(deadline) => self.deadline = deadline,
        }
    }

    fn dial(&mut self, slot: SlotId, address: &SharedAddress<P::Address>) {
        // It is known until its drop is reported.
        let Some(SlotStatus { address: id, state, .. }) = self.core.slot(slot) else { return };
        self.reporter.observe(|| Event::Dialling { address: address.copy_for_user(), id, slot });
        self.reporter.touch(id);
        if state != SlotState::Dialling {
            // The order to drop it follows. The observer is told of its beginning, as it will be of its end.
            return;
        }
        let failures = self.core.address(id).map_or(0, |(_, status)| status.failures);
        let context = DialContext { failures, timeout: self.core.config().dial_timeout };
        if let Err(failure) = self.connections.dial(slot, id, address, &context) {
            let event = failure.event();
            self.reporter.keep_error(id, slot, failure.into_error());
            self.core.handle_slot(slot, event, self.now);
        }
    }

    fn refresh_addresses(&mut self) {
        if let Some(news) = self.source.refresh() {
            self.handle_source_news(news);
            self.reporter.observe(|| Event::RefreshRequested);
        }
    }
}
