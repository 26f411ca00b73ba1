//! A protocol in which the thousands of a number say what comes, and the rest what it is about.

use std::cell::RefCell;
use std::fmt;
use std::num::NonZero;
use std::rc::Rc;
use std::time::Duration;

use pool_call::{Incoming, Protocol, Replies};
use pool_driver::Verdict;

use super::{Reply, Request, request};

pub(crate) const PUSH: usize = 1_000;
/// Parts and replies are joined in threes of digits.
pub(crate) const PART: usize = 2_000;
pub(crate) const PING: usize = 3_000;
pub(crate) const GOODBYE: usize = 4_000;
pub(crate) const CLASSIFIER_PANICS: usize = 5_000;

pub(crate) const FAILURE: usize = 901;
pub(crate) const OVERLOADED: usize = 902;
pub(crate) const PAUSE: usize = 903;
pub(crate) const LAST: usize = 904;
pub(crate) const UNFIT: usize = 905;
pub(crate) const JUDGE_PANICS: usize = 906;
pub(crate) const ENDLESS_PAUSE: usize = 907;

/// Requests of this number have no reply.
pub(crate) const NO_REPLY: usize = 500;
/// Requests of this number and as many more have that many replies.
pub(crate) const REPLIES: usize = 600;
pub(crate) const EXPECTING_PANICS: usize = 700;

#[derive(Clone, Default)]
pub(crate) struct Talk {
    pub(crate) pushes: Rc<RefCell<Vec<usize>>>,
    /// The judged replies that are joined of several.
    pub(crate) judged: Rc<RefCell<Vec<usize>>>,
}

impl Protocol<Request, Reply> for Talk {
    type Reply = Reply;

    fn classify(&mut self, Reply { id, number }: Reply) -> Incoming<Request, Reply> {
        let reply = Reply { id, number: number % 1_000 };
        match number - number % 1_000 {
            PUSH => {
                self.pushes.borrow_mut().push(reply.number);
                Incoming::Push
            }
            PART => Incoming::Part(reply),
            PING => Incoming::Control(request(reply.number)),
            GOODBYE => Incoming::Goodbye,
            CLASSIFIER_PANICS => panic!("a scripted panic"),
            _ => Incoming::Reply(reply),
        }
    }

    fn replies_to(&mut self, request: &Request) -> Replies<Reply> {
        match request.number {
            NO_REPLY => Replies::None(Reply { id: 0, number: NO_REPLY }),
            EXPECTING_PANICS => panic!("a scripted panic"),
            number @ REPLIES..EXPECTING_PANICS => {
                let replies = u32::try_from(number - REPLIES).ok().and_then(NonZero::new);
                replies.map_or(Replies::One, Replies::Exactly)
            }
            _ => Replies::One,
        }
    }

    fn join(&mut self, reply: &mut Reply, part: Reply) {
        reply.number = reply.number * 1_000 + part.number;
    }

    fn judge(&mut self, reply: &Reply) -> Verdict {
        if reply.number >= 1_000 {
            self.judged.borrow_mut().push(reply.number);
        }
        match reply.number {
            FAILURE => Verdict::Failure,
            OVERLOADED => Verdict::Overloaded { pause: None },
            PAUSE => Verdict::Overloaded { pause: Some(Duration::from_secs(1)) },
            ENDLESS_PAUSE => Verdict::Overloaded { pause: Some(Duration::MAX) },
            LAST => Verdict::Goodbye,
            UNFIT => Verdict::Unfit,
            JUDGE_PANICS => panic!("a scripted panic"),
            _ => Verdict::Success,
        }
    }

    fn describe(&self, reply: &Reply, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{reply:?}\u{7}{}", "x".repeat(1 << 20))
    }
}
