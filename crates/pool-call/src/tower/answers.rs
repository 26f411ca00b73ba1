//! What the responses and errors of a service mean.

use pool_driver::Verdict;

use crate::protocol::ByDefault;

/// What a [`ServiceConnection`](super::ServiceConnection) has to know of its service: what a response or an error
/// means for the address, and whether a request whose response is an error was processed at all.
///
/// It is what a [`Protocol`](crate::Protocol) is to other connections; a service knows by itself which response is
/// whose. [`ByDefault`] takes responses for successes, errors for failures, and nothing for certain.
/// [`ServiceConnection::judge`](super::ServiceConnection::judge) and
/// [`unsent`](super::ServiceConnection::unsent) make it of closures.
///
/// A method that panics ends its connection, with
/// [`ProtocolPanicked`](crate::ConnectionError::ProtocolPanicked), and no other.
pub trait Answers<Request, Reply, Error> {
    /// What an answer means. It is asked before the caller gets the answer, once for each call, unless the caller has
    /// gone before and the call was dropped with it. By default a response is a success and an error a failure.
    ///
    /// A response that is [`Overloaded`](Verdict::Overloaded) or [`Unfit`](Verdict::Unfit) says that the request was
    /// not executed, so that it may be [repeated](crate::Retry) elsewhere. Of an error that is said by
    /// [`unsent`](Self::unsent).
    fn judge(&mut self, answer: Result<&Reply, &Error>) -> Verdict {
        if answer.is_ok() { Verdict::Success } else { Verdict::Failure }
    }

    /// Whether an error says that its request was certainly not processed. By default that is not known.
    fn unsent(&mut self, error: Error) -> Unsent<Request, Error> {
        Unsent::Unknown(error)
    }
}

/// How far a request has got whose response is an error.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Unsent<Request, Error> {
    /// Nobody knows: the call is [`MaybeSent`](crate::CallError::MaybeSent).
    Unknown(Error),
    /// It was certainly not processed, and is lost: the call is [`Unprocessed`](crate::CallError::Unprocessed), and
    /// repeated if it keeps a [copy](crate::Calling::copied).
    Unprocessed(Error),
    /// It was certainly not processed, and here it is. If the verdict on the error is [`Goodbye`](Verdict::Goodbye),
    /// another connection gets the call. Otherwise the call is [`NotSent`](crate::CallError::NotSent), and repeated by
    /// the rules of its [`Retry`](crate::Retry): a peer that refuses everything must not be asked for ever.
    Returned(Request, Error),
}

impl<Request, Reply, Error> Answers<Request, Reply, Error> for ByDefault {}

/// [`Answers`] of closures; made by [`ServiceConnection::judge`](super::ServiceConnection::judge) and
/// [`unsent`](super::ServiceConnection::unsent).
#[derive(Clone, Copy, Default, Debug)]
pub struct AnswerRules<J = ByDefault, U = ByDefault> {
    pub(super) judge: J,
    pub(super) unsent: U,
}

impl<Request, Reply, Error, J, U> Answers<Request, Reply, Error> for AnswerRules<J, U>
where
    J: JudgeAnswer<Reply, Error>,
    U: FindUnsent<Request, Error>,
{
    fn judge(&mut self, answer: Result<&Reply, &Error>) -> Verdict {
        self.judge.judge(answer)
    }

    fn unsent(&mut self, error: Error) -> Unsent<Request, Error> {
        self.unsent.unsent(error)
    }
}

/// The rule of [`AnswerRules`] that judges: [`ByDefault`], or a closure.
pub trait JudgeAnswer<Reply, Error> {
    /// [`Answers::judge`].
    fn judge(&mut self, answer: Result<&Reply, &Error>) -> Verdict;
}

impl<Reply, Error> JudgeAnswer<Reply, Error> for ByDefault {
    fn judge(&mut self, answer: Result<&Reply, &Error>) -> Verdict {
        Answers::<(), Reply, Error>::judge(self, answer)
    }
}

impl<Reply, Error, F: FnMut(Result<&Reply, &Error>) -> Verdict> JudgeAnswer<Reply, Error> for F {
    fn judge(&mut self, answer: Result<&Reply, &Error>) -> Verdict {
        self(answer)
    }
}

/// The rule of [`AnswerRules`] that finds requests which were not processed: [`ByDefault`], or a closure.
pub trait FindUnsent<Request, Error> {
    /// [`Answers::unsent`].
    fn unsent(&mut self, error: Error) -> Unsent<Request, Error>;
}

impl<Request, Error> FindUnsent<Request, Error> for ByDefault {
    fn unsent(&mut self, error: Error) -> Unsent<Request, Error> {
        Unsent::Unknown(error)
    }
}

impl<Request, Error, F: FnMut(Error) -> Unsent<Request, Error>> FindUnsent<Request, Error> for F {
    fn unsent(&mut self, error: Error) -> Unsent<Request, Error> {
        self(error)
    }
}
