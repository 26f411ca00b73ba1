//! Connections whose replies say by an id which request they answer.

use std::fmt;
use std::marker::PhantomData;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

use pool_driver::{Instant, Wrap};

use super::correlation::{Answered, Correlation, Flight, Gathered, Piece};
use super::id_table::IdTable;
use super::{CallConnection, Orphans};
use crate::policy::IN_FLIGHT_MAX;
use crate::protocol::RepliesOnly;

/// A connection that answers calls in any order, each by the id of its request: NATS with reply
/// subjects, Cassandra's streams, most framings of one's own.
///
/// The transport is a sink of requests that is a stream of replies too. The connection chooses the
/// ids; `stamp` puts one into a request before it is written, `id_of` reads it from a reply.
///
/// ```
/// use pool_call::Tagged;
///
/// struct Request { id: u32, question: String }
/// struct Reply { id: u32, answer: String }
///
/// # let transport = ();
/// let connection = Tagged::new(
///     transport,
///     |request: &mut Request, id| request.id = id,
///     |reply: &Reply| Some(reply.id),
/// );
/// ```
///
/// In a pool of calls: `call_pool_for(tcp(codec).tagged(stamp, id_of))`, or by a connector of your own,
/// `call_pool_for(|address| async move { Ok(Tagged::new(dial(address).await?, stamp, id_of)) })`.
///
/// Its settings and what it does otherwise are those of every [`CallConnection`], and in addition:
///
/// - The id of a call whose caller has gone stays in use until its reply comes, however late; unless it is
///   [freed](Self::free_abandoned_ids).
/// - A reply whose id is not in use, or that has none, breaks the connection, unless it is
///   [ignored](Self::ignore_unknown_ids). No id is used again soon, so a second reply to the same request doesn't go to
///   another caller.
/// - No more calls are in flight than there are ids.
pub type Tagged<T, Request, Reply, Stamp, IdOf, P = RepliesOnly> =
    CallConnection<T, Request, Reply, ById<Request, Reply, Stamp, IdOf>, P>;

impl<T, Request, Reply, Stamp, IdOf> Tagged<T, Request, Reply, Stamp, IdOf>
where
    Stamp: FnMut(&mut Request, u32),
    IdOf: FnMut(&Reply) -> Option<u32>,
{
    /// Calls over a transport whose replies carry the ids of the requests. Each item that comes is a reply, each
    /// reply a success: see [`RepliesOnly`].
    pub fn new(transport: T, stamp: Stamp, id_of: IdOf) -> Self {
        Self::with_protocol(transport, stamp, id_of, RepliesOnly)
    }
}

impl<T, Request, Reply, Stamp, IdOf, P> Tagged<T, Request, Reply, Stamp, IdOf, P>
where
    Stamp: FnMut(&mut Request, u32),
    IdOf: FnMut(&Reply) -> Option<u32>,
{
    /// As [`new`](Tagged::new), by a [protocol](crate::Protocol) that says what else may come, and what replies mean.
    /// What it classifies as a reply, or as a part of one, is asked for its id. Parts of several replies may be mixed.
    pub fn with_protocol(transport: T, stamp: Stamp, id_of: IdOf, protocol: P) -> Self {
        let by_id = ById { stamp, id_of, flights: IdTable::new(IN_FLIGHT_MAX), ignored: None, orphans: None };
        Self::over(transport, protocol, by_id, IN_FLIGHT_MAX)
    }

    /// Ignores replies whose ids are not in use, and those that have none, and counts them here.
    ///
    /// It is off by default, because such a reply is most often the sign of a peer, or of a codec, that is out of step.
    /// It is safe where peers are known to send several replies to one request, as when they repeat what they take for
    /// lost, or frames that are no replies: an id is not used again before a thousand others were, as far as there are
    /// as many. With few ids ([`id_max`](Self::id_max)) a second reply may come so late that its id is another call's;
    /// then leave it off. Frames that are no replies are better [classified](crate::Protocol::classify) as such.
    #[must_use]
    pub fn ignore_unknown_ids(mut self, ignored: &Arc<AtomicU64>) -> Self {
        self.correlation_mut().ignored = Some(Arc::clone(ignored));
        self
    }

    /// Frees the id of a call, and its place, soon after its caller has gone. Its reply, if it comes, has an id that is
    /// not in use: it is ignored as by [`ignore_unknown_ids`](Self::ignore_unknown_ids), and counted here.
    ///
    /// It is off by default. It is safe where there are so many ids that none is used again while a late reply may
    /// still come: with the default [`id_max`](Self::id_max), or one of at least some ten thousands, and a peer that
    /// doesn't keep replies back for long. And the peer should be able to cope: it works on more requests than may be
    /// in flight, as those that were given up are not counted. Otherwise its backlog grows, and every caller gives up.
    #[must_use]
    pub fn free_abandoned_ids(mut self, ignored: &Arc<AtomicU64>) -> Self {
        self.correlation_mut().orphans = Some(Arc::default());
        self.ignore_unknown_ids(ignored)
    }

    /// The largest id that the protocol can carry: `u32::MAX` by default; ids start at 0. The more
    /// there are, the later one is used again.
    #[must_use]
    pub fn id_max(mut self, id: u32) -> Self {
        let in_flight_max = self.correlation_mut().flights.set_id_max(id);
        self.limit_in_flight(in_flight_max);
        self
    }
}

/// Makes each transport a [`Tagged`] connection: what `tcp(codec).tagged(stamp, id_of)` of the runtime crates
/// [wraps](pool_driver::Wrapped) by.
pub struct AsTagged<T, Request, Reply, Stamp, IdOf, P = RepliesOnly> {
    stamp: Stamp,
    id_of: IdOf,
    protocol: P,
    progress_by: Option<fn(&T) -> u64>,
    _calls: PhantomData<fn(Request) -> Reply>,
}

impl<T, Request, Reply, Stamp, IdOf> AsTagged<T, Request, Reply, Stamp, IdOf> {
    /// The connections have the default settings, and clones of the two.
    pub fn new(stamp: Stamp, id_of: IdOf) -> Self {
        Self::with_protocol(stamp, id_of, RepliesOnly)
    }
}

impl<T, Request, Reply, Stamp, IdOf, P> AsTagged<T, Request, Reply, Stamp, IdOf, P> {
    /// The connections have the default settings, and clones of the three.
    pub fn with_protocol(stamp: Stamp, id_of: IdOf, protocol: P) -> Self {
        Self { stamp, id_of, protocol, progress_by: None, _calls: PhantomData }
    }

    /// By what the connections know that bytes come: see [`CallConnection::progress_by`].
    #[must_use]
    pub fn progress_by(self, mark: fn(&T) -> u64) -> Self {
        Self { progress_by: Some(mark), ..self }
    }
}

impl<T, Request, Reply, Stamp: Clone, IdOf: Clone, P: Clone> Clone
    for AsTagged<T, Request, Reply, Stamp, IdOf, P>
{
    fn clone(&self) -> Self {
        Self {
            stamp: self.stamp.clone(),
            id_of: self.id_of.clone(),
            protocol: self.protocol.clone(),
            progress_by: self.progress_by,
            _calls: PhantomData,
        }
    }
}

impl<T, Request, Reply, Stamp, IdOf, P> fmt::Debug for AsTagged<T, Request, Reply, Stamp, IdOf, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsTagged").finish_non_exhaustive()
    }
}

impl<T, Request, Reply, Stamp, IdOf, P> Wrap<T> for AsTagged<T, Request, Reply, Stamp, IdOf, P>
where
    Stamp: FnMut(&mut Request, u32),
    IdOf: FnMut(&Reply) -> Option<u32>,
{
    type Connection = Tagged<T, Request, Reply, Stamp, IdOf, P>;

    fn wrap(self, transport: T) -> Self::Connection {
        Tagged::with_protocol(transport, self.stamp, self.id_of, self.protocol)
            .with_progress_by(self.progress_by)
    }
}

/// So many calls are looked at for each whose caller has gone.
const LOOKS_PER_ORPHAN: usize = 8;

/// Replies carry the ids of their requests.
pub struct ById<Request, Reply, Stamp, IdOf> {
    stamp: Stamp,
    id_of: IdOf,
    flights: IdTable<TaggedFlight<Request, Reply>>,
    /// Counts replies with ids that are not in use. `None`: they break the connection.
    ignored: Option<Arc<AtomicU64>>,
    /// Counts the calls whose callers have gone, if they are forgotten.
    orphans: Option<Arc<Orphans>>,
}

struct TaggedFlight<Request, Reply> {
    flight: Flight<Request, Reply>,
    /// Replies that are still to come.
    replies: NonZero<u32>,
    /// What has come of them.
    gathered: Gathered<Reply>,
}

impl<Request, Reply, Stamp, IdOf> ById<Request, Reply, Stamp, IdOf> {
    fn on_unknown(&self, reply: Reply) -> Answered<Request, Reply> {
        match &self.ignored {
            Some(ignored) => {
                ignored.fetch_add(1, Ordering::Relaxed);
                Answered::Ignored
            }
            None => Answered::Unexpected(reply),
        }
    }
}

impl<Request, Reply, Stamp, IdOf> Correlation<Request, Reply> for ById<Request, Reply, Stamp, IdOf>
where
    Stamp: FnMut(&mut Request, u32),
    IdOf: FnMut(&Reply) -> Option<u32>,
{
    fn set_in_flight_max(&mut self, calls: usize) -> usize {
        self.flights.set_len_max(calls)
    }

    fn begin(&mut self, request: &mut Request, flight: Flight<Request, Reply>) {
        self.begin_several(request, flight, NonZero::<u32>::MIN);
    }

    fn begin_several(
        &mut self,
        request: &mut Request,
        flight: Flight<Request, Reply>,
        replies: NonZero<u32>,
    ) {
        let id = self.flights.insert(TaggedFlight { flight, replies, gathered: Gathered::new() });
        (self.stamp)(request, id);
    }

    fn answer(
        &mut self,
        piece: Piece<Reply>,
        parts_max: u32,
        join: impl FnOnce(&mut Reply, Reply),
    ) -> Answered<Request, Reply> {
        let Some(id) = (self.id_of)(&piece.reply) else { return self.on_unknown(piece.reply) };
        let Some(TaggedFlight { flight, replies, gathered }) = self.flights.get_mut(id) else {
            return self.on_unknown(piece.reply);
        };
        let has_begun = gathered.has_begun();
        let reply = match gathered.add(replies, piece, parts_max, join) {
            Ok(reply) => reply,
            Err(unfinished) => return unfinished.into_answered(flight.begun),
        };
        match self.flights.remove(id) {
            Some(TaggedFlight { flight, .. }) if has_begun => Answered::Completed(flight, reply),
            Some(TaggedFlight { flight, .. }) => Answered::Whole(flight, reply),
            None => Answered::Unexpected(reply),
        }
    }

    fn take_all(&mut self) -> impl Iterator<Item = Flight<Request, Reply>> {
        self.flights.take_all().map(|tagged| tagged.flight)
    }

    fn orphans(&self) -> Option<&Arc<Orphans>> {
        self.orphans.as_ref()
    }

    fn forget_orphans(&mut self, waker: &Waker) -> usize {
        let Some(orphans) = &self.orphans else { return 0 };
        // Before the look at them: one that comes later wakes.
        orphans.watch(waker);
        let (before, count) = (self.flights.len(), orphans.count());
        // Each costs a look at so many calls, however many there are.
        if count > 0 && count.saturating_mul(LOOKS_PER_ORPHAN) >= before {
            self.flights.retain(|tagged| !tagged.flight.responder.is_given_up());
        }
        let forgotten = before - self.flights.len();
        (0..forgotten).for_each(|_| orphans.remove());
        forgotten
    }

    fn oldest_begun(&self) -> Option<Instant> {
        self.flights.values().map(|tagged| tagged.flight.begun).min()
    }

    fn len(&self) -> usize {
        self.flights.len()
    }

    /// The table remembers which ids were used, so it stays.
    fn release_memory(&mut self) {}
}
