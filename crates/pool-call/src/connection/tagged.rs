//! Connections whose replies say by an id which request they answer.

use std::fmt;
use std::marker::PhantomData;

use pool_driver::Wrap;

use super::CallConnection;
use super::correlation::{Correlation, Flight};
use super::id_table::IdTable;
use crate::policy::IN_FLIGHT_MAX;

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
/// - The id of a call whose caller has gone stays in use until its reply comes, however late.
/// - A reply whose id is not in use, or that has none, breaks the connection. No id is used again
///   soon, so a second reply to the same request doesn't go to another caller.
/// - No more calls are in flight than there are ids.
pub type Tagged<T, Request, Reply, Stamp, IdOf> =
    CallConnection<T, Request, Reply, ById<Request, Reply, Stamp, IdOf>>;

impl<T, Request, Reply, Stamp, IdOf> Tagged<T, Request, Reply, Stamp, IdOf>
where
    Stamp: FnMut(&mut Request, u32),
    IdOf: FnMut(&Reply) -> Option<u32>,
{
    /// Calls over a transport whose replies carry the ids of the requests.
    pub fn new(transport: T, stamp: Stamp, id_of: IdOf) -> Self {
        let by_id = ById { stamp, id_of, flights: IdTable::new(IN_FLIGHT_MAX) };
        Self::over(transport, by_id, IN_FLIGHT_MAX)
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
pub struct AsTagged<Request, Reply, Stamp, IdOf> {
    stamp: Stamp,
    id_of: IdOf,
    _calls: PhantomData<fn(Request) -> Reply>,
}

impl<Request, Reply, Stamp, IdOf> AsTagged<Request, Reply, Stamp, IdOf> {
    /// The connections have the default settings, and clones of the two.
    pub fn new(stamp: Stamp, id_of: IdOf) -> Self {
        Self { stamp, id_of, _calls: PhantomData }
    }
}

impl<Request, Reply, Stamp: Clone, IdOf: Clone> Clone for AsTagged<Request, Reply, Stamp, IdOf> {
    fn clone(&self) -> Self {
        Self::new(self.stamp.clone(), self.id_of.clone())
    }
}

impl<Request, Reply, Stamp, IdOf> fmt::Debug for AsTagged<Request, Reply, Stamp, IdOf> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsTagged").finish_non_exhaustive()
    }
}

impl<T, Request, Reply, Stamp, IdOf> Wrap<T> for AsTagged<Request, Reply, Stamp, IdOf>
where
    Stamp: FnMut(&mut Request, u32),
    IdOf: FnMut(&Reply) -> Option<u32>,
{
    type Connection = Tagged<T, Request, Reply, Stamp, IdOf>;

    fn wrap(self, transport: T) -> Self::Connection {
        Tagged::new(transport, self.stamp, self.id_of)
    }
}

/// Replies carry the ids of their requests.
pub struct ById<Request, Reply, Stamp, IdOf> {
    stamp: Stamp,
    id_of: IdOf,
    flights: IdTable<Flight<Request, Reply>>,
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
        let id = self.flights.insert(flight);
        (self.stamp)(request, id);
    }

    fn finish(&mut self, reply: &Reply) -> Option<Flight<Request, Reply>> {
        let id = (self.id_of)(reply)?;
        self.flights.remove(id)
    }

    fn take_all(&mut self) -> impl Iterator<Item = Flight<Request, Reply>> {
        self.flights.take_all()
    }

    fn len(&self) -> usize {
        self.flights.len()
    }

    /// The table remembers which ids were used, so it stays.
    fn release_memory(&mut self) {}
}
