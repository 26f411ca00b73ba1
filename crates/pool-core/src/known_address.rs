//! What the machine knows of one address, beyond what choosing needs.

use crate::instant::Instant;
use crate::outcome::FailureKind;
use crate::slab::{Generational, SlabKey};

/// An address that is in the set, has left it with slots still draining, or has left it while in
/// backoff.
#[derive(Clone, Debug)]
pub(crate) struct KnownAddress<A> {
    pub(crate) generation: u32,
    pub(crate) address: A,
    /// Whether it is in the set.
    pub(crate) present: bool,
    /// A connection was made at least once.
    pub(crate) answered: bool,
    pub(crate) replacement: Replacement,
    pub(crate) last_outcome: Option<LastOutcome>,
    /// Failure episodes since the last reset; no more than 65,535 are counted, where each backoff is at its cap.
    pub(crate) failures: u16,
    /// Failure episodes ever; tells a slot whether its dial is older than the last failure.
    ///
    /// Modulo 2^16: a slot would have to outlive exactly so many failures to mistake one.
    pub(crate) episode: u16,
    /// One of its slots timed out and is dropping: its failure counts when that ends.
    pub(crate) awaits_failure: bool,
    /// When the last dial started.
    pub(crate) last_dial: Instant,
    pub(crate) dials: Dialling,
    /// When it came, left, or last changed between working and failing.
    pub(crate) since: Instant,
    /// The first in the ring of its slots that are not ready.
    pub(crate) unready: u32,
    pub(crate) count: SlotCounts,
}

/// What is known of the dials to an address, apart from their times.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dialling {
    /// The address is among those that wait for a dial.
    pub(crate) is_waiting: bool,
    /// The last one that failed took long to do so.
    pub(crate) fail_slowly: bool,
    pub(crate) row: ShortLives,
}

impl Dialling {
    const NONE: Self = Self { is_waiting: false, fail_slowly: false, row: ShortLives { len: 0, episode: 0 } };
}

/// Connections in a row that were short-lived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShortLives {
    /// How many, each episode counted once.
    pub(crate) len: u8,
    /// Episodes ever, modulo 2^8: short lives of connections that were dialled in one count once.
    pub(crate) episode: u8,
}

/// Where the replacement of a connection at the end of its life is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Replacement {
    /// No connection is at the end of its life.
    None,
    /// It is to be made before the old connection drains.
    Awaited,
    /// It was refused, so the old connection drains first.
    AfterDrain,
}

/// How many slots of an address are in each state.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct SlotCounts {
    pub(crate) dialling: u16,
    pub(crate) busy: u16,
    pub(crate) ready: u16,
    pub(crate) draining: u16,
    /// The most connections that were allowed since it has had some that drain.
    pub(crate) draining_max: u16,
}

impl SlotCounts {
    pub(crate) fn connected(self) -> u16 {
        self.busy + self.ready
    }

    /// Those that count against the settings.
    pub(crate) fn held(self) -> u16 {
        self.connected() + self.dialling
    }
}

/// The latest that an address has shown of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum LastOutcome {
    /// A dial succeeded.
    Connected,
    /// A connection closed in good order.
    Closed,
    /// A dial or a connection failed.
    Failed(FailureKind),
}

/// Who is dialled first when not all can be: the order of the fields is the policy.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct DialRank {
    pub(crate) class: DialClass,
    /// No item waits that is for this address only.
    pub(crate) is_unasked: bool,
    /// In an eager pool failures and priority: no number of dead addresses of a good priority may
    /// keep the pool from the others. In a lazy pool priority and failures: a connection of a
    /// worse priority would get no items.
    pub(crate) order: (u16, u16),
    /// For what its replies said: another shall take the items.
    pub(crate) rests: bool,
    pub(crate) connections: u16,
    /// Drawn, so that many clients don't dial in the same order.
    pub(crate) tie: u16,
}

/// What is known of an address that waits for a dial.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum DialClass {
    Working,
    /// Working, and it is dialled before its time only for items that nobody else can take.
    Early,
    Failing,
    /// Failing, and its last dial took long: many of these must not keep the pool from those that come back.
    FailingSlowly,
}

impl DialClass {
    pub(crate) const ALL: [Self; 4] = [Self::Working, Self::Early, Self::Failing, Self::FailingSlowly];

    pub(crate) fn is_failing(self) -> bool {
        self >= Self::Failing
    }
}

impl<A> Generational for KnownAddress<A> {
    fn generation(&self) -> u32 {
        self.generation
    }
}

impl<A> KnownAddress<A> {
    pub(crate) fn new(key: SlabKey, address: A, now: Instant) -> Self {
        Self {
            generation: key.generation,
            address,
            present: true,
            answered: false,
            replacement: Replacement::None,
            last_outcome: None,
            failures: 0,
            episode: 0,
            awaits_failure: false,
            last_dial: Instant::ZERO,
            dials: Dialling::NONE,
            since: now,
            unready: crate::links::NONE,
            count: SlotCounts::default(),
        }
    }

    pub(crate) fn is_replacing(&self) -> bool {
        self.replacement == Replacement::Awaited
    }

    pub(crate) fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// Dials that may start, backoff and the pool's limits apart. A connection that is being replaced counts as
    /// gone, so that its replacement is dialled before it drains.
    pub(crate) fn dials_missing(&self, connections_per_address: u16, suspects: u16) -> u16 {
        // A dial would forestall the backoff that follows from a failure about to be counted.
        if !self.present || self.awaits_failure || self.replacement == Replacement::AfterDrain {
            return 0;
        }
        // That one may just have gone, a moment before its replacement is called off.
        let held = self.count.held().saturating_sub(u16::from(self.is_replacing()));
        // As many may be made beside suspects as there are usually.
        let held = held + suspects.saturating_sub(connections_per_address);
        let missing = connections_per_address.saturating_sub(held);
        if self.answered && !self.is_failing() {
            missing
        } else {
            missing.min(1_u16.saturating_sub(self.count.dialling))
        }
    }
}
