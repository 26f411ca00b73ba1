//! Who has the next items, and how many: what an owner asks and tells for each item, or for each turn.

use super::Uniform;
use crate::balance::{Balance, PickArgs, TurnOrder};
#[cfg(doc)]
use crate::config::Config;
use crate::ids::SlotId;
use crate::instant::Instant;
use crate::links::ring;
use crate::rings::Ring;
use crate::slab::SlabKey;
#[cfg(doc)]
use crate::slot::SlotEvent;
use crate::slot::{Handled, Slot};

impl<A: Clone + Ord, B: Balance> Uniform<A, B> {
    /// Tells how many items are under way: those that wait, and those [in flight](Self::in_flight) where connections
    /// report outcomes. Turns are as long as that allows: see [`Sharing::items_per_turn`](crate::Sharing::items_per_turn). Until it is told, each item
    /// is a turn.
    ///
    /// ```
    /// use pool_core::{Config, RoundRobin, Uniform};
    ///
    /// let mut config = Config::default();
    /// config.sharing.items_per_turn = 64;
    /// let mut uniform: Uniform<u16> = Uniform::new(config, RoundRobin::new(), 42)?;
    /// // Before the owner sends what waits:
    /// let waiting = 8;
    /// uniform.set_load(waiting + uniform.in_flight());
    /// # Ok::<(), pool_core::ConfigError>(())
    /// ```
    #[inline]
    pub fn set_load(&mut self, items: usize) {
        self.rings.set_load(items);
    }

    /// How many items were sent whose end is not known: all of them where connections report no outcomes.
    #[inline]
    pub fn in_flight(&self) -> usize {
        usize::try_from(self.rings.in_flight()).unwrap_or(usize::MAX)
    }

    /// The slot that shall have the next item, if any address of the best connected priority has
    /// a ready one, and the balancer doesn't make the item wait.
    ///
    /// It can be asked any number of times with the same answer; the turn passes on with
    /// [`SlotEvent::Sent`].
    #[must_use]
    #[inline]
    pub fn select(&self, args: &PickArgs, now: Instant) -> Option<SlotId> {
        if let Some(only) = args.only {
            return self.select_only(only);
        }
        if self.balancer.turn_order() == TurnOrder::Unordered {
            return self.select_unordered(self.rings.next_ring(), args, now);
        }
        if self.rings.is_shared_out() {
            return self.select_by_share(*args, now);
        }
        self.select_by_turns(self.rings.active(), args, now)
    }

    /// The arguments come by value, so that the usual path needs no place for them.
    #[cold]
    #[inline(never)]
    fn select_by_share(&self, args: PickArgs, now: Instant) -> Option<SlotId> {
        self.select_by_turns(self.rings.drawn_ring(), &args, now)
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "with the ring of the active priority a tenth less is to do")]
    fn select_by_turns(&self, ring: Ring<'_>, args: &PickArgs, now: Instant) -> Option<SlotId> {
        // A policy is never asked where none can take an item.
        let first = ring.first()?;
        let picked = self.balancer.pick(&ring, args, now.max(self.now))?;
        // Who has a turn has a ready slot. One that is connected and not ready has none: the item waits.
        let slot = if picked == first || !ring.contains(picked) {
            self.rings.node(first.0.index).ready_slot
        } else {
            ring.slot_in_turn(picked.0.index)?
        };
        Some(SlotId(slot))
    }

    /// The same where whose turn it is doesn't matter.
    #[inline]
    fn select_unordered(&self, ring: Ring<'_>, args: &PickArgs, now: Instant) -> Option<SlotId> {
        if ring.ready_len() == 0 {
            return None;
        }
        let picked = self.balancer.pick(&ring, args, now.max(self.now))?;
        let slot = match ring.slot_of(picked) {
            Some(slot) => slot,
            None if ring.contains(picked) => return None,
            None => ring.slot_in_turn(ring.first()?.0.index)?,
        };
        Some(SlotId(if self.config.connections_per_address == 1 { slot } else { self.least_busy(slot) }))
    }

    /// Of the ready connections of an address the one with the fewest items in flight, of equals that whose turn is longer
    /// ago. Those come in the order of their turns. Where nothing is known of outcomes it is the first.
    fn least_busy(&self, first: SlabKey) -> SlabKey {
        let needs_outcomes = self.balancer.needs_outcomes();
        let in_flight =
            |slot: &Slot| if needs_outcomes || slot.tells_of_items() { slot.unreported } else { 0 };
        let slots = ring(first.index, |slot| self.slots[slot].links.next);
        let mut least = (first, u32::MAX);
        for index in slots {
            let found = in_flight(&self.slots[index]);
            if found < least.1 {
                least = (self.slots.key(index), found);
            }
            if found == 0 {
                break;
            }
        }
        least.0
    }

    /// How many items a slot that was just selected may be sent, one after the other, before [`select`](Self::select)
    /// has to be asked again: 1 where the policy picks for each item, and where something is special about the next one.
    ///
    /// ```
    /// use pool_core::{Config, Instant, PickArgs, RoundRobin, SlotEvent, Uniform};
    ///
    /// let now = Instant::ZERO;
    /// let mut config = Config::default();
    /// config.sharing.items_per_turn = 8;
    /// let mut uniform = Uniform::new(config, RoundRobin::new(), 42)?;
    /// # uniform.handle_addresses(&["a:1", "b:1"].into(), now);
    /// # let slots: Vec<_> = uniform.slots().map(|slot| slot.id).collect();
    /// # for slot in slots {
    /// #     uniform.handle_slot(slot, SlotEvent::Connected, now);
    /// #     uniform.handle_slot(slot, SlotEvent::Ready, now);
    /// # }
    /// uniform.set_load(100);
    /// let slot = uniform.select(&PickArgs::any(), now).expect("two are ready");
    /// assert_eq!(uniform.turn_left(slot), 8);
    /// // Five items wait.
    /// uniform.handle_sent(slot, 5, now);
    /// assert_eq!((uniform.select(&PickArgs::any(), now), uniform.turn_left(slot)), (Some(slot), 3));
    /// # Ok::<(), pool_core::ConfigError>(())
    /// ```
    #[inline]
    pub fn turn_left(&self, slot: SlotId) -> u32 {
        let Some(slot) = self.slots.get(slot.0).filter(|slot| slot.takes_turns) else { return 1 };
        let (turn, id) = self.rings.turn_left(slot.address, self.balancer.turn_order());
        if self.balancer.keeps_turn(id) { turn } else { 1 }
    }

    /// Tells that a slot was sent so many items one after the other: the same as [`SlotEvent::Sent`] for each of them,
    /// and cheaper. No more than [`turn_left`](Self::turn_left) says for the slot, or they count as one turn.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as for `handle_slot`")]
    pub fn handle_sent(&mut self, id: SlotId, items: u32, now: Instant) -> Handled {
        self.advance(now);
        self.on_sent(id, items)
    }
}
