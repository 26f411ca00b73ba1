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
    name: Option<Arc<str>>,
    state: Mutex<PoolStatusState<A>>,
}

struct PoolStatusState<A> {
    /// By the address's index.
    records: Vec<Option<AddressRecord<A>>>,
    /// Connections that are up, of all records.
    connections: usize,
    /// How many records there ever were.
    added: u64,
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
    fn reach(&self) -> Reach {
        Reach::of(&self.status)
    }

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

/// How far a pool, or an address, has come.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reach {
    /// Connections that are up, busy or ready.
    pub(crate) connections: usize,
    /// It has failed since it last worked, and has no connection.
    pub(crate) is_failing: bool,
}

impl Reach {
    fn of(status: &AddressStatus) -> Self {
        let connections = usize::from(status.slots.busy) + usize::from(status.slots.ready);
        Self { connections, is_failing: connections == 0 && status.failures > 0 }
    }

    /// Whether there is something to tell those that wait for connections.
    fn is_news_after(self, before: Self) -> bool {
        self.connections > before.connections || (self.is_failing && !before.is_failing)
    }
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

    fn record(&self, id: AddressId) -> Option<&AddressRecord<A>> {
        self.records.get(id.index())?.as_ref().filter(|record| record.status.id == id)
    }

    /// Puts a record in place of another, or of none.
    fn replace(&mut self, id: AddressId, record: Option<AddressRecord<A>>) -> Option<AddressRecord<A>> {
        self.added += u64::from(record.is_some());
        self.connections += record.as_ref().map_or(0, |record| record.reach().connections);
        let previous = mem::replace(&mut self.records[id.index()], record);
        self.connections -= previous.as_ref().map_or(0, |record| record.reach().connections);
        previous
    }

    /// Returns whether that is news for those that wait for connections.
    fn set_status(&mut self, status: &AddressStatus) -> bool {
        let Some(record) = self.record_mut(status.id) else { return false };
        let (before, after) = (record.reach(), Reach::of(status));
        record.status = *status;
        self.connections = self.connections - before.connections + after.connections;
        after.is_news_after(before)
    }
}

impl<A> PoolStatus<A> {
    pub(crate) fn new(name: Option<Arc<str>>) -> Self {
        let totals = Totals::new();
        let state = PoolStatusState {
            records: Vec::new(),
            connections: 0,
            added: 0,
            totals,
            last_error: None,
            source: SourceStatus::default(),
            ended: None,
        };
        Self { name, state: Mutex::new(state) }
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(crate) fn shared_name(&self) -> Option<Arc<str>> {
        self.name.clone()
    }

    fn lock(&self) -> MutexGuard<'_, PoolStatusState<A>> {
        self.state.lock()
    }

    /// How far the pool has come.
    pub(crate) fn reach(&self) -> Reach {
        let state = self.lock();
        Reach { connections: state.connections, is_failing: state.totals.is_failing }
    }

    /// How far an address has come, while it is known.
    pub(crate) fn reach_of(&self, id: AddressId) -> Option<Reach> {
        self.lock().record(id).map(AddressRecord::reach)
    }

    /// How many addresses ever came.
    pub(crate) fn added(&self) -> u64 {
        self.lock().added
    }

    /// The id of an address, while it is known. Addresses are compared outside of the lock: that is user code.
    pub(crate) fn find(&self, is_sought: impl Fn(&A) -> bool) -> Option<AddressId> {
        let state = self.lock();
        let known = state.records.iter().flatten();
        let known: Vec<_> = known.map(|record| (record.status.id, Arc::clone(&record.address))).collect();
        drop(state);
        known.iter().find(|(_, address)| is_sought(address)).map(|(id, _)| *id)
    }

    pub(crate) fn last_error_of(&self, id: AddressId) -> Option<SharedError> {
        self.lock().record(id).and_then(|record| record.last_error.clone())
    }

    /// Why the name service has no answer, if it said so.
    pub(crate) fn source_error(&self) -> Option<SharedError> {
        self.lock().source.state.error().cloned()
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
        let previous = if is_known { Some(record) } else { state.replace(id, Some(record)) };
        drop(state);
        if let Some(record) = previous {
            record.discard();
        }
    }

    pub(crate) fn forget(&self, id: AddressId) {
        let mut state = self.lock();
        let is_known = state.record(id).is_some();
        let forgotten = if is_known { state.replace(id, None) } else { None };
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

    /// Brings records up to date: what addresses were sent, and what they do now. Returns whether that is news
    /// for those that wait for connections.
    pub(crate) fn update(&self, sent: &[SentCount], statuses: &[AddressStatus], totals: Totals) -> bool {
        let mut state = self.lock();
        for &SentCount { address, items } in sent {
            if let Some(record) = state.record_mut(address) {
                record.sent += items;
                // What was reported since comes with the status.
                let in_flight = i64::from(record.status.in_flight).saturating_add(items);
                record.status.in_flight = u32::try_from(in_flight.max(0)).unwrap_or(u32::MAX);
            }
        }
        let mut is_news = false;
        for status in statuses {
            is_news |= state.set_status(status);
        }
        is_news |= totals.is_failing && !state.totals.is_failing;
        state.totals = totals;
        is_news
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
        Snapshot { name: self.name.clone(), addresses, queue, counts, availability, source, ended }
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
    /// The pool's name, if it has one.
    pub name: Option<Arc<str>>,
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
    /// How long it is still left alone, if it is in backoff or rests.
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
        // Nor is the end of a rest, before an item tries the address.
        if let Some(rest) = &mut status.rest {
            rest.until = rest.until.filter(|at| *at > now);
        }
        let left_alone_until = status.retry_at.max(status.rest.and_then(|rest| rest.until));
        Self {
            address,
            since: now.saturating_duration_since(status.since),
            retry_after: left_alone_until.map(|at| at.saturating_duration_since(now)),
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
        if let Some(name) = &self.name {
            writeln!(f, "pool {name}")?;
        }
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
                status.slots.dialling,
                status.slots.connected(),
                status.slots.draining,
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
