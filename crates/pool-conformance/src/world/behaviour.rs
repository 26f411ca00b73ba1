//! How connections behave, as switches.

use std::time::Duration;

use pool_driver::Outcome;

/// A call into a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_enums, reason = "the methods of a connection, and its drop")]
pub enum Call {
    /// `poll_ready`
    Ready,
    /// `start_send`
    Send,
    /// `poll_flush`
    Flush,
    /// `poll_close`
    Close,
    /// `poll_event`
    Event,
    /// Its drop.
    Drop,
}

/// What goes wrong in a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_enums, reason = "Rust code has no third way to fail")]
pub enum Fault {
    /// It returns an error.
    Error,
    /// It panics.
    Panic,
}

/// How a peer parts with a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_enums, reason = "in good order there are two ways to go")]
pub enum Parting {
    /// It asks for no more items.
    Goodbye,
    /// It closes in good order.
    Close,
}

/// How connections behave.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches")]
#[expect(clippy::exhaustive_structs, reason = "scripts set single fields of the default")]
pub struct Behaviour {
    /// It takes items.
    pub is_ready: bool,
    /// It is busy with this many items unflushed.
    pub window: usize,
    /// It is busy with this many items unflushed or in flight, and says so.
    pub in_flight_max: Option<usize>,
    /// A flush sends the items that it holds.
    pub flushes: bool,
    /// How long a flush takes.
    pub flush_delay: Duration,
    /// A close ends.
    pub closes: bool,
    /// It wakes its task in every poll.
    pub wakes_itself: bool,
    /// It keeps the items that it sent until a test finishes them.
    pub keeps_items: bool,
    /// A close waits until the items that it keeps are finished.
    pub closes_when_done: bool,
    /// What becomes of each item as soon as it is flushed, if the peer says so.
    pub outcome: Option<Outcome>,
    /// What the peer does after the first flush with items, and after what has become of these.
    pub parting: Option<Parting>,
    /// When it breaks, it gives back the items that it has not flushed.
    pub returns_unflushed: bool,
    /// It gives back the item of a failed `start_send`.
    pub returns_refused: bool,
    /// A full window breaks it.
    pub breaks_when_full: bool,
    /// This call goes wrong, every time.
    pub fault: Option<(Call, Fault)>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            is_ready: true,
            window: usize::MAX,
            in_flight_max: None,
            flushes: true,
            flush_delay: Duration::ZERO,
            closes: true,
            wakes_itself: false,
            keeps_items: false,
            closes_when_done: false,
            outcome: None,
            parting: None,
            returns_unflushed: false,
            returns_refused: false,
            breaks_when_full: false,
            fault: None,
        }
    }
}

impl Behaviour {
    /// What goes wrong in this call, with so many items unflushed.
    pub(super) fn fault_of(&self, call: Call, unflushed: usize) -> Option<Fault> {
        let breaks = call == Call::Ready && unflushed >= self.window && self.breaks_when_full;
        let fault = self.fault.or_else(|| breaks.then_some((call, Fault::Error)));
        fault.filter(|(at, _)| *at == call).map(|(_, fault)| fault)
    }
}
