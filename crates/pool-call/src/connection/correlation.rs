//! Which call a reply answers.

use std::num::NonZero;
use std::sync::Arc;
use std::task::Waker;

use pool_driver::Instant;

use super::Orphans;
use crate::call::Responder;

/// A call on the wire.
pub struct Flight<Request, Reply> {
    pub(super) responder: Responder<Request, Reply>,
    pub(super) begun: Instant,
}

/// A reply, or a part of one.
pub struct Piece<Reply> {
    pub(super) reply: Reply,
    pub(super) is_last: bool,
}

/// What a piece does.
pub enum Answered<Request, Reply> {
    /// It is the whole reply to this call.
    Whole(Flight<Request, Reply>, Reply),
    /// It completes the reply to this call, which has begun before.
    Completed(Flight<Request, Reply>, Reply),
    /// The reply begins by it, to a call that was begun then. More is to come.
    Begun(Instant),
    /// More is to come.
    Partly,
    /// It is one part too many.
    TooMany,
    /// Nobody waits for it.
    Unexpected(Reply),
    /// Nobody waits for it, and that is no fault.
    Ignored,
}

/// Keeps the calls that are on the wire, and finds the one that a reply answers. Only this crate implements
/// it; it is public as far as it bounds the methods of a public type.
pub trait Correlation<Request, Reply> {
    /// Sets how many calls may be in flight, before the first. Returns how many of them can be told apart.
    fn set_in_flight_max(&mut self, calls: usize) -> usize;

    /// A request is about to be written, which has one reply.
    fn begin(&mut self, request: &mut Request, flight: Flight<Request, Reply>);

    /// A request is about to be written, which has so many replies.
    fn begin_several(&mut self, request: &mut Request, flight: Flight<Request, Reply>, replies: NonZero<u32>);

    /// Finds the call that a piece belongs to. Pieces of one reply, `parts_max` at most, are put together by `join`.
    fn answer(
        &mut self,
        piece: Piece<Reply>,
        parts_max: u32,
        join: impl FnOnce(&mut Reply, Reply),
    ) -> Answered<Request, Reply>;

    /// All calls that are left, when the connection is over.
    fn take_all(&mut self) -> impl Iterator<Item = Flight<Request, Reply>>;

    /// Counts the calls whose callers have gone, if they may be forgotten.
    #[inline]
    fn orphans(&self) -> Option<&Arc<Orphans>> {
        None
    }

    /// Forgets calls whose callers have gone, if it may; more that go wake this waker. Returns how many it has forgotten.
    #[inline]
    fn forget_orphans(&mut self, waker: &Waker) -> usize {
        let _ = waker;
        0
    }

    /// When the oldest call was begun.
    fn oldest_begun(&self) -> Option<Instant>;

    /// How many calls are on the wire.
    fn len(&self) -> usize;

    /// No call is on the wire: releases memory that only a burst has needed.
    fn release_memory(&mut self);
}

/// What has come of the replies to one call, and is not complete.
pub(super) struct Gathered<Reply> {
    /// `None` until the first piece has come.
    reply: Option<Reply>,
    parts: u32,
}

/// Why what is gathered is no reply yet.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Unfinished {
    /// This was the first piece.
    Begun,
    MoreToCome,
    TooMany,
}

impl Unfinished {
    /// As what a piece does for a call that was begun then.
    pub(super) fn into_answered<Request, Reply>(self, begun: Instant) -> Answered<Request, Reply> {
        match self {
            Self::Begun => Answered::Begun(begun),
            Self::MoreToCome => Answered::Partly,
            Self::TooMany => Answered::TooMany,
        }
    }
}

impl<Reply> Gathered<Reply> {
    pub(super) fn new() -> Self {
        Self { reply: None, parts: 0 }
    }

    /// Whether a piece has come.
    pub(super) fn has_begun(&self) -> bool {
        self.reply.is_some()
    }

    /// Adds a piece. So many replies are still to come; returns them joined, if this completes the last one.
    pub(super) fn add(
        &mut self,
        replies: &mut NonZero<u32>,
        piece: Piece<Reply>,
        parts_max: u32,
        join: impl FnOnce(&mut Reply, Reply),
    ) -> Result<Reply, Unfinished> {
        let Piece { mut reply, is_last } = piece;
        let has_begun = self.has_begun();
        if let Some(mut so_far) = self.reply.take() {
            join(&mut so_far, reply);
            reply = so_far;
        }
        if is_last {
            let Some(left) = NonZero::new(replies.get() - 1) else {
                self.parts = 0;
                return Ok(reply);
            };
            *replies = left;
        } else {
            self.parts = self.parts.saturating_add(1);
            if self.parts > parts_max {
                return Err(Unfinished::TooMany);
            }
        }
        self.reply = Some(reply);
        Err(if has_begun { Unfinished::MoreToCome } else { Unfinished::Begun })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of these pieces, one letter each; capitals are the last of their replies.
    fn gathered(pieces: &str, replies: u32, parts_max: u32) -> Result<String, Unfinished> {
        let mut gathered = Gathered::new();
        let mut replies = NonZero::new(replies).expect("at least one");
        for piece in pieces.chars() {
            let piece = Piece { reply: piece.to_string(), is_last: piece.is_uppercase() };
            let join = |reply: &mut String, part: String| reply.push_str(&part);
            let has_begun = gathered.has_begun();
            match gathered.add(&mut replies, piece, parts_max, join) {
                Err(Unfinished::Begun) => assert!(!has_begun, "{pieces}"),
                Err(Unfinished::MoreToCome) => assert!(has_begun, "{pieces}"),
                finished => return finished,
            }
        }
        Err(Unfinished::MoreToCome)
    }

    #[test]
    fn parts_and_replies_are_joined_in_the_order_in_which_they_come() {
        assert_eq!(gathered("A", 1, 0), Ok("A".to_owned()));
        assert_eq!(gathered("abC", 1, 2), Ok("abC".to_owned()));
        assert_eq!(gathered("abCDeF", 3, 3), Ok("abCDeF".to_owned()));
        assert_eq!(gathered("abCDe", 3, 3), Err(Unfinished::MoreToCome));
    }

    #[test]
    fn parts_are_bounded_and_replies_that_were_asked_for_are_not() {
        assert_eq!(gathered("abc", 1, 2), Err(Unfinished::TooMany));
        assert_eq!(gathered("aBcDe", 3, 2), Err(Unfinished::TooMany));
        assert_eq!(gathered("ABCDE", 5, 0), Ok("ABCDE".to_owned()));
    }
}
