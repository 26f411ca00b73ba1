//! Settings that change while the pool runs.
//!
//! Everything follows from what is there and from the settings in force, so a change needs no plan:
//! what there is too much of goes, deadlines are counted anew from when they began, and what is
//! missing is dialled under the usual limits.

use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use super::Uniform;
use super::closing::Phase;
use crate::balance::Balance;
use crate::config::Config;
use crate::config_error::ConfigError;
use crate::instant::Instant;
use crate::known_address::Replacement;
use crate::reason::SlotEnd;
use crate::slot::{Slot, SlotState};

impl<A: Clone + Ord, B: Balance> Uniform<A, B> {
    /// Works by other settings from now on. Only the difference acts, and nothing is reconnected
    /// for it; the settings in force change nothing.
    ///
    /// - More connections per address are dialled under the usual limits. Fewer: dials in flight
    ///   are dropped first ([`SlotEnd::Surplus`]); then connections drain
    ///   ([`DrainReason::Surplus`](crate::DrainReason::Surplus)), never more than there are too many. Those at the end of their
    ///   lives go first, as they would go anyway; then those that neither push back nor are known to
    ///   be at work, as they are done soonest; the oldest of several, as it is the next to reach its
    ///   lifetime.
    /// - Dials in flight above a smaller [`dials_max`](Config::dials_max) go on. A pool that becomes
    ///   lazy keeps the connections and dials it has.
    /// - Timeouts count from when they began, whatever the settings were then. What is overdue by a
    ///   shorter one is done by the [`handle_timeout`](Self::handle_timeout) that
    ///   [`poll_output`](Self::poll_output) then asks for at once. A connection was last heard of,
    ///   for a [silence](Config::silence) that counted for nothing, when it last took an item.
    /// - Connections that have outlived a new [`lifetime_max`](Config::lifetime_max) already don't go all at
    ///   once: their ends are spread over a tenth of it, so that a change is no storm.
    /// - A pool that fails fast, and would not yet by the new settings, takes items again.
    /// - Addresses in backoff stay there for as long as they were told, but no longer than the new
    ///   cap from now, less the jitter. Addresses that rest do so for as long as they were told.
    /// - [`addresses_max`](Config::addresses_max) is for the next set: the one in force stays whole.
    ///
    /// A pool that closes goes by new settings, too. Takes time in proportion to the number of
    /// addresses and slots.
    ///
    /// ```
    /// use pool_core::{Config, Instant, RoundRobin, SlotEvent, Uniform};
    ///
    /// let now = Instant::ZERO;
    /// let mut uniform = Uniform::new(Config::default(), RoundRobin::new(), 42)?;
    /// uniform.handle_addresses(&["a:1"].into(), now);
    /// let slot = uniform.slots().next().expect("a dial").id;
    /// uniform.handle_slot(slot, SlotEvent::Connected, now);
    ///
    /// let mut config = uniform.config().clone();
    /// config.connections_per_address = 3;
    /// uniform.handle_config(config.clone(), now)?;
    /// assert_eq!(uniform.dials_in_flight(), 2);
    ///
    /// config.connections_per_address = 0;
    /// let error = uniform.handle_config(config, now).unwrap_err();
    /// assert_eq!(error.field(), "connections_per_address");
    /// assert_eq!(uniform.config().connections_per_address, 3, "nothing has changed");
    /// # Ok::<(), pool_core::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] names the field of `config` that makes no sense. Then nothing has changed.
    pub fn handle_config(&mut self, config: Config, now: Instant) -> Result<(), ConfigError> {
        config.validate()?;
        self.advance(now);
        if config != self.config {
            let before = mem::replace(&mut self.config, config);
            if self.phase != Phase::Closed {
                self.reconfigure(&before);
                self.settle();
            }
        }
        Ok(())
    }

    fn reconfigure(&mut self, before: &Config) {
        self.rings.set_items_per_turn_max(self.config.sharing.items_per_turn);
        if before.silence.is_watched() && !self.config.silence.is_watched() {
            self.stop_watching();
        }
        self.change_lifetime(before.lifetime_max);
        if self.config.stable_after > before.stable_after {
            self.acknowledge_stable(before.stable_after);
        }
        self.change_refresh_interval(before.refresh_interval_min);
        let members = self.addresses.members().to_vec();
        for &index in &members {
            self.reconsider_replacement(index);
        }
        // Those that are cleared count among what an address has too much of.
        self.reconsider_suspects();
        for index in members {
            self.remove_surplus(index, before.slots_per_address());
            self.watch_suspects(index);
        }
        self.reserve(self.addresses.len());
        for slot in self.slots.indices() {
            self.update_deadline(slot);
        }
        for index in self.addresses.iter().map(|(key, _)| key.index).collect::<Vec<_>>() {
            self.limit_backoff(index);
            self.update_dialling(index);
        }
        self.reconsider_failing_fast();
    }

    /// What connections have shown by the settings before, they have shown.
    fn acknowledge_stable(&mut self, stable_after: Duration) {
        let age = |slot: &Slot| self.now.saturating_duration_since(slot.since);
        let slots =
            self.slots.iter().filter(|(_, slot)| slot.state.is_connected() && age(slot) >= stable_after);
        for slot in slots.map(|(key, _)| key.index).collect::<Vec<_>>() {
            self.prove(slot);
        }
    }

    /// With one too many there is no need for a replacement; a connection that stays and is old enough
    /// gets one when its deadline is found to be over.
    fn reconsider_replacement(&mut self, address: u32) {
        self.stop_draining_first(address);
        let known = self.addresses.get(address);
        let has_too_many = known.count.connected() > self.connections_per_address();
        if known.is_replacing() && (has_too_many || !self.has_outlived_connection(address)) {
            self.addresses.get_mut(address).replacement = Replacement::None;
        }
    }

    /// Takes from an address what it has too much of, where there were to be `before`.
    fn remove_surplus(&mut self, address: u32, before: u16) {
        let surplus = self.surplus(address);
        let dials: Vec<u32> = self.dials_of(address).into_iter().take(surplus).collect();
        let connections = self.first_to_go(address, surplus - dials.len());
        for dial in dials {
            self.drop_slot(dial, SlotEnd::Surplus);
        }
        // There were more of them than that, if some were made beside suspects.
        let before = before.max(u16::try_from(connections.len()).unwrap_or(u16::MAX));
        for slot in connections {
            self.drain_surplus(slot, before);
        }
    }

    /// The same, as far as that owes nothing, and drains at once.
    pub(super) fn remove_idle_surplus(&mut self, address: u32) {
        let usual = self.connections_per_address();
        let surplus = self.surplus(address);
        for dial in self.dials_of(address).into_iter().take(surplus) {
            self.drop_slot(dial, SlotEnd::Surplus);
        }
        let idle = |slot: &u32| !self.is_at_work(&self.slots[*slot]);
        let surplus = self.surplus(address);
        for slot in self.first_to_go(address, surplus).into_iter().filter(idle).collect::<Vec<_>>() {
            self.drain_surplus(slot, usual);
        }
    }

    /// How many connections and dials an address has too many.
    fn surplus(&self, address: u32) -> usize {
        let known = self.addresses.get(address);
        let allowed = self.connections_per_address() + u16::from(known.is_replacing());
        known.count.held().saturating_sub(allowed).into()
    }

    fn dials_of(&self, address: u32) -> Vec<u32> {
        let is_dial = |slot: &u32| self.slots[*slot].state == SlotState::Dialling;
        self.siblings(address).filter(is_dial).collect()
    }

    fn is_at_work(&self, slot: &Slot) -> bool {
        slot.state == SlotState::Busy || slot.owes_outcomes(&self.config)
    }

    fn first_to_go(&self, address: u32, count: usize) -> Vec<u32> {
        let connected = self.siblings(address).filter(|&slot| self.slots[slot].state.is_connected());
        let mut ranked: Vec<_> = connected
            .map(|slot| {
                let connection = &self.slots[slot];
                (!self.has_outlived(slot), self.is_at_work(connection), connection.since, slot)
            })
            .collect();
        ranked.sort_unstable();
        ranked.into_iter().take(count).map(|(.., slot)| slot).collect()
    }

    /// Whether an eager pool has a connection that waits for its replacement.
    fn has_outlived_connection(&self, address: u32) -> bool {
        let mut connected = self.siblings(address).filter(|&slot| self.slots[slot].state.is_connected());
        !self.is_lazy() && connected.any(|slot| self.has_outlived(slot))
    }

    /// Draws the end of a long backoff anew, so that not all addresses come back at once.
    fn limit_backoff(&mut self, index: u32) {
        let latest = self.now + self.config.backoff.cap;
        if self.dials.postponed_beyond(index, latest).is_some() {
            let until = self.now + self.config.backoff.jittered_cap(&mut self.random);
            self.set_earliest_dial(index, until);
        }
    }
}
