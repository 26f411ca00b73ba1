//! How fast an address is dialled, whatever ended its connections: pace is not blame.
//!
//! A server that closes its connections in good order, again and again, is no failing one. But nobody gains if it is
//! dialled again at once each time. So short lives in a row stretch the time between dials, along the curve of the backoff; a long life, or
//! one success after another, ends the row. Like failures, what ends together counts once.

use core::time::Duration;

use super::Uniform;
use crate::balance::Balance;
use crate::config::Config;
use crate::evidence::Trust;
use crate::ids::AddressId;
use crate::instant::Instant;
use crate::output::{Event, Output};
use crate::slab::SlabKey;
use crate::slot::Slot;

impl<A: Clone + Ord, B: Balance> Uniform<A, B> {
    /// A connection is over by its peer's doing, or about to be: the next dial to its address keeps the pace.
    pub(super) fn count_life(&mut self, slot: &Slot) {
        let index = slot.address;
        let Some(pace_max) = self.config.pace.max else { return self.spread_redial(index) };
        let is_short = self.now.saturating_duration_since(slot.dialled) < pace_max;
        let known = self.addresses.get_mut(index);
        if slot.evidence.pace_episode == known.dials.row.episode {
            known.dials.row.episode = known.dials.row.episode.wrapping_add(1);
            let before = known.dials.row.len;
            known.dials.row.len = if is_short { before.saturating_add(1) } else { 0 };
            if is_short {
                self.keep_pace(index);
                self.tell_pace(index);
            } else if before > 0 {
                self.tell_pace(index);
            }
        }
        self.spread_redial(index);
    }

    /// No dial before the row of short lives allows it.
    pub(super) fn keep_pace(&mut self, index: u32) {
        let known = self.addresses.get(index);
        if known.dials.row.len > 0 {
            let Config { pace, backoff, .. } = &self.config;
            let until = known.last_dial + pace.delay(known.dials.row.len, backoff, &mut self.random);
            self.postpone_dials(index, until);
        }
    }

    fn tell_pace(&mut self, index: u32) {
        let known = self.addresses.get(index);
        let (address, short_lives) = (known.address.clone(), known.dials.row.len.into());
        let until = self.dials.postponed_beyond(index, self.now).unwrap_or(self.now);
        let id = AddressId(SlabKey { index, generation: known.generation });
        self.outputs.push_back(Output::Event(Event::Paced { address, id, short_lives, until }));
    }

    /// A redial that waits for nothing else is spread, if nobody waits for it: many clients may have lost their
    /// connection in the same moment.
    fn spread_redial(&mut self, index: u32) {
        let known = self.addresses.get(index);
        let is_due = known.present && self.dials.postponed_beyond(index, self.now).is_none();
        let is_missed = self.demand > 0 && self.rings.active().ready_len() == 0;
        if let Some(spread) = self.config.pace.redial_spread.filter(|_| is_due && !is_missed) {
            let until = self.now + self.random.between(Duration::ZERO, spread);
            self.postpone_dials(index, until);
        }
    }

    /// When a connection will have lived for long enough to end the row of short lives.
    pub(super) fn long_life_at(&self, slot: &Slot) -> Option<Instant> {
        self.is_in_row(slot).then(|| slot.dialled + self.config.pace.max.unwrap_or(Duration::ZERO))
    }

    /// Whether its life can end the row: an older one says nothing of those that end.
    fn is_in_row(&self, slot: &Slot) -> bool {
        let row = self.addresses.get(slot.address).dials.row;
        row.len > 0 && row.episode == slot.evidence.pace_episode
    }

    /// A connection has shown that the address may be dialled freely.
    pub(super) fn end_pace(&mut self, slot: u32) {
        let index = self.slots[slot].address;
        if self.is_in_row(&self.slots[slot]) {
            let known = self.addresses.get_mut(index);
            known.dials.row.len = 0;
            if !known.is_failing() {
                self.free_dials(index);
            }
            self.tell_pace(index);
        }
        self.update_deadline(slot);
    }

    /// A connection has had a success. Only one that comes after another shows that the connection goes on working:
    /// what was in flight at the first one may have been answered before a goodbye.
    pub(super) fn count_success(&mut self, index: u32) {
        let evidence = &mut self.slots[index].evidence;
        if !evidence.has_succeeded {
            self.count_first_success(index);
        } else if evidence.owed_at_success > 0 {
            evidence.owed_at_success -= 1;
        } else {
            evidence.trust = Trust::Proven;
            self.end_pace(index);
        }
    }

    /// The first success, or only its begin: then the item is still in flight, and counts when it is finished.
    pub(super) fn count_first_success(&mut self, index: u32) {
        self.slots[index].mark_success();
        self.prove(index);
    }
}
