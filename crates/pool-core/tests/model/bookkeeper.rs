//! A balancer that keeps accounts of all it is told, and checks each entry and each ring.

use core::time::Duration;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use pool_core::{
    AddressId, Attributes, Balance, ConsistentHash, Instant, LeastLoaded, Member, Outcome, PeakEwma,
    PickArgs, Ring, RoundRobin, TurnOrder, WeightedRoundRobin,
};

/// How many items of an address have come how far.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Tally {
    pub(crate) sent: u64,
    pub(crate) answered: u64,
    pub(crate) finished: u64,
    pub(crate) unsent: u64,
    pub(crate) lost: u64,
}

impl Tally {
    pub(crate) fn in_flight(&self) -> u64 {
        self.sent - self.finished - self.unsent - self.lost
    }
}

/// What was told of an address.
#[derive(Clone, Default, Debug)]
pub(crate) struct Account {
    /// While it is in the set.
    pub(crate) attributes: Option<Attributes>,
    pub(crate) is_ready: bool,
    pub(crate) tally: Tally,
}

/// The policy that picks.
#[derive(Clone, Default, Debug)]
pub(crate) enum Policy {
    #[default]
    RoundRobin,
    Weighted,
    LeastLoaded(LeastLoaded),
    PeakEwma(PeakEwma),
    ConsistentHash(ConsistentHash),
}

impl Policy {
    pub(crate) fn nth(number: u64) -> Self {
        match number % 6 {
            0 => Self::Weighted,
            1 => Self::LeastLoaded(LeastLoaded::new()),
            2 => Self::PeakEwma(PeakEwma::new()),
            3 => Self::ConsistentHash(ConsistentHash::new()),
            _ => Self::RoundRobin,
        }
    }

    fn inner(&self) -> &dyn Balance {
        match self {
            Self::RoundRobin => &ROUND_ROBIN,
            Self::Weighted => &WEIGHTED,
            Self::LeastLoaded(policy) => policy,
            Self::PeakEwma(policy) => policy,
            Self::ConsistentHash(policy) => policy,
        }
    }

    fn tell(&mut self, told: impl FnOnce(&mut dyn Balance)) {
        match self {
            Self::RoundRobin | Self::Weighted => {}
            Self::LeastLoaded(policy) => told(policy),
            Self::PeakEwma(policy) => told(policy),
            Self::ConsistentHash(policy) => told(policy),
        }
    }
}

static ROUND_ROBIN: RoundRobin = RoundRobin::new();
static WEIGHTED: WeightedRoundRobin = WeightedRoundRobin::new();

/// Leaves the choice to a policy, which is told everything, too.
#[derive(Clone, Default, Debug)]
pub(crate) struct Bookkeeper {
    pub(crate) policy: Policy,
    accounts: BTreeMap<AddressId, Account>,
    now: Instant,
    sends: u64,
    /// What the last pick was shown.
    shown: RefCell<Shown>,
}

#[derive(Clone, Default, Debug)]
struct Shown {
    ring: BTreeSet<AddressId>,
    /// Those of them that can take an item.
    takers: BTreeSet<AddressId>,
    /// The number that was drawn, after so many items were sent.
    drawn: Option<(u64, u64)>,
}

impl Bookkeeper {
    pub(crate) fn account(&self, address: AddressId) -> &Account {
        &self.accounts[&address]
    }

    /// The addresses of the last ring.
    pub(crate) fn last_ring(&self) -> BTreeSet<AddressId> {
        self.shown.borrow().ring.clone()
    }

    /// Those of them that could take an item.
    pub(crate) fn last_takers(&self) -> BTreeSet<AddressId> {
        self.shown.borrow().takers.clone()
    }

    fn entry(&mut self, address: AddressId, now: Instant) -> &mut Account {
        assert!(now >= self.now, "time goes back");
        self.now = now;
        self.accounts.entry(address).or_default()
    }

    fn check_member(&self, member: &Member) {
        let account = self.account(member.id);
        let attributes = account.attributes.expect("an address that left is in no ring");
        assert_eq!((member.weight, member.hash), (attributes.weight, attributes.hash), "{member:?}");
        assert_eq!(u64::from(member.in_flight), account.tally.in_flight(), "{member:?}");
    }

    fn check_ring(&self, ring: Ring<'_>) {
        let members: Vec<Member> = ring.members().collect();
        for member in &members {
            self.check_member(member);
        }
        // Where none is ready, the ring shows those that rest for an overload.
        if members.iter().any(|member| self.account(member.id).is_ready) {
            for member in &members {
                assert_eq!(member.is_ready, self.account(member.id).is_ready, "{member:?}");
            }
        }
        let ready: Vec<bool> = members.iter().map(|member| member.is_ready).collect();
        assert!(ring.ready_len() > 0 && ready.is_sorted_by(|one, next| one >= next), "{ready:?}");
        assert_eq!(ring.ready_len(), ready.iter().filter(|is_ready| **is_ready).count());
        for (position, member) in members.iter().enumerate() {
            assert_eq!((ring.get(position), ring.find(member.id)), (Some(*member), Some(*member)));
        }
        assert_eq!((ring.len(), ring.get(members.len())), (members.len(), None));
        let ids = |members: &[Member]| members.iter().map(|member| member.id).collect::<BTreeSet<_>>();
        let turns: Vec<Member> = ring.turns().collect();
        assert_eq!((turns.len(), ids(&turns)), (ring.ready_len(), ids(&members[..ring.ready_len()])));
        for (place, member) in turns.iter().enumerate() {
            let next = turns[(place + 1) % turns.len()].id;
            assert_eq!(ring.next_after(member.id), Some(next));
        }
        assert_eq!(ring.first(), Some(turns[0].id));
        self.shown.borrow_mut().ring = ids(&members);
        self.shown.borrow_mut().takers = ids(&turns);
    }

    /// What holds of every pick of a policy.
    fn check_pick(&self, ring: Ring<'_>, picked: Option<AddressId>) -> Option<AddressId> {
        let member = picked.and_then(|picked| ring.find(picked)).expect("one of the ring, as it was asked");
        assert!(member.is_ready, "nobody waits for {member:?}");
        if let Policy::LeastLoaded(_) = self.policy {
            // It is the less loaded of two.
            let load = |one: &Member, other: &Member| u64::from(one.in_flight) * u64::from(other.weight);
            let mut others = ring.turns().filter(|other| other.id != member.id);
            let is_lesser = others.any(|other| load(&member, &other) <= load(&other, &member));
            assert!(is_lesser || ring.ready_len() == 1, "{member:?} has more to do than any other");
        }
        picked
    }

    fn check_draw(&self, drawn: u64) {
        let before = self.shown.borrow_mut().drawn.replace((self.sends, drawn));
        if let Some((sends, before)) = before {
            assert_eq!(drawn == before, self.sends == sends, "a number for each item");
        }
    }
}

impl Balance for Bookkeeper {
    fn pick(&self, ring: &Ring<'_>, args: &PickArgs, now: Instant) -> Option<AddressId> {
        assert!(now >= self.now);
        self.check_ring(*ring);
        self.check_draw(ring.draw());
        self.check_pick(*ring, self.policy.inner().pick(ring, args, now))
    }

    fn keeps_turn(&self, address: AddressId) -> bool {
        self.policy.inner().keeps_turn(address)
    }

    fn turn_order(&self) -> TurnOrder {
        self.policy.inner().turn_order()
    }

    fn needs_outcomes(&self) -> bool {
        self.policy.inner().needs_outcomes()
    }

    fn on_joined(&mut self, address: AddressId, attributes: &Attributes, now: Instant) {
        self.policy.tell(|policy| policy.on_joined(address, attributes, now));
        let account = self.entry(address, now);
        assert_eq!((account.attributes.replace(*attributes), account.is_ready), (None, false));
    }

    fn on_changed(&mut self, address: AddressId, attributes: &Attributes, now: Instant) {
        self.policy.tell(|policy| policy.on_changed(address, attributes, now));
        let before = self.entry(address, now).attributes.replace(*attributes);
        assert!(before.is_some_and(|before| before != *attributes), "{before:?}");
    }

    fn on_left(&mut self, address: AddressId, now: Instant) {
        self.policy.tell(|policy| policy.on_left(address, now));
        let account = self.entry(address, now);
        assert!(account.attributes.take().is_some() && !account.is_ready);
    }

    fn on_readiness(&mut self, address: AddressId, is_ready: bool, now: Instant) {
        self.policy.tell(|policy| policy.on_readiness(address, is_ready, now));
        let account = self.entry(address, now);
        assert!(account.attributes.is_some() && account.is_ready != is_ready, "{account:?}");
        account.is_ready = is_ready;
    }

    fn on_sent(&mut self, address: AddressId, now: Instant) {
        self.policy.tell(|policy| policy.on_sent(address, now));
        self.entry(address, now).tally.sent += 1;
        self.sends += 1;
    }

    fn on_answered(&mut self, address: AddressId, latency: Duration, now: Instant) {
        self.policy.tell(|policy| policy.on_answered(address, latency, now));
        let tally = &mut self.entry(address, now).tally;
        assert!(tally.in_flight() > 0, "nothing is in flight");
        tally.answered += 1;
        assert!(tally.answered <= tally.sent, "{tally:?}");
    }

    fn on_finished(&mut self, address: AddressId, outcome: &Outcome, now: Instant) {
        self.policy.tell(|policy| policy.on_finished(address, outcome, now));
        let tally = &mut self.entry(address, now).tally;
        assert!(tally.in_flight() > 0, "nothing is in flight");
        if *outcome == Outcome::Unsent {
            tally.unsent += 1;
        } else {
            tally.finished += 1;
        }
    }

    fn on_lost(&mut self, address: AddressId, items: u32, now: Instant) {
        self.policy.tell(|policy| policy.on_lost(address, items, now));
        let tally = &mut self.entry(address, now).tally;
        assert!(items > 0 && tally.in_flight() >= items.into(), "{items} of {tally:?}");
        tally.lost += u64::from(items);
    }
}
