//! Whom to dial, and when: this file decides it, and no other.
//!
//! An address waits for a dial while it is in the set, lacks a connection and is not in backoff.
//! Those that wait are ranked ([`DialRank`]) and dialled in that order while the pool's limits
//! allow: [`Config::dials_max`](crate::Config::dials_max) in all, half of that to addresses that
//! have failed, and in a lazy pool no more than there are items that nothing open can take
//! (dials to addresses that have failed don't count against those to addresses that work), or than there are
//! connections. Items that nothing open can take also draw dials before the pace allows them, unless the address fails.
//! An address without a connection that items wait for which are for it only is dialled whatever the others have.

use alloc::collections::{BTreeMap, BTreeSet};
use core::mem;
use core::time::Duration;

use super::Uniform;
use crate::balance::Balance;
use crate::deadline_queue::DeadlineKind;
use crate::evidence::{Evidence, Trust};
use crate::ids::SlotId;
use crate::instant::Instant;
use crate::known_address::{DialClass, DialRank};
use crate::output::{Availability, Output};
use crate::rings::Node;
use crate::slot::Slot;

/// A dial that fails after this long was not refused: it may have been swallowed.
const SLOW_DIAL: Duration = Duration::from_secs(1);

/// The dials in flight, and the addresses that wait for one.
#[derive(Clone, Debug, Default)]
pub(super) struct Dials {
    pub(super) in_flight: usize,
    /// Those of them that went to an address with an unreset failure.
    pub(super) probes: usize,
    /// Connections so new that nobody knows yet whether they can take an item.
    pub(super) fresh: usize,
    waiting: Waiting,
    /// Those that items wait for which are for them only.
    asked: BTreeSet<u32>,
    /// Addresses that are not dialled before a time, the later of backoff and pace: each has a timer.
    postponed: BTreeMap<u32, Instant>,
}

/// The addresses that wait for a dial. They are few for most of the time, so an address knows no more than whether it is one.
#[derive(Clone, Debug, Default)]
struct Waiting {
    by_rank: BTreeSet<(DialRank, u32)>,
    ranks: BTreeMap<u32, DialRank>,
}

impl Waiting {
    fn insert(&mut self, address: u32, rank: DialRank) {
        self.ranks.insert(address, rank);
        self.by_rank.insert((rank, address));
    }

    fn remove(&mut self, address: u32) {
        if let Some(rank) = self.ranks.remove(&address) {
            self.by_rank.remove(&(rank, address));
        }
    }

    /// The first of a class.
    fn first_of(&self, class: DialClass) -> Option<&(DialRank, u32)> {
        let rank = DialRank { class, is_unasked: false, order: (0, 0), rests: false, connections: 0, tie: 0 };
        let least = (rank, 0);
        self.by_rank.range(least..).next().filter(|(rank, _)| rank.class == class)
    }
}

impl Dials {
    pub(super) fn is_any_waiting(&self) -> bool {
        !self.waiting.by_rank.is_empty()
    }

    pub(super) fn is_asked_for(&self, address: u32) -> bool {
        self.asked.contains(&address)
    }

    pub(super) fn is_any_asked_for(&self) -> bool {
        !self.asked.is_empty()
    }

    pub(super) fn ask_for(&mut self, address: u32, is_waiting: bool) {
        if is_waiting {
            self.asked.insert(address);
        } else {
            self.asked.remove(&address);
        }
    }

    /// When an address may be dialled, if not by the given time.
    pub(super) fn postponed_beyond(&self, address: u32, time: Instant) -> Option<Instant> {
        self.postponed.get(&address).copied().filter(|until| *until > time)
    }
}

impl<A: Clone + Ord, B: Balance> Uniform<A, B> {
    /// Brings an address's place among the waiting up to date. Call it after every change of what
    /// a rank depends on.
    pub(super) fn update_dialling(&mut self, index: u32) {
        let (connections_per_address, is_lazy) = (self.connections_per_address(), self.is_lazy());
        let Node { priority, standing, .. } = *self.rings.node(index);
        let priority = self.addresses.get(index).present.then_some(priority);
        let suspects = self.addresses.suspicions.suspects(index);
        let known = self.addresses.get_mut(index);
        if mem::take(&mut known.dials.is_waiting) {
            self.dials.waiting.remove(index);
        }
        let Some(priority) = priority else { return };
        let is_asked = known.count.held() == 0 && self.dials.asked.contains(&index);
        // What rests as unfit, or has no weight, gets no share of items, so these are no reason to dial it.
        if is_lazy && !standing.is_there() && !is_asked {
            return;
        }
        let is_early = (known.dials.row.len > 0 && known.count.dialling > 0)
            || self.dials.postponed_beyond(index, self.now).is_some();
        let class = match (known.is_failing(), is_early) {
            (false, false) => DialClass::Working,
            (false, true) => DialClass::Early,
            (true, false) if known.dials.fail_slowly => DialClass::FailingSlowly,
            (true, false) => DialClass::Failing,
            (true, true) => return,
        };
        if known.dials_missing(connections_per_address, suspects) == 0 {
            return;
        }
        let failures = known.failures;
        let rank = DialRank {
            class,
            is_unasked: !is_asked,
            order: if is_lazy { (priority, failures) } else { (failures, priority) },
            rests: !standing.is_well(),
            connections: known.count.held(),
            tie: self.random.next_u16(),
        };
        known.dials.is_waiting = true;
        self.dials.waiting.insert(index, rank);
    }

    pub(super) fn start_dials(&mut self) {
        while let Some(index) = self.next_to_dial() {
            self.dial(index);
        }
    }

    fn next_to_dial(&self) -> Option<u32> {
        if !self.phase.keeps_connections() || self.dials.in_flight >= self.config.dials_max as usize {
            return None;
        }
        let may_probe = self.dials.probes < self.config.probes_max();
        let classes = DialClass::ALL.into_iter().filter(|class| may_probe || !class.is_failing());
        let firsts = classes.filter_map(|class| self.dials.waiting.first_of(class));
        let mut wanted = firsts.filter(|(rank, _)| self.is_wanted(*rank));
        wanted.next().map(|(_, index)| *index)
    }

    /// Whether the pool wants a connection of this rank now. Eager pools do, unless it is too early; else there must
    /// be more items than dials in flight and connections not yet heard of, and no
    /// connection that could take them ready. A dial to an address that has failed is no
    /// reason to wait with one that works. A lazy pool dials no more at a time than it has connections: those may
    /// have taken all that waits before the dials are done.
    ///
    /// While items go to addresses that rest for an overload, one dial to another is wanted without an item that
    /// waits: it is the other that shall take them. But none before its time.
    fn is_wanted(&self, rank: DialRank) -> bool {
        if !rank.is_unasked || (!self.is_lazy() && rank.class != DialClass::Early) {
            return true;
        }
        // While it refuses all items, a pool must try to connect without any.
        let is_relief = self.rings.uses_spares() && !rank.rests && rank.class != DialClass::Early;
        let is_failing_fast = self.fail_fast.availability == Availability::FailingFast;
        let demand = self.demand.max(usize::from(is_failing_fast || is_relief));
        let hopeful = self.dials.in_flight - if rank.class.is_failing() { 0 } else { self.dials.probes };
        if demand <= hopeful + self.dials.fresh {
            return false;
        }
        if self.is_lazy() && hopeful >= self.rings.active_connections().max(1) {
            return false;
        }
        let priority = if self.is_lazy() { rank.order.0 } else { rank.order.1 };
        let is_ready = self.rings.regular_len() > 0;
        self.rings.active_priority().is_none_or(|active| {
            // A better priority takes the items over as soon as it is up; a worse one gets none.
            priority < active || (priority == active && !is_ready)
        })
    }

    fn dial(&mut self, index: u32) {
        let known = self.addresses.get_mut(index);
        known.last_dial = self.now;
        let trust = if known.is_failing() { Trust::Probe } else { Trust::Ordinary };
        let evidence = Evidence::of_dial(trust, known.episode, known.dials.row.episode);
        let address = known.address.clone();
        let key = self.slots.insert_with(|key| Slot::new(key, index, evidence, self.now));
        self.keep_pace(index);
        self.join_unready(key.index);
        self.count_entry(key.index);
        self.outputs.push_back(Output::Dial { slot: SlotId(key), address });
    }

    /// No dial before this time, instead of what is set already.
    pub(super) fn set_earliest_dial(&mut self, index: u32, until: Instant) {
        self.clear_earliest_dial(index);
        self.dials.postponed.insert(index, until);
        self.deadlines.arm(until, DeadlineKind::Backoff(index));
    }

    pub(super) fn clear_earliest_dial(&mut self, index: u32) {
        if let Some(until) = self.dials.postponed.remove(&index) {
            self.deadlines.disarm(until, DeadlineKind::Backoff(index));
        }
    }

    /// The timer of an address that was not dialled before now has fired.
    pub(super) fn on_earliest_dial(&mut self, index: u32) {
        self.dials.postponed.remove(&index);
        self.replace_after_drain(index);
        self.update_dialling(index);
        self.forget_if_done(index);
    }

    /// Whether a dial that has failed now has held its place for long.
    pub(super) fn took_long(&self, slot: &Slot) -> bool {
        self.now.saturating_duration_since(slot.dialled) >= SLOW_DIAL
    }

    pub(super) fn connections_per_address(&self) -> u16 {
        self.config.slots_per_address()
    }
}
