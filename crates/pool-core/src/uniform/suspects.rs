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
use crate::ids::SlotId;
use crate::instant::Instant;
use crate::outcome::FailureKind;
use crate::output::{Event, Output};
use crate::reason::SlotEnd;
use crate::rings::Allowance;
#[cfg(doc)]
use crate::silence::Silence;
use crate::slot::{Input, Slot, SlotState, Transition, transition};

/// What is known of suspects, and of slots with items that nobody waits for.
#[derive(Clone, Debug, Default)]
pub(super) struct Suspicions {
    /// The addresses that have suspects.
    of: BTreeMap<u32, Suspicion>,
    /// The suspects that were last told to be ready.
    ready: BTreeSet<u32>,
    /// How many items in flight nobody waits for, by slot.
    abandoned: BTreeMap<u32, u32>,
    limits: InFlightLimits,
}

#[derive(Clone, Copy, Default, Debug)]
struct Suspicion {
    /// How many of its connections are suspects.
    suspects: u16,
    /// How many items the address may have in flight.
    in_flight_max: u32,
    /// It has as many, and one more tries it, over this connection.
    probe: Option<SlotId>,
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
        self.of.entry(address).or_default().suspects += 1;
    }

    pub(super) fn count_out(&mut self, address: u32) {
        if let Some(suspicion) = self.of.get_mut(&address) {
            suspicion.suspects -= 1;
        }
    }

    /// A suspect was told to be ready, or busy.
    pub(super) fn set_ready(&mut self, slot: u32, is_ready: bool) {
        if is_ready {
            self.ready.insert(slot);
        } else {
            self.ready.remove(&slot);
        }
    }

    /// Whether a connection takes one item at a time.
    pub(super) fn takes_one(&self, slot: u32) -> bool {
        self.limits.of(slot) == Some(1)
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
        self.watch_suspects(address);
        self.update_dialling(address);
    }

    /// A suspect has said something, or owes nothing any more. With another made beside it there may be one too many.
    pub(super) fn clear_suspect(&mut self, index: u32) {
        self.clear_suspect_of(index, self.connections_per_address());
    }

    /// The same, where its address was to have so many connections.
    fn clear_suspect_of(&mut self, index: u32, connections: u16) {
        let address = self.slots[index].address;
        let was_ready = self.addresses.suspicions.ready.remove(&index);
        self.change_openness(index, if was_ready { SlotState::Ready } else { SlotState::Busy });
        self.tell_suspicion(index, false);
        self.watch_suspects(address);
        if self.addresses.get(address).present && self.phase.keeps_connections() {
            self.finish_replacement(address);
            self.remove_surplus(address, connections);
        }
        self.update_dialling(address);
    }

    /// Nobody is suspected any more. An address was to have so many connections.
    pub(super) fn clear_suspects(&mut self, connections: u16) {
        let is_suspect = |index: &u32| self.slots[*index].state == SlotState::Suspect;
        for index in self.slots.indices().into_iter().filter(is_suspect).collect::<Vec<_>>() {
            self.clear_suspect_of(index, connections);
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
        let Some(suspicion) = self.addresses.suspicions.of.get(&address).copied() else { return };
        if suspicion.suspects == 0 {
            self.addresses.suspicions.of.remove(&address);
            self.update_standing(address);
            return;
        }
        let in_flight_max = self.in_flight_max(address);
        self.addresses.suspicions.of.insert(address, Suspicion { in_flight_max, ..suspicion });
        for slot in self.siblings_now(address) {
            self.slots[slot].evidence.awaits_success = true;
        }
        self.update_standing(address);
    }

    /// A connection may have so many items in flight. The first limit that is told is one for all.
    pub(super) fn limit_in_flight(&mut self, index: u32, items: u32) {
        let suspicions = &mut self.addresses.suspicions;
        let is_first = suspicions.limits.usual.is_none();
        suspicions.limits.set(index, items);
        let address = self.slots[index].address;
        let affected = suspicions.of.keys().copied().filter(|&other| is_first || other == address);
        for address in affected.collect::<Vec<_>>() {
            self.watch_suspects(address);
        }
        self.update_deadline(index);
    }

    /// How many items the usual number of connections of an address may have in flight.
    fn in_flight_max(&self, address: u32) -> u32 {
        let is_open = |slot: SlotState| slot.is_connected() || slot == SlotState::Suspect;
        let open = self.siblings(address).filter(|&slot| is_open(self.slots[slot].state));
        let most = open.filter_map(|slot| self.addresses.suspicions.limits.of(slot)).max();
        most.map_or(u32::MAX, |most| most.saturating_mul(self.connections_per_address().into()))
    }

    /// How many items an address may get for what its connections owe.
    pub(super) fn allowance(&self, address: u32) -> Allowance {
        match self.addresses.suspicions.of.get(&address) {
            None => Allowance::Share,
            Some(suspicion) if self.rings.in_flight(address) < suspicion.in_flight_max => Allowance::Counted,
            Some(Suspicion { probe: None, .. }) => Allowance::One,
            Some(_) => Allowance::Nothing,
        }
    }

    pub(super) fn is_watched(&self, address: u32) -> bool {
        self.addresses.suspicions.of.contains_key(&address)
    }

    /// An item was sent to an address that may have suspects. If it was one too many, it tries the address.
    pub(super) fn begin_probe(&mut self, address: u32, slot: SlotId, is_connected: bool) {
        let in_flight = self.rings.in_flight(address);
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
        if state == SlotState::Suspect && (is_alive || unreported == 0) {
            self.clear_suspect(id.0.index);
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
        }
        is_news
    }

    /// An item came to its end that nobody waited for, or was dropped.
    pub(super) fn count_cancelled(&mut self, index: u32) {
        if let Some(abandoned) = self.addresses.suspicions.abandoned.get_mut(&index) {
            *abandoned -= 1;
            if *abandoned == 0 {
                self.addresses.suspicions.abandoned.remove(&index);
            }
        }
    }

    /// A slot has ended.
    pub(super) fn forget_slot_in_suspicion(&mut self, address: u32, id: SlotId) {
        let suspicions = &mut self.addresses.suspicions;
        suspicions.ready.remove(&id.0.index);
        suspicions.abandoned.remove(&id.0.index);
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
