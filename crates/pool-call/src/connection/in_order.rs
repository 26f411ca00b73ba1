//! Which call a reply answers, where replies come in the order of their requests.

use std::collections::VecDeque;
use std::mem;
use std::num::NonZero;

use pool_driver::Instant;

use super::correlation::{Answered, Correlation, Flight, Gathered, Piece};
use super::release_capacity;

/// Replies come in the order of their requests.
pub struct InOrder<Request, Reply> {
    /// Oldest first.
    flights: VecDeque<Flight<Request, Reply>>,
    /// Those of them whose replies come in several pieces, oldest first. Mostly there are none, so that nothing else
    /// has to be looked at for a reply in one piece.
    several: VecDeque<Several>,
    /// What has come for the first of these.
    gathered: Gathered<Reply>,
}

/// A call whose replies come in several pieces.
struct Several {
    /// Calls before it, up to another one of this kind.
    ahead: usize,
    /// Replies that are still to come.
    replies: NonZero<u32>,
}

impl<Request, Reply> InOrder<Request, Reply> {
    pub(super) fn new() -> Self {
        Self { flights: VecDeque::new(), several: VecDeque::new(), gathered: Gathered::new() }
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "once for every call")]
    fn answer_oldest(
        &mut self,
        reply: Reply,
        answered: fn(Flight<Request, Reply>, Reply) -> Answered<Request, Reply>,
    ) -> Answered<Request, Reply> {
        match self.flights.pop_front() {
            Some(flight) => answered(flight, reply),
            None => Answered::Unexpected(reply),
        }
    }

    /// A piece has come that is not the whole reply to the oldest call, or some call waits for several.
    #[cold]
    #[inline(never)]
    fn gather(
        &mut self,
        piece: Piece<Reply>,
        parts_max: u32,
        join: impl FnOnce(&mut Reply, Reply),
    ) -> Answered<Request, Reply> {
        if self.flights.is_empty() {
            return Answered::Unexpected(piece.reply);
        }
        let of_oldest = match self.several.front_mut() {
            Some(first) if first.ahead == 0 => Some(&mut first.replies),
            Some(first) if piece.is_last => {
                first.ahead -= 1;
                None
            }
            None if piece.is_last => None,
            // The oldest call turns out to be one of these.
            first => {
                if let Some(first) = first {
                    first.ahead -= 1;
                }
                self.several.push_front(Several { ahead: 0, replies: NonZero::<u32>::MIN });
                self.several.front_mut().map(|first| &mut first.replies)
            }
        };
        let Some(replies) = of_oldest else { return self.answer_oldest(piece.reply, Answered::Whole) };
        let answered = if self.gathered.has_begun() { Answered::Completed } else { Answered::Whole };
        match self.gathered.add(replies, piece, parts_max, join) {
            Ok(reply) => {
                self.several.pop_front();
                release_capacity(&mut self.several);
                self.answer_oldest(reply, answered)
            }
            Err(unfinished) => {
                let begun = self.oldest_begun().unwrap_or(Instant::ZERO);
                unfinished.into_answered(begun)
            }
        }
    }
}

impl<Request, Reply> Correlation<Request, Reply> for InOrder<Request, Reply> {
    fn set_in_flight_max(&mut self, calls: usize) -> usize {
        calls
    }

    #[inline]
    fn begin(&mut self, _: &mut Request, flight: Flight<Request, Reply>) {
        self.flights.push_back(flight);
    }

    fn begin_several(&mut self, _: &mut Request, flight: Flight<Request, Reply>, replies: NonZero<u32>) {
        let before: usize = self.several.iter().map(|several| several.ahead + 1).sum();
        self.several.push_back(Several { ahead: self.flights.len() - before, replies });
        self.flights.push_back(flight);
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "once for every call")]
    fn answer(
        &mut self,
        piece: Piece<Reply>,
        parts_max: u32,
        join: impl FnOnce(&mut Reply, Reply),
    ) -> Answered<Request, Reply> {
        if !piece.is_last || !self.several.is_empty() {
            return self.gather(piece, parts_max, join);
        }
        self.answer_oldest(piece.reply, Answered::Whole)
    }

    fn take_all(&mut self) -> impl Iterator<Item = Flight<Request, Reply>> {
        (self.several, self.gathered) = (VecDeque::new(), Gathered::new());
        mem::take(&mut self.flights).into_iter()
    }

    fn oldest_begun(&self) -> Option<Instant> {
        self.flights.front().map(|flight| flight.begun)
    }

    #[inline]
    fn len(&self) -> usize {
        self.flights.len()
    }

    fn release_memory(&mut self) {
        release_capacity(&mut self.flights);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Call;

    /// Calls with so many replies each, and pieces of `(call, number)` in order; some pieces are parts. Every call gets
    /// its own pieces.
    fn answered(replies: &[u32], parts: &[u32]) {
        let mut in_order = InOrder::<usize, Vec<usize>>::new();
        let mut waiting = Vec::new();
        for (number, count) in replies.iter().enumerate() {
            let (call, answer) = Call::new(number);
            let (mut request, responder) = call.begin().expect("somebody waits");
            let flight = Flight { responder, begun: Instant::ZERO };
            match NonZero::new(*count) {
                Some(count) if count.get() > 1 => in_order.begin_several(&mut request, flight, count),
                _ => in_order.begin(&mut request, flight),
            }
            waiting.push(answer);
        }
        for (number, count) in replies.iter().enumerate() {
            let parts = parts[number % parts.len()];
            let pieces = (0..count * (parts + 1)).map(|piece| (piece + 1) % (parts + 1) == 0);
            let pieces: Vec<bool> = pieces.collect();
            for (index, is_last) in pieces.iter().enumerate() {
                let piece = Piece { reply: vec![number], is_last: *is_last };
                let join = |reply: &mut Vec<usize>, part: Vec<usize>| reply.extend(part);
                match in_order.answer(piece, u32::MAX, join) {
                    Answered::Whole(flight, reply) | Answered::Completed(flight, reply) => {
                        assert_eq!(index + 1, pieces.len(), "of {number} in {replies:?}, {parts:?}");
                        assert_eq!(reply, vec![number; pieces.len()]);
                        flight.responder.reply(reply).expect("somebody waits");
                    }
                    Answered::Begun(_) => assert!(index == 0 && pieces.len() > 1),
                    Answered::Partly => assert!(0 < index && index + 1 < pieces.len()),
                    _ => panic!("piece {index} of {number} in {replies:?} is not waited for"),
                }
            }
        }
        assert_eq!((in_order.len(), in_order.several.len()), (0, 0));
        let piece = Piece { reply: vec![], is_last: true };
        assert!(matches!(in_order.answer(piece, 0, |_, _| ()), Answered::Unexpected(_)));
    }

    #[test]
    fn every_call_gets_its_own_pieces_whatever_waits_before_and_after_it() {
        for bits in 0..1 << 10 {
            let replies: Vec<u32> = (0..5).map(|call| 1 + (bits >> call & 1) * 2).collect();
            let parts: Vec<u32> = (5..10).map(|call| (bits >> call & 1) * 3).collect();
            answered(&replies, &parts);
        }
    }

    #[test]
    fn nobody_waits_for_a_part_without_a_call() {
        let mut in_order = InOrder::<(), u8>::new();
        let piece = Piece { reply: 7, is_last: false };
        assert!(matches!(in_order.answer(piece, 9, |_, _| ()), Answered::Unexpected(7)));
    }
}
