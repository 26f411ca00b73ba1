//! Which reply belongs to which call.

use std::collections::VecDeque;
use std::mem;

use pool_driver::Instant;

use crate::call::Responder;

/// A call on the wire.
pub(crate) struct Flight<Request, Reply> {
    pub(crate) responder: Responder<Request, Reply>,
    pub(crate) begun: Instant,
}

/// Keeps the calls that are on the wire, and finds the one that a reply is for.
pub(crate) trait Correlation<Request, Reply> {
    /// A request is about to be written.
    fn begin(&mut self, request: &mut Request, flight: Flight<Request, Reply>);

    /// Whose reply this is, if anybody's.
    fn finish(&mut self, reply: &Reply) -> Option<Flight<Request, Reply>>;

    /// All that are left, when the connection is over.
    fn take_all(&mut self) -> impl Iterator<Item = Flight<Request, Reply>>;

    fn len(&self) -> usize;
}

/// Replies come in the order of their requests.
pub(crate) struct InOrder<Request, Reply> {
    flights: VecDeque<Flight<Request, Reply>>,
}

impl<Request, Reply> InOrder<Request, Reply> {
    pub(crate) fn new() -> Self {
        Self { flights: VecDeque::new() }
    }
}

impl<Request, Reply> Correlation<Request, Reply> for InOrder<Request, Reply> {
    fn begin(&mut self, _: &mut Request, flight: Flight<Request, Reply>) {
        self.flights.push_back(flight);
    }

    fn finish(&mut self, _: &Reply) -> Option<Flight<Request, Reply>> {
        self.flights.pop_front()
    }

    fn take_all(&mut self) -> impl Iterator<Item = Flight<Request, Reply>> {
        mem::take(&mut self.flights).into_iter()
    }

    fn len(&self) -> usize {
        self.flights.len()
    }
}

/// Replies carry the ids of their requests.
///
/// An id is a place, and how often the place was used before, in one number. So a late or second
/// reply isn't taken for that of the place's next call, and no id is in use twice.
pub(crate) struct ById<Request, Reply, Stamp, IdOf> {
    stamp: Stamp,
    id_of: IdOf,
    places: Vec<Place<Request, Reply>>,
    /// Places that are free, the one that has been so for longest first.
    free: VecDeque<usize>,
    /// How many places there may be, if there are ids for them.
    places_max: usize,
    id_max: u32,
    len: usize,
    /// Places that the end of a connection has looked at.
    #[cfg(test)]
    looks: usize,
}

struct Place<Request, Reply> {
    id: u32,
    flight: Option<Flight<Request, Reply>>,
}

impl<Request, Reply, Stamp, IdOf> ById<Request, Reply, Stamp, IdOf> {
    pub(crate) fn new(stamp: Stamp, id_of: IdOf, places_max: usize) -> Self {
        Self {
            stamp,
            id_of,
            places: Vec::new(),
            free: VecDeque::new(),
            places_max,
            id_max: u32::MAX,
            len: 0,
            #[cfg(test)]
            looks: 0,
        }
    }

    /// Before the first call.
    pub(crate) fn set_places_max(&mut self, places_max: usize) {
        self.places_max = places_max;
    }

    /// Before the first call.
    pub(crate) fn set_id_max(&mut self, id_max: u32) {
        self.id_max = id_max;
    }

    /// How many places there can be.
    pub(crate) fn places_max(&self) -> usize {
        usize::try_from(self.stride()).unwrap_or(usize::MAX)
    }

    /// How far apart the ids of a place are.
    fn stride(&self) -> u32 {
        let places_max = u32::try_from(self.places_max).unwrap_or(u32::MAX);
        places_max.clamp(1, self.id_max.saturating_add(1))
    }

    /// The id that follows in the same place.
    fn next_id(&self, id: u32) -> u32 {
        id.checked_add(self.stride()).filter(|next| *next <= self.id_max).unwrap_or(id % self.stride())
    }

    fn take_at(&mut self, index: usize) -> Option<Flight<Request, Reply>> {
        let place = self.places.get_mut(index)?;
        let flight = place.flight.take()?;
        let used = place.id;
        let next = self.next_id(used);
        self.places[index].id = next;
        self.free.push_back(index);
        self.len -= 1;
        Some(flight)
    }
}

impl<Request, Reply, Stamp, IdOf> Correlation<Request, Reply> for ById<Request, Reply, Stamp, IdOf>
where
    Stamp: FnMut(&mut Request, u32),
    IdOf: FnMut(&Reply) -> Option<u32>,
{
    fn begin(&mut self, request: &mut Request, flight: Flight<Request, Reply>) {
        // One that has never been used is as free as can be.
        let is_room = self.places.len() < self.places_max();
        let index = if is_room { None } else { self.free.pop_front() };
        let index = index.unwrap_or_else(|| {
            let id = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
            self.places.push(Place { id, flight: None });
            self.places.len() - 1
        });
        let place = &mut self.places[index];
        place.flight = Some(flight);
        self.len += 1;
        (self.stamp)(request, place.id);
    }

    fn finish(&mut self, reply: &Reply) -> Option<Flight<Request, Reply>> {
        let id = (self.id_of)(reply)?;
        let index = usize::try_from(id % self.stride()).ok()?;
        self.places.get(index).filter(|place| place.id == id)?;
        self.take_at(index)
    }

    fn take_all(&mut self) -> impl Iterator<Item = Flight<Request, Reply>> {
        self.free.clear();
        self.len = 0;
        mem::take(&mut self.places).into_iter().filter_map(|place| {
            #[cfg(test)]
            {
                self.looks += 1;
            }
            place.flight
        })
    }

    fn len(&self) -> usize {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Call;

    const CALLS: usize = 32_768;

    #[test]
    fn the_end_of_a_connection_looks_at_each_of_its_calls_once() {
        let mut by_id = ById::new(|request: &mut u32, id| *request = id, |reply: &u32| Some(*reply), CALLS);
        let replies: Vec<_> = (0..CALLS)
            .map(|_| {
                let (call, reply) = Call::<u32, u32>::new(0);
                let (mut request, responder) = call.begin().expect("the caller waits");
                by_id.begin(&mut request, Flight { responder, begun: Instant::ZERO });
                reply
            })
            .collect();
        let ended = by_id.take_all().count();
        assert_eq!((ended, by_id.len()), (CALLS, 0));
        assert!(by_id.looks <= 2 * CALLS, "{} looks", by_id.looks);
        drop(replies);
    }
}
