//! Everything the machine knows, to look at.

use core::fmt;

use super::Uniform;
use crate::balance::Balance;
use crate::ids::{AddressId, SlotId};
use crate::instant::Instant;
use crate::known_address::{KnownAddress, LastOutcome};
use crate::output::Availability;
use crate::reason::RestReason;
use crate::slab::SlabKey;
use crate::slot::SlotState;

/// What an address is doing, in one word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum AddressState {
    /// It can take items.
    Ready,
    /// It is connected, but can't take items now.
    Busy,
    /// It is connected, and rests for what its replies said.
    Resting,
    /// Its connections are silent while they owe outcomes, and no other is there, or they have all in flight that they
    /// may.
    Suspect,
    /// It is being dialled and has no connection yet.
    Dialling,
    /// It has no connection and waits for a dial: for its turn, its pace, or in a lazy pool for items.
    Waiting,
    /// It has failed and is left alone for a while.
    Backoff,
    /// It has left the set; its connections drain, or its backoff or rest is remembered.
    Departed,
}

impl fmt::Display for AddressState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ready => "ready",
            Self::Busy => "busy",
            Self::Resting => "resting",
            Self::Suspect => "suspect",
            Self::Dialling => "dialling",
            Self::Waiting => "waiting",
            Self::Backoff => "backoff",
            Self::Departed => "departed",
        })
    }
}

/// A look at one address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct AddressStatus {
    /// Which.
    pub id: AddressId,
    /// What it is doing.
    pub state: AddressState,
    /// When it came, left, or last changed between working and failing.
    pub since: Instant,
    /// 0 is best.
    pub priority: u16,
    /// What the name service says of its share.
    pub weight: u32,
    /// Its dials and connections.
    pub slots: AddressSlots,
    /// Items sent to its connections and not reported on.
    pub in_flight: u32,
    /// Failure episodes since the last reset; no more than 65,535 are counted.
    pub failures: u32,
    /// When it may be dialled again, if not now: the later of backoff and pace.
    pub retry_at: Option<Instant>,
    /// The latest it has shown of itself.
    pub last_outcome: Option<LastOutcome>,
    /// Why it rests and until when, if its replies made it rest.
    pub rest: Option<RestStatus>,
}

/// How many slots of an address are in each state.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct AddressSlots {
    /// Dials in flight.
    pub dialling: u16,
    /// Connections that can't take an item now.
    pub busy: u16,
    /// Connections that can.
    pub ready: u16,
    /// Connections that are silent while they owe outcomes.
    pub suspect: u16,
    /// Connections on their way out.
    pub draining: u16,
    /// Dials and connections that were abandoned, and whose owner has not yet reported that they are gone.
    pub dropping: u16,
}

impl AddressSlots {
    /// Connections that are up, and neither suspects nor on their way out.
    #[must_use]
    pub const fn connected(&self) -> u16 {
        self.busy + self.ready
    }
}

/// A look at the rest of an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RestStatus {
    /// What its replies said.
    pub reason: RestReason,
    /// When one item may try it; while one tries it, when another may. `None`: one may now.
    pub until: Option<Instant>,
}

/// A look at one slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct SlotStatus {
    /// Which.
    pub id: SlotId,
    /// Whose.
    pub address: AddressId,
    /// Where it is in its life.
    pub state: SlotState,
    /// Start of the dial, of the connection, of the drain, or of the drop; of a dial or a drain, later by the
    /// time in which the machine was called late.
    pub since: Instant,
    /// Items it was sent.
    pub sent: u64,
    /// Items it was sent and has not reported on.
    pub in_flight: u32,
}

impl<A: Clone + Ord, B: Balance> Uniform<A, B> {
    /// All addresses that are known: those of the set, and those that left and still drain or are
    /// in backoff.
    pub fn addresses(&self) -> impl Iterator<Item = (&A, AddressStatus)> {
        self.addresses.iter().map(|(key, known)| (&known.address, self.address_status(key, known)))
    }

    /// A look at one address, while it is known.
    pub fn address(&self, id: AddressId) -> Option<(&A, AddressStatus)> {
        self.addresses.by_id(id).map(|known| (&known.address, self.address_status(id.0, known)))
    }

    /// The id of an address, while it is known.
    pub fn find_address(&self, address: &A) -> Option<AddressId> {
        self.addresses.find(address).map(|index| self.addresses.id(index))
    }

    /// All slots that are taken.
    pub fn slots(&self) -> impl Iterator<Item = SlotStatus> {
        self.slots.iter().filter_map(|(key, _)| self.slot(SlotId(key)))
    }

    /// A look at one slot, until it has ended.
    pub fn slot(&self, id: SlotId) -> Option<SlotStatus> {
        self.slots.get(id.0).map(|slot| SlotStatus {
            id,
            address: self.addresses.id(slot.address),
            state: slot.state,
            since: slot.since,
            sent: slot.sent,
            in_flight: slot.in_flight(),
        })
    }

    /// How many addresses are in the set.
    pub fn addresses_len(&self) -> usize {
        self.addresses.len()
    }

    /// Dials in flight.
    pub fn dials_in_flight(&self) -> usize {
        self.dials.in_flight
    }

    /// Whether items can be taken, as last reported.
    pub fn availability(&self) -> Availability {
        self.fail_fast.availability
    }

    /// Whether items can still be sent over, now or later: until a close makes all drain.
    pub fn takes_items(&self) -> bool {
        self.phase.keeps_connections()
    }

    /// Whether every address of a set that is not empty has an unreset failure or rests as unfit, and none is
    /// usable: the answer to 'why does nothing go out'.
    pub fn is_failing(&self) -> bool {
        let is_usable = self.rings.active_priority().is_some();
        !is_usable
            && self.addresses.len() > 0
            && self.addresses.failing + self.unfit_and_not_failing() == self.addresses.len()
    }

    fn address_status(&self, key: SlabKey, known: &KnownAddress<A>) -> AddressStatus {
        let node = self.rings.node(key.index);
        let retry_at = self.dials.postponed_beyond(key.index, self.now);
        let rest = self.addresses.rests.status(key.index);
        let suspect = self.addresses.suspicions.suspects(key.index);
        let state = if !known.present {
            AddressState::Departed
        } else if known.count.connected() > 0 && rest.is_some() {
            AddressState::Resting
        } else if known.count.connected() > 0 && node.standing.is_full() {
            AddressState::Suspect
        } else if known.count.ready > 0 {
            AddressState::Ready
        } else if known.count.busy > 0 {
            AddressState::Busy
        } else if suspect > 0 {
            AddressState::Suspect
        } else if known.count.dialling > 0 {
            AddressState::Dialling
        } else if retry_at.is_some() && known.is_failing() {
            AddressState::Backoff
        } else {
            AddressState::Waiting
        };
        let (mut in_flight, mut dropping) = (0_u32, 0);
        for slot in self.siblings(key.index).map(|slot| &self.slots[slot]) {
            in_flight = in_flight.saturating_add(slot.in_flight());
            dropping = u16::saturating_add(dropping, u16::from(slot.state == SlotState::Dropping));
        }
        AddressStatus {
            id: AddressId(key),
            state,
            since: known.since,
            priority: node.priority,
            weight: node.weight,
            slots: AddressSlots {
                dialling: known.count.dialling,
                busy: known.count.busy,
                ready: known.count.ready,
                suspect,
                draining: known.count.draining,
                dropping,
            },
            in_flight,
            failures: known.failures.into(),
            retry_at,
            last_outcome: known.last_outcome,
            rest,
        }
    }
}
