//! What the machine answers, and what it orders.

use core::time::Duration;

use super::NameId;
use crate::instant::Instant;

/// What a caller does where there is no pool yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way")]
pub enum Patience {
    /// It waits, and [`resume`](super::NamedPools::resume)s or [`cancel`](super::NamedPools::cancel)s.
    Wait,
    /// It is refused.
    NoWait,
}

/// What becomes of a caller whose name is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a caller has to deal with each of them")]
pub enum Inserted {
    /// It creates the pool now, and reports how that went.
    Create(NameId),
    /// It waits for a permit.
    Wait(NameId),
}

/// What becomes of a caller whose name has an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a caller has to deal with each of them")]
pub enum Wanted {
    /// It gets the pool.
    Open,
    /// It creates the pool now, and reports how that went.
    Create,
    /// It waits.
    Wait,
    /// There is no such name any more: ask again.
    Unknown,
}

/// Why a caller gets no pool and doesn't wait for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a caller has to deal with each of them")]
pub enum Refusal {
    /// All permits are taken.
    Full,
    /// Another caller creates the pool.
    BeingCreated,
    /// The map takes no new names.
    Closed,
}

/// What the owner has to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "an owner has to carry out each of them")]
pub enum Output {
    /// The name has a permit: wake the caller that has waited longest. It creates the pool.
    Grant(NameId),
    /// The name has a pool: wake all callers that wait for it.
    Opened(NameId),
    /// Have the pool tell when it becomes idle, once; at once if it is idle. What it tells goes to
    /// [`handle_news`](super::NamedPools::handle_news).
    NotifyWhenIdle(NameId),
    /// Look at the pool, and answer, in the order of looks, by one of
    /// [`handle_idle`](super::NamedPools::handle_idle), [`handle_in_use`](super::NamedPools::handle_in_use),
    /// [`handle_closed`](super::NamedPools::handle_closed) and
    /// [`handle_ended`](super::NamedPools::handle_ended).
    Look(NameId),
    /// The name is free; keep the pool's handle, and look at it once more.
    Release(NameId),
    /// Shut the pool down.
    ShutDown {
        /// Whose.
        name: NameId,
        /// How long it may take to deliver what is queued.
        timeout: Duration,
    },
    /// Wake all callers that wait for the pool, and drop whatever belongs to the name.
    Forget(NameId),
    /// The map has ended.
    Closed,
    /// Nothing else to do until then, or until the next input. An instant in the past stands for at once.
    Timeout(Option<Instant>),
}

/// How many names are how far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PoolMapCounts {
    /// Names that have a pool.
    pub open: usize,
    /// Names whose pool is being created, or that have a permit for one.
    pub creating: usize,
    /// Pools that have lost their names and have not ended.
    pub closing: usize,
    /// Names that wait for a permit.
    pub waiting: usize,
    /// The most that the first three can be together.
    pub names_max: usize,
}
