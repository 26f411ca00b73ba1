//! Protocols that are made of closures.

use std::fmt;

use pool_driver::Verdict;

use super::{Incoming, Protocol, Replies};

/// A [`Protocol`] of closures, where one or two of its methods are needed. What is not set is as
/// [`RepliesOnly`](crate::RepliesOnly) has it.
///
/// ```
/// use pool_call::{Incoming, Rules};
/// use pool_driver::Verdict;
///
/// // Replies that are objects with an `error` are failures, and the server may tell what nobody has asked for.
/// # #[derive(Debug)]
/// struct Message { is_answer: bool, error: Option<u32> }
///
/// let rules = Rules::new()
///     .classify(|message: Message| if message.is_answer { Incoming::<String, _>::Reply(message) } else { Incoming::Push })
///     .judge(|reply: &Message| match reply.error {
///         Some(503) => Verdict::Overloaded { pause: None },
///         Some(_) => Verdict::Failure,
///         None => Verdict::Success,
///     })
///     .describe_by_debug();
/// # fn is_protocol(_: impl pool_call::Protocol<String, Message>) {}
/// # is_protocol(rules);
/// ```
///
/// What joins replies has a name of its own: implement the trait.
#[derive(Clone, Copy, Default, Debug)]
pub struct Rules<C = ByDefault, E = ByDefault, J = ByDefault, D = ByDefault> {
    classify: C,
    expect: E,
    judge: J,
    describe: D,
}

impl Rules {
    /// Nothing but replies, one to each request, and all of them successes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl<C, E, J, D> Rules<C, E, J, D> {
    /// What an item is that has come: [`Protocol::classify`].
    #[must_use]
    pub fn classify<Request, Item, Reply, F>(self, classify: F) -> Rules<F, E, J, D>
    where
        F: FnMut(Item) -> Incoming<Request, Reply>,
    {
        let Self { classify: _, expect, judge, describe } = self;
        Rules { classify, expect, judge, describe }
    }

    /// How many replies a request has: [`Protocol::replies_to`].
    #[must_use]
    pub fn replies_to<Request, Reply, F>(self, expect: F) -> Rules<C, F, J, D>
    where
        F: FnMut(&Request) -> Replies<Reply>,
    {
        let Self { classify, expect: _, judge, describe } = self;
        Rules { classify, expect, judge, describe }
    }

    /// What a reply means: [`Protocol::judge`].
    #[must_use]
    pub fn judge<Reply, F>(self, judge: F) -> Rules<C, E, F, D>
    where
        F: FnMut(&Reply) -> Verdict,
    {
        let Self { classify, expect, judge: _, describe } = self;
        Rules { classify, expect, judge, describe }
    }

    /// Shows a reply that nobody waits for by its [`Debug`](fmt::Debug): [`Protocol::describe`].
    #[must_use]
    pub fn describe_by_debug(self) -> Rules<C, E, J, ByDebug> {
        let Self { classify, expect, judge, describe: _ } = self;
        Rules { classify, expect, judge, describe: ByDebug }
    }
}

impl<Request, Item, C, E, J, D> Protocol<Request, Item> for Rules<C, E, J, D>
where
    C: Classify<Request, Item>,
    E: Expect<Request, C::Reply>,
    J: Judge<C::Reply>,
    D: Describe<C::Reply>,
{
    type Reply = C::Reply;

    #[inline]
    fn classify(&mut self, item: Item) -> Incoming<Request, C::Reply> {
        self.classify.classify(item)
    }

    #[inline]
    fn replies_to(&mut self, request: &Request) -> Replies<C::Reply> {
        self.expect.replies_to(request)
    }

    #[inline]
    fn judge(&mut self, reply: &C::Reply) -> Verdict {
        self.judge.judge(reply)
    }

    fn describe(&self, reply: &C::Reply, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe.describe(reply, f)
    }
}

/// A rule that is not set.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ByDefault;

/// The rule of [`Rules`] that classifies: [`ByDefault`], or a closure.
pub trait Classify<Request, Item> {
    /// What callers get.
    type Reply;

    /// [`Protocol::classify`].
    fn classify(&mut self, item: Item) -> Incoming<Request, Self::Reply>;
}

impl<Request, Item> Classify<Request, Item> for ByDefault {
    type Reply = Item;

    #[inline]
    fn classify(&mut self, item: Item) -> Incoming<Request, Item> {
        Incoming::Reply(item)
    }
}

impl<Request, Item, Reply, F: FnMut(Item) -> Incoming<Request, Reply>> Classify<Request, Item> for F {
    type Reply = Reply;

    #[inline]
    fn classify(&mut self, item: Item) -> Incoming<Request, Reply> {
        self(item)
    }
}

/// The rule of [`Rules`] that says how many replies a request has: [`ByDefault`], or a closure.
pub trait Expect<Request, Reply> {
    /// [`Protocol::replies_to`].
    fn replies_to(&mut self, request: &Request) -> Replies<Reply>;
}

impl<Request, Reply> Expect<Request, Reply> for ByDefault {
    #[inline]
    fn replies_to(&mut self, _: &Request) -> Replies<Reply> {
        Replies::One
    }
}

impl<Request, Reply, F: FnMut(&Request) -> Replies<Reply>> Expect<Request, Reply> for F {
    #[inline]
    fn replies_to(&mut self, request: &Request) -> Replies<Reply> {
        self(request)
    }
}

/// The rule of [`Rules`] that judges: [`ByDefault`], or a closure.
pub trait Judge<Reply> {
    /// [`Protocol::judge`].
    fn judge(&mut self, reply: &Reply) -> Verdict;
}

impl<Reply> Judge<Reply> for ByDefault {
    #[inline]
    fn judge(&mut self, _: &Reply) -> Verdict {
        Verdict::Success
    }
}

impl<Reply, F: FnMut(&Reply) -> Verdict> Judge<Reply> for F {
    #[inline]
    fn judge(&mut self, reply: &Reply) -> Verdict {
        self(reply)
    }
}

/// The rule of [`Rules`] that shows replies: [`ByDefault`], which shows nothing, or [`ByDebug`].
pub trait Describe<Reply> {
    /// [`Protocol::describe`].
    ///
    /// # Errors
    ///
    /// That of the formatter.
    fn describe(&self, reply: &Reply, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

impl<Reply> Describe<Reply> for ByDefault {
    fn describe(&self, _: &Reply, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

/// Shows replies by their [`Debug`](fmt::Debug).
#[derive(Clone, Copy, Default, Debug)]
pub struct ByDebug;

impl<Reply: fmt::Debug> Describe<Reply> for ByDebug {
    fn describe(&self, reply: &Reply, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        reply.fmt(f)
    }
}
