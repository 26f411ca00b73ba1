//! What is known of every address, kept where anybody can read it at any time.
//!
//! The driver writes what has changed at the end of its poll; a reader never waits for the driver. Under
//! the lock only plain values and reference counts are touched.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant as SystemInstant};

use pool_core::{AddressId, AddressState, AddressStatus, Availability, Instant};

use crate::error::{Counts, Ended, SharedError};
use crate::panic::discard;
use crate::queue::QueueSnapshot;
use crate::source_status::{SourceSnapshot, SourceState, SourceStatus};
use crate::sync::{Mutex, MutexGuard};

/// What can be read at any time.
pub(crate) struct PoolStatus<A> {
    state: Mutex<PoolStatusState<A>>,
}

struct PoolStatusState<A> {
    /// By the address's index.
    records: Vec<Option<AddressRecord<A>>>,
    totals: Totals,
    last_error: Option<SharedError>,
    source: SourceStatus,
    ended: Option<Ended>,
}

pub(crate) struct AddressRecord<A> {
    pub(crate) address: Arc<A>,
    pub(crate) status: AddressStatus,
    pub(crate) sent: i64,
    pub(crate) last_error: Option<SharedError>,
}

impl<A> AddressRecord<A> {
    /// Drops what is the user's, each alone.
    fn discard(self) {
        discard(self.address);
        discard(self.last_error);
    }
}

impl<A> Clone for AddressRecord<A> {
    fn clone(&self) -> Self {
        Self {
            address: Arc::clone(&self.address),
            status: self.status,
            sent: self.sent,
            last_error: self.last_error.clone(),
        }
    }
}

/// Items that an address was sent (or, negative, gave back).
#[derive(Clone, Copy, Debug)]
pub(crate) struct SentCount {
    pub(crate) address: AddressId,
    pub(crate) items: i64,
}

/// What is known of the pool as a whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Totals {
    pub(crate) now: Instant,
    pub(crate) availability: Availability,
    /// Every address has failed, and none is connected.
    pub(crate) is_failing: bool,
    /// Less than nothing for the moment in which an item has come back and is not counted yet.
    pub(crate) sent: i64,
    pub(crate) undelivered: u64,
}

impl Totals {
    pub(crate) const fn new() -> Self {
        Self {
            now: Instant::ZERO,
            availability: Availability::Waiting,
            is_failing: false,
            sent: 0,
            undelivered: 0,
        }
    }
}

impl<A> PoolStatusState<A> {
    fn record_mut(&mut self, id: AddressId) -> Option<&mut AddressRecord<A>> {
        self.records.get_mut(id.index())?.as_mut().filter(|record| record.status.id == id)
    }
}

impl<A> PoolStatus<A> {
    pub(crate) fn new() -> Self {
        let totals = Totals::new();
        let state = PoolStatusState {
            records: Vec::new(),
            totals,
            last_error: None,
            source: SourceStatus::default(),
            ended: None,
        };
        Self { state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, PoolStatusState<A>> {
        self.state.lock()
    }

    pub(crate) fn totals(&self) -> Totals {
        self.lock().totals
    }

    pub(crate) fn last_error(&self) -> Option<SharedError> {
        self.lock().last_error.clone()
    }

    pub(crate) fn ended(&self) -> Option<Ended> {
        self.lock().ended
    }

    pub(crate) fn set_ended(&self, ended: Ended) {
        self.lock().ended = Some(ended);
    }

    /// A new address, or one that is back.
    pub(crate) fn add(&self, id: AddressId, record: AddressRecord<A>) {
        let mut state = self.lock();
        if state.records.len() <= id.index() {
            state.records.resize_with(id.index() + 1, || None);
        }
        let is_known = state.record_mut(id).is_some();
        let previous = if is_known { Some(record) } else { state.records[id.index()].replace(record) };
        drop(state);
        if let Some(record) = previous {
            record.discard();
        }
    }

    pub(crate) fn forget(&self, id: AddressId) {
        let mut state = self.lock();
        let forgotten = state
            .records
            .get_mut(id.index())
            .and_then(|record| record.take_if(|record| record.status.id == id));
        drop(state);
        if let Some(record) = forgotten {
            record.discard();
        }
    }

    pub(crate) fn set_error(&self, id: AddressId, error: &SharedError) {
        let mut state = self.lock();
        let of_record = state.record_mut(id).and_then(|record| record.last_error.replace(Arc::clone(error)));
        let of_all = state.last_error.replace(Arc::clone(error));
        drop(state);
        discard(of_record);
        discard(of_all);
    }

    pub(crate) fn set_last_error(&self, error: SharedError) {
        let previous = self.lock().last_error.replace(error);
        discard(previous);
    }

    /// What the name service has said now.
    pub(crate) fn set_source(&self, said: SourceState) {
        let answered_at = matches!(said, SourceState::Answered).then(SystemInstant::now);
        let mut state = self.lock();
        state.source.answered_at = answered_at.or(state.source.answered_at);
        let previous = mem::replace(&mut state.source.state, said);
        drop(state);
        discard(previous);
    }

    /// Brings records up to date: what addresses were sent, and what they do now.
    pub(crate) fn update(&self, sent: &[SentCount], statuses: &[AddressStatus], totals: Totals) {
        let mut state = self.lock();
        for &SentCount { address, items } in sent {
            if let Some(record) = state.record_mut(address) {
                record.sent += items;
                // What was reported since comes with the status.
                let in_flight = i64::from(record.status.in_flight).saturating_add(items);
                record.status.in_flight = u32::try_from(in_flight.max(0)).unwrap_or(u32::MAX);
            }
        }
        for status in statuses {
            if let Some(record) = state.record_mut(status.id) {
                record.status = *status;
            }
        }
        state.totals = totals;
    }

    /// Whether all of these items are dealt with, as far as connections report on them.
    pub(crate) fn has_settled(&self, accepted: u64, reports_outcomes: bool) -> bool {
        let state = self.lock();
        let Totals { sent, undelivered, .. } = state.totals;
        let mut records = state.records.iter().flatten();
        count(sent) + undelivered == accepted
            && !(reports_outcomes && records.any(|record| record.status.in_flight > 0))
    }

    /// The queue is looked at last: what was sent on by then has been accepted.
    pub(crate) fn snapshot(&self, queue: impl FnOnce() -> (QueueSnapshot, u64)) -> Snapshot<A> {
        let state = self.lock();
        let records: Vec<AddressRecord<A>> = state.records.iter().flatten().cloned().collect();
        let Totals { now, availability, sent, undelivered, .. } = state.totals;
        let (source, ended) = (state.source.snapshot(), state.ended);
        drop(state);
        let (queue, accepted) = queue();
        let addresses = records.into_iter().map(|record| AddressSnapshot::new(record, now)).collect();
        let counts = Counts { accepted, sent: count(sent), undelivered };
        Snapshot { addresses, queue, counts, availability, source, ended }
    }
}

/// A panic does not reach the code that drops the last handle.
impl<A> Drop for PoolStatus<A> {
    fn drop(&mut self) {
        let mut state = self.lock();
        let (records, last_error) = (mem::take(&mut state.records), state.last_error.take());
        let source = mem::take(&mut state.source);
        drop(state);
        records.into_iter().flatten().for_each(AddressRecord::discard);
        discard(last_error);
        discard(source);
    }
}

/// A sum that has caught up with what it sums.
pub(crate) fn count(items: i64) -> u64 {
    u64::try_from(items).unwrap_or(0)
}

/// A look at a pool: what the driver knew when it last did something.
///
/// It prints as a table, if its addresses can be printed.
///
/// ```
/// # fn example(pool: &pool_driver::Pool<String, u16>) {
/// let snapshot = pool.snapshot();
/// println!("{snapshot}");
/// let failing = snapshot.addresses.iter().filter(|address| address.status.failures > 0);
/// for address in failing {
///     println!("{} is tried again in {:?}", address.address, address.retry_after);
/// }
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot<A> {
    /// All addresses of the set, and those that left it and still drain or are in backoff.
    pub addresses: Vec<AddressSnapshot<A>>,
    /// The queue.
    pub queue: QueueSnapshot,
    /// What became of the items so far.
    pub counts: Counts,
    /// Whether there is a connection.
    pub availability: Availability,
    /// What the name service said last, and how old its addresses are.
    pub source: SourceSnapshot,
    /// Why the pool is over, if it is.
    pub ended: Option<Ended>,
}

/// A look at one address.
#[derive(Debug)]
#[non_exhaustive]
pub struct AddressSnapshot<A> {
    /// Which.
    pub address: Arc<A>,
    /// What it is doing, and how many connections it has in which state.
    pub status: AddressStatus,
    /// How long ago it came, left, or last changed between working and failing.
    pub since: Duration,
    /// How long it is still left alone, if it is in backoff.
    pub retry_after: Option<Duration>,
    /// Items sent to its connections, less those that came back unsent.
    pub sent: u64,
    /// Its latest error, ever.
    pub last_error: Option<SharedError>,
}

impl<A> AddressSnapshot<A> {
    fn new(record: AddressRecord<A>, now: Instant) -> Self {
        let AddressRecord { address, mut status, sent, last_error } = record;
        // The end of a backoff is nothing that happens: the driver writes nothing then.
        if status.state == AddressState::Backoff && status.retry_at.is_some_and(|at| at <= now) {
            status.state = AddressState::Waiting;
            status.retry_at = None;
        }
        Self {
            address,
            since: now.saturating_duration_since(status.since),
            retry_after: status.retry_at.map(|at| at.saturating_duration_since(now)),
            status,
            sent: count(sent),
            last_error,
        }
    }
}

impl<A> Clone for AddressSnapshot<A> {
    fn clone(&self) -> Self {
        Self { address: Arc::clone(&self.address), last_error: self.last_error.clone(), ..*self }
    }
}

impl<A: fmt::Display> fmt::Display for Snapshot<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<24} {:<9} {:>8} {:>6} {:>6} {:>9} {:>9}  last error",
            "address", "state", "dialling", "open", "drain", "failures", "sent"
        )?;
        for record in &self.addresses {
            let status = &record.status;
            write!(
                f,
                "{:<24} {:<9} {:>8} {:>6} {:>6} {:>9} {:>9}  ",
                record.address.to_string(),
                status.state,
                status.dialling,
                status.busy + status.ready,
                status.draining,
                status.failures,
                record.sent
            )?;
            match &record.last_error {
                Some(error) => writeln!(f, "{error}")?,
                None => writeln!(f, "-")?,
            }
        }
        writeln!(f, "name service: {}", self.source)?;
        let QueueSnapshot { queued, in_backlog, granted, waiting, capacity } = self.queue;
        let Counts { accepted, sent, undelivered } = self.counts;
        write!(f, "queue {}/{capacity}, {waiting} waiting; ", queued + in_backlog + granted)?;
        write!(f, "{accepted} accepted, {sent} sent, {undelivered} undelivered; ")?;
        match &self.ended {
            Some(ended) => writeln!(f, "over: {}", ended.reason),
            None => writeln!(f, "{}", availability_name(self.availability)),
        }
    }
}

fn availability_name(availability: Availability) -> &'static str {
    match availability {
        Availability::Usable => "usable",
        Availability::Waiting => "waiting for a connection",
        Availability::FailingFast => "failing fast",
    }
}
