//! Connections that owe outcomes and are silent ([`Silence`]): suspects, what is made beside them, and how much their
//! address may have in flight.
//!
//! A suspect takes no new items and keeps those it has. It doesn't count among the connections of its address, so
//! that another is made, and what it holds counts all the same: an address with suspects has no more in flight than
//! its usual number of connections may have. What callers do is no evidence, neither for a connection nor against it.
//!
//! Suspects are few, so what is known of them is kept apart from the slots.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

use super::Uniform;
use crate::balance::Balance;
use crate::deadline_queue::DeadlineKind;
use crate::ids::SlotId;
use crate::instant::Instant;
use crate::outcome::{FailureKind, Outcome};
use crate::output::{Event, Output};
use crate::reason::{DrainReason, SlotEnd};
use crate::rings::Allowance;
#[cfg(doc)]
use crate::silence::Silence;
use crate::slot::{Input, Slot, SlotState, Transition, transition};

/// What is known of suspects, and of slots with items that nobody waits for.
#[derive(Clone, Debug, Default)]
pub(super) struct Suspicions {
    /// The addresses that have suspects, or had some a moment ago.
    of: BTreeMap<u32, Suspicion>,
    /// The suspects that were last told to be ready.
    ready: BTreeSet<u32>,
    /// How many items in flight nobody waits for, by slot.
    abandoned: BTreeMap<u32, u32>,
    /// Of slots whose items are cancelled.
    cancels: BTreeMap<u32, Cancels>,
    limits: InFlightLimits,
}

#[derive(Clone, Copy, Debug)]
struct Suspicion {
    /// How many of its connections are suspects.
    suspects: u16,
    /// How many items the address may have in flight.
    in_flight_max: u32,
    /// It has as many, and one more tries it, over this connection.
    probe: Option<SlotId>,
    /// When connections that it has too many may go, if there are suspects no more; `NEVER` before that.
    calm_at: Instant,
}

/// Items of a slot that were in flight at a time, and were not cancelled since. The oldest are taken to be cancelled
/// first.
#[derive(Clone, Copy, Debug)]
struct Cancels {
    since: Instant,
    left: u32,
    /// Nothing is owed from before this.
    owed_since: Instant,
}

impl Suspicion {
    const NONE: Self = Self { suspects: 0, in_flight_max: u32::MAX, probe: None, calm_at: Instant::NEVER };
}

/// How many items connections may have in flight at once. Those of a pool are of one kind, and most have the same
/// limit.
#[derive(Clone, Debug, Default)]
struct InFlightLimits {
    /// The first that was told.
    usual: Option<u32>,
    /// Others, by slot.
    others: BTreeMap<u32, u32>,
}

impl InFlightLimits {
    fn set(&mut self, slot: u32, items: u32) {
        if *self.usual.get_or_insert(items) == items {
            self.others.remove(&slot);
        } else {
            self.others.insert(slot, items);
        }
    }

    fn of(&self, slot: u32) -> Option<u32> {
        self.others.get(&slot).copied().or(self.usual)
    }
}

impl Suspicions {
    /// How many suspects an address has.
    pub(super) fn suspects(&self, address: u32) -> u16 {
        self.of.get(&address).map_or(0, |suspicion| suspicion.suspects)
    }

    pub(super) fn count_in(&mut self, address: u32) {
        self.of.entry(address).or_insert(Suspicion::NONE).suspects += 1;
    }

    pub(super) fn count_out(&mut self, address: u32) {
        if let Some(suspicion) = self.of.get_mut(&address) {
            suspicion.suspects -= 1;
        }
    }

    /// Whether a connection takes one item at a time, and somebody waits for that.
    fn has_one_that_is_awaited(&self, slot: u32) -> bool {
        self.limits.of(slot) == Some(1) && !self.abandoned.contains_key(&slot)
    }

    /// A suspect was told to be ready, or busy.
    pub(super) fn set_ready(&mut self, slot: u32, is_ready: bool) {
        if is_ready {
            self.ready.insert(slot);
        } else {
            self.ready.remove(&slot);
        }
    }
}

impl<A: Clone + Ord, B: Balance> Uniform<A, B> {
    /// When a connection that owes outcomes has been silent for too long, by a timeout.
    pub(super) fn silence_end(slot: &Slot, timeout: Duration) -> Instant {
        slot.quiet_since.max(slot.since) + timeout
    }

    /// Connections that may or may not report are idle from now, at the earliest: while they were
    /// watched, the time of their last item wasn't kept.
    pub(super) fn stop_watching(&mut self) {
        let now = self.now;
        for slot in self.slots.iter_mut().filter(|slot| slot.unreported > 0) {
            slot.quiet_since = now;
        }
    }

    /// A connection has been silent for long.
    pub(super) fn suspect(&mut self, index: u32) {
        let Slot { address, state, .. } = self.slots[index];
        debug_assert_eq!(transition(state, Input::Suspect), Transition::To(SlotState::Suspect));
        self.change_openness(index, SlotState::Suspect);
        self.addresses.suspicions.set_ready(index, state == SlotState::Ready);
        self.tell_suspicion(index, true);
        self.lose_probe(address, SlotId(self.slots.key(index)));
        self.cancel_replacement(address);
        self.spare_the_young(address);
        self.watch_suspects(address);
        self.update_dialling(address);
    }

    /// Whether a connection becomes a suspect when it is silent: not if nothing waits behind its one item, nor if as many
    /// as usual are suspects already.
    pub(super) fn may_be_suspected(&self, index: u32) -> bool {
        let suspicions = &self.addresses.suspicions;
        let has_room = suspicions.suspects(self.slots[index].address) < self.connections_per_address();
        has_room && !suspicions.has_one_that_is_awaited(index)
    }

    /// A suspect has said something. What was made beside it goes later: it may be silent again.
    pub(super) fn clear_suspect(&mut self, index: u32) {
        let address = self.slots[index].address;
        let was_ready = self.addresses.suspicions.ready.remove(&index);
        self.change_openness(index, if was_ready { SlotState::Ready } else { SlotState::Busy });
        self.tell_suspicion(index, false);
        self.finish_replacement(address);
        self.watch_suspects(address);
        self.update_dialling(address);
    }

    /// Who is no suspect by the settings in force is none any more.
    pub(super) fn reconsider_suspects(&mut self) {
        let suspect_after = self.config.silence.suspect_after;
        let is_cleared = |index: &u32| {
            let slot = &self.slots[*index];
            let is_due = suspect_after.is_some_and(|after| Self::silence_end(slot, after) <= self.now);
            slot.state == SlotState::Suspect && !is_due
        };
        for index in self.slots.indices().into_iter().filter(is_cleared).collect::<Vec<_>>() {
            self.clear_suspect(index);
        }
    }

    fn tell_suspicion(&mut self, index: u32, is_suspect: bool) {
        let address = self.slots[index].address;
        let (slot, id) = (SlotId(self.slots.key(index)), self.addresses.id(address));
        let address = self.addresses.get(address).address.clone();
        self.outputs.push_back(Output::Event(if is_suspect {
            Event::Suspected { slot, address, id }
        } else {
            Event::Cleared { slot, address, id }
        }));
    }

    /// Brings up to date what an address may have in flight: call it when one of its connections becomes a suspect, is
    /// cleared, comes or goes.
    pub(super) fn watch_suspects(&mut self, address: u32) {
        let in_flight_max = match self.addresses.suspicions.of.get(&address) {
            None => return,
            Some(&suspicion @ Suspicion { suspects: 0, .. }) => return self.calm(address, suspicion),
            Some(_) => self.in_flight_max(address),
        };
        self.set_calm_at(address, Instant::NEVER);
        if let Some(suspicion) = self.addresses.suspicions.of.get_mut(&address) {
            suspicion.in_flight_max = in_flight_max;
        }
        for slot in self.siblings_now(address) {
            self.slots[slot].evidence.awaits_success = true;
            self.update_deadline(slot);
        }
        self.update_standing(address);
    }

    /// There are no suspects any more. What was made beside them may be too much.
    fn calm(&mut self, address: u32, suspicion: Suspicion) {
        let known = self.addresses.get(address);
        let has_too_many = known.count.held() > self.connections_per_address();
        if has_too_many && known.present && self.phase.keeps_connections() {
            self.addresses.suspicions.of.insert(address, Suspicion { probe: None, ..suspicion });
            if suspicion.calm_at == Instant::NEVER {
                self.set_calm_at(address, self.now + self.config.stable_after);
            }
        } else {
            self.set_calm_at(address, Instant::NEVER);
            self.addresses.suspicions.of.remove(&address);
        }
        for slot in self.siblings_now(address) {
            self.update_deadline(slot);
        }
        self.update_standing(address);
    }

    fn set_calm_at(&mut self, address: u32, at: Instant) {
        let Some(suspicion) = self.addresses.suspicions.of.get_mut(&address) else { return };
        let before = core::mem::replace(&mut suspicion.calm_at, at);
        if before != Instant::NEVER {
            self.deadlines.disarm(before, DeadlineKind::Surplus(address));
        }
        if at != Instant::NEVER {
            self.deadlines.arm(at, DeadlineKind::Surplus(address));
        }
    }

    /// An address has had no suspects for a while. What it has too much of goes, as far as it is idle: a call that
    /// waits is not to be lost for that.
    pub(super) fn on_calm(&mut self, address: u32) {
        if let Some(suspicion) = self.addresses.suspicions.of.get_mut(&address) {
            suspicion.calm_at = Instant::NEVER;
        }
        self.remove_idle_surplus(address);
        self.watch_suspects(address);
    }

    /// A connection may have so many items in flight. The first limit that is told is one for all.
    pub(super) fn limit_in_flight(&mut self, index: u32, items: u32) {
        let suspicions = &mut self.addresses.suspicions;
        let is_first = suspicions.limits.usual.is_none();
        suspicions.limits.set(index, items);
        if is_first {
            for address in suspicions.of.keys().copied().collect::<Vec<_>>() {
                self.watch_suspects(address);
            }
        } else {
            self.watch_suspects(self.slots[index].address);
        }
        let is_exempt = self.addresses.suspicions.has_one_that_is_awaited(index);
        if is_exempt && self.slots[index].state == SlotState::Suspect {
            self.clear_suspect(index);
        }
        self.update_deadline(index);
    }

    /// The connections of an address, suspects included, but for those that drain.
    fn open(&self, address: u32) -> impl Iterator<Item = u32> {
        let is_open = |slot: SlotState| slot.is_connected() || slot == SlotState::Suspect;
        self.siblings(address).filter(move |&slot| is_open(self.slots[slot].state))
    }

    fn in_flight_over(&self, address: u32) -> u32 {
        self.open(address).map(|slot| self.slots[slot].in_flight()).fold(0, u32::saturating_add)
    }

    /// How many items the usual number of connections of an address may have in flight.
    fn in_flight_max(&self, address: u32) -> u32 {
        let most = self.open(address).filter_map(|slot| self.addresses.suspicions.limits.of(slot)).max();
        most.map_or(u32::MAX, |most| most.saturating_mul(self.connections_per_address().into()))
    }

    /// How many items an address may get for what its connections owe.
    pub(super) fn allowance(&self, address: u32) -> Allowance {
        match self.addresses.suspicions.of.get(&address) {
            None | Some(Suspicion { suspects: 0, .. }) => Allowance::Share,
            Some(suspicion) if self.in_flight_over(address) < suspicion.in_flight_max => Allowance::Counted,
            Some(Suspicion { probe: None, .. }) => Allowance::One,
            Some(_) => Allowance::Nothing,
        }
    }

    pub(super) fn is_watched(&self, address: u32) -> bool {
        self.addresses.suspicions.suspects(address) > 0
    }

    /// An item was sent to an address that may have suspects. If it was one too many, it tries the address.
    pub(super) fn begin_probe(&mut self, address: u32, slot: SlotId, is_connected: bool) {
        if !self.is_watched(address) {
            return;
        }
        let in_flight = self.in_flight_over(address);
        let Some(suspicion) = self.addresses.suspicions.of.get_mut(&address) else { return };
        if is_connected && in_flight > suspicion.in_flight_max {
            suspicion.probe.get_or_insert(slot);
        }
        if self.update_standing(address) {
            self.settle();
        }
    }

    /// A connection has been heard of, or has come to know of the end of an item that nobody waits for.
    pub(super) fn hear(&mut self, id: SlotId, is_alive: bool) {
        let Slot { address, state, unreported, .. } = self.slots[id.0.index];
        if state == SlotState::Suspect && is_alive {
            self.clear_suspect(id.0.index);
        } else if state == SlotState::Suspect && unreported == 0 {
            // It owes nothing any more, and nobody knows whether it would ever have said a word.
            self.drain_slot(id.0.index, DrainReason::Silent);
        }
        let Some(suspicion) = self.addresses.suspicions.of.get_mut(&address) else { return };
        if suspicion.probe == Some(id) {
            suspicion.probe = None;
            if is_alive {
                return self.give_up_suspects(address);
            }
        }
        self.update_standing(address);
    }

    /// An address has answered an item that was sent after its suspects fell silent: they are lost.
    fn give_up_suspects(&mut self, address: u32) {
        for slot in self.siblings_now(address) {
            if self.slots[slot].state == SlotState::Suspect {
                self.drop_slot(slot, SlotEnd::Silent);
            }
        }
        self.watch_suspects(address);
    }

    /// A connection is gone, or silent itself: nothing is heard of the item that tried its address.
    pub(super) fn lose_probe(&mut self, address: u32, slot: SlotId) {
        if let Some(suspicion) = self.addresses.suspicions.of.get_mut(&address)
            && suspicion.probe == Some(slot)
        {
            suspicion.probe = None;
        }
    }

    /// Somebody has given up waiting for an item.
    pub(super) fn count_abandoned(&mut self, index: u32) -> bool {
        let in_flight = self.slots[index].in_flight();
        let before = self.addresses.suspicions.abandoned.get(&index).map_or(0, |items| *items);
        let is_news = before < in_flight;
        if is_news {
            self.addresses.suspicions.abandoned.insert(index, before + 1);
            self.slots[index].evidence.awaits_success = true;
            self.update_deadline(index);
        }
        is_news
    }

    /// An item has come to its end, perhaps one that nobody waited for.
    pub(super) fn count_end(&mut self, index: u32, outcome: &Outcome) {
        let suspicions = &mut self.addresses.suspicions;
        if let Some(abandoned) = suspicions.abandoned.get_mut(&index) {
            let left = *abandoned - u32::from(*outcome == Outcome::Cancelled);
            *abandoned = left.min(self.slots[index].unreported);
            if *abandoned == 0 {
                suspicions.abandoned.remove(&index);
            }
        }
        if !outcome.is_answer() {
            self.count_cancel(index);
        }
    }

    /// An item was cancelled, or never left. The peer has said nothing, but it doesn't owe that item any more.
    fn count_cancel(&mut self, index: u32) {
        let slot = &self.slots[index];
        let cancels = &mut self.addresses.suspicions.cancels;
        if slot.unreported == 0 {
            cancels.remove(&index);
            return;
        }
        let before = cancels.get(&index).filter(|before| before.since >= slot.quiet_since);
        let begun = |owed_since| Cancels { since: self.now, left: slot.unreported, owed_since };
        let after = match before {
            Some(&Cancels { since, left: 1, .. }) => begun(since),
            Some(&Cancels { since, left, owed_since }) => Cancels { since, left: left - 1, owed_since },
            None => begun(slot.quiet_since),
        };
        cancels.insert(index, after);
    }

    /// When a connection that owes outcomes has been silent for too long: it has said nothing for that long, and owed
    /// something from then on.
    pub(super) fn blame_at(&self, index: u32, timeout: Duration) -> Instant {
        let slot = &self.slots[index];
        let owed_since = self.addresses.suspicions.cancels.get(&index).map(|cancels| cancels.owed_since);
        Self::silence_end(slot, timeout).max(owed_since.unwrap_or(Instant::ZERO) + timeout)
    }

    pub(super) fn has_abandoned(&self, index: u32) -> bool {
        self.addresses.suspicions.abandoned.contains_key(&index)
    }

    /// A slot has ended.
    pub(super) fn forget_slot_in_suspicion(&mut self, address: u32, id: SlotId) {
        let suspicions = &mut self.addresses.suspicions;
        suspicions.ready.remove(&id.0.index);
        suspicions.abandoned.remove(&id.0.index);
        suspicions.cancels.remove(&id.0.index);
        suspicions.limits.others.remove(&id.0.index);
        self.lose_probe(address, id);
        self.watch_suspects(address);
    }

    /// A connection has been silent for too long. Nobody is to blame if nobody waits for it.
    pub(super) fn on_silence(&mut self, index: u32) {
        let in_flight = self.slots[index].in_flight();
        let is_abandoned =
            self.addresses.suspicions.abandoned.get(&index).is_some_and(|items| *items >= in_flight);
        let end = if is_abandoned { SlotEnd::Silent } else { SlotEnd::Failed(FailureKind::TimedOut) };
        self.drop_slot(index, end);
    }
}
