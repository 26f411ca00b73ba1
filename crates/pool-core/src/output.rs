//! What the machine wants done, and what it has to tell.

use core::time::Duration;

use crate::ids::{AddressId, SlotId};
use crate::instant::Instant;
use crate::reason::{DrainReason, RestReason, SlotEnd};
use crate::slot::SlotState;

/// One thing that [`Uniform::poll_output`](crate::Uniform::poll_output) returns.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "outputs are orders: a dial that isn't started and a drain that isn't carried out block the pool"]
#[expect(
    clippy::exhaustive_enums,
    reason = "an order that a driver ignores breaks the pool, so a new one must break its build"
)]
pub enum Output<A> {
    /// Start to connect `slot` to `address`; report `Connected` or `Failed`. A `Drop` of the same slot
    /// may follow at once.
    Dial {
        /// The slot that the connection will have.
        slot: SlotId,
        /// Where to connect.
        address: A,
    },
    /// Flush and close this connection, give it no more items, report `Closed` or `Failed` once. Begin
    /// now: where nothing is left to flush, no event of its socket will remind you.
    Drain {
        /// The slot that drains.
        slot: SlotId,
    },
    /// Abandon this dial or connection now. Outcomes that it still has to tell are reported as ever; then
    /// report [`SlotEvent::Dropped`](crate::SlotEvent::Dropped) once, also if the slot has reported `Closed`
    /// or `Failed` meanwhile or was never dialled. Until then the slot is
    /// [`Dropping`](SlotState::Dropping) and counts for nothing, but an address that timed out isn't
    /// dialled and a pool that closes isn't `Closed`.
    Drop {
        /// The slot to abandon.
        slot: SlotId,
    },
    /// Whether items can be taken has changed.
    Availability(Availability),
    /// Connections keep failing, so the address set may be out of date: ask the name service now, if
    /// it can be asked.
    Refresh,
    /// For people and metrics; nothing has to be done.
    Event(Event<A>),
    /// The close is complete: no slot is left, and nothing but `Timeout(None)` will follow.
    Closed,
    /// Nothing more to do until an input, or until this time: call
    /// [`handle_timeout`](crate::Uniform::handle_timeout) then. Always the last of a drain. The
    /// machine's views are ahead of the outputs that come before it: they show slots and addresses as
    /// they are when all of those are carried out.
    Timeout(Option<Instant>),
}

/// Whether the pool can take items.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_enums, reason = "three levels are all there are")]
pub enum Availability {
    /// A connection is up (though perhaps busy).
    Usable,
    /// No connection is up; items wait.
    Waiting,
    /// No connection has been up for `fail_fast_after`: refuse items until one is.
    FailingFast,
}

/// Something that people and metrics may want to know.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "code that passes events on must not forget a new one, so a new one must break its build"
)]
pub enum Event<A> {
    /// The address is in the set now.
    AddressAdded {
        /// Which.
        address: A,
        /// Its id until it is forgotten.
        id: AddressId,
    },
    /// The address is no longer in the set. It is remembered while it drains and while it is in
    /// backoff.
    AddressRemoved {
        /// Which.
        address: A,
        /// Its id until it is forgotten.
        id: AddressId,
    },
    /// The name service says another weight or priority of an address that stays.
    AddressChanged {
        /// Which.
        address: A,
        /// Its id until it is forgotten.
        id: AddressId,
    },
    /// Nothing is left of an address that was removed.
    AddressForgotten {
        /// Which.
        address: A,
        /// What its id was.
        id: AddressId,
    },
    /// A set was larger than `addresses_max`; the old one stays in force.
    AddressesRefused {
        /// How many addresses it had.
        len: usize,
        /// How many it may have.
        max: usize,
    },
    /// A dial succeeded.
    Connected {
        /// Which.
        slot: SlotId,
        /// Whose.
        address: A,
        /// The id of that address.
        id: AddressId,
    },
    /// A connection takes no more items and is to close.
    Draining {
        /// Which connection.
        slot: SlotId,
        /// Whose.
        address: A,
        /// The id of that address.
        id: AddressId,
        /// Why.
        reason: DrainReason,
    },
    /// A dial or a connection is over. One that was dropped is over when that is reported.
    SlotEnded {
        /// Which.
        slot: SlotId,
        /// Whose.
        address: A,
        /// The id of that address.
        id: AddressId,
        /// The state it was in; the one before the drop, if it was dropped.
        state: SlotState,
        /// Why it ended.
        end: SlotEnd,
        /// Items it was sent in its life.
        sent: u64,
        /// How long it lived, from the start of its dial.
        lived: Duration,
        /// Items it may have taken with it: sent, and not known to have succeeded, failed or
        /// come back. All it was sent, if its kind of connection doesn't report outcomes.
        in_flight: u32,
    },
    /// The address failed (again) and won't be dialled before `until`.
    BackedOff {
        /// Which.
        address: A,
        /// Its id until it is forgotten.
        id: AddressId,
        /// Failure episodes since the last reset.
        failures: u32,
        /// When it may be dialled again.
        until: Instant,
    },
    /// A connection to the address was short-lived (again), and no other is dialled before `until`, but for items
    /// that nobody else can take. No failure. Or the row of short lives has ended.
    Paced {
        /// Which.
        address: A,
        /// Its id until it is forgotten.
        id: AddressId,
        /// Short lives in a row; 0 at its end.
        short_lives: u32,
        /// When it may be dialled again.
        until: Instant,
    },
    /// The address has shown that it works; its failures are forgotten.
    Recovered {
        /// Which.
        address: A,
        /// Its id until it is forgotten.
        id: AddressId,
    },
    /// A connection is silent while it owes outcomes: it takes no new items, and another is made beside it.
    Suspected {
        /// Which.
        slot: SlotId,
        /// Whose.
        address: A,
        /// The id of that address.
        id: AddressId,
    },
    /// A suspect has said something, or owes nothing any more: it takes items again.
    Cleared {
        /// Which.
        slot: SlotId,
        /// Whose.
        address: A,
        /// The id of that address.
        id: AddressId,
    },
    /// The address rests (again) for what its replies said. It keeps its connections.
    Rested {
        /// Which.
        address: A,
        /// Its id until it is forgotten.
        id: AddressId,
        /// What they said.
        reason: RestReason,
        /// When one item may try it.
        until: Instant,
    },
    /// The address rests no more: an item has shown that it is well, or somebody has said so.
    Returned {
        /// Which.
        address: A,
        /// Its id until it is forgotten.
        id: AddressId,
    },
}
