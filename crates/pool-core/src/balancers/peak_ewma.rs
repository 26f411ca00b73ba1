//! The less costly of two, by latency and load.

use alloc::vec::Vec;
use core::time::Duration;

use super::decay::Decay;
use super::two_choices::{LatestTurns, draw_two};
use crate::balance::{Attributes, Balance, PickArgs, TurnOrder};
use crate::ids::AddressId;
use crate::instant::{Instant, duration_nanos};
use crate::outcome::Outcome;
use crate::rings::{Member, Ring};

/// The one of two addresses that promises the sooner reply, by how long replies took lately and how many are awaited.
///
/// For calls whose latency matters, where servers differ in speed or may become slow: it turns away from a slow server
/// faster than [`LeastLoaded`](crate::LeastLoaded), and from one that fails at once as well. Not for long polls and
/// streams that say nothing for long on purpose, where latency says nothing of the server. Not over connections that
/// report no outcomes, where it is refused ([`needs_outcomes`](Balance::needs_outcomes)).
///
/// Two different addresses are drawn uniformly among those that can take an item. The one with the lower score gets the
/// item, of two equals that whose latest item is longer ago. A score is the *cost* times the items in flight and one more,
/// over the weight. The cost is a moving average of latencies that is weighted by time, and forgets with a
/// [decay](Self::with_decay) of 10 s: `e^(-t / decay)` of it is left after the time `t`. It is sensitive to peaks: a
/// latency above it is the cost at once, one below it only draws it down. So has Finagle (`PeakEwma.scala`), where it is
/// from.
///
/// - An address that nothing is known of costs nothing while it has nothing in flight, so it is picked; and more than any
///   other while it has something. So it is probed by one item at a time, until that is answered.
/// - What fails is quick, and must not look fast for it. An item that fails counts as if it had taken the
///   [failure latency](Self::with_failure_latency) of 1 s, or longer if it has. So does one whose server says that it is
///   overloaded or unfit, and what is lost with its connection.
/// - What comes back unsent says nothing of latency. Nor does what is cancelled, but then what is known doesn't fade: a
///   server that hangs must not look ever faster because callers lose patience.
///
/// Where [turns](crate::Sharing::items_per_turn) are longer than an item, so is said of whole turns, as for
/// [`LeastLoaded`](crate::LeastLoaded). An address that nothing is known of has turns of one item.
///
/// ```
/// use core::time::Duration;
/// use pool_core::{Config, PeakEwma, Uniform};
///
/// let balancer = PeakEwma::new().with_decay(Duration::from_secs(5));
/// let uniform: Uniform<u16, _> = Uniform::new(Config::default(), balancer, 42)?;
/// # Ok::<(), pool_core::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct PeakEwma {
    decay: Decay,
    /// In nanoseconds.
    failure_latency: u64,
    /// By the index of the address.
    costs: Vec<Cost>,
    turns: LatestTurns,
}

/// What an address has cost when last heard of.
#[derive(Clone, Copy, Debug)]
struct Cost {
    /// In nanoseconds; 0 if nothing is known.
    nanos: u64,
    at: Instant,
}

impl Cost {
    const UNKNOWN: Self = Self { nanos: 0, at: Instant::ZERO };
}

/// The score of an address that nothing is known of, while it has one item in flight.
const PENALTY: u64 = u64::MAX >> 16;

impl Default for PeakEwma {
    fn default() -> Self {
        Self {
            decay: Decay::new(Duration::from_secs(10)),
            failure_latency: duration_nanos(Duration::from_secs(1)),
            costs: Vec::new(),
            turns: LatestTurns::default(),
        }
    }
}

impl PeakEwma {
    /// A decay of 10 s, and failures that count as 1 s.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// In how long what was learnt fades to 1/e; 10 s by default, at least a nanosecond.
    #[must_use]
    pub fn with_decay(self, time: Duration) -> Self {
        Self { decay: Decay::new(time), ..self }
    }

    /// As how long an item counts that fails; 1 s by default. Longer than a usual reply: an address that fails is
    /// tried again when what is left of it is less than the others cost.
    #[must_use]
    pub fn with_failure_latency(self, latency: Duration) -> Self {
        Self { failure_latency: duration_nanos(latency), ..self }
    }

    /// What an address costs at a time, in nanoseconds: the average of its latencies, peaks first; zero while nothing is
    /// known.
    #[must_use]
    pub fn cost(&self, address: AddressId, now: Instant) -> Duration {
        Duration::from_nanos(self.cost_nanos(address, now))
    }

    #[inline]
    fn cost_nanos(&self, address: AddressId, now: Instant) -> u64 {
        let cost = self.costs.get(address.index()).copied().unwrap_or(Cost::UNKNOWN);
        self.decay.of(cost.nanos, now.as_nanos().saturating_sub(cost.at.as_nanos()))
    }

    #[inline]
    fn score(&self, member: &Member, now: Instant) -> u64 {
        let cost = self.cost_nanos(member.id, now);
        let in_flight = u64::from(member.in_flight);
        if cost == 0 && in_flight > 0 {
            return PENALTY + in_flight;
        }
        cost.saturating_mul(in_flight + 1)
    }

    #[inline]
    fn observe(&mut self, address: AddressId, latency: u64, now: Instant) {
        // A reply in no time is known to have come.
        let latency = latency.max(1);
        let Some(cost) = self.costs.get_mut(address.index()) else { return };
        let passed = now.as_nanos().saturating_sub(cost.at.as_nanos());
        let left = self.decay.of(cost.nanos, passed);
        let drawn_down = left + (latency - self.decay.of(latency, passed));
        cost.nanos = if latency > left { latency } else { drawn_down.max(latency) };
        cost.at = now;
    }

    /// What is known is as good as new.
    fn keep(&mut self, address: AddressId, now: Instant) {
        if let Some(cost) = self.costs.get_mut(address.index()) {
            cost.at = now;
        }
    }
}

impl Balance for PeakEwma {
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "it is the half of a choice, and has two callers, of which one is rare"
    )]
    fn pick(&self, ring: &Ring<'_>, args: &PickArgs, now: Instant) -> Option<AddressId> {
        let (one, other) = draw_two(*ring)?;
        let score = u128::from(self.score(&one, now)) * u128::from(other.weight);
        let other_score = u128::from(self.score(&other, now)) * u128::from(one.weight);
        let is_one =
            if score == other_score { self.turns.is_older(one.id, other.id) } else { score < other_score };
        let (picked, left) = if is_one { (one.id, other.id) } else { (other.id, one.id) };
        Some(if args.avoid == Some(picked) { left } else { picked })
    }

    #[inline]
    fn keeps_turn(&self, address: AddressId) -> bool {
        self.costs.get(address.index()).is_some_and(|cost| cost.nanos > 0)
    }

    #[inline]
    fn turn_order(&self) -> TurnOrder {
        TurnOrder::Unordered
    }

    fn needs_outcomes(&self) -> bool {
        true
    }

    fn on_joined(&mut self, address: AddressId, _: &Attributes, _: Instant) {
        let index = address.index();
        if index >= self.costs.len() {
            self.costs.resize(index + 1, Cost::UNKNOWN);
        }
        self.costs[index] = Cost::UNKNOWN;
        self.turns.join(address);
    }

    #[inline]
    fn on_sent(&mut self, address: AddressId, _: Instant) {
        self.turns.take(address);
    }

    #[inline]
    fn on_answered(&mut self, address: AddressId, latency: Duration, now: Instant) {
        self.observe(address, duration_nanos(latency), now);
    }

    #[inline]
    fn on_finished(&mut self, address: AddressId, outcome: &Outcome, now: Instant) {
        match outcome {
            Outcome::Success { .. } | Outcome::Unsent => {}
            Outcome::Cancelled => self.keep(address, now),
            _ => self.observe(address, self.failure_latency, now),
        }
    }

    fn on_lost(&mut self, address: AddressId, _: u32, now: Instant) {
        self.observe(address, self.failure_latency, now);
    }
}
