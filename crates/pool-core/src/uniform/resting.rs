//! Which addresses rest for what their replies said, for how long, and how they return.
//!
//! A reply may say that its address is *overloaded* or *unfit* ([`Outcome`]). Then the address rests: its connections
//! stay, and others get its items. An overloaded one gets what no other can take, an unfit one gets nothing. When the
//! rest is over, one item tries the address. A success brings it back, a bad reply makes it rest for longer, and
//! anything else for as long once more.
//!
//! What was sent before the rest began says nothing new, whatever becomes of it: neither does such a success end the
//! rest, nor does such a bad reply count as another. All of them are one episode, as with failures.
//!
//! Rests are few, so they are kept apart from the addresses.

use alloc::collections::BTreeMap;
use core::time::Duration;

use super::Uniform;
use super::inspect::RestStatus;
use crate::backoff::Backoff;
use crate::balance::Balance;
use crate::deadline_queue::DeadlineKind;
use crate::evidence::Trust;
use crate::ids::SlotId;
use crate::instant::Instant;
use crate::outcome::Outcome;
use crate::output::{Event, Output};
use crate::reason::RestReason;

/// A server that is overloaded and doesn't say for how long is asked again after no longer than this: an overload is
/// over sooner than an outage, and to ask costs one item.
const OVERLOAD_REST_MAX: Duration = Duration::from_secs(4);

/// No server can ask for a longer pause: one reply that is wrong, or in a wrong unit, must not take an address away for
/// good.
const OVERLOAD_PAUSE_MAX: Duration = Duration::from_secs(600);

/// The addresses that rest, and others whose last rest is remembered.
#[derive(Clone, Debug, Default)]
pub(super) struct Rests {
    of: BTreeMap<u32, Rest>,
    /// By slot, the items in flight that it was sent before its address last began to rest: what becomes of them shows
    /// nothing of the time since. Connections answer in order, or don't: it is the oldest whose ends are counted first.
    sent_earlier: BTreeMap<u32, u32>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Rest {
    reason: RestReason,
    stage: Stage,
    /// Bad replies in a row, an episode each.
    count: u32,
    /// How long it was.
    length: Duration,
    /// When the stage is over, and its timer is set; `NEVER` while one item may try the address.
    until: Instant,
}

/// How far a rest has come, in the order of life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Resting,
    /// One item may try the address.
    Due,
    /// One does, over this connection. If nothing is heard of it, another may after as long as the rest was.
    Trying(SlotId),
    /// It is back, and how long it has rested is not forgotten yet.
    Back,
}

impl Rests {
    pub(super) fn of(&self, address: u32) -> Option<&Rest> {
        self.of.get(&address)
    }

    /// An item of a slot has come to its end. Returns whether it was sent before the address last began to rest.
    fn take_earlier(&mut self, slot: u32) -> bool {
        let Some(items) = self.sent_earlier.get_mut(&slot) else { return false };
        *items -= 1;
        if *items == 0 {
            self.sent_earlier.remove(&slot);
        }
        true
    }

    fn set_earlier(&mut self, slot: u32, items: u32) {
        if items == 0 {
            self.sent_earlier.remove(&slot);
        } else {
            self.sent_earlier.insert(slot, items);
        }
    }

    /// The rest that an address is in.
    fn under_way(&self, address: u32) -> Option<Rest> {
        self.of.get(&address).copied().filter(|rest| rest.stage != Stage::Back)
    }

    /// Why an address rests, and whether one item may try it.
    pub(super) fn of_standing(&self, address: u32) -> Option<(RestReason, bool)> {
        self.under_way(address).map(|rest| (rest.reason, rest.stage == Stage::Due))
    }

    pub(super) fn status(&self, address: u32) -> Option<RestStatus> {
        self.under_way(address).map(|Rest { reason, until, .. }| {
            let until = (until != Instant::NEVER).then_some(until);
            RestStatus { reason, until }
        })
    }
}

impl<A: Clone + Ord, B: Balance> Uniform<A, B> {
    /// What the end of an item shows of whether its address rests, or is to rest.
    pub(super) fn judge(&mut self, id: SlotId, outcome: &Outcome) {
        let slot = id.0.index;
        let is_earlier = self.addresses.rests.take_earlier(slot);
        let address = self.slots[slot].address;
        match *outcome {
            Outcome::Overloaded { pause, .. } => {
                self.on_bad_reply(address, RestReason::Overloaded, pause, is_earlier);
            }
            Outcome::Unfit { .. } => self.on_bad_reply(address, RestReason::Unfit, None, is_earlier),
            _ if is_earlier => {}
            Outcome::Success { .. } => drop(self.end_rest(address)),
            // It never got there.
            Outcome::Unsent => self.on_trial_over(address, id, Stage::Due),
            Outcome::Failure { .. } | Outcome::Cancelled => {
                self.on_trial_over(address, id, Stage::Resting);
            }
        }
        let rests = &self.addresses.rests;
        let is_resting = rests.under_way(address).is_some() || rests.sent_earlier.contains_key(&slot);
        let is_special = is_resting || self.is_watched(address) || self.has_abandoned(slot);
        let evidence = &mut self.slots[slot].evidence;
        evidence.awaits_success = is_special || evidence.trust != Trust::Proven;
    }

    fn on_bad_reply(&mut self, address: u32, reason: RestReason, pause: Option<Duration>, is_earlier: bool) {
        if !self.addresses.get(address).present || !self.phase.keeps_connections() {
            return;
        }
        if !is_earlier {
            let count = self.addresses.rests.of(address).map_or(0, |rest| rest.count);
            return self.rest(address, reason, count.saturating_add(1), pause);
        }
        let Some(rest) = self.addresses.rests.under_way(address) else { return };
        match (rest.reason, reason) {
            (RestReason::Overloaded, RestReason::Unfit) => self.rest(address, reason, rest.count, None),
            (RestReason::Overloaded, RestReason::Overloaded) => self.extend_rest(address, rest, pause),
            (RestReason::Unfit, _) => {}
        }
    }

    /// A connection has found out by itself that its address is unfit. While it rests, that is no news: each of several
    /// connections finds out.
    pub(super) fn rest_as_unfit(&mut self, address: u32) {
        let rest = self.addresses.rests.under_way(address);
        let is_earlier = rest.is_some_and(|rest| rest.stage == Stage::Resting);
        self.on_bad_reply(address, RestReason::Unfit, None, is_earlier);
    }

    /// An overload of the same episode may ask for more time.
    fn extend_rest(&mut self, address: u32, rest: Rest, pause: Option<Duration>) {
        let Some(pause) = pause else { return };
        let until = self.now + pause.min(OVERLOAD_PAUSE_MAX);
        let is_longer = match rest.stage {
            Stage::Resting => until > rest.until,
            Stage::Due => true,
            Stage::Trying(_) | Stage::Back => false,
        };
        if is_longer {
            self.set_rest(address, Rest { stage: Stage::Resting, until, ..rest });
            self.update_standing(address);
            self.tell_rest(address, rest.reason, until);
        }
    }

    /// The address rests from now on. What is in flight was sent earlier.
    fn rest(&mut self, address: u32, reason: RestReason, count: u32, pause: Option<Duration>) {
        let length = self.rest_length(reason, count, pause);
        let until = self.now + length;
        self.set_rest(address, Rest { reason, stage: Stage::Resting, count, length, until });
        for index in self.siblings_now(address) {
            let slot = &mut self.slots[index];
            slot.evidence.awaits_success = true;
            self.addresses.rests.set_earlier(index, slot.in_flight());
        }
        self.update_standing(address);
        self.tell_rest(address, reason, until);
    }

    fn rest_length(&mut self, reason: RestReason, count: u32, pause: Option<Duration>) -> Duration {
        let backoff = self.config.backoff;
        let cap = match reason {
            RestReason::Overloaded => backoff.cap.min(OVERLOAD_REST_MAX),
            RestReason::Unfit => backoff.cap,
        };
        let drawn = Backoff { cap, ..backoff }.jittered(count, &mut self.random);
        // Else a server that asks for no time at all would be tried all the time.
        pause.map_or(drawn, |pause| pause.min(OVERLOAD_PAUSE_MAX).max(drawn))
    }

    fn tell_rest(&mut self, index: u32, reason: RestReason, until: Instant) {
        let address = self.addresses.get(index).address.clone();
        let id = self.addresses.id(index);
        self.outputs.push_back(Output::Event(Event::Rested { address, id, reason, until }));
    }

    /// An item was sent to an address that may rest: if one was to try it, this one does.
    pub(super) fn begin_trial(&mut self, address: u32, slot: SlotId) {
        let due = self.addresses.rests.under_way(address).filter(|rest| rest.stage == Stage::Due);
        let Some(rest) = due else { return };
        let until = self.now + rest.length;
        self.set_rest(address, Rest { stage: Stage::Trying(slot), until, ..rest });
        self.update_standing(address);
        self.settle();
    }

    /// The item that tries an address came to an end that shows nothing.
    fn on_trial_over(&mut self, address: u32, slot: SlotId, next: Stage) {
        let rest = self.addresses.rests.under_way(address);
        let Some(rest) = rest.filter(|rest| rest.stage == Stage::Trying(slot)) else { return };
        if next == Stage::Due {
            self.make_due(address, rest);
        } else if self.phase.keeps_connections() {
            self.rest(address, rest.reason, rest.count, None);
        }
    }

    /// A slot is vacant again. With its connection the item may be gone that tried the address.
    pub(super) fn forget_slot_in_rest(&mut self, address: u32, slot: SlotId) {
        self.addresses.rests.sent_earlier.remove(&slot.0.index);
        self.on_trial_over(address, slot, Stage::Resting);
    }

    fn make_due(&mut self, address: u32, rest: Rest) {
        self.set_rest(address, Rest { stage: Stage::Due, until: Instant::NEVER, ..rest });
        self.update_standing(address);
    }

    /// The address has its share again. Returns whether it rested.
    fn end_rest(&mut self, index: u32) -> bool {
        let Some(rest) = self.addresses.rests.under_way(index) else { return false };
        match rest.reason {
            RestReason::Overloaded => self.forget_rest(index),
            RestReason::Unfit => {
                let until = self.now + rest.length;
                self.set_rest(index, Rest { stage: Stage::Back, until, ..rest });
            }
        }
        self.update_standing(index);
        let (address, id) = (self.addresses.get(index).address.clone(), self.addresses.id(index));
        self.outputs.push_back(Output::Event(Event::Returned { address, id }));
        true
    }

    /// The same, for somebody who knows that the address is well.
    pub(super) fn end_rest_by_hand(&mut self, address: u32) -> bool {
        if self.addresses.get(address).present {
            return self.end_rest(address);
        }
        let did_rest = self.addresses.rests.under_way(address).is_some();
        self.forget_departed_rest(address);
        did_rest
    }

    pub(super) fn on_rest_deadline(&mut self, address: u32) {
        let Some(rest) = self.addresses.rests.of.get_mut(&address) else { return };
        // Its timer has just fired.
        rest.until = Instant::NEVER;
        let rest = *rest;
        if rest.stage == Stage::Back {
            self.forget_rest(address);
        } else if self.addresses.get(address).present {
            self.make_due(address, rest);
        } else {
            self.forget_departed_rest(address);
        }
        self.forget_if_done(address);
    }

    /// The address has left the set. Only a rest that is not over outlives that.
    pub(super) fn keep_rest_only(&mut self, address: u32) {
        if self.addresses.rests.of(address).is_some_and(|rest| rest.stage != Stage::Resting) {
            self.forget_departed_rest(address);
        }
    }

    fn forget_departed_rest(&mut self, address: u32) {
        self.forget_rest(address);
        self.update_standing(address);
    }

    pub(super) fn forget_rest(&mut self, address: u32) {
        if let Some(rest) = self.addresses.rests.of.remove(&address) {
            self.disarm_rest(address, rest);
        }
    }

    /// Puts a rest in the place of the one before, and sets its timer.
    fn set_rest(&mut self, address: u32, rest: Rest) {
        if let Some(before) = self.addresses.rests.of.insert(address, rest) {
            self.disarm_rest(address, before);
        }
        if rest.until != Instant::NEVER {
            self.deadlines.arm(rest.until, DeadlineKind::Rest(address));
        }
    }

    fn disarm_rest(&mut self, address: u32, rest: Rest) {
        if rest.until != Instant::NEVER {
            self.deadlines.disarm(rest.until, DeadlineKind::Rest(address));
        }
    }

    /// Addresses of the set that rest as unfit and have no unreset failure.
    pub(super) fn unfit_and_not_failing(&self) -> usize {
        let unfit = self.addresses.rests.of.iter().filter(|(address, rest)| {
            let known = self.addresses.get(**address);
            let is_unfit = rest.reason == RestReason::Unfit && rest.stage != Stage::Back;
            is_unfit && known.present && !known.is_failing()
        });
        unfit.count()
    }
}
