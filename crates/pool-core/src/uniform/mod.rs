//! The machine: a uniform number of connections to every address.

mod closing;
mod configuring;
mod deadlines;
mod dialling;
mod fail_fast;
mod failures;
mod idle;
mod inspect;
mod items;
mod lateness;
mod lifetime;
mod membership;
mod only;
mod pace;
mod priorities;
mod re_resolution;
mod resting;
mod slot_counts;
mod slot_events;
mod suspects;

use alloc::collections::VecDeque;
use core::time::Duration;

pub use inspect::{AddressSlots, AddressState, AddressStatus, RestStatus, SlotStatus};

use crate::address_set::AddressSet;
use crate::balance::{Balance, TurnOrder};
use crate::balancers::RoundRobin;
use crate::config::{Config, Opening};
use crate::config_error::ConfigError;
use crate::deadline_queue::DeadlineQueue;
use crate::ids::SlotId;
use crate::instant::Instant;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::random::Random;
use crate::rings::Rings;
use crate::slab::Slab;
use crate::slot::{Handled, Slot, SlotEvent, SlotState, Transition, transition};

use closing::Phase;
use dialling::Dials;
use fail_fast::FailFast;
use lifetime::Lifetimes;
use membership::Addresses;
use re_resolution::ReResolution;

/// A pool's decisions: whom to dial, when to retry, whom to give an item, when to give up.
///
/// `Uniform` keeps the same number of connections to every address of a set. It does nothing
/// itself: it is told what happens by its `handle_*` methods and orders what is to be done by
/// [`poll_output`](Self::poll_output). The same inputs at the same times with the same seed give
/// the same outputs.
///
/// **In:** [`handle_addresses`](Self::handle_addresses), [`handle_slot`](Self::handle_slot),
/// [`handle_answered`](Self::handle_answered), [`handle_abandoned`](Self::handle_abandoned),
/// [`handle_outcome`](Self::handle_outcome), [`handle_in_flight_max`](Self::handle_in_flight_max),
/// [`set_demand`](Self::set_demand), [`handle_timeout`](Self::handle_timeout), [`retry_now`](Self::retry_now),
/// [`handle_config`](Self::handle_config), [`close`](Self::close). All take the time; one that is earlier
/// than the latest seen counts as the latest.
///
/// **Out:** after any of them, [`poll_output`](Self::poll_output) until it returns
/// [`Output::Timeout`].
///
/// **Choosing:** [`select`](Self::select), then ask the connection whether it is ready. If it is,
/// hand it the item and report [`SlotEvent::Sent`]; if it isn't, report [`SlotEvent::Busy`] and
/// select again.
///
/// ```
/// use pool_core::{Config, Instant, Output, PickArgs, RoundRobin, SlotEvent, Uniform};
///
/// let now = Instant::ZERO;
/// let mut uniform = Uniform::new(Config::default(), RoundRobin::new(), 42)?;
/// uniform.handle_addresses(&["a:1", "b:1"].into(), now);
/// loop {
///     match uniform.poll_output() {
///         // A real program starts to connect here and reports when it is done.
///         Output::Dial { slot, .. } => {
///             uniform.handle_slot(slot, SlotEvent::Connected, now);
///             uniform.handle_slot(slot, SlotEvent::Ready, now);
///         }
///         // Nothing leaves here. Else: close it, or drop it and report that.
///         Output::Drain { .. } | Output::Closed => {}
///         Output::Drop { slot } => drop(uniform.handle_slot(slot, SlotEvent::Dropped, now)),
///         Output::Availability(_) | Output::Refresh | Output::Event(_) => {}
///         Output::Timeout(deadline) => {
///             assert_eq!(deadline, None);
///             break;
///         }
///     }
/// }
/// let first = uniform.select(&PickArgs::any(), now).expect("two are ready");
/// assert_eq!(uniform.select(&PickArgs::any(), now), Some(first), "a peek");
/// uniform.handle_slot(first, SlotEvent::Sent, now);
/// assert_ne!(uniform.select(&PickArgs::any(), now), Some(first), "the other one's turn");
/// # Ok::<(), pool_core::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Uniform<A, B = RoundRobin> {
    config: Config,
    balancer: B,
    random: Random,
    lifetimes: Lifetimes,
    /// The latest time seen.
    now: Instant,
    addresses: Addresses<A>,
    slots: Slab<Slot>,
    rings: Rings,
    dials: Dials,
    deadlines: DeadlineQueue,
    phase: Phase,
    re_resolution: ReResolution,
    /// Items that wait.
    demand: usize,
    fail_fast: FailFast,
    outputs: VecDeque<Output<A>>,
}

/// Room for so many outputs is kept while there are none.
const OUTPUTS_KEPT: usize = 256;

impl<A: Clone + Ord, B: Balance> Uniform<A, B> {
    /// A pool without addresses. Its time begins with its first input, not before.
    ///
    /// The seed decides where rounds start and how delays are jittered: give every client another
    /// one, and tests a fixed one.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] names the field of `config` that makes no sense.
    pub fn new(config: Config, balancer: B, seed: u64) -> Result<Self, ConfigError> {
        config.validate()?;
        let mut random = Random::new(seed);
        let weighs_turns = balancer.turn_order() == TurnOrder::ByWeight;
        Ok(Self {
            balancer,
            lifetimes: Lifetimes::new(random.next_u64()),
            random,
            now: Instant::ZERO,
            addresses: Addresses::new(),
            slots: Slab::new(),
            // A seed of its own: what is drawn for items doesn't shift the other draws.
            rings: Rings::new(config.sharing.items_per_turn, weighs_turns, Random::nth(!seed, 0)),
            dials: Dials::default(),
            deadlines: DeadlineQueue::default(),
            phase: Phase::Open,
            re_resolution: ReResolution::default(),
            demand: 0,
            fail_fast: FailFast::new(),
            outputs: VecDeque::new(),
            config,
        })
    }

    /// The policy that picks addresses.
    pub fn balancer(&self) -> &B {
        &self.balancer
    }

    /// The policy that picks addresses, to change what it works by or to take out what it has counted. Outputs
    /// don't depend on it, only [`select`](Self::select) does.
    ///
    /// ```
    /// use pool_core::{AddressId, Balance, Config, Instant, PickArgs, Ring, Uniform};
    ///
    /// /// Keeps all items to one address, while it has one.
    /// struct Pinned(Option<AddressId>);
    ///
    /// impl Balance for Pinned {
    ///     fn pick(&self, ring: &Ring<'_>, _: &PickArgs, _: Instant) -> Option<AddressId> {
    ///         self.0.or_else(|| ring.first())
    ///     }
    /// }
    ///
    /// let mut uniform = Uniform::new(Config::default(), Pinned(None), 42)?;
    /// uniform.handle_addresses(&["a:1", "b:1"].into(), Instant::ZERO);
    /// uniform.balancer_mut().0 = uniform.find_address(&"b:1");
    /// assert!(uniform.balancer().0.is_some());
    /// # Ok::<(), pool_core::ConfigError>(())
    /// ```
    pub fn balancer_mut(&mut self) -> &mut B {
        &mut self.balancer
    }

    /// The settings that the machine works by.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The name service's new answer: the whole set, of which only the difference acts.
    ///
    /// New addresses are dialled, connections to those that left drain, dials to them are
    /// dropped. An address that stays keeps its connections, also when its weight or priority
    /// changes. A set of more than [`Config::addresses_max`] is refused whole and reported as an
    /// event. Takes time linear in the size of the set.
    ///
    /// Returns whether the set is in force now.
    pub fn handle_addresses(&mut self, set: &AddressSet<A>, now: Instant) -> bool {
        self.advance(now);
        if !self.phase.keeps_connections() {
            return false;
        }
        let is_in_force = self.apply_addresses(set);
        self.settle();
        is_in_force
    }

    /// Whether a set of so many addresses would be taken, for an owner that makes it at some cost. If it is too
    /// large, this counts as the set: it is reported as an event.
    ///
    /// ```
    /// use pool_core::{Config, Instant, RoundRobin, Uniform};
    ///
    /// let mut config = Config::default();
    /// config.addresses_max = 2;
    /// let mut uniform: Uniform<u16> = Uniform::new(config, RoundRobin::new(), 42)?;
    /// assert!(uniform.admits_addresses(2, Instant::ZERO));
    /// assert!(!uniform.admits_addresses(3, Instant::ZERO));
    /// # Ok::<(), pool_core::ConfigError>(())
    /// ```
    pub fn admits_addresses(&mut self, len: usize, now: Instant) -> bool {
        self.advance(now);
        self.phase.keeps_connections() && self.admits(len)
    }

    /// Tells what happened to a slot.
    ///
    /// Events for connections that are gone change nothing, nor do those that can't happen in the
    /// slot's state.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "with a constant event most of it vanishes; a call costs a fifth more"
    )]
    pub fn handle_slot(&mut self, id: SlotId, event: SlotEvent, now: Instant) -> Handled {
        self.advance(now);
        // Once for each item; the rest is rare, and would be in the way of inlining.
        if event == SlotEvent::Sent { self.on_sent(id, 1) } else { self.on_rare_event(id, event) }
    }

    fn on_rare_event(&mut self, id: SlotId, event: SlotEvent) -> Handled {
        let Some(slot) = self.slots.get(id.0) else { return Handled::Stale };
        let index = id.0.index;
        match transition(slot.state, event.input()) {
            Transition::Invalid => return Handled::Invalid,
            Transition::Stay => self.on_same_state(index, event),
            Transition::To(state) => self.on_event(index, event, state),
            Transition::End => self.on_end(index, event),
        }
        Handled::Applied
    }

    /// Tells that the reply to an item that the slot was sent has begun to come, so long after the item was sent.
    /// The item stays in flight until [`handle_outcome`](Self::handle_outcome).
    ///
    /// The first answer of a connection resets the backoff of its address, and each ends its silence.
    /// `Invalid`, and nothing has changed, if all that is in flight was answered before.
    ///
    /// ```
    /// use core::time::Duration;
    /// use pool_core::{Config, Handled, Instant, Outcome, RoundRobin, SlotEvent, Uniform};
    ///
    /// let now = Instant::ZERO;
    /// let mut uniform = Uniform::new(Config::default(), RoundRobin::new(), 42)?;
    /// uniform.handle_addresses(&["a:1"].into(), now);
    /// let slot = uniform.slots().next().expect("a dial").id;
    /// for event in [SlotEvent::Connected, SlotEvent::Ready, SlotEvent::Sent] {
    ///     uniform.handle_slot(slot, event, now);
    /// }
    /// let latency = Duration::from_millis(3);
    /// assert_eq!(uniform.handle_answered(slot, latency, now + latency), Handled::Applied);
    /// assert_eq!(uniform.slot(slot).map(|slot| slot.in_flight), Some(1), "its body is still to come");
    /// uniform.handle_outcome(slot, Outcome::Success { latency: None }, now + latency);
    /// assert_eq!(uniform.slot(slot).map(|slot| slot.in_flight), Some(0));
    /// # Ok::<(), pool_core::ConfigError>(())
    /// ```
    pub fn handle_answered(&mut self, id: SlotId, latency: Duration, now: Instant) -> Handled {
        self.advance(now);
        let Some(slot) = self.slots.get_mut(id.0) else { return Handled::Stale };
        if !slot.count_answered(self.now) {
            return Handled::Invalid;
        }
        let address = slot.address;
        if slot.evidence.awaits_success {
            self.on_rare_answer(id);
        }
        self.balancer.on_answered(self.addresses.id(address), latency, self.now);
        Handled::Applied
    }

    /// Tells what became of an item that the slot was sent: nothing of it is owed any more. A slot that is
    /// dropping may still tell its last. An outcome with a latency says that the item was answered, too, unless
    /// all in flight were answered before.
    ///
    /// The first success of a connection resets the backoff of its address. An address whose reply says that it is
    /// overloaded or unfit rests: see [`Outcome`].
    #[inline]
    pub fn handle_outcome(&mut self, id: SlotId, outcome: Outcome, now: Instant) -> Handled {
        self.advance(now);
        let Some(slot) = self.slots.get_mut(id.0) else { return Handled::Stale };
        if slot.in_flight() == 0 {
            return Handled::Invalid;
        }
        let latency = slot.count_outcome(&outcome, self.now);
        let is_due_sooner = slot.unreported == 0 && slot.is_due_sooner(self.config.idle_timeout);
        let is_usual = matches!(outcome, Outcome::Success { .. }) && !slot.evidence.awaits_success;
        let address = self.rings.count_outcomes(slot.address, 1);
        if is_due_sooner || !is_usual {
            self.on_rare_outcome(id, &outcome);
        }
        if let Some(latency) = latency {
            self.balancer.on_answered(address, latency, self.now);
        }
        self.balancer.on_finished(address, &outcome, self.now);
        Handled::Applied
    }

    /// Tells that nobody wants to know of an item any more that the slot was sent, and that the peer owes nothing for
    /// it, while it is not known yet whether the peer is rid of it: a stream of HTTP/2 that was reset. The item stays
    /// in flight until [`handle_outcome`](Self::handle_outcome), which tells that it was
    /// [`Cancelled`](Outcome::Cancelled).
    ///
    /// `Invalid`, and nothing has changed, if all that is in flight was abandoned before.
    pub fn handle_abandoned(&mut self, id: SlotId, now: Instant) -> Handled {
        self.advance(now);
        if self.slots.get(id.0).is_none() {
            return Handled::Stale;
        }
        if self.count_abandoned(id.0.index) { Handled::Applied } else { Handled::Invalid }
    }

    /// Tells how many items may be in flight on a connection at once. Say it after [`SlotEvent::Connected`], and
    /// whenever it changes; slots of which nothing is told have the first limit of the pool that was. It counts when
    /// connections are silent: see [`Silence`](crate::Silence).
    ///
    /// `Invalid`, and nothing has changed, for a slot that is not connected yet.
    pub fn handle_in_flight_max(&mut self, id: SlotId, items: u32, now: Instant) -> Handled {
        self.advance(now);
        let Some(slot) = self.slots.get(id.0) else { return Handled::Stale };
        if slot.state == SlotState::Dialling {
            return Handled::Invalid;
        }
        self.limit_in_flight(id.0.index, items);
        self.settle();
        Handled::Applied
    }

    #[cold]
    fn on_rare_answer(&mut self, id: SlotId) {
        if !self.slots[id.0.index].evidence.has_succeeded {
            self.update_deadline(id.0.index);
            self.count_first_success(id.0.index);
        }
        self.hear(id, true);
        self.settle();
    }

    #[cold]
    fn on_rare_outcome(&mut self, id: SlotId, outcome: &Outcome) {
        self.count_end(id.0.index, outcome);
        self.update_deadline(id.0.index);
        if matches!(outcome, Outcome::Success { .. }) {
            self.count_success(id.0.index);
        }
        self.judge(id, outcome);
        self.hear(id, outcome.is_answer());
        self.settle();
    }

    /// Tells how many items wait for a connection now: a level, not a change.
    ///
    /// Lazy pools dial by it. A closing pool drains as soon as it is zero, and that is final: items that are
    /// kept while no connection takes them must be told of here, or a close won't wait for them.
    pub fn set_demand(&mut self, waiting: usize, now: Instant) {
        self.advance(now);
        if self.demand != waiting {
            self.demand = waiting;
            self.settle();
        }
    }

    /// Does what is due at `now`; call it when [`Output::Timeout`] said, after the events that have come until
    /// then. Calling it early or in vain does no harm.
    ///
    /// A call that is more than 50 ms late means that nobody listened: the process was stopped, or its
    /// event loop blocked. Then dials, drains and connections whose [silence](Config::silence) counts get as much
    /// more time, and none of them ends by this call. Lifetimes, idle timeouts, backoff, fail fast and the
    /// deadline of a close are not moved. Lateness is excused once: a call that was asked for within 50 ms
    /// of one that was excused is late without excuse. So a machine that is always late still ends what is
    /// silent, at the latest after as many calls as the timeout has 50 ms.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
        if self.phase != Phase::Closed {
            self.excuse_lateness();
            self.fire_timers();
            self.settle();
        }
    }

    /// Ends the address's backoff and its rest now, without forgetting its failures: for an operator or a
    /// name service that knows it is up. The limits of dials and laziness still hold, and an
    /// address that has left the set is forgotten. Returns whether the address was in backoff or rested.
    pub fn retry_now(&mut self, address: &A, now: Instant) -> bool {
        self.advance(now);
        if !self.phase.keeps_connections() {
            return false;
        }
        let was_left_alone = self.addresses.find(address).is_some_and(|index| {
            let did_rest = self.end_rest_by_hand(index);
            self.retry(index) || did_rest
        });
        self.settle();
        was_left_alone
    }

    /// Closes the pool: connections stay usable until no item waits or the deadline passes, then
    /// all drain (each for [`Config::drain_timeout`] at most), then [`Output::Closed`] comes.
    ///
    /// A second call can only bring the deadline forward.
    pub fn close(&mut self, deadline: Instant, now: Instant) {
        self.advance(now);
        self.start_closing(deadline);
        self.settle();
    }

    /// The next thing to do or to tell. Call it after every input until it returns
    /// [`Output::Timeout`].
    pub fn poll_output(&mut self) -> Output<A> {
        if let Some(output) = self.outputs.pop_front() {
            return output;
        }
        // The room that a large set's events took is not kept for ever.
        self.outputs.shrink_to(OUTPUTS_KEPT);
        let is_over = self.phase == Phase::Closed;
        Output::Timeout(if is_over { None } else { self.deadlines.ask(self.now) })
    }

    #[inline]
    fn advance(&mut self, now: Instant) {
        if now > self.now {
            self.now = now;
        }
    }

    fn is_lazy(&self) -> bool {
        self.config.opening == Opening::Lazy
    }

    /// What follows from the present state, whatever led to it: the end of every input that may
    /// have changed who wants a dial, what is usable or how far a close has come.
    fn settle(&mut self) {
        self.progress_closing();
        self.update_priorities();
        self.update_availability();
        self.start_dials();
        self.finish_closing();
    }
}
