//! What requests, and the words of a peer, mean.

mod excerpt;
mod rules;

use std::fmt;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pool_driver::{Panicked, Verdict};

pub(crate) use excerpt::excerpt;
pub use rules::{ByDebug, ByDefault, Classify, Describe, Expect, Judge, Rules};

use crate::error::ConnectionError;

/// What a connection of calls has to know of its protocol: how many replies a request has, whether what comes is a
/// reply at all, and what a reply means for the connection and its address.
///
/// [`Pipelined`](crate::Pipelined) and [`Tagged`](crate::Tagged) connections have one each, by value; it may keep a
/// state. All but [`classify`](Self::classify) has a default. [`RepliesOnly`] is for protocols where all there is are
/// replies, [`Rules`] are made of closures. A tower service knows by itself which response is whose, and has
/// rules of its own: `tower::Answers`.
///
/// ```
/// use pool_call::{Incoming, Protocol, Replies};
/// use pool_driver::Verdict;
///
/// /// A protocol of lines. The server pings, and tells news that nobody asked for.
/// #[derive(Clone)]
/// struct Lines {
///     news: std::sync::mpsc::SyncSender<String>,
/// }
///
/// impl Protocol<String, String> for Lines {
///     type Reply = String;
///
///     fn classify(&mut self, line: String) -> Incoming<String, String> {
///         match line.split_once(' ') {
///             Some(("NEWS", text)) => {
///                 // A full channel must not hold up the replies.
///                 let _ = self.news.try_send(text.to_owned());
///                 Incoming::Push
///             }
///             Some(("MORE", text)) => Incoming::Part(text.to_owned()),
///             _ if line == "PING" => Incoming::Control("PONG".to_owned()),
///             _ if line == "BYE" => Incoming::Goodbye,
///             _ => Incoming::Reply(line),
///         }
///     }
///
///     fn replies_to(&mut self, request: &String) -> Replies<String> {
///         if request.starts_with("TELL ") { Replies::None("told".to_owned()) } else { Replies::One }
///     }
///
///     fn join(&mut self, reply: &mut String, part: String) {
///         reply.push_str(&part);
///     }
///
///     fn judge(&mut self, reply: &String) -> Verdict {
///         if reply == "ERR busy" { Verdict::Overloaded { pause: None } } else { Verdict::Success }
///     }
/// }
/// ```
///
/// A method that panics ends its connection, with
/// [`ProtocolPanicked`](crate::ConnectionError::ProtocolPanicked), and no other.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no protocol of requests `{Request}` and incoming items `{Item}`",
    note = "the transport has to be a stream of `Result<Item, _>`; the `Reply` of the protocol is what callers get",
    note = "closures have to name the types of their arguments: `Rules::new().judge(|reply: &Reply| …)`"
)]
pub trait Protocol<Request, Item> {
    /// What callers get.
    type Reply;

    /// What an item is that has come. A push is dealt with here.
    fn classify(&mut self, item: Item) -> Incoming<Request, Self::Reply>;

    /// How many replies this request has; asked once, before it is written. One, by default.
    #[inline]
    fn replies_to(&mut self, request: &Request) -> Replies<Self::Reply> {
        let _ = request;
        Replies::One
    }

    /// Adds another part, or another reply to the same request, to what has come of a reply. By default the last one
    /// takes the place of those before it.
    #[inline]
    fn join(&mut self, reply: &mut Self::Reply, part: Self::Reply) {
        *reply = part;
    }

    /// What a whole reply means. It is asked before the caller gets the reply, once for each call, also if the
    /// caller has gone. [`Verdict::Success`] by default.
    ///
    /// [`Overloaded`](Verdict::Overloaded) and [`Unfit`](Verdict::Unfit) say that the request was not executed, so
    /// that it may be [repeated](crate::Retry) elsewhere.
    #[inline]
    fn judge(&mut self, reply: &Self::Reply) -> Verdict {
        let _ = reply;
        Verdict::Success
    }

    /// Shows a reply that nobody waits for, in the error that its connection ends with: most do it by
    /// `write!(f, "{reply:?}")`. Of that no more than 80 printable characters are taken. By default it shows nothing.
    ///
    /// # Errors
    ///
    /// That of the formatter. What was written before counts.
    fn describe(&self, reply: &Self::Reply, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = (reply, f);
        Ok(())
    }
}

/// What has come from a peer.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Incoming<Request, Reply> {
    /// A reply, or the last part of one.
    Reply(Reply),
    /// A part of a reply, of which more is to come. The caller gets all of it [joined](Protocol::join).
    Part(Reply),
    /// Nothing that a call waits for, and the protocol has dealt with it: it has given it to a handler, or put it
    /// into a channel. It shifts nobody's answer.
    Push,
    /// A question to the connection itself, as a ping, and its answer. It is written before all calls that are not
    /// written yet, and waits for no reply. The answers that wait are bounded: a peer that asks again and again, and
    /// takes none, [loses](crate::ConnectionError::TooManyControls) its connection.
    Control(Request),
    /// The peer asks for no more calls: the connection answers those it has, closes, and is replaced.
    Goodbye,
}

/// How many replies a request has.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub enum Replies<Reply> {
    /// None: its caller gets this, when the request is written and flushed. A [`Tagged`](crate::Tagged) connection
    /// gives it no id.
    None(Reply),
    /// One, be it in parts.
    #[default]
    One,
    /// So many, one after the other: several commands in one request, say. The caller gets all of them
    /// [joined](Protocol::join).
    Exactly(NonZero<u32>),
}

/// The protocol where all that comes are replies, one to each request, and all of them are successes. It costs
/// nothing.
///
/// It is the default of [`Pipelined`](crate::Pipelined) and [`Tagged`](crate::Tagged).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct RepliesOnly;

impl<Request, Item> Protocol<Request, Item> for RepliesOnly {
    type Reply = Item;

    #[inline]
    fn classify(&mut self, item: Item) -> Incoming<Request, Item> {
        Incoming::Reply(item)
    }
}

/// Calls into a protocol. Its panic ends the connection.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "several times for every call; a protocol that can't panic costs nothing"
)]
pub(crate) fn guard<R>(protocol: impl FnOnce() -> R) -> Result<R, ConnectionError> {
    catch_unwind(AssertUnwindSafe(protocol))
        .map_err(|payload| ConnectionError::ProtocolPanicked(Panicked::from_payload(payload).into()))
}
