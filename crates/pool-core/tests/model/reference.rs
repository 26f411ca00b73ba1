//! The machine again, slow and obvious: what the promises say, recomputed from scratch each time.
//!
//! Where the machine may choose (which of several equal addresses is dialled first, how a delay is
//! jittered), the reference checks that the choice is allowed and follows it; everything else it
//! predicts.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use pool_core::{
    AddressId, AddressSet, Availability, Config, DrainReason, Event, FailureKind, Handled, Instant, Opening,
    Outcome, Output, RestReason, SlotEnd, SlotEvent, SlotId, SlotState, TurnOrder,
};

use crate::bookkeeper::Tally;
use crate::rest::{Place, Rest, Stage, is_rest_length};

#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there are few of them")]
pub(crate) enum Input {
    Set(AddressSet<u32>),
    Config(Config),
    Slot(SlotId, SlotEvent),
    /// So many items in a row, which are told at once.
    Sent(SlotId, u32),
    Answered(SlotId),
    Abandoned(SlotId),
    InFlightMax(SlotId, u32),
    Outcome(SlotId, Outcome),
    Demand(usize),
    /// Whether items wait that are for this address only.
    DemandFor(u32, bool),
    Load(usize),
    Timeout,
    RetryNow(u32),
    Close(Instant),
}

/// What the machine returns for an input.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Answer {
    Nothing,
    Handled(Handled),
    WasLeftAlone(bool),
    /// Whether the settings make sense.
    Configured(bool),
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Phase {
    Open,
    Closing(Instant),
    Draining,
    Closed,
}

/// An address that is in the set, drains, or is in backoff.
#[derive(Clone, Default, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not a state in disguise")]
pub(crate) struct Known {
    pub(crate) priority: u16,
    pub(crate) weight: u32,
    pub(crate) hash: u64,
    /// What the balancer must have been told of its items.
    pub(crate) tally: Tally,
    pub(crate) failures: u32,
    answered: bool,
    episode: u32,
    is_replacing: bool,
    /// It may still be so after a change of the lifetime, which is drawn for each connection.
    may_be_replacing: bool,
    /// How many were draining at the start of the step.
    was_draining: usize,
    /// The most connections that were allowed since it has had some that drain.
    draining_max: usize,
    dialled_at: Instant,
    retry_at: Instant,
    /// Within what the machine may have drawn when it may be dialled again, if this step has changed that.
    drawn: Option<(Instant, Instant)>,
    /// Connections in a row that were short-lived.
    short_lives: u32,
    /// The row that a new connection belongs to.
    pace_episode: u32,
    /// Its last dial that failed took long.
    fails_slowly: bool,
    /// A replacement was refused, and the old connection drains first.
    after_drain: bool,
    /// The ready slots, the one whose turn it is first.
    ready: Vec<SlotId>,
    pub(crate) rest: Option<Rest>,
    /// What it may get for what its connections owe.
    pub(crate) allowance: Allowance,
    /// It has all in flight that it may have, and one item more, over this connection.
    probe: Option<SlotId>,
    /// It has had suspects, and may have too many connections for that.
    has_had_suspects: bool,
    /// When these may go.
    calm_at: Option<Instant>,
    /// Items wait that are for it only.
    pub(crate) is_asked: bool,
}

/// What an address may get for what its connections owe.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub(crate) enum Allowance {
    /// None of them is a suspect.
    #[default]
    Share,
    /// It has less in flight than as many connections as usual may have.
    Some,
    /// One item more tries it.
    One,
    Nothing,
}

#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "as above")]
pub(crate) struct Occupant {
    pub(crate) address: u32,
    pub(crate) state: SlotState,
    dialled: Instant,
    pub(crate) since: Instant,
    pace_episode: u32,
    /// How many of its items have to succeed before the next success is one after another, once it has had one.
    owed_at_success: Option<u32>,
    /// It said goodbye when it was young and without a success.
    hung_up: bool,
    pub(crate) sent: u64,
    pub(crate) in_flight: u32,
    /// Items in flight that it has answered.
    answered: u32,
    /// Items that it ever answered before they were finished.
    answered_ever: u32,
    /// Whether its address was failing when it was dialled.
    probe: bool,
    /// Whether it is new, and neither ready nor busy was reported.
    fresh: bool,
    /// The episode in which it was dialled: its failure counts in no later one.
    episode: u32,
    /// The episode in which it came up: what it shows is no news of a later one.
    connected_episode: u32,
    last_sent: Instant,
    /// When it last reported on an item, or was given one while it owed nothing.
    spoke: Instant,
    /// When it last was busy, or owed outcomes.
    occupied_until: Instant,
    /// When it was last seen to push back before it was watched: from then on it may be silent.
    seen_until: Instant,
    /// By when it goes, if a change of the lifetime found it too old.
    ends_by: Option<Instant>,
    /// It was up for long enough by earlier settings.
    was_stable: bool,
    /// What it has reported so far.
    outcomes: Vec<Outcome>,
    /// How many of the next ends of items are those of items that were sent before its address began to rest.
    sent_earlier: u32,
    /// How many it may have in flight, if that was told.
    in_flight_max: Option<u32>,
    /// How many in flight nobody waits for.
    abandoned: u32,
    /// Since when items were cancelled, and how many of those that were in flight then may be left.
    cancels: Option<(Instant, u32)>,
    /// From before this it owes nothing.
    owed_since: Instant,
    /// What a suspect was last told to be.
    was_ready: bool,
    pub(crate) dropped: Option<Dropped>,
}

/// A slot is dropped, and this is not reported yet.
#[derive(Clone, Debug)]
pub(crate) struct Dropped {
    from: SlotState,
    /// The ends that it may have; which of them it was is told when it is over.
    ends: Vec<SlotEnd>,
}

impl Known {
    /// The rest that it is in.
    pub(crate) fn rest_under_way(&self) -> Option<Rest> {
        self.rest.filter(|rest| rest.stage != Stage::Back)
    }

    /// Where it gets items, when it has a ready slot.
    pub(crate) fn place(&self) -> Option<Place> {
        if self.weight == 0 {
            return None;
        }
        let place = self.rest_under_way().map_or(Some(Place::Regular), Rest::place);
        match self.allowance {
            Allowance::Nothing => None,
            Allowance::One if self.rest_under_way().is_some_and(|rest| rest.stage != Stage::Due) => None,
            Allowance::Share | Allowance::Some | Allowance::One => place,
        }
    }

    /// Whether nothing is special about its next item.
    fn is_well(&self) -> bool {
        self.rest_under_way().is_none() && self.allowance == Allowance::Share && self.weight > 0
    }

    fn is_unfit(&self) -> bool {
        self.rest_under_way().is_some_and(|rest| rest.reason == RestReason::Unfit)
    }

    fn stop_replacing(&mut self) {
        self.is_replacing = false;
        self.may_be_replacing = false;
    }
}

impl Occupant {
    /// Whether it pushes back or is known to be at work.
    fn is_occupied(&self, config: &Config) -> bool {
        self.state == SlotState::Busy || self.owes_outcomes(config)
    }

    /// Whether it has told what became of an item, other than that it came back.
    fn tells_of_items(&self) -> bool {
        self.answered_ever > 0 || self.outcomes.iter().any(|outcome| *outcome != Outcome::Unsent)
    }

    fn owes_outcomes(&self, config: &Config) -> bool {
        let tells_of_items = self.outcomes.iter().any(|outcome| *outcome != Outcome::Unsent);
        let reports = self.answered_ever > 0 || tells_of_items || is_watched(config);
        reports && self.in_flight > 0
    }

    /// Items that it has not told of: all, if it has told of none.
    fn told_in_flight(&self) -> u64 {
        let has_told = self.answered_ever > 0 || !self.outcomes.is_empty();
        if has_told { self.in_flight.into() } else { self.sent }
    }

    /// Whether some of its items were given up by their callers, and it is not known to have done any.
    fn is_given_up(&self) -> bool {
        let is_done = |outcome: &Outcome| !matches!(outcome, Outcome::Unsent | Outcome::Cancelled);
        let is_any_done = self.answered_ever > 0 || self.outcomes.iter().any(is_done);
        !is_any_done && self.outcomes.contains(&Outcome::Cancelled)
    }

    /// An item was cancelled: those that were in flight before the first of as many cancels as there were are taken to
    /// be gone.
    fn count_cancel(&mut self, now: Instant) {
        let begun = (now, self.in_flight);
        self.cancels = match self.cancels.filter(|(since, _)| *since >= self.spoke) {
            _ if self.in_flight == 0 => None,
            Some((since, 1)) => {
                self.owed_since = since;
                Some(begun)
            }
            Some((since, left)) => Some((since, left - 1)),
            None => Some(begun),
        };
    }

    /// Whether it is connected, perhaps as a suspect.
    fn is_open(&self) -> bool {
        self.state.is_connected() || self.state == SlotState::Suspect
    }

    /// Since when it has been silent, as far as that is known.
    fn silent_since(&self) -> Instant {
        self.spoke.max(self.since)
    }

    fn idle_since(&self) -> Instant {
        self.last_sent.max(self.spoke).max(self.since)
    }
}

/// Whether silence counts.
fn is_watched(config: &Config) -> bool {
    config.silence.suspect_after.is_some() || config.silence.outcome_timeout.is_some()
}

/// An order of turns that is possible, after what was seen.
#[derive(Clone, Default, PartialEq, Debug)]
struct Round {
    /// The addresses that have a ready slot, the one whose turn it is first.
    order: Vec<u32>,
    /// How many items that one has taken in its turn.
    taken: u32,
}

impl Round {
    fn leave(&mut self, address: u32) {
        if self.order.first() == Some(&address) {
            self.taken = 0;
        }
        self.order.retain(|other| *other != address);
    }

    /// An item goes to this address; says whether that ends its turn.
    fn take(&mut self, address: u32, items_per_turn: u32) -> bool {
        let place = self.order.iter().position(|other| *other == address).expect("in the ring");
        if place == 0 {
            self.taken += 1;
            if self.taken < items_per_turn {
                return false;
            }
            self.taken = 0;
        }
        self.order.remove(place);
        self.order.push(address);
        true
    }
}

/// The turns of one priority.
#[derive(Clone, Debug)]
struct Turns {
    /// Those that are possible: who has the first turn is drawn by the machine, and seen only when
    /// this priority gets the items.
    rounds: Vec<Round>,
    /// An item has been sent to a ready slot of this priority.
    has_started: bool,
}

impl Turns {
    fn new() -> Self {
        Self { rounds: vec![Round::default()], has_started: false }
    }

    fn is_empty(&self) -> bool {
        self.rounds[0].order.is_empty()
    }

    fn join(&mut self, address: u32) {
        for mut round in core::mem::take(&mut self.rounds) {
            if !self.has_started && !round.order.is_empty() {
                let mut drawn = Round { taken: 0, ..round.clone() };
                drawn.order.insert(0, address);
                self.add(drawn);
            }
            round.order.push(address);
            self.add(round);
        }
    }

    fn leave(&mut self, address: u32) {
        for mut round in core::mem::take(&mut self.rounds) {
            round.leave(address);
            self.add(round);
        }
    }

    fn take(&mut self, address: u32, items_per_turn: u32) -> bool {
        self.has_started = true;
        let rounds = self.rounds.iter_mut();
        let is_over: Vec<bool> = rounds.map(|round| round.take(address, items_per_turn)).collect();
        assert!(is_over.iter().all(|over| *over == is_over[0]), "turns that can't be told: {self:?}");
        is_over[0]
    }

    fn add(&mut self, round: Round) {
        if !self.rounds.contains(&round) {
            self.rounds.push(round);
        }
    }
}

/// An address begins to rest, or gets more time.
#[derive(Debug)]
struct Rested {
    address: u32,
    reason: RestReason,
    /// Which of its rests in a row it is; `None` if only the pause that it asks for is longer.
    count: Option<u32>,
    pause: Option<Duration>,
}

/// What an input or an output must be followed by, before the step is over.
#[derive(Default, Debug)]
struct Pending {
    end: Option<(SlotId, SlotEnd)>,
    /// Whose drop was reported.
    dropped: Option<SlotId>,
    /// Who is to drain, as it was before.
    drained: Option<(SlotId, Occupant)>,
    /// Those that have cleared their address by their age or idleness; one of them drains for it.
    tired: BTreeSet<SlotId>,
    fails_fast: bool,
    going_away: Option<SlotId>,
    backed_off: Option<u32>,
    /// Whose connection has gone, and whether it was short-lived.
    paced: Option<(u32, bool)>,
    /// By address, the connections that new settings made too many.
    surplus_of: BTreeMap<u32, usize>,
    /// Whose replacement was refused, if it was one: a change of the lifetime may have made it one.
    may_drain_first: Option<u32>,
    /// Whose replacement was refused.
    drains_first: Option<u32>,
    /// Who has had one success after another.
    may_end_pace: BTreeSet<u32>,
    recovered: Option<u32>,
    rested: Option<Rested>,
    returned: Option<u32>,
    connected: Option<SlotId>,
    /// Suspects that are none any more.
    cleared: BTreeSet<SlotId>,
    /// Suspects that owe nothing any more.
    silent: BTreeSet<SlotId>,
    /// Whose suspects were cleared for long: they may have connections too many.
    may_have_surplus: BTreeSet<u32>,
    /// Whose suspects are given up.
    gives_up: Option<u32>,
    added: BTreeSet<u32>,
    removed: BTreeSet<u32>,
    changed: BTreeSet<u32>,
    refused: bool,
    asks_for_refresh: bool,
    /// The settings before, in a step that changes them.
    reconfigured: Option<Config>,
}

#[expect(clippy::struct_excessive_bools, reason = "independent facts, not a state in disguise")]
pub(crate) struct Reference {
    /// Of the turns of addresses.
    order: TurnOrder,
    pub(crate) config: Config,
    pub(crate) now: Instant,
    pub(crate) set: BTreeSet<u32>,
    pub(crate) known: BTreeMap<u32, Known>,
    pub(crate) slots: BTreeMap<SlotId, Occupant>,
    /// What the machine calls the addresses that are known.
    ids: BTreeMap<AddressId, u32>,
    /// Every slot that ever was.
    pub(crate) used: Vec<SlotId>,
    pub(crate) demand: usize,
    load: usize,
    items_per_turn: u32,
    pub(crate) phase: Phase,
    pub(crate) availability: Availability,
    /// Failures of addresses in the set, since it last changed or was last asked for a refresh.
    counted_failures: usize,
    /// When the machine asked to be called, until it is.
    asked: Option<Instant>,
    /// When lateness was last excused.
    excused_at: Option<Instant>,
    refresh_at: Instant,
    /// When the last refresh was that still counts.
    refreshed_at: Option<Instant>,
    /// Since when nothing has been usable, though it should be.
    missed_since: Option<Instant>,
    /// Dials that may be in flight: more than the settings say while there are some from before.
    pub(crate) dials_max: usize,
    rings: BTreeMap<(u16, Place), Turns>,
    pending: Pending,
    /// Whether a recovery in this step may have started dials before all that was due was done.
    is_out_of_order: bool,
    /// Whether there were other settings: an address that needs fewer connections may need no dial to be
    /// whole, and nothing then shows that it works.
    pub(crate) was_reconfigured: bool,
    /// Whether an address may be whole, after a failure, with connections that came up before it: with a suspect that
    /// was cleared, or as a connection failed that had been replaced.
    pub(crate) may_be_whole_undialled: bool,
    /// How many items a connection may have in flight of which nothing else was told.
    in_flight_max: Option<u32>,
    /// Whether this step is one in which deadlines are looked at.
    is_timeout: bool,
    /// Whether the pool was closed before this step.
    was_over: bool,
}

impl Reference {
    pub(crate) fn new(config: Config, order: TurnOrder) -> Self {
        Self {
            order,
            dials_max: config.dials_max as usize,
            items_per_turn: 1,
            config,
            now: Instant::ZERO,
            set: BTreeSet::new(),
            known: BTreeMap::new(),
            slots: BTreeMap::new(),
            ids: BTreeMap::new(),
            used: Vec::new(),
            demand: 0,
            load: 0,
            phase: Phase::Open,
            availability: Availability::Waiting,
            missed_since: None,
            rings: BTreeMap::new(),
            counted_failures: 0,
            asked: None,
            excused_at: None,
            refresh_at: Instant::ZERO,
            refreshed_at: None,
            pending: Pending::default(),
            is_out_of_order: false,
            was_reconfigured: false,
            may_be_whole_undialled: false,
            in_flight_max: None,
            is_timeout: false,
            was_over: false,
        }
    }

    // Views.

    pub(crate) fn is_lazy(&self) -> bool {
        self.config.opening == Opening::Lazy
    }

    fn n(&self) -> usize {
        self.config.connections_per_address as usize
    }

    fn occupants(&self, address: u32) -> impl Iterator<Item = (SlotId, &Occupant)> {
        self.slots.iter().filter(move |(_, slot)| slot.address == address).map(|(&id, slot)| (id, slot))
    }

    pub(crate) fn count(&self, address: u32, state: SlotState) -> usize {
        self.occupants(address).filter(|(_, slot)| slot.state == state).count()
    }

    pub(crate) fn connected(&self, address: u32) -> usize {
        self.count(address, SlotState::Busy) + self.count(address, SlotState::Ready)
    }

    pub(crate) fn dialling(&self) -> usize {
        self.slots.values().filter(|slot| slot.state == SlotState::Dialling).count()
    }

    pub(crate) fn probes(&self) -> usize {
        self.slots.values().filter(|slot| slot.state == SlotState::Dialling && slot.probe).count()
    }

    pub(crate) fn probes_max(&self) -> usize {
        (self.config.dials_max as usize / 2).max(1)
    }

    pub(crate) fn retry_at(&self, address: u32) -> Option<Instant> {
        Some(self.known[&address].retry_at).filter(|at| *at > self.now)
    }

    pub(crate) fn is_present(&self, address: u32) -> bool {
        self.set.contains(&address)
    }

    /// The best priority that has a connection which may be given items.
    fn active(&self) -> Option<u16> {
        let connected = self.set.iter().filter(|address| self.connected(**address) > 0);
        let there = connected.filter(|address| self.known[address].place().is_some());
        there.map(|address| self.known[address].priority).min()
    }

    /// Whether an address is connected that doesn't rest as unfit.
    fn is_any_fit(&self) -> bool {
        let mut connected = self.set.iter().filter(|address| self.connected(**address) > 0);
        connected.any(|address| !self.known[address].is_unfit() && self.known[address].weight > 0)
    }

    /// The connected addresses of the best priority that has some.
    pub(crate) fn connected_active(&self) -> Vec<u32> {
        let set = self.set.iter().copied().filter(|address| self.connected(*address) > 0);
        set.filter(|address| Some(self.known[address].priority) == self.active()).collect()
    }

    /// The turns of the active priority that items go by.
    fn turns_in_use(&self) -> Option<(u16, Place)> {
        let active = self.active()?;
        let mut places = [Place::Regular, Place::Spare].into_iter().map(|place| (active, place));
        places.find(|key| self.rings.get(key).is_some_and(|turns| !turns.is_empty()))
    }

    /// The addresses that can take the next item.
    pub(crate) fn takers(&self) -> BTreeSet<u32> {
        let turns = self.turns_in_use().map(|key| &self.rings[&key]);
        turns.into_iter().flat_map(|turns| turns.rounds[0].order.iter().copied()).collect()
    }

    /// Whether a slot can be selected, now or in its turn.
    pub(crate) fn is_in_use(&self, slot: SlotId) -> bool {
        let address = self.slots.get(&slot).map(|slot| slot.address);
        address.is_some_and(|address| self.takers().contains(&address))
    }

    fn has_regular(&self) -> bool {
        self.turns_in_use().is_some_and(|(_, place)| place == Place::Regular)
    }

    fn uses_spares(&self) -> bool {
        self.turns_in_use().is_some_and(|(_, place)| place == Place::Spare)
    }

    /// The machine would select this slot next. Where it has drawn whose turn is the first, that
    /// tells the outcome.
    pub(crate) fn on_selected(&mut self, selected: Option<SlotId>) {
        assert_eq!(selected.is_some(), self.turns_in_use().is_some(), "{selected:?} out of {:?}", self.rings);
        let Some(slot) = selected else { return };
        let occupant = &self.slots[&slot];
        let known = &self.known[&occupant.address];
        assert!(occupant.state == SlotState::Ready && self.is_present(occupant.address), "{occupant:?}");
        assert!(self.takers().contains(&occupant.address), "{occupant:?}");
        if self.order == TurnOrder::Unordered && self.n() > 1 {
            return self.check_least_busy(slot);
        }
        if self.order == TurnOrder::ByWeight {
            // How long its turn is depends on whose was due.
            return assert!(known.ready.contains(&slot));
        }
        assert_eq!(known.ready.first(), Some(&slot), "the slots of an address take turns");
        if self.order != TurnOrder::Equal {
            return;
        }
        let (address, in_use) = (occupant.address, self.turns_in_use().expect("there are some"));
        let turns = self.rings.get_mut(&in_use).expect("it has a ready slot");
        let possible = turns.rounds.clone();
        turns.rounds.retain(|round| round.order.first() == Some(&address));
        assert!(!turns.rounds.is_empty(), "it is not the turn of {address} in any of {possible:?}");
    }

    /// It has the fewest items in flight, and the oldest turn of those, as far as connections tell of items.
    fn check_least_busy(&self, slot: SlotId) {
        let load = |slot: &SlotId| self.slots[slot].in_flight;
        let ready = &self.known[&self.slots[&slot].address].ready;
        let least = ready.iter().min_by_key(|slot| load(slot)).copied();
        let is_told = ready.iter().all(|slot| self.slots[slot].tells_of_items());
        assert!(ready.contains(&slot));
        assert!(Some(slot) == least || !is_told, "{slot:?} instead of {least:?}");
    }

    pub(crate) fn is_failing(&self) -> bool {
        let all_fail = self.set.iter().map(|address| &self.known[address]);
        let all_fail = all_fail.into_iter().all(|known| known.failures > 0 || known.is_unfit());
        !self.set.is_empty() && self.active().is_none() && all_fail
    }

    // Whom to dial.

    fn missing(&self, address: u32, is_replacing: bool) -> usize {
        let known = &self.known[&address];
        let timed_out = SlotEnd::Failed(FailureKind::TimedOut);
        let mut dropped = self.occupants(address).filter_map(|(_, slot)| slot.dropped.as_ref());
        if known.after_drain || dropped.any(|dropped| dropped.ends.contains(&timed_out)) {
            return 0;
        }
        if self.is_lazy() && known.place().is_none() && !self.is_asked(address) {
            return 0;
        }
        let dialling = self.count(address, SlotState::Dialling);
        let held = (self.connected(address) + dialling).saturating_sub(usize::from(is_replacing));
        let beyond = self.count(address, SlotState::Suspect).saturating_sub(self.n());
        let missing = self.n().saturating_sub(held + beyond);
        if known.answered && known.failures == 0 {
            missing
        } else {
            missing.min(1_usize.saturating_sub(dialling))
        }
    }

    /// Whether it has to be dialled for items that are for it only.
    fn is_asked(&self, address: u32) -> bool {
        let held = self.connected(address) + self.count(address, SlotState::Dialling);
        self.known[&address].is_asked && held == 0
    }

    /// The slot that would be given an item which is for this address only.
    pub(crate) fn only(&self, address: u32) -> Option<SlotId> {
        let known = &self.known[&address];
        let is_allowed = if known.weight == 0 {
            !known.is_unfit() && known.allowance != Allowance::Nothing
        } else {
            known.place().is_some()
        };
        known.ready.first().copied().filter(|_| is_allowed && self.is_present(address))
    }

    /// Whether it is known which of its ready slots is the first.
    pub(crate) fn knows_slots(&self) -> bool {
        self.order != TurnOrder::ByWeight
    }

    fn class(&self, address: u32) -> u8 {
        let known = &self.known[&address];
        match (known.failures > 0, self.is_early(address)) {
            (false, is_early) => u8::from(is_early),
            (true, _) => 2 + u8::from(known.fails_slowly),
        }
    }

    /// Whether it may be dialled only for items that nobody else can take.
    fn is_early(&self, address: u32) -> bool {
        let known = &self.known[&address];
        let is_one_at_a_time = known.short_lives > 0 && self.count(address, SlotState::Dialling) > 0;
        self.retry_at(address).is_some() || is_one_at_a_time
    }

    fn is_wanted(&self, address: u32) -> bool {
        if self.is_asked(address) || (!self.is_lazy() && !self.is_early(address)) {
            return true;
        }
        let known = &self.known[&address];
        // Another shall take what goes to overloaded addresses now.
        let is_relief = !self.is_early(address)
            && self.uses_spares()
            && known.is_well()
            && self.is_first_of_its_kind(address);
        let is_failing_fast = self.availability == Availability::FailingFast;
        let demand = self.demand.max(usize::from(is_failing_fast || is_relief));
        let fresh = self.slots.values().filter(|slot| slot.fresh).count();
        let priority = known.priority;
        // A dial to a failing address is not counted upon where another works.
        let hopeful = self.dialling() - if known.failures > 0 { 0 } else { self.probes() };
        let active = self.set.iter().filter(|other| Some(self.known[other].priority) == self.active());
        let fit = active.filter(|other| self.known[other].place().is_some());
        let connections: usize = fit.map(|other| self.connected(*other)).sum();
        demand > hopeful + fresh
            && (!self.is_lazy() || hopeful < connections.max(1))
            && self
                .active()
                .is_none_or(|active| priority < active || (priority == active && !self.has_regular()))
    }

    /// Whether no address that rests waits for a dial before this one, among those that fail or among those that
    /// don't.
    fn is_first_of_its_kind(&self, address: u32) -> bool {
        let mut resting = self.set.iter().filter(|other| !self.known[other].is_well());
        !resting.any(|other| {
            let waits = self.retry_at(*other).is_none() && self.missing(*other, false) > 0;
            // One whose redial is spread may have to wait for longer, which is seen later.
            let is_due = waits && self.known[other].drawn.is_none();
            is_due && self.class(*other) == self.class(address) && self.rank(*other) < self.rank(address)
        })
    }

    fn may_dial(&self, address: u32, is_replacing: bool) -> bool {
        let failing = self.known[&address].failures > 0;
        matches!(self.phase, Phase::Open | Phase::Closing(_))
            && self.is_present(address)
            && (!failing || self.retry_at(address).is_none())
            && self.missing(address, is_replacing) > 0
            && self.dialling() < self.config.dials_max as usize
            && (!failing || self.probes() < self.probes_max())
            && self.is_wanted(address)
    }

    fn rank(&self, address: u32) -> impl PartialOrd + core::fmt::Debug + use<> {
        let rests = !self.known[&address].is_well();
        let known = &self.known[&address];
        let connections = self.connected(address) + self.count(address, SlotState::Dialling);
        let (priority, failures) = (u32::from(known.priority), known.failures);
        let order = if self.is_lazy() { (priority, failures) } else { (failures, priority) };
        (self.class(address), !self.is_asked(address), order, rests, connections)
    }

    /// The addresses that ought to be dialled now.
    pub(crate) fn due_for_a_dial(&self) -> Vec<u32> {
        let set = self.set.iter().copied();
        let certain = set.filter(|address| self.known[address].drawn.is_none());
        certain.filter(|&address| self.may_dial(address, self.known[&address].is_replacing)).collect()
    }

    fn is_older_than_nine_tenths(&self, since: Instant, limit: Option<Duration>) -> bool {
        limit.is_some_and(|limit| self.now.saturating_duration_since(since) >= limit * 9 / 10)
    }

    fn has_outlived(&self, address: u32) -> bool {
        self.occupants(address).any(|(_, slot)| {
            slot.state.is_connected() && self.is_older_than_nine_tenths(slot.since, self.config.lifetime_max)
        })
    }

    // Inputs.

    /// Takes an input in, before the machine does; says what the machine must make of it.
    pub(crate) fn on_input(&mut self, input: &Input, now: Instant) -> Answer {
        self.now = self.now.max(now);
        for slot in self.slots.values_mut().filter(|slot| slot.is_occupied(&self.config)) {
            slot.occupied_until = self.now;
        }
        self.is_out_of_order = false;
        self.is_timeout = matches!(input, Input::Timeout);
        self.was_over = self.phase == Phase::Closed;
        let mut answer = Answer::Nothing;
        match input {
            Input::Set(set) => self.on_set(set),
            Input::Config(config) => answer = Answer::Configured(self.on_config(config)),
            Input::Slot(slot, event) => answer = Answer::Handled(self.on_event(*slot, *event)),
            Input::Sent(slot, items) => {
                for _ in 0..*items {
                    answer = Answer::Handled(self.on_event(*slot, SlotEvent::Sent));
                }
            }
            Input::Outcome(slot, outcome) => {
                answer = Answer::Handled(self.on_outcome(*slot, *outcome));
            }
            Input::Answered(slot) => answer = Answer::Handled(self.on_answered(*slot)),
            Input::Abandoned(slot) => answer = Answer::Handled(self.on_abandoned(*slot)),
            Input::InFlightMax(slot, items) => {
                answer = Answer::Handled(self.on_in_flight_max(*slot, *items));
            }
            Input::Demand(waiting) => self.demand = *waiting,
            Input::DemandFor(address, is_waiting) => {
                let is_present = self.is_present(*address);
                if let Some(known) = self.known.get_mut(address).filter(|_| is_present) {
                    known.is_asked = *is_waiting;
                }
            }
            Input::Load(items) => self.change_turns(*items, self.config.sharing.items_per_turn),
            Input::Timeout => {
                if self.phase != Phase::Closed {
                    self.excuse_lateness();
                    self.end_rests();
                    self.end_calm();
                }
                let (now, known) = (self.now, self.known.iter());
                let late = known.filter(|(_, known)| known.after_drain && known.retry_at <= now);
                for address in late.map(|(address, _)| *address).collect::<Vec<_>>() {
                    self.replace_after_drain(address);
                }
                self.pending.fails_fast = self.fail_fast_at().is_some_and(|at| at <= self.now);
            }
            Input::RetryNow(address) => answer = Answer::WasLeftAlone(self.on_retry_now(*address)),
            Input::Close(deadline) => match self.phase {
                Phase::Open => self.phase = Phase::Closing(*deadline),
                Phase::Closing(earlier) => self.phase = Phase::Closing(earlier.min(*deadline)),
                Phase::Draining | Phase::Closed => {}
            },
        }
        if let Phase::Closing(deadline) = self.phase
            && ((self.demand == 0 && !self.known.values().any(|known| known.is_asked))
                || deadline <= self.now)
        {
            self.phase = Phase::Draining;
            self.known.values_mut().for_each(Known::stop_replacing);
        }
        answer
    }

    /// A call that is more than 50 ms late gives what waits for a peer that much more time, and a nanosecond
    /// so that nothing of it ends by this call; unless it was asked for right after another such call.
    fn excuse_lateness(&mut self) {
        let Some(asked) = self.asked.filter(|at| *at <= self.now) else { return };
        self.asked = None;
        let lateness = self.now.saturating_duration_since(asked);
        let most = Duration::from_millis(50);
        if lateness <= most || self.excused_at.is_some_and(|at| asked < at + most) {
            return;
        }
        self.excused_at = Some(self.now);
        let (now, config) = (self.now, &self.config);
        let later = |at: Instant| now.min(at + lateness + Duration::from_millis(1));
        for slot in self.slots.values_mut() {
            if matches!(slot.state, SlotState::Dialling | SlotState::Draining) {
                slot.since = later(slot.since);
            }
            if slot.is_open() && is_watched(config) && slot.owes_outcomes(config) {
                slot.spoke = later(slot.spoke.max(slot.since));
                slot.seen_until = later(slot.seen_until);
            }
        }
    }

    fn on_retry_now(&mut self, address: u32) -> bool {
        if !matches!(self.phase, Phase::Open | Phase::Closing(_)) {
            return false;
        }
        let Some(known) = self.known.get_mut(&address) else { return false };
        let was_in_backoff = known.retry_at > self.now;
        known.retry_at = Instant::ZERO;
        known.after_drain = false;
        let did_rest = known.rest_under_way().is_some();
        if self.is_present(address) {
            self.end_rest(address);
        } else {
            self.set_rest(address, None);
        }
        was_in_backoff || did_rest
    }

    fn on_set(&mut self, set: &AddressSet<u32>) {
        if !matches!(self.phase, Phase::Open | Phase::Closing(_)) {
            return;
        }
        if set.len() > self.config.addresses_max {
            self.pending.refused = true;
            return;
        }
        let new: BTreeSet<u32> = set.addresses().copied().collect();
        self.pending.added = new.difference(&self.set).copied().collect();
        self.pending.removed = self.set.difference(&new).copied().collect();
        if !self.pending.added.is_empty() || !self.pending.removed.is_empty() {
            self.counted_failures = 0;
        }
        for address in self.pending.removed.clone() {
            let known = self.known.get_mut(&address).expect("known");
            known.stop_replacing();
            known.after_drain = false;
            known.is_asked = false;
            let rest = known.rest;
            self.set_rest(address, rest.filter(|rest| rest.stage == Stage::Resting));
        }
        for ((priority, _), turns) in &mut self.rings {
            // Of a priority that nobody stays in it may be forgotten who had the last turn.
            turns.has_started &= set.endpoints().iter().any(|endpoint| {
                let stays = self.set.contains(&endpoint.address) && endpoint.priority == *priority;
                stays && self.known[&endpoint.address].priority == *priority
            });
        }
        let changed = set.endpoints().iter().filter(|endpoint| {
            let known = self.set.get(&endpoint.address).map(|address| &self.known[address]);
            known.is_some_and(|known| {
                let (before, after) = ((known.weight, known.priority), (endpoint.weight, endpoint.priority));
                before != after || known.hash != endpoint.hash
            })
        });
        self.pending.changed = changed.map(|endpoint| endpoint.address).collect();
        self.set = new;
        for endpoint in set.endpoints() {
            let known = self.known.entry(endpoint.address).or_default();
            known.hash = endpoint.hash;
            // Without a weight an address has no turns.
            let changes_place = (known.weight == 0) != (endpoint.weight == 0);
            let changes_ring = known.priority != endpoint.priority || changes_place;
            let is_ready = !known.ready.is_empty();
            if changes_ring && is_ready {
                self.leave_ring(endpoint.address);
            }
            let known = self.known.get_mut(&endpoint.address).expect("known");
            (known.weight, known.priority) = (endpoint.weight, endpoint.priority);
            if changes_ring && is_ready {
                self.join_ring(endpoint.address);
            }
        }
    }

    /// Who goes is the machine's choice, which is checked; what follows from it is seen to.
    fn on_config(&mut self, config: &Config) -> bool {
        if config.validate().is_err() {
            return false;
        }
        if *config == self.config || self.phase == Phase::Closed {
            self.config = config.clone();
            return true;
        }
        let before = core::mem::replace(&mut self.config, config.clone());
        self.change_lifetime(before.lifetime_max);
        if is_watched(&before) && !is_watched(config) {
            for slot in self.slots.values_mut().filter(|slot| slot.in_flight > 0) {
                slot.spoke = self.now;
            }
        }
        if let Some(at) = self.refreshed_at.filter(|_| self.refresh_at > self.now) {
            self.refresh_at = at + config.refresh_interval_min;
        }
        for slot in self.slots.values_mut().filter(|slot| slot.state.is_connected()) {
            slot.was_stable |= self.now.saturating_duration_since(slot.since) >= before.stable_after;
        }
        if !is_watched(&before) && is_watched(config) {
            for slot in self.slots.values_mut() {
                slot.seen_until = slot.occupied_until;
            }
        }
        self.change_turns(self.load, config.sharing.items_per_turn);
        self.pending.reconfigured = Some(before);
        self.was_reconfigured = true;
        for address in self.known.keys().copied().collect::<Vec<_>>() {
            self.reconsider_replacement(address);
            self.update_allowance(address);
        }
        let (now, after) = (self.now, config.silence.suspect_after);
        let suspects = self.slots.iter().filter(|(_, slot)| slot.state == SlotState::Suspect);
        let cleared =
            suspects.filter(|(_, slot)| after.is_none_or(|after| slot.silent_since() + after > now));
        self.pending.cleared = cleared.map(|(id, _)| *id).collect();
        true
    }

    /// Turns are as long as what is under way allows: a third of it, and the root of twice as much.
    fn change_turns(&mut self, load: usize, max: u32) {
        let longest = (1..=64_usize).rfind(|items| items * 3 <= load && items * items <= load * 2);
        let allowed = longest.map_or(1, |items| u32::try_from(items).expect("few"));
        (self.load, self.items_per_turn) = (load, allowed.min(max));
        for round in self.rings.values_mut().flat_map(|turns| &mut turns.rounds) {
            // An address that has had enough for a turn has one item more.
            round.taken = round.taken.min(self.items_per_turn - 1);
        }
    }

    fn reconsider_replacement(&mut self, address: u32) {
        let may = !self.is_lazy() && self.connected(address) <= self.n() && self.has_outlived(address);
        let must = self
            .occupants(address)
            .any(|(_, slot)| slot.state.is_connected() && self.has_certainly_outlived(slot));
        let known = self.known.get_mut(&address).expect("known");
        known.after_drain = false;
        // It is known of only when a replacement is dialled.
        known.may_be_replacing = may;
        known.is_replacing &= may && must;
    }

    /// Settings that are taken shorten backoffs that are longer than the new cap, and nothing else. Those
    /// that are refused change none, not even one that its jitter made longer than the cap.
    pub(crate) fn on_retry_at(&mut self, address: u32, found: Option<Instant>) {
        let drawn = self.known.get_mut(&address).expect("known").drawn.take();
        if let Some((least, most)) = drawn {
            let least = least.max(self.known[&address].retry_at);
            let is_possible = found.map_or(least <= self.now, |found| {
                self.retry_at(address) == Some(found) || (least <= found && found <= most)
            });
            assert!(is_possible, "{address} is dialled at {found:?} instead of {least:?} to {most:?}");
            self.known.get_mut(&address).expect("known").retry_at = found.unwrap_or(Instant::ZERO);
            return;
        }
        let (before, backoff) = (self.retry_at(address), self.config.backoff);
        let is_changed = self.pending.reconfigured.is_some();
        if !is_changed || before.is_none_or(|at| at <= self.now + backoff.cap) {
            return assert_eq!(found, before, "{address}");
        }
        let found = found.expect("still in backoff");
        let least = backoff.cap * (100 - backoff.jitter_percent) / 100;
        assert!(self.now + least <= found && found <= self.now + backoff.cap, "{address}: {found:?}");
        self.known.get_mut(&address).expect("known").retry_at = found;
    }

    /// When failing fast starts.
    fn fail_fast_at(&self) -> Option<Instant> {
        let since = self.missed_since.filter(|_| self.availability == Availability::Waiting)?;
        self.config.fail_fast_after.map(|after| since + after)
    }

    fn has_missed_for_long(&self) -> bool {
        let due = self.config.fail_fast_after.zip(self.missed_since).map(|(after, since)| since + after);
        due.is_some_and(|due| due <= self.now)
    }

    /// The most connections that an address was allowed since it has had some that drain.
    fn draining_max(&self, address: u32) -> usize {
        let before = self.pending.reconfigured.as_ref().map_or(0, |config| config.connections_per_address);
        // With those that were made beside suspects there were more.
        let surplus = self.pending.surplus_of.get(&address).copied().unwrap_or_default();
        let allowed = self.n().max(before as usize).max(surplus);
        let is_first = self.count(address, SlotState::Draining) == 0;
        if is_first { allowed } else { self.known[&address].draining_max.max(allowed) }
    }

    /// How many of an address may drain when another is to: more where new settings make it superfluous.
    fn may_drain(&self, address: u32) -> usize {
        let is_shrinking = self.pending.reconfigured.is_some() && self.phase != Phase::Draining;
        if is_shrinking { self.draining_max(address) } else { self.n() }
    }

    /// Whether an address may have a connection too many.
    fn may_be_surplus(&self, address: u32) -> bool {
        self.pending.reconfigured.is_some() || self.pending.may_have_surplus.contains(&address)
    }

    fn on_event(&mut self, id: SlotId, event: SlotEvent) -> Handled {
        let Some(slot) = self.slots.get_mut(&id) else { return Handled::Stale };
        let state = slot.state;
        if state == SlotState::Dropping {
            match event {
                SlotEvent::Dropped => self.pending.dropped = Some(id),
                SlotEvent::Sent => self.on_sent(id),
                _ => {}
            }
            return Handled::Applied;
        }
        if event == SlotEvent::Dropped {
            return Handled::Invalid;
        }
        if !matches!(event, SlotEvent::Failed(_) | SlotEvent::Closed) {
            let is_dialling = state == SlotState::Dialling;
            if is_dialling != (event == SlotEvent::Connected) {
                return Handled::Invalid;
            }
        }
        if matches!(event, SlotEvent::Ready | SlotEvent::Busy) {
            slot.fresh = false;
        }
        if state == SlotState::Suspect && matches!(event, SlotEvent::Ready | SlotEvent::Busy) {
            slot.was_ready = event == SlotEvent::Ready;
        }
        match event {
            SlotEvent::Progress | SlotEvent::Unfit => {
                if slot.in_flight > 0 {
                    slot.spoke = self.now;
                }
                let address = slot.address;
                if state == SlotState::Suspect {
                    self.pending.cleared.insert(id);
                }
                if event == SlotEvent::Unfit {
                    let rest = self.known[&address].rest;
                    let rests = rest.is_some_and(|rest| rest.stage == Stage::Resting);
                    self.on_bad_reply(address, RestReason::Unfit, None, rests);
                }
            }
            SlotEvent::Connected => {
                slot.state = SlotState::Busy;
                slot.since = self.now;
                slot.fresh = true;
                slot.occupied_until = self.now;
                let known = self.known.get_mut(&slot.address).expect("known");
                known.answered = true;
                known.fails_slowly = false;
                slot.connected_episode = known.episode;
                self.pending.connected = Some(id);
                let address = slot.address;
                self.update_allowance(address);
            }
            SlotEvent::Sent => self.on_sent(id),
            SlotEvent::Ready if state == SlotState::Busy => {
                slot.state = SlotState::Ready;
                self.join(id);
            }
            SlotEvent::Busy if state == SlotState::Ready => {
                slot.state = SlotState::Busy;
                self.leave(id);
            }
            SlotEvent::GoingAway if state != SlotState::Draining => {
                let slot = self.slots[&id].clone();
                self.pending.going_away = Some(id);
                let is_failure = self.is_hang_up(&slot) && slot.told_in_flight() == 0;
                if is_failure && self.known[&slot.address].episode == slot.episode {
                    self.pending.backed_off = Some(slot.address);
                }
                self.slots.get_mut(&id).expect("live").hung_up = self.is_hang_up(&slot);
                self.count_life(&slot);
            }
            SlotEvent::Failed(kind) => self.pending.end = Some((id, SlotEnd::Failed(kind))),
            SlotEvent::Closed => self.pending.end = Some((id, SlotEnd::Closed)),
            _ => {}
        }
        Handled::Applied
    }

    fn on_sent(&mut self, id: SlotId) {
        let slot = self.slots.get_mut(&id).expect("live");
        // Nobody listens to one that isn't watched: its silence begins when it is.
        if slot.in_flight == 0 || !is_watched(&self.config) {
            slot.spoke = self.now;
        }
        slot.sent += 1;
        slot.in_flight += 1;
        slot.last_sent = self.now;
        let address = slot.address;
        let known = self.known.get_mut(&address).expect("known");
        known.tally.sent += 1;
        if slot.state == SlotState::Ready {
            self.take_turn(id, address);
        }
        let is_connected = self.slots[&id].state.is_connected();
        if is_connected {
            self.begin_trial(address, id);
        }
        let is_full = self.in_flight(address) > self.in_flight_max(address);
        let known = self.known.get_mut(&address).expect("known");
        if is_connected && is_full && known.allowance != Allowance::Share {
            known.probe.get_or_insert(id);
        }
        self.update_allowance(address);
    }

    // Suspects.

    /// How many items an address has in flight, over connections that don't drain.
    fn in_flight(&self, address: u32) -> u32 {
        let open = self.occupants(address).filter(|(_, slot)| slot.is_open());
        open.map(|(_, slot)| u32::try_from(slot.told_in_flight()).expect("few")).sum()
    }

    /// What is made beside suspects may go once there were none for long.
    fn end_calm(&mut self) {
        for (address, known) in &mut self.known {
            if known.calm_at.take_if(|at| *at <= self.now).is_some() {
                self.pending.may_have_surplus.insert(*address);
            }
        }
    }

    /// How many connections and dials an address has too many.
    fn surplus(&self, address: u32) -> usize {
        let held = self.connected(address) + self.count(address, SlotState::Dialling);
        held.saturating_sub(self.n())
    }

    /// A connection is gone or a suspect no more: if nothing is left of what was made beside suspects, that is over.
    fn end_surplus(&mut self, address: u32) {
        if self.count(address, SlotState::Suspect) == 0 && self.surplus(address) == 0 {
            let known = self.known.get_mut(&address).expect("known");
            (known.has_had_suspects, known.calm_at) = (false, None);
        }
    }

    /// The end of a step for addresses that have had suspects.
    fn watch_surplus(&mut self) {
        let keeps = matches!(self.phase, Phase::Open | Phase::Closing(_));
        for address in self.known.keys().copied().collect::<Vec<_>>() {
            let has_suspects = self.count(address, SlotState::Suspect) > 0;
            let has_surplus = self.surplus(address) > 0 && self.is_present(address) && keeps;
            let was_due = self.pending.may_have_surplus.contains(&address);
            let (at, config) = (self.now + self.config.stable_after, &self.config);
            let is_idle = |slot: &Occupant| slot.state.is_connected() && !slot.is_occupied(config);
            let known = &self.known[&address];
            if was_due && !has_suspects && has_surplus && !known.is_replacing && !known.may_be_replacing {
                let may_go = self.occupants(address).any(|(_, slot)| is_idle(slot));
                assert!(!may_go || self.may_be_whole_undialled, "surplus stays at {address}");
            }
            let known = self.known.get_mut(&address).expect("known");
            if has_suspects {
                (known.has_had_suspects, known.calm_at) = (true, None);
            } else if known.has_had_suspects && has_surplus {
                known.calm_at.get_or_insert(at);
            } else {
                (known.has_had_suspects, known.calm_at) = (false, None);
            }
        }
    }

    /// How many items as many connections as usual may have in flight.
    fn in_flight_max(&self, address: u32) -> u32 {
        let open = self.occupants(address).filter(|(_, slot)| slot.is_open());
        let most = open.filter_map(|(_, slot)| slot.in_flight_max.or(self.in_flight_max)).max();
        most.map_or(u32::MAX, |most| most * self.config.connections_per_address)
    }

    /// What an address may get for what its connections owe, now.
    fn update_allowance(&mut self, address: u32) {
        let is_full = self.in_flight(address) >= self.in_flight_max(address);
        let has_suspects = self.count(address, SlotState::Suspect) > 0;
        let known = self.known.get_mut(&address).expect("known");
        known.probe = known.probe.filter(|_| has_suspects);
        let allowance = match (has_suspects, is_full, known.probe) {
            (false, ..) => Allowance::Share,
            (true, false, _) => Allowance::Some,
            (true, true, None) => Allowance::One,
            (true, true, Some(_)) => Allowance::Nothing,
        };
        let other = Known { allowance, ..known.clone() };
        let changes_place = !known.ready.is_empty() && known.place() != other.place();
        if changes_place {
            self.leave_ring(address);
        }
        self.known.get_mut(&address).expect("known").allowance = allowance;
        if changes_place {
            self.join_ring(address);
        }
    }

    fn on_abandoned(&mut self, id: SlotId) -> Handled {
        let Some(slot) = self.slots.get_mut(&id) else { return Handled::Stale };
        if u64::from(slot.abandoned) >= slot.told_in_flight() {
            return Handled::Invalid;
        }
        slot.abandoned += 1;
        Handled::Applied
    }

    fn on_in_flight_max(&mut self, id: SlotId, items: u32) -> Handled {
        let Some(slot) = self.slots.get_mut(&id) else { return Handled::Stale };
        if slot.state == SlotState::Dialling {
            return Handled::Invalid;
        }
        slot.in_flight_max = Some(items);
        self.in_flight_max.get_or_insert(items);
        let slot = &self.slots[&id];
        if slot.state == SlotState::Suspect && items == 1 && slot.abandoned == 0 {
            self.pending.cleared.insert(id);
        }
        for address in self.known.keys().copied().collect::<Vec<_>>() {
            self.update_allowance(address);
        }
        Handled::Applied
    }

    /// A connection has been heard of, or of the end of an item that nobody waits for.
    fn hear(&mut self, id: SlotId, is_alive: bool) {
        let slot = &self.slots[&id];
        let address = slot.address;
        if slot.state == SlotState::Suspect && is_alive {
            self.pending.cleared.insert(id);
        } else if slot.state == SlotState::Suspect && slot.in_flight == 0 {
            self.pending.silent.insert(id);
        }
        let is_gone = self.pending.cleared.contains(&id) || self.pending.silent.contains(&id);
        let others = self.count(address, SlotState::Suspect) - usize::from(is_gone);
        let known = self.known.get_mut(&address).expect("known");
        if known.probe == Some(id) {
            known.probe = None;
            if is_alive && others > 0 {
                self.pending.gives_up = Some(address);
            }
        }
        self.update_allowance(address);
    }

    fn on_suspected(&mut self, id: SlotId) {
        let slot = self.slots.get_mut(&id).expect("a live slot");
        let silence = self.now.saturating_duration_since(slot.silent_since());
        let suspect_after = self.config.silence.suspect_after.expect("somebody is suspected");
        assert!(self.is_timeout && slot.state.is_connected() && slot.owes_outcomes(&self.config));
        let waits_alone = slot.in_flight_max.or(self.in_flight_max) == Some(1) && slot.abandoned == 0;
        assert!(silence >= suspect_after && !waits_alone, "no suspect: {slot:?}");
        slot.was_ready = slot.state == SlotState::Ready;
        slot.fresh = false;
        self.may_be_whole_undialled = true;
        let address = slot.address;
        assert!(self.count(address, SlotState::Suspect) < self.n(), "as many as usual are suspects");
        self.leave(id);
        self.slots.get_mut(&id).expect("live").state = SlotState::Suspect;
        self.lose_probe(address, id);
        self.cancel_replacement(address);
        if !self.has_outlived(address) {
            self.known.get_mut(&address).expect("known").stop_replacing();
        }
    }

    fn on_cleared(&mut self, id: SlotId) {
        assert!(self.pending.cleared.remove(&id), "{id:?} is still silent");
        let slot = self.slots.get_mut(&id).expect("a live slot");
        assert_eq!(slot.state, SlotState::Suspect);
        slot.state = if slot.was_ready { SlotState::Ready } else { SlotState::Busy };
        let (address, is_ready) = (slot.address, slot.was_ready);
        if is_ready {
            self.join(id);
        }
        self.update_allowance(address);
        self.end_surplus(address);
    }

    /// Nothing is heard any more of an item that tried an address.
    fn lose_probe(&mut self, address: u32, id: SlotId) {
        let known = self.known.get_mut(&address).expect("known");
        known.probe = known.probe.filter(|probe| *probe != id);
        self.update_allowance(address);
    }

    fn take_turn(&mut self, id: SlotId, address: u32) {
        if self.order != TurnOrder::Equal {
            let ready = &mut self.known.get_mut(&address).expect("known").ready;
            let place = ready.iter().position(|other| *other == id).expect("ready");
            let slot = ready.remove(place);
            return ready.push(slot);
        }
        let known = self.known[&address].clone();
        // One that gets nothing has no turn, but its slots do.
        if let Some(place) = known.place() {
            let priority = known.priority;
            // Out of a round that is not in use, each item is a turn.
            let is_in_use = self.turns_in_use() == Some((priority, place));
            let items_per_turn = if is_in_use { self.items_per_turn } else { 1 };
            let turns = self.rings.get_mut(&(priority, place)).expect("it is ready");
            let is_over = turns.take(address, items_per_turn);
            for place in [Place::Regular, Place::Spare] {
                self.rings.entry((priority, place)).or_insert_with(Turns::new).has_started = true;
            }
            if !is_over {
                return;
            }
        } else {
            for place in [Place::Regular, Place::Spare] {
                let turns = self.rings.entry((known.priority, place)).or_insert_with(Turns::new);
                turns.has_started = true;
            }
        }
        let known = self.known.get_mut(&address).expect("known");
        let place = known.ready.iter().position(|other| *other == id).expect("ready");
        known.ready.remove(place);
        known.ready.rotate_left(place);
        known.ready.push(id);
    }

    fn on_outcome(&mut self, id: SlotId, outcome: Outcome) -> Handled {
        let Some(slot) = self.slots.get_mut(&id) else { return Handled::Stale };
        if slot.in_flight == 0 {
            return Handled::Invalid;
        }
        let is_answered_now = outcome.latency().is_some() && slot.answered < slot.in_flight;
        let is_earlier = slot.sent_earlier > 0;
        slot.sent_earlier = slot.sent_earlier.saturating_sub(1);
        slot.in_flight -= 1;
        slot.outcomes.push(outcome);
        let is_alive = !matches!(outcome, Outcome::Cancelled | Outcome::Unsent);
        if is_alive || slot.in_flight == 0 {
            slot.spoke = self.now;
        }
        if outcome == Outcome::Cancelled {
            slot.abandoned = slot.abandoned.saturating_sub(1);
        }
        slot.abandoned = slot.abandoned.min(slot.in_flight);
        if !is_alive {
            slot.count_cancel(self.now);
        }
        let tally = &mut self.known.get_mut(&slot.address).expect("known").tally;
        if outcome == Outcome::Unsent {
            tally.unsent += 1;
            slot.answered = slot.answered.min(slot.in_flight);
            self.judge(id, outcome, is_earlier);
            self.hear(id, is_alive);
            return Handled::Applied;
        }
        tally.finished += 1;
        if is_answered_now {
            tally.answered += 1;
        } else {
            slot.answered = slot.answered.saturating_sub(1);
        }
        if matches!(outcome, Outcome::Success { .. }) {
            self.on_success(id);
        }
        self.judge(id, outcome, is_earlier);
        self.hear(id, is_alive);
        Handled::Applied
    }

    /// A success that comes after another, of an item that was sent after that, ends a row of short lives.
    fn on_success(&mut self, id: SlotId) {
        self.on_proof(id);
        let slot = self.slots.get_mut(&id).expect("live");
        match &mut slot.owed_at_success {
            None => slot.owed_at_success = Some(slot.in_flight),
            Some(0) if self.known[&slot.address].pace_episode == slot.pace_episode => {
                let address = slot.address;
                self.pending.may_end_pace.insert(address);
            }
            Some(owed) => *owed = owed.saturating_sub(1),
        }
    }

    // Rests.

    /// What the end of an item shows of its address: see `rest.rs` for how a rest goes on.
    fn judge(&mut self, id: SlotId, outcome: Outcome, is_earlier: bool) {
        let address = self.slots[&id].address;
        match outcome {
            Outcome::Overloaded { pause, .. } => {
                self.on_bad_reply(address, RestReason::Overloaded, pause, is_earlier);
            }
            Outcome::Unfit { .. } => self.on_bad_reply(address, RestReason::Unfit, None, is_earlier),
            _ if is_earlier => {}
            Outcome::Success { .. } => self.end_rest(address),
            Outcome::Unsent if self.is_tried_over(address, id) => self.make_due(address),
            _ if self.is_tried_over(address, id) => self.rest_once_more(address),
            _ => {}
        }
    }

    fn is_tried_over(&self, address: u32, id: SlotId) -> bool {
        self.known[&address].rest.is_some_and(|rest| rest.stage == Stage::Trying(id))
    }

    fn on_bad_reply(&mut self, address: u32, reason: RestReason, pause: Option<Duration>, is_earlier: bool) {
        if !self.is_present(address) || !matches!(self.phase, Phase::Open | Phase::Closing(_)) {
            return;
        }
        let known = &self.known[&address];
        if !is_earlier {
            return self.begin_rest(address, reason, known.rest.map_or(0, |rest| rest.count) + 1, pause);
        }
        let Some(rest) = known.rest_under_way() else { return };
        if (rest.reason, reason) == (RestReason::Overloaded, RestReason::Unfit) {
            return self.begin_rest(address, reason, rest.count, None);
        }
        let Some(pause) = pause.filter(|_| rest.reason == RestReason::Overloaded) else { return };
        let until = self.now + pause.min(Duration::from_secs(600));
        let is_longer = match rest.stage {
            Stage::Resting => until > rest.until.expect("it ends"),
            Stage::Due => true,
            Stage::Trying(_) | Stage::Back => false,
        };
        if is_longer {
            let reason = rest.reason;
            self.pending.rested = Some(Rested { address, reason, count: None, pause: Some(pause) });
            self.set_rest(address, Some(Rest { stage: Stage::Resting, until: Some(until), ..rest }));
        }
    }

    /// For how long is the machine's choice, which it tells.
    fn begin_rest(&mut self, address: u32, reason: RestReason, count: u32, pause: Option<Duration>) {
        for slot in self.slots.values_mut().filter(|slot| slot.address == address) {
            slot.sent_earlier = slot.in_flight;
        }
        self.pending.rested = Some(Rested { address, reason, count: Some(count), pause });
        let length = Duration::ZERO;
        self.set_rest(address, Some(Rest { reason, stage: Stage::Resting, count, length, until: None }));
    }

    fn rest_once_more(&mut self, address: u32) {
        if matches!(self.phase, Phase::Open | Phase::Closing(_)) {
            let rest = self.known[&address].rest.expect("it rests");
            self.begin_rest(address, rest.reason, rest.count, None);
        }
    }

    fn make_due(&mut self, address: u32) {
        let rest = self.known[&address].rest.map(|rest| Rest { stage: Stage::Due, until: None, ..rest });
        self.set_rest(address, rest);
    }

    fn begin_trial(&mut self, address: u32, id: SlotId) {
        if let Some(rest) = self.known[&address].rest.filter(|rest| rest.stage == Stage::Due) {
            let until = Some(self.now + rest.length);
            self.set_rest(address, Some(Rest { stage: Stage::Trying(id), until, ..rest }));
        }
    }

    fn end_rest(&mut self, address: u32) {
        let Some(rest) = self.known[&address].rest_under_way() else { return };
        let until = Some(self.now + rest.length);
        let back = Rest { stage: Stage::Back, until, ..rest };
        self.set_rest(address, (rest.reason == RestReason::Unfit).then_some(back));
        self.pending.returned = Some(address);
    }

    /// What is over goes on, in the order of time: who is due first has the earlier turn.
    fn end_rests(&mut self) {
        let mut resting: Vec<u32> = self.known.keys().copied().collect();
        resting.sort_by_key(|address| self.known[address].rest.and_then(|rest| rest.until));
        for address in resting {
            let rest = self.known[&address].rest.filter(|rest| rest.until.is_some_and(|at| at <= self.now));
            match rest {
                Some(rest) if rest.stage != Stage::Back && self.is_present(address) => self.make_due(address),
                Some(_) => self.set_rest(address, None),
                None => {}
            }
        }
    }

    fn set_rest(&mut self, address: u32, rest: Option<Rest>) {
        let known = &self.known[&address];
        let other = Known { rest, ..known.clone() };
        let changes_place = !known.ready.is_empty() && known.place() != other.place();
        if changes_place {
            self.leave_ring(address);
        }
        self.known.get_mut(&address).expect("known").rest = rest;
        if changes_place {
            self.join_ring(address);
        }
    }

    fn on_rested(&mut self, address: u32, reason: RestReason, until: Instant) {
        let expected = self.pending.rested.take().expect("nobody is to rest");
        assert_eq!((expected.address, expected.reason), (address, reason));
        let length = until.saturating_duration_since(self.now);
        let rest = self.known.get_mut(&address).expect("known").rest.as_mut().expect("it rests");
        let Some(count) = expected.count else { return assert_eq!(rest.until, Some(until)) };
        let is_allowed = is_rest_length(length, reason, count, expected.pause, &self.config.backoff);
        assert!(is_allowed, "rest {count} is {length:?}: {expected:?}");
        (rest.length, rest.until) = (length, Some(until));
    }

    fn on_answered(&mut self, id: SlotId) -> Handled {
        let Some(slot) = self.slots.get_mut(&id) else { return Handled::Stale };
        if slot.answered == slot.in_flight {
            return Handled::Invalid;
        }
        slot.answered += 1;
        slot.answered_ever += 1;
        slot.spoke = self.now;
        self.known.get_mut(&slot.address).expect("known").tally.answered += 1;
        if slot.owed_at_success.is_none() {
            slot.owed_at_success = Some(slot.in_flight);
        }
        self.on_proof(id);
        self.hear(id, true);
        Handled::Applied
    }

    /// A connection shows that its address works.
    fn on_proof(&mut self, id: SlotId) {
        let slot = &self.slots[&id];
        let known = &self.known[&slot.address];
        if known.failures > 0 && known.episode == slot.connected_episode {
            self.pending.recovered = Some(slot.address);
        }
    }

    fn join(&mut self, id: SlotId) {
        let address = self.slots[&id].address;
        let known = self.known.get_mut(&address).expect("known");
        let is_first = known.ready.is_empty();
        known.ready.push(id);
        if is_first {
            self.join_ring(address);
        }
    }

    fn leave(&mut self, id: SlotId) {
        let address = self.slots[&id].address;
        let known = self.known.get_mut(&address).expect("known");
        let was_ready = !known.ready.is_empty();
        known.ready.retain(|other| *other != id);
        if was_ready && known.ready.is_empty() {
            self.leave_ring(address);
        }
    }

    fn join_ring(&mut self, address: u32) {
        let known = &self.known[&address];
        if let Some(place) = known.place() {
            let other = if place == Place::Spare { Place::Regular } else { Place::Spare };
            let has_started = self.rings.get(&(known.priority, other)).is_some_and(|turns| turns.has_started);
            let turns = self.rings.entry((known.priority, place)).or_insert_with(Turns::new);
            turns.has_started |= has_started;
            turns.join(address);
        }
    }

    fn leave_ring(&mut self, address: u32) {
        let known = &self.known[&address];
        if let Some(place) = known.place() {
            self.rings.get_mut(&(known.priority, place)).expect("it was ready").leave(address);
        }
    }

    fn is_failure(&self, slot: &Occupant, in_good_order: bool) -> bool {
        let is_bad = slot.owes_outcomes(&self.config) || self.is_hang_up(slot);
        match slot.state {
            SlotState::Dialling => true,
            SlotState::Busy | SlotState::Ready | SlotState::Suspect => !in_good_order || is_bad,
            SlotState::Draining => {
                slot.hung_up && slot.owed_at_success.is_none() && slot.owes_outcomes(&self.config)
            }
            SlotState::Dropping => false,
        }
    }

    /// Whether a connection goes that is young and has had no success.
    fn is_hang_up(&self, slot: &Occupant) -> bool {
        let age = self.now.saturating_duration_since(slot.since);
        let is_young = age < Duration::from_secs(1).min(self.config.stable_after);
        slot.is_open() && slot.owed_at_success.is_none() && !slot.is_given_up() && is_young
    }

    /// A connection goes by its peer's doing.
    fn count_life(&mut self, slot: &Occupant) {
        let (now, spread) = (self.now, self.config.pace.redial_spread);
        let is_present = self.is_present(slot.address);
        let known = self.known.get_mut(&slot.address).expect("known");
        if let Some(pace_max) = self.config.pace.max
            && known.pace_episode == slot.pace_episode
        {
            let is_short = now.saturating_duration_since(slot.dialled) < pace_max;
            known.pace_episode += 1;
            if is_short || known.short_lives > 0 {
                self.pending.paced = Some((slot.address, is_short));
            }
        }
        // Not if an item waits that nobody else can take once this connection drains.
        if let Some(spread) = spread.filter(|_| is_present) {
            known.drawn = Some((now, now + spread));
        }
    }

    /// The pace of dials, which is drawn anew for each.
    fn draw_pace(&mut self, address: u32) {
        let (backoff, max) = (self.config.backoff, self.config.pace.max.unwrap_or(Duration::ZERO));
        let known = self.known.get_mut(&address).expect("known");
        if known.short_lives > 0 {
            let delay = backoff.delay(known.short_lives).min(max);
            let jitter = delay * backoff.jitter_percent / 100 + Duration::from_nanos(100);
            let (least, most) =
                (known.dialled_at + delay.saturating_sub(jitter), known.dialled_at + (delay + jitter));
            known.drawn = Some((least.min(self.now.max(least)), most));
            self.is_out_of_order = true;
        }
    }

    // Outputs.

    /// Checks that an output is allowed now, and carries it out.
    pub(crate) fn on_output(&mut self, output: &Output<u32>) {
        assert!(self.phase != Phase::Closed || *output == Output::Timeout(None), "{output:?} after Closed");
        assert!(
            !self.pending.asks_for_refresh || *output == Output::Refresh,
            "{output:?} instead of a refresh"
        );
        match output {
            Output::Dial { slot, address } => self.on_dial(*slot, *address),
            Output::Drain { slot } => self.on_drain(*slot),
            Output::Drop { slot } => self.on_drop(*slot),
            Output::Availability(availability) => self.on_availability(*availability),
            Output::Refresh => {
                assert!(
                    core::mem::take(&mut self.pending.asks_for_refresh),
                    "too few failures for a refresh"
                );
                self.counted_failures = 0;
                self.refreshed_at = Some(self.now);
                self.refresh_at = self.now + self.config.refresh_interval_min;
            }
            Output::Event(event) => self.on_told(event),
            Output::Closed => {
                assert!(self.phase == Phase::Draining && self.slots.is_empty(), "closed in {:?}", self.phase);
                self.phase = Phase::Closed;
            }
            Output::Timeout(_) => {}
        }
    }

    fn on_availability(&mut self, availability: Availability) {
        assert_ne!(availability, self.availability, "only changes are told");
        if availability == Availability::FailingFast {
            assert!(self.config.fail_fast_after.is_some(), "nobody wants to fail fast");
            assert!(core::mem::take(&mut self.pending.fails_fast), "it was not yet time to fail fast");
        }
        self.availability = availability;
    }

    fn on_dial(&mut self, id: SlotId, address: u32) {
        assert!(!self.used.contains(&id), "{id:?} has been used before");
        let is_replacing = self.known[&address].is_replacing;
        if !self.may_dial(address, is_replacing) {
            let may_be_replaced = !self.is_lazy() && self.has_outlived(address);
            assert!(
                may_be_replaced && self.may_dial(address, true),
                "a dial to {address}: {:?}",
                self.known[&address]
            );
            self.known.get_mut(&address).expect("known").is_replacing = true;
        }
        for other in self.due_for_a_dial() {
            let (rank, other_rank) = (self.rank(address), self.rank(other));
            let is_in_order = !matches!(other_rank.partial_cmp(&rank), Some(core::cmp::Ordering::Less));
            assert!(is_in_order || self.is_out_of_order, "{other} {other_rank:?} before {address} {rank:?}");
        }
        let known = self.known.get_mut(&address).expect("known");
        known.dialled_at = self.now;
        let pace_episode = known.pace_episode;
        let occupant = Occupant {
            address,
            state: SlotState::Dialling,
            dialled: self.now,
            since: self.now,
            pace_episode,
            owed_at_success: None,
            hung_up: false,
            sent: 0,
            in_flight: 0,
            answered: 0,
            answered_ever: 0,
            probe: known.failures > 0,
            fresh: false,
            episode: known.episode,
            connected_episode: known.episode,
            last_sent: self.now,
            spoke: self.now,
            occupied_until: self.now,
            seen_until: self.now,
            ends_by: None,
            was_stable: false,
            outcomes: Vec::new(),
            sent_earlier: 0,
            in_flight_max: None,
            abandoned: 0,
            cancels: None,
            owed_since: self.now,
            was_ready: false,
            dropped: None,
        };
        self.used.push(id);
        self.slots.insert(id, occupant);
        self.draw_pace(address);
    }

    fn on_drain(&mut self, id: SlotId) {
        let slot = self.slots.get(&id).expect("a live slot drains").clone();
        assert!(slot.is_open(), "{id:?} drains in {:?}", slot.state);
        if self.pending.reconfigured.is_some() {
            let surplus = self.connected(slot.address).saturating_sub(self.n());
            self.pending.surplus_of.entry(slot.address).or_insert(surplus);
        }
        let (count, most) = (self.count(slot.address, SlotState::Draining), self.draining_max(slot.address));
        let may_be_surplus = self.may_be_surplus(slot.address);
        let known = self.known.get_mut(&slot.address).expect("known");
        known.draining_max = most;
        let usual = known.was_draining.max(self.config.connections_per_address as usize);
        let max = match self.phase {
            // Nothing is opened any more, and what drains already keeps its time: as many as that are open, as many
            // were made beside suspects, and as many drain.
            Phase::Draining => 3 * most,
            _ if may_be_surplus => most,
            _ => most.min(usual),
        };
        assert!(count < max, "too many drain");
        self.leave(id);
        self.pending.drained = Some((id, slot));
        let slot = self.slots.get_mut(&id).expect("live");
        slot.state = SlotState::Draining;
        slot.since = self.now;
        slot.fresh = false;
        let address = slot.address;
        self.lose_probe(address, id);
        self.end_surplus(address);
    }

    fn on_told(&mut self, event: &Event<u32>) {
        match event {
            Event::AddressAdded { address, id } => {
                assert!(self.pending.added.remove(address), "{event:?}");
                let former = self.ids.insert(*id, *address);
                assert!(former.is_none_or(|former| former == *address), "{event:?} was {former:?}");
            }
            Event::AddressRemoved { address, id } => {
                assert!(self.pending.removed.remove(address), "{event:?}");
                assert_eq!(self.ids.get(id), Some(address));
            }
            Event::AddressChanged { address, id } => {
                assert!(self.pending.changed.remove(address), "{event:?}");
                assert_eq!(self.ids.get(id), Some(address));
            }
            Event::AddressForgotten { address, id } => {
                assert_eq!(self.ids.remove(id), Some(*address), "{event:?}");
                let address = *address;
                let is_remembered = self.retry_at(address).is_some() || self.known[&address].rest.is_some();
                let is_needed = self.is_present(address) || is_remembered;
                assert!(!is_needed && self.occupants(address).count() == 0, "{address} is forgotten");
            }
            Event::AddressesRefused { .. } => assert!(core::mem::take(&mut self.pending.refused)),
            Event::Connected { slot, address, id } => {
                assert_eq!(self.pending.connected.take(), Some(*slot), "{event:?}");
                assert_eq!((self.ids.get(id), self.slots[slot].address), (Some(address), *address));
            }
            Event::Draining { slot, address, id, reason } => {
                assert_eq!((self.ids.get(id), self.slots[slot].address), (Some(address), *address));
                self.on_draining(*slot, *reason);
            }
            Event::Suspected { slot, address, id } => {
                assert_eq!((self.ids.get(id), self.slots[slot].address), (Some(address), *address));
                self.on_suspected(*slot);
            }
            Event::Cleared { slot, address, id } => {
                assert_eq!((self.ids.get(id), self.slots[slot].address), (Some(address), *address));
                self.on_cleared(*slot);
            }
            Event::SlotEnded { slot, address, id, state, end, lived, sent, in_flight } => {
                assert_eq!(self.ids.get(id), Some(address), "{event:?}");
                let occupant = self.slots.get(slot).expect("a live slot ends").clone();
                assert_eq!(*lived, self.now.saturating_duration_since(occupant.dialled), "{event:?}");
                let found = (*address, *state, *sent, *in_flight);
                let last = occupant.dropped.as_ref().map_or(occupant.state, |dropped| dropped.from);
                assert_eq!(found, (occupant.address, last, occupant.sent, occupant.in_flight));
                self.on_ended(*slot, &occupant, *end);
            }
            Event::BackedOff { address, id, failures, until } => {
                assert_eq!(self.ids.get(id), Some(address), "{event:?}");
                assert_eq!(self.pending.backed_off.take(), Some(*address), "{event:?}");
                self.on_backed_off(*address, *failures, *until);
            }
            Event::Paced { address, id, short_lives, until } => {
                assert_eq!(self.ids.get(id), Some(address), "{event:?}");
                self.on_paced(*address, *short_lives, *until);
            }
            Event::Recovered { address, id } => {
                assert_eq!(self.ids.get(id), Some(address), "{event:?}");
                self.on_recovered(*address);
            }
            Event::Rested { address, id, reason, until } => {
                assert_eq!(self.ids.get(id), Some(address), "{event:?}");
                self.on_rested(*address, *reason, *until);
            }
            Event::Returned { address, id } => {
                assert_eq!(self.ids.get(id), Some(address), "{event:?}");
                assert_eq!(self.pending.returned.take(), Some(*address), "{event:?}");
            }
        }
    }

    fn on_draining(&mut self, id: SlotId, reason: DrainReason) {
        let (drained, slot) = self.pending.drained.take().expect("it is told of nobody else");
        assert_eq!(drained, id);
        let address = slot.address;
        let is_lifetime = reason == DrainReason::Lifetime && self.connected(address) < self.n();
        if is_lifetime && self.pending.may_drain_first.take_if(|it| *it == address).is_some() {
            self.drain_first(address);
            self.pending.backed_off = None;
        }
        match reason {
            DrainReason::AddressLeft => assert!(!self.is_present(address)),
            DrainReason::GoingAway => assert_eq!(self.pending.going_away.take(), Some(id)),
            DrainReason::PoolClosing => assert_eq!(self.phase, Phase::Draining),
            DrainReason::Idle => {
                assert!(self.is_lazy() && self.is_idle(&slot), "not idle: {slot:?}");
                self.on_tired(id, &slot);
            }
            DrainReason::Lifetime if self.is_lazy() => {
                assert!(self.is_older_than_nine_tenths(slot.since, self.config.lifetime_max), "{slot:?}");
                self.on_tired(id, &slot);
            }
            DrainReason::Lifetime if self.known[&address].after_drain => {
                assert_eq!(self.pending.drains_first.take(), Some(address), "its replacement was refused");
            }
            DrainReason::Lifetime => {
                assert!(self.connected(address) >= self.n(), "replaced before it drains");
                // A suspect that is cleared, and what was made beside it, replace one before a dial for that is seen.
                let is_seen = !self.may_be_whole_undialled;
                assert!(is_seen || self.is_older_than_nine_tenths(slot.since, self.config.lifetime_max));
                let known = self.known.get_mut(&address).expect("known");
                assert!(!is_seen || known.is_replacing || known.may_be_replacing);
                known.stop_replacing();
            }
            DrainReason::Silent => assert!(self.pending.silent.remove(&id), "{id:?} owes something"),
            DrainReason::Surplus => {
                assert!(self.may_be_surplus(address), "the settings are the same");
                assert_eq!(self.count(address, SlotState::Dialling), 0, "dials go first");
                assert!(self.connected(address) >= self.n(), "more than needed");
                self.check_first_to_go(&slot);
            }
            _ => panic!("a reason that the reference doesn't know: {reason:?}"),
        }
        self.cancel_replacement(address);
    }

    /// A lazy pool has no more use for a connection, which has cleared its address.
    fn on_tired(&mut self, id: SlotId, slot: &Occupant) {
        if self.pending.tired.contains(&id) {
            self.pending.tired.clear();
        }
        let known = &self.known[&slot.address];
        assert!(slot.connected_episode != known.episode || known.failures == 0, "it ought to have recovered");
    }

    fn cancel_replacement(&mut self, address: u32) {
        let held = self.connected(address) + self.count(address, SlotState::Dialling);
        if self.connected(address) < self.n() && held <= self.n() {
            self.known.get_mut(&address).expect("known").stop_replacing();
        }
    }

    /// A connection that drains because there are too many is at the end of its life, or has no more to do
    /// than any that stays.
    fn check_first_to_go(&self, gone: &Occupant) {
        let may_have_outlived = self.is_older_than_nine_tenths(gone.since, self.config.lifetime_max);
        for (_, other) in self.occupants(gone.address).filter(|(_, slot)| slot.state.is_connected()) {
            let rank = |slot: &Occupant| {
                (slot.state == SlotState::Busy || slot.owes_outcomes(&self.config), slot.since)
            };
            assert!(may_have_outlived || rank(gone) <= rank(other), "{gone:?} instead of {other:?}");
            assert!(
                may_have_outlived || !self.has_certainly_outlived(other),
                "{gone:?} instead of {other:?}"
            );
        }
    }

    fn on_drop(&mut self, id: SlotId) {
        let occupant = self.slots.get(&id).expect("a live slot is dropped").clone();
        let ends = self.reasons_to_drop(&occupant);
        assert!(!ends.is_empty(), "there is no reason to drop {occupant:?}");
        self.leave(id);
        let slot = self.slots.get_mut(&id).expect("live");
        (slot.state, slot.since, slot.fresh) = (SlotState::Dropping, self.now, false);
        slot.dropped = Some(Dropped { from: occupant.state, ends });
        self.lose_probe(occupant.address, id);
        self.end_surplus(occupant.address);
        self.cancel_replacement(occupant.address);
    }

    fn reasons_to_drop(&self, occupant: &Occupant) -> Vec<SlotEnd> {
        let address = occupant.address;
        let waited = self.now.saturating_duration_since(occupant.since);
        let timed_out = SlotEnd::Failed(FailureKind::TimedOut);
        let reasons = match occupant.state {
            SlotState::Dialling => {
                let held = self.connected(address) + self.count(address, SlotState::Dialling);
                let is_surplus = self.may_be_surplus(address) && held > self.n();
                vec![
                    (self.is_timeout && waited >= self.config.dial_timeout, timed_out),
                    (!self.is_present(address), SlotEnd::AddressLeft),
                    (self.phase == Phase::Draining, SlotEnd::PoolClosing),
                    (is_surplus, SlotEnd::Surplus),
                ]
            }
            SlotState::Busy | SlotState::Ready | SlotState::Suspect => {
                let timeout =
                    self.config.silence.outcome_timeout.filter(|_| occupant.owes_outcomes(&self.config));
                let is_over = timeout.is_some_and(|timeout| {
                    self.now >= occupant.silent_since().max(occupant.owed_since) + timeout
                });
                let is_awaited = u64::from(occupant.abandoned) < occupant.told_in_flight();
                let is_given_up =
                    occupant.state == SlotState::Suspect && self.pending.gives_up == Some(address);
                vec![
                    (is_over && is_awaited, timed_out),
                    (is_over && !is_awaited, SlotEnd::Silent),
                    (is_given_up, SlotEnd::Silent),
                ]
            }
            SlotState::Draining => {
                let draining = self.occupants(address).filter(|(_, slot)| slot.state == SlotState::Draining);
                let oldest = draining.map(|(_, slot)| slot.since).min();
                let is_full = self.count(address, SlotState::Draining) >= self.may_drain(address);
                vec![
                    (waited >= self.config.drain_timeout, SlotEnd::DrainTimedOut),
                    (is_full && oldest == Some(occupant.since), SlotEnd::DrainDisplaced),
                ]
            }
            SlotState::Dropping => vec![],
        };
        reasons.into_iter().filter(|(may, _)| *may).map(|(_, end)| end).collect()
    }

    fn on_ended(&mut self, id: SlotId, occupant: &Occupant, end: SlotEnd) {
        let is_failure = if let Some(dropped) = &occupant.dropped {
            assert_eq!(self.pending.dropped.take(), Some(id), "nobody reported that drop");
            assert!(dropped.ends.contains(&end), "{end:?} of {occupant:?}");
            matches!(end, SlotEnd::Failed(_))
        } else {
            assert_eq!(self.pending.end.take(), Some((id, end)));
            self.is_failure(occupant, end == SlotEnd::Closed)
        };
        self.leave(id);
        self.slots.remove(&id);
        self.lose_probe(occupant.address, id);
        self.end_surplus(occupant.address);
        self.known.get_mut(&occupant.address).expect("known").tally.lost += u64::from(occupant.in_flight);
        let last = occupant.dropped.as_ref().map_or(occupant.state, |dropped| dropped.from);
        let is_refused = last == SlotState::Dialling && self.is_replacement_refused(occupant.address, end);
        if is_failure && !is_refused && self.known[&occupant.address].episode == occupant.episode {
            self.pending.backed_off = Some(occupant.address);
        }
        match last {
            SlotState::Dialling => {
                let took = self.now.saturating_duration_since(occupant.dialled);
                let known = self.known.get_mut(&occupant.address).expect("known");
                known.fails_slowly = took >= Duration::from_secs(1);
            }
            SlotState::Draining => self.replace_after_drain(occupant.address),
            SlotState::Busy | SlotState::Ready | SlotState::Suspect => self.count_life(occupant),
            SlotState::Dropping => {}
        }
        if self.is_tried_over(occupant.address, id) {
            self.rest_once_more(occupant.address);
        }
        self.cancel_replacement(occupant.address);
    }

    /// Whether the connection that was to be replaced has to drain first.
    fn is_replacement_refused(&mut self, address: u32, end: SlotEnd) -> bool {
        let is_whole = self.connected(address) >= self.n();
        let known = &self.known[&address];
        let is_refused = is_whole && end == SlotEnd::Failed(FailureKind::Error);
        // What was dialled beside a suspect that has been cleared since is a replacement, if one is awaited.
        let may_be_replacing = known.may_be_replacing || self.has_outlived(address);
        if is_refused && known.is_replacing {
            self.drain_first(address);
        } else if is_refused && may_be_replacing {
            self.pending.may_drain_first = Some(address);
        }
        is_refused && self.known[&address].after_drain
    }

    fn drain_first(&mut self, address: u32) {
        let known = self.known.get_mut(&address).expect("known");
        known.stop_replacing();
        known.after_drain = true;
        known.drawn = None;
        known.retry_at = known.retry_at.max(self.now + Duration::from_secs(1));
        self.pending.drains_first = Some(address);
    }

    /// The connection that was to drain first is gone, or takes too long.
    fn replace_after_drain(&mut self, address: u32) {
        let known = self.known.get_mut(&address).expect("known");
        if core::mem::take(&mut known.after_drain) && known.failures == 0 {
            known.retry_at = Instant::ZERO;
            self.draw_pace(address);
        }
    }

    fn on_paced(&mut self, address: u32, short_lives: u32, until: Instant) {
        let paced = self.pending.paced.take_if(|(paced, _)| *paced == address);
        if short_lives == 0 {
            let may_end = self.pending.may_end_pace.remove(&address) || self.has_long_life(address);
            assert!(may_end || paced == Some((address, false)), "the row of {address} goes on");
            let known = self.known.get_mut(&address).expect("known");
            assert!(known.short_lives > 0, "there was no row");
            known.short_lives = 0;
            if known.failures == 0 && paced.is_none() && !known.after_drain {
                // Nor does a pace count that was drawn before the row ended, in the same step.
                (known.retry_at, known.drawn) = (Instant::ZERO, None);
                self.is_out_of_order = true;
            }
            return;
        }
        assert_eq!(paced, Some((address, true)), "no short life");
        self.known.get_mut(&address).expect("known").short_lives += 1;
        self.draw_pace(address);
        let known = self.known.get_mut(&address).expect("known");
        assert_eq!(short_lives, known.short_lives);
        let (least, most) = known.drawn.take().expect("there is a row");
        let before = known.retry_at.max(self.now);
        let is_possible = until == before || (least.max(before) <= until && until <= most);
        assert!(is_possible, "{address} is paced until {until:?} instead of {least:?} to {most:?}");
        known.retry_at = until;
        if until <= self.now
            && let Some(spread) = self.config.pace.redial_spread
        {
            known.drawn = Some((self.now, self.now + spread));
        }
    }

    /// Whether a connection of the row has lived for long.
    fn has_long_life(&self, address: u32) -> bool {
        let Some(pace_max) = self.config.pace.max else { return true };
        self.occupants(address).any(|(_, slot)| {
            slot.pace_episode == self.known[&address].pace_episode && slot.dialled + pace_max <= self.now
        })
    }

    fn on_backed_off(&mut self, address: u32, failures: u32, until: Instant) {
        let backoff = self.config.backoff;
        self.may_be_whole_undialled |= self.connected(address) >= self.n();
        let known = self.known.get_mut(&address).expect("known");
        known.failures += 1;
        known.episode += 1;
        known.retry_at = known.retry_at.max(until);
        if known.retry_at > self.now {
            known.drawn = None;
        }
        assert_eq!(failures, known.failures);
        let mut delay = backoff.base.as_secs_f64();
        for _ in 1..failures {
            delay = f64::min(delay * f64::from(backoff.growth_percent) / 100.0, backoff.cap.as_secs_f64());
        }
        let jitter = f64::from(backoff.jitter_percent) / 100.0;
        let found = until.saturating_duration_since(known.dialled_at).as_secs_f64();
        let is_near = (found - delay).abs() <= delay * jitter + 1e-6;
        assert!(is_near, "the delay after failure {failures} is {found} s instead of about {delay} s");
        if self.is_present(address) {
            self.counted_failures += 1;
            let is_enough = self.counted_failures >= self.set.len() && self.now >= self.refresh_at;
            self.pending.asks_for_refresh = is_enough && self.phase == Phase::Open;
        }
    }

    fn on_recovered(&mut self, address: u32) {
        let was_told = self.pending.recovered.take() == Some(address);
        if !was_told && !self.has_stable(address) {
            let occupants = self.occupants(address).filter(|(_, slot)| self.may_clear(slot));
            let tired = occupants.filter(|(_, slot)| {
                self.is_idle(slot) || self.is_older_than_nine_tenths(slot.since, self.config.lifetime_max)
            });
            let tired: BTreeSet<SlotId> = tired.map(|(id, _)| id).collect();
            assert!(!tired.is_empty(), "{address} has not recovered");
            if self.is_lazy() {
                self.pending.tired = tired;
            }
        }
        let known = self.known.get_mut(&address).expect("known");
        assert!(known.failures > 0);
        known.failures = 0;
        if !known.after_drain {
            known.retry_at = Instant::ZERO;
        }
        self.draw_pace(address);
        self.is_out_of_order = true;
    }

    /// Whether a connection came up after the last failure of its address, which is not cleared.
    fn may_clear(&self, slot: &Occupant) -> bool {
        let known = &self.known[&slot.address];
        slot.state.is_connected() && known.failures > 0 && slot.connected_episode == known.episode
    }

    /// Whether a connection shows, or will show if it lives, that the address works now.
    pub(crate) fn came_up_after_last_failure(&self, address: u32) -> bool {
        let known = &self.known[&address];
        known.failures == 0 || self.occupants(address).any(|(_, slot)| self.may_clear(slot))
    }

    /// Whether a connection has been up for long enough to clear its address of failures.
    pub(crate) fn has_stable(&self, address: u32) -> bool {
        self.occupants(address).any(|(_, slot)| {
            let age = self.now.saturating_duration_since(slot.since);
            self.may_clear(slot) && (slot.was_stable || age >= self.config.stable_after)
        })
    }

    /// Whether a connection may be drained for its idleness now.
    fn is_idle(&self, slot: &Occupant) -> bool {
        slot.state == SlotState::Ready
            && !slot.is_occupied(&self.config)
            && self.is_older_than_nine_tenths(slot.idle_since(), self.config.idle_timeout)
    }

    // The end of a step.

    /// The machine must not sleep past anything that has to be done.
    fn check_wake_up(&self, at: Option<Instant>) {
        if self.phase == Phase::Closed {
            return assert_eq!(at, None);
        }
        let mut due: Vec<Instant> = self.slots.values().filter_map(|slot| self.deadline(slot)).collect();
        due.extend(self.known.values().map(|known| known.retry_at).filter(|at| *at > self.now));
        due.extend(self.known.values().filter_map(|known| known.rest?.until));
        due.extend(self.known.values().filter_map(|known| known.calm_at));
        due.extend(self.fail_fast_at());
        if let Phase::Closing(deadline) = self.phase {
            due.push(deadline);
        }
        let due = due.into_iter().min();
        assert!(
            due.is_none_or(|due| at.is_some_and(|at| at <= due)),
            "it wakes at {at:?} instead of {due:?}"
        );
    }

    /// The latest time at which something has to be done about a slot.
    fn deadline(&self, slot: &Occupant) -> Option<Instant> {
        match slot.state {
            SlotState::Dropping => None,
            SlotState::Dialling => Some(slot.since + self.config.dial_timeout),
            SlotState::Draining => Some(slot.since + self.config.drain_timeout),
            SlotState::Suspect => self.blame_at(slot),
            SlotState::Busy | SlotState::Ready => {
                let known = &self.known[&slot.address];
                let is_in_row = known.short_lives > 0 && known.pace_episode == slot.pace_episode;
                let long = self.config.pace.max.filter(|_| is_in_row).map(|max| slot.dialled + max);
                let stable = self.may_clear(slot).then(|| slot.since + self.config.stable_after);
                let lifetime = self.ends_by(slot).filter(|_| self.is_lazy());
                let idle_since = slot.idle_since().max(slot.occupied_until);
                let idle = self.config.idle_timeout.filter(|_| !slot.is_occupied(&self.config));
                let idle = idle.map(|max| idle_since + max);
                let silent = self.blame_at(slot);
                let waits_alone = slot.in_flight_max.or(self.in_flight_max) == Some(1) && slot.abandoned == 0;
                let may_be = !waits_alone && self.count(slot.address, SlotState::Suspect) < self.n();
                let suspect = self.silence_end(slot, self.config.silence.suspect_after.filter(|_| may_be));
                [long, stable, lifetime, idle, silent, suspect].into_iter().flatten().min()
            }
        }
    }

    /// The latest time at which a silence is too long.
    fn blame_at(&self, slot: &Occupant) -> Option<Instant> {
        let max = self.config.silence.outcome_timeout;
        max.and_then(|timeout| Some(self.silence_end(slot, max)?.max(slot.owed_since + timeout)))
    }

    /// The latest time at which so long a silence is over.
    fn silence_end(&self, slot: &Occupant, max: Option<Duration>) -> Option<Instant> {
        let max = max.filter(|_| slot.owes_outcomes(&self.config))?;
        Some(slot.silent_since().max(slot.seen_until) + max)
    }

    fn has_certainly_outlived(&self, slot: &Occupant) -> bool {
        self.config.lifetime_max.is_some_and(|max| slot.since + max <= self.now)
    }

    /// The latest time at which a connection goes because of its age.
    fn ends_by(&self, slot: &Occupant) -> Option<Instant> {
        let by_age = self.config.lifetime_max.map(|max| slot.since + max)?;
        Some(slot.ends_by.map_or(by_age, |at| at.max(by_age)))
    }

    /// Another lifetime gives those that are too old by it a tenth of it, but a shorter one gives nobody more
    /// time than there was.
    fn change_lifetime(&mut self, before: Option<Duration>) {
        let Some(max) = self.config.lifetime_max else { return };
        let now = self.now;
        for slot in self.slots.values_mut().filter(|slot| slot.state.is_connected()) {
            let latest =
                before.map(|before| slot.ends_by.unwrap_or(slot.since + before).max(slot.since + before));
            let spread = now + max / 10;
            let is_shorter = before.is_some_and(|before| max < before);
            slot.ends_by = Some(latest.filter(|_| is_shorter).map_or(spread, |latest| latest.min(spread)));
        }
    }

    /// The machine asks to be called. What it has asked for before stands while that is overdue.
    fn on_asked(&mut self, at: Option<Instant>) {
        let is_overdue = self.asked.is_some_and(|asked| asked < self.now);
        if !is_overdue || at.is_none_or(|at| at > self.now) {
            self.asked = at.map(|at| at.max(self.now));
        }
    }

    /// Ends a step: nothing may be left to be said, and what is over is forgotten.
    pub(crate) fn end_step(&mut self, wake_at: Option<Instant>) {
        let is_reconfigured = self.pending.reconfigured.take().is_some();
        // Only a row that there was can end.
        self.pending.may_end_pace.clear();
        self.pending.may_drain_first = None;
        self.pending.surplus_of.clear();
        self.watch_surplus();
        self.pending.may_have_surplus.clear();
        if let Some(address) = self.pending.gives_up.take() {
            assert_eq!(self.count(address, SlotState::Suspect), 0, "the suspects of {address} are given up");
        }
        let pending = format!("{:?}", self.pending);
        assert_eq!(pending, format!("{:?}", Pending::default()), "not done: {pending}");
        let (set, slots, now) = (&self.set, &self.slots, self.now);
        // After the end nobody is spoken of, so nobody is forgotten either.
        let is_over = self.was_over;
        self.known.retain(|address, known| {
            is_over
                || set.contains(address)
                || known.retry_at > now
                || known.rest.is_some()
                || slots.values().any(|slot| slot.address == *address)
        });
        let named: BTreeSet<u32> = self.ids.values().copied().collect();
        assert_eq!(named, self.known.keys().copied().collect(), "the machine tells whom it forgets");
        let expected = match self.availability {
            _ if self.active().is_some() => Availability::Usable,
            Availability::FailingFast if !is_reconfigured || self.has_missed_for_long() => {
                Availability::FailingFast
            }
            _ => Availability::Waiting,
        };
        assert_eq!(self.availability, expected);
        let is_missed = !self.is_lazy() || self.demand > 0;
        let counts = expected == Availability::Waiting && is_missed && self.phase == Phase::Open;
        if counts {
            self.missed_since.get_or_insert(self.now);
        } else if expected != Availability::FailingFast
            && (expected != Availability::Usable || self.is_any_fit())
        {
            // What one item may try is no interruption.
            self.missed_since = None;
        }
        let draining: BTreeMap<u32, usize> =
            self.known.keys().map(|&address| (address, self.count(address, SlotState::Draining))).collect();
        for (address, count) in draining {
            self.known.get_mut(&address).expect("known").was_draining = count;
        }
        self.dials_max = self.dials_max.min(self.dialling()).max(self.config.dials_max as usize);
        self.check_wake_up(wake_at);
        if self.phase != Phase::Closed {
            self.on_asked(wake_at);
        }
    }
}
