//! Who gets the next item: the public seam. The policies are in `balancers`.

use core::time::Duration;

use crate::ids::AddressId;
use crate::instant::Instant;
use crate::outcome::Outcome;
use crate::rings::Ring;

/// What the sender of an item asks of the balancer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct PickArgs {
    /// For balancers that keep equal keys on equal addresses; round-robin ignores it.
    pub key: Option<u64>,
    /// An address to avoid if there is another: the one that has just failed the same item.
    pub avoid: Option<AddressId>,
    /// The only address that will do, whatever the policy says. See [`PickArgs::only`].
    pub only: Option<AddressId>,
}

impl PickArgs {
    /// Nothing is asked: any address will do.
    #[must_use]
    pub const fn any() -> Self {
        Self { key: None, avoid: None, only: None }
    }

    /// Whether nothing is asked.
    #[must_use]
    #[inline]
    pub const fn is_any(&self) -> bool {
        self.key.is_none() && self.avoid.is_none() && self.only.is_none()
    }

    /// The address that the balancer keeps for this key, if it goes by keys.
    #[must_use]
    pub const fn with_key(key: u64) -> Self {
        Self { key: Some(key), ..Self::any() }
    }

    /// Rather another address than this one.
    #[must_use]
    pub const fn avoiding(address: AddressId) -> Self {
        Self { avoid: Some(address), ..Self::any() }
    }

    /// This address and no other: for an item that means something there alone.
    ///
    /// The policy is not asked, and neither priority nor weight counts: also an address of a worse priority or of weight 0
    /// is given it. One that rests for what its replies said is not, except for an overload. An item whose address can't
    /// take it waits by itself, and must hold up no others: the owner sees to that. One whose address is not in the set
    /// ([`Uniform::is_in_set`](crate::Uniform::is_in_set)) would wait for ever, and is to be refused at once. A lazy pool
    /// dials the address when it is told of it ([`Uniform::set_demand_for`](crate::Uniform::set_demand_for)).
    #[must_use]
    pub const fn only(address: AddressId) -> Self {
        Self { only: Some(address), key: None, avoid: None }
    }
}

/// What the name service says of an address, besides where it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Attributes {
    /// Its share among the addresses of the same priority.
    pub weight: u32,
    /// 0 is best.
    pub priority: u16,
    /// A hash of its name that is the same in every process; see [`Endpoint::hash`](crate::Endpoint::hash).
    pub hash: u64,
}

/// Which order of turns a [`Ring`] keeps for its policy.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum TurnOrder {
    /// Each address has as many turns as any other: one that has had its turn is the last.
    #[default]
    Equal,
    /// Each address has turns in proportion to its weight, evenly spread. With equal weights that is the same order.
    ByWeight,
    /// None, which costs less: addresses are in the order in which they have become ready. A policy that
    /// [keeps turns](Balance::keeps_turn) has a whole one with each pick.
    Unordered,
}

/// A policy that picks an address for each item.
///
/// The [`Ring`] holds the connected addresses of the best connected priority. A pick is a peek: it may be asked
/// any number of times, and counts only when [`on_sent`](Self::on_sent) follows. Chance comes from
/// [`Ring::draw`], so that a peek stays a peek.
///
/// A policy may keep state for each address. It is told all that this needs, by the methods below, which do
/// nothing by default. What is told of one address:
///
/// - [`on_joined`](Self::on_joined) and [`on_left`](Self::on_left) take turns, and
///   [`on_changed`](Self::on_changed) comes in between. An address that returns before the pool has forgotten it
///   has the same id, otherwise another. [`AddressId::index`] is small, and good for a table.
/// - [`on_readiness`](Self::on_readiness) comes with every change. An address that joins can't take
///   items, and one that leaves can't either. One that rests for what its replies said can't take any; it can
///   while one item is to try it. Where no address can take an item, the ring shows those as ready that rest for an
///   overload, and nothing is told of that: a policy that keeps its own list must believe the ring.
/// - Each item of [`on_sent`](Self::on_sent) ends once, by [`on_finished`](Self::on_finished) or among those of
///   [`on_lost`](Self::on_lost). At any time the items sent are those finished, those lost and those in flight. Before its end an
///   item may be answered, once ([`on_answered`](Self::on_answered)).
/// - Items of connections that drain are reported after [`on_left`](Self::on_left), too.
///
/// The time never goes back. Keep ids, never positions.
///
/// ```
/// use pool_core::{AddressId, Balance, Instant, PickArgs, Ring};
///
/// /// The address with the fewest items in flight; round-robin among equals.
/// struct LeastInFlight;
///
/// impl Balance for LeastInFlight {
///     fn pick(&self, ring: &Ring<'_>, _: &PickArgs, _: Instant) -> Option<AddressId> {
///         ring.turns().min_by_key(|member| member.in_flight).map(|member| member.id)
///     }
/// }
/// ```
pub trait Balance {
    /// The address that shall have the next item, out of a ring in which at least one can take it.
    ///
    /// `None` means that the item has to wait, and with it all behind it. So does an address that can't take an
    /// item now. An id that is not in the ring counts as the one whose turn it is. A lazy pool dials no other
    /// address while there are some that can take an item.
    fn pick(&self, ring: &Ring<'_>, args: &PickArgs, now: Instant) -> Option<AddressId>;

    /// Whether an address that was picked may have the rest of [its turn](crate::Sharing::items_per_turn) without being
    /// picked again. By default it may not.
    fn keeps_turn(&self, address: AddressId) -> bool {
        let _ = address;
        false
    }

    /// Which order of turns the [`Ring`] keeps for the policy; the same at all times.
    fn turn_order(&self) -> TurnOrder {
        TurnOrder::Equal
    }

    /// Whether the policy makes no sense over connections that report no outcomes: all that they were ever sent would
    /// look as if it were in flight. An owner refuses it there; see
    /// [`ConfigError::needs_outcomes`](crate::ConfigError::needs_outcomes).
    fn needs_outcomes(&self) -> bool {
        false
    }

    /// The address is in the set now.
    fn on_joined(&mut self, address: AddressId, attributes: &Attributes, now: Instant) {
        let _ = (address, attributes, now);
    }

    /// The name service says something else of an address that stays in the set. Its connections stay, too.
    fn on_changed(&mut self, address: AddressId, attributes: &Attributes, now: Instant) {
        let _ = (address, attributes, now);
    }

    /// The address is no longer in the set. Its connections drain, and their items are still reported.
    fn on_left(&mut self, address: AddressId, now: Instant) {
        let _ = (address, now);
    }

    /// The address can take items from now on, or can't: one of its connections is ready, or none is.
    fn on_readiness(&mut self, address: AddressId, is_ready: bool, now: Instant) {
        let _ = (address, is_ready, now);
    }

    /// An item was sent to a connection of this address.
    fn on_sent(&mut self, address: AddressId, now: Instant) {
        let _ = (address, now);
    }

    /// The reply to an item has begun to come, so long after it was sent. The item is still in flight, also if
    /// its end follows at once.
    fn on_answered(&mut self, address: AddressId, latency: Duration, now: Instant) {
        let _ = (address, latency, now);
    }

    /// What became of an item that this address was sent. The item is not in flight any more. Its latency is
    /// that of [`on_answered`](Self::on_answered), if the outcome has one.
    fn on_finished(&mut self, address: AddressId, outcome: &Outcome, now: Instant) {
        let _ = (address, outcome, now);
    }

    /// A connection is gone, and with it items that it has not reported on; more than none. All that it was
    /// sent, if its kind of connection doesn't report outcomes.
    fn on_lost(&mut self, address: AddressId, items: u32, now: Instant) {
        let _ = (address, items, now);
    }
}
