//! All addresses of one priority, and whose turn it is among them.

use core::mem;

use super::lanes::Lanes;
use super::shares::Credit;
use super::standing::Place;
use crate::links::NONE;

/// All addresses of one priority.
#[derive(Clone, Debug)]
pub(super) struct Tier {
    pub(super) priority: u16,
    pub(super) addresses: u32,
    /// Those of addresses that get items at all.
    pub(super) connected_slots: u32,
    /// Connected addresses that get items at all.
    pub(super) there: u32,
    pub(super) credit: Credit,
    /// The round that items go to: of the regular addresses, or of the spare ones while no regular one is ready.
    pub(super) round: Round,
    /// The other one.
    other: Round,
    /// Whether the round that items go to is that of the spare addresses.
    pub(super) uses_spares: bool,
    /// An item has gone to one of its addresses.
    pub(super) has_started: bool,
    /// The connected addresses: the regular ones with a ready slot, the spare ones with a ready slot, the others.
    pub(super) members: alloc::vec::Vec<u32>,
}

/// Addresses with a ready slot, in the order of their turns.
#[derive(Clone, Debug)]
pub(super) struct Round {
    /// The address whose turn it is.
    pub(super) head: u32,
    /// Items it may still take in this turn.
    pub(super) turn_left: u32,
    /// How many addresses there are.
    pub(super) len: u32,
    /// Whose turn is next, where turns go by weight; otherwise empty, and all are in one ring.
    pub(super) lanes: Lanes,
}

impl Round {
    const EMPTY: Self = Self { head: NONE, turn_left: 0, len: 0, lanes: Lanes::EMPTY };

    /// The first of the lanes has the turn. One that had begun and is not over was none.
    pub(super) fn follow_lanes(&mut self, items_per_turn: u32) {
        let first = self.lanes.first();
        if self.head != first {
            self.head = first;
            self.turn_left = items_per_turn;
        }
    }
}

impl Tier {
    pub(super) const fn new(priority: u16) -> Self {
        Self {
            priority,
            addresses: 0,
            connected_slots: 0,
            there: 0,
            credit: Credit::NONE,
            round: Round::EMPTY,
            other: Round::EMPTY,
            uses_spares: false,
            has_started: false,
            members: alloc::vec::Vec::new(),
        }
    }

    /// An address with so many connected slots gets items, which it did not.
    pub(super) fn gain(&mut self, connected_slots: u32) {
        self.connected_slots += connected_slots;
        self.there += u32::from(connected_slots > 0);
    }

    /// It gets none any more.
    pub(super) fn lose(&mut self, connected_slots: u32) {
        self.connected_slots -= connected_slots;
        self.there -= u32::from(connected_slots > 0);
    }

    pub(super) fn is_counted_upon(&self) -> bool {
        self.credit.is_any()
    }

    pub(super) fn round_of(&mut self, place: Place) -> &mut Round {
        if self.uses_spares == (place == Place::Spare) { &mut self.round } else { &mut self.other }
    }

    pub(super) fn rounds_mut(&mut self) -> [&mut Round; 2] {
        [&mut self.round, &mut self.other]
    }

    /// How many regular addresses are ready.
    pub(super) fn regular_len(&self) -> u32 {
        if self.uses_spares { self.other.len } else { self.round.len }
    }

    /// How many addresses are in either round: as many members come before the others.
    pub(super) fn ready_len(&self) -> u32 {
        self.round.len + self.other.len
    }

    /// Call after the length of a round has changed. To begin with the spare addresses, or to leave them be, costs the
    /// same however many there are.
    pub(super) fn choose_round(&mut self) {
        let needs_spares = self.regular_len() == 0 && self.ready_len() > 0;
        if needs_spares != self.uses_spares {
            mem::swap(&mut self.round, &mut self.other);
            self.uses_spares = needs_spares;
        }
    }
}
