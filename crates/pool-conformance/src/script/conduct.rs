//! How the connections of a server behave, in the words of a script.

use std::time::Duration;

use pool_driver::Outcome;

use crate::world::{Behaviour, Call, Fault, Parting};

/// How the connections of a server behave from now on, including those that are open.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Conduct {
    /// They work as they should.
    Well,
    /// They take no items, and don't flush.
    Stalled,
    /// They take this many items, and more only after a flush.
    Window(usize),
    /// A flush takes this long.
    FlushesAfter(Duration),
    /// A flush never ends.
    NeverFlushes,
    /// A close never ends.
    NeverCloses,
    /// They wake their task in every poll.
    WakesItself,
    /// They keep items until the script finishes them.
    KeepsItems,
    /// As `KeepsItems`, and each takes no more than this many.
    KeepsItemsUpTo(usize),
    /// As `KeepsItems`, and a close waits for what is kept.
    KeepsItemsAndWaits,
    /// They work as they should, and each item has this outcome as soon as it is flushed.
    Answers(Outcome),
    /// They work as they should until their first items are flushed, which have this outcome if there is one; then
    /// their peer parts with them.
    Parts(Option<Outcome>, Parting),
    /// When they break, they give back the items that they have not flushed.
    ReturnsUnflushed,
    /// This call returns an error.
    Fails(Call),
    /// This call returns an error, and the item of a failed `start_send` is given back.
    FailsAndReturns(Call),
    /// This call panics.
    Panics(Call),
}

impl Conduct {
    pub(crate) fn change(self, behaviour: &mut Behaviour) {
        match self {
            Self::Well => *behaviour = Behaviour::default(),
            Self::Stalled => (behaviour.is_ready, behaviour.flushes) = (false, false),
            Self::Window(window) => behaviour.window = window,
            Self::FlushesAfter(delay) => behaviour.flush_delay = delay,
            Self::NeverFlushes => behaviour.flushes = false,
            Self::NeverCloses => behaviour.closes = false,
            Self::WakesItself => behaviour.wakes_itself = true,
            Self::KeepsItems => behaviour.keeps_items = true,
            Self::KeepsItemsUpTo(max) => {
                (behaviour.keeps_items, behaviour.in_flight_max) = (true, Some(max));
            }
            Self::KeepsItemsAndWaits => (behaviour.keeps_items, behaviour.closes_when_done) = (true, true),
            Self::Answers(outcome) => {
                *behaviour = Behaviour { outcome: Some(outcome), ..Behaviour::default() };
            }
            Self::Parts(outcome, parting) => {
                *behaviour = Behaviour { outcome, parting: Some(parting), ..Behaviour::default() };
            }
            Self::ReturnsUnflushed => behaviour.returns_unflushed = true,
            Self::Fails(call) => behaviour.fault = Some((call, Fault::Error)),
            Self::FailsAndReturns(call) => {
                behaviour.fault = Some((call, Fault::Error));
                behaviour.returns_refused = true;
            }
            Self::Panics(call) => behaviour.fault = Some((call, Fault::Panic)),
        }
    }
}
