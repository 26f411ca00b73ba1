//! Equal keys to equal addresses.

use alloc::vec::Vec;
use core::time::Duration;

use super::circle::{Circle, POINTS, Points};
use crate::balance::{Attributes, Balance, PickArgs, TurnOrder};
use crate::ids::AddressId;
use crate::instant::Instant;
use crate::outcome::Outcome;
use crate::random::Random;
use crate::rings::Ring;

/// Keeps equal keys at equal addresses, while these can take items and are not overloaded.
///
/// For caches and sharded state, where an address is better at what it has seen. Not where any address is as good:
/// keys are never as even as turns. An item without a key ([`PickArgs::key`]) has a drawn one.
///
/// A key belongs to an address by the hashes of both ([`Endpoint::hash`](crate::Endpoint::hash)), so all clients agree
/// that have the same addresses and hashes. When an address comes or goes, its own keys move, and no others: in
/// expectation its fair share, and no more than half as much again. The consistent hash is multi-probe: four points an
/// address, five probes a key (Appleton and O'Reilly 2015). Weights don't count, except 0. An address of hash 0 has none:
/// it gets one of its own, which differs from client to client.
///
/// An address that is away or busy, or rests, is left out: its keys belong to others until it is back. **Bounded load**
/// (Mirrokni, Thorup and Zadimoghaddam 2018): an address that has as many items in flight as its
/// [bound](Self::with_bound_percent), 125 % of the mean of those that can take an item, rounded up, gives its keys to the
/// next in the order of the hash. So a popular key uses as many addresses as it needs, and nobody waits for one of them.
/// With few items in flight the bound is one item.
///
/// The bound counts once an outcome is heard of. Over connections that report none the load is not known, and there is no
/// bound.
///
/// Each item is picked for by itself: turns are never longer than an item.
///
/// ```
/// use pool_core::{Config, ConsistentHash, Endpoint, Instant, PickArgs, Uniform};
///
/// let mut uniform = Uniform::new(Config::default(), ConsistentHash::new(), 42)?;
/// let hashed = |port: u16| Endpoint::new(port).with_hash(u64::from(port));
/// uniform.handle_addresses(&[7001, 7002].map(hashed).into_iter().collect(), Instant::ZERO);
/// assert_eq!(uniform.select(&PickArgs::with_key(0xcafe), Instant::ZERO), None, "none is connected yet");
/// # Ok::<(), pool_core::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ConsistentHash {
    bound_percent: u32,
    /// By the index of the address.
    known: Vec<Known>,
    points: Points,
    /// The addresses of each priority that can take items.
    circles: Vec<(u16, Circle)>,
    /// Items sent whose end is not known.
    in_flight: u64,
    hears_outcomes: bool,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    id: AddressId,
    priority: u16,
    is_ready: bool,
}

impl Default for ConsistentHash {
    fn default() -> Self {
        Self {
            bound_percent: 125,
            known: Vec::new(),
            points: Points::default(),
            circles: Vec::new(),
            in_flight: 0,
            hears_outcomes: false,
        }
    }
}

impl ConsistentHash {
    /// A bound of 125 %.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many items an address may have in flight, in percent of the mean; 125 by default, and 100 at least. A high
    /// bound keeps more keys in their place, a low one keeps addresses more even.
    #[must_use]
    pub fn with_bound_percent(self, percent: u32) -> Self {
        Self { bound_percent: percent.max(100), ..self }
    }

    fn circle(&self, priority: u16) -> Option<&Circle> {
        let circle = self.circles.iter().find(|(of, _)| *of == priority);
        circle.map(|(_, circle)| circle).filter(|circle| !circle.is_empty())
    }

    fn join(&mut self, address: u32, priority: u16) {
        let place = self.circles.iter().position(|(of, _)| *of == priority);
        let place = place.unwrap_or_else(|| {
            self.circles.push((priority, Circle::EMPTY));
            self.circles.len() - 1
        });
        self.circles[place].1.join(&mut self.points, address);
    }

    fn leave(&mut self, address: u32, priority: u16) {
        let Some(place) = self.circles.iter().position(|(of, _)| *of == priority) else { return };
        self.circles[place].1.leave(&mut self.points, address);
        if self.circles[place].1.is_empty() && self.circles.len() > 1 {
            self.circles.swap_remove(place);
        }
    }

    /// What is asked of an address that shall have the item.
    #[inline]
    fn may_have(&self, ring: Ring<'_>, args: &PickArgs, id: AddressId) -> bool {
        let Some(member) = ring.find(id).filter(|member| member.is_ready) else { return false };
        let is_bounded = self.hears_outcomes && {
            // Its share of what is in flight, this item included, without a division.
            let own = u64::from(member.in_flight) * ring.ready_len() as u64;
            let bound = self.in_flight.saturating_add(1).saturating_mul(self.bound_percent.into());
            own.saturating_mul(100) >= bound
        };
        !is_bounded && args.avoid != Some(id)
    }

    /// The next in the order of the hash that may have the item. Where none may, the first of them that can take it.
    #[cold]
    fn next_in_order(&self, ring: Ring<'_>, args: &PickArgs, start: u32) -> Option<AddressId> {
        let mut first = None;
        let mut point = self.points.next(start);
        while point != start {
            let id = self.known[(point / POINTS) as usize].id;
            if self.may_have(ring, args, id) {
                return Some(id);
            }
            if first.is_none()
                && args.avoid != Some(id)
                && ring.find(id).is_some_and(|member| member.is_ready)
            {
                first = Some(id);
            }
            point = self.points.next(point);
        }
        first.or_else(|| Some(self.known[(start / POINTS) as usize].id))
    }

    fn set_points(&mut self, address: AddressId, attributes: &Attributes) {
        let hash = if attributes.hash == 0 { Random::nth(address.to_bits(), 0) } else { attributes.hash };
        self.points.place(address.0.index, hash);
    }

    fn end(&mut self, items: u32) {
        self.in_flight = self.in_flight.saturating_sub(items.into());
    }
}

impl Balance for ConsistentHash {
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "it is the half of a choice, and has two callers, of which one is rare"
    )]
    fn pick(&self, ring: &Ring<'_>, args: &PickArgs, _: Instant) -> Option<AddressId> {
        let key = args.key.unwrap_or_else(|| ring.draw());
        let Some(circle) = self.circle(ring.priority()) else {
            // Those that rest for an overload are all that can take an item.
            let last = ring.ready_len().checked_sub(1)? as u64;
            let position = usize::try_from(Random::new(key).up_to(last)).ok()?;
            return ring.get(position).map(|member| member.id);
        };
        let nearest = circle.nearest(&self.points, key);
        let id = self.known[(nearest / POINTS) as usize].id;
        if self.may_have(*ring, args, id) { Some(id) } else { self.next_in_order(*ring, args, nearest) }
    }

    #[inline]
    fn turn_order(&self) -> TurnOrder {
        TurnOrder::Unordered
    }

    fn on_joined(&mut self, address: AddressId, attributes: &Attributes, _: Instant) {
        let known = Known { id: address, priority: attributes.priority, is_ready: false };
        let index = address.index();
        if index >= self.known.len() {
            self.known.resize(index + 1, known);
        }
        self.known[index] = known;
        self.set_points(address, attributes);
    }

    fn on_changed(&mut self, address: AddressId, attributes: &Attributes, _: Instant) {
        let Known { priority, is_ready, .. } = self.known[address.index()];
        if is_ready {
            self.leave(address.0.index, priority);
        }
        self.set_points(address, attributes);
        self.known[address.index()].priority = attributes.priority;
        if is_ready {
            self.join(address.0.index, attributes.priority);
        }
    }

    fn on_readiness(&mut self, address: AddressId, is_ready: bool, _: Instant) {
        let known = &mut self.known[address.index()];
        known.is_ready = is_ready;
        let priority = known.priority;
        if is_ready {
            self.join(address.0.index, priority);
        } else {
            self.leave(address.0.index, priority);
        }
    }

    #[inline]
    fn on_sent(&mut self, _: AddressId, _: Instant) {
        self.in_flight += 1;
    }

    #[inline]
    fn on_answered(&mut self, _: AddressId, _: Duration, _: Instant) {
        self.hears_outcomes = true;
    }

    #[inline]
    fn on_finished(&mut self, _: AddressId, outcome: &Outcome, _: Instant) {
        self.hears_outcomes |= *outcome != Outcome::Unsent;
        self.end(1);
    }

    fn on_lost(&mut self, _: AddressId, items: u32, _: Instant) {
        self.end(items);
    }
}
