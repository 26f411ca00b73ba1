//! What people and metrics may want to know.

use std::sync::Arc;
use std::time::Duration;

use pool_core::{AddressId, Availability, ConfigError, DrainReason, RestReason, SlotEnd, SlotId, SlotState};

use crate::config::PoolConfig;
use crate::error::{Ended, SharedError, UndeliveredReason};

/// Is told what happens in a pool. A closure `|event: &Event<A>| …` is one.
///
/// It is called on the driver's task, so it should be quick. If it panics, it is dropped, and the
/// pool goes on without it. Each [`Event::SlotEnded`] has an [`Event::Dialling`] before it, and one
/// [`Event::Connected`] at most in between, so gauges can be counted by events.
///
/// ```
/// use std::sync::Arc;
///
/// use pool_driver::{Event, Observer};
///
/// /// Counts for one pool of several: each has a clone of its own.
/// #[derive(Clone, Default)]
/// struct Metrics {
///     pool: Arc<str>,
///     open: usize,
/// }
///
/// impl<A: std::fmt::Debug> Observer<A> for Metrics {
///     fn on_event(&mut self, event: &Event<A>) {
///         match event {
///             Event::Started { name: Some(name) } => self.pool = Arc::clone(name),
///             Event::Connected { .. } => self.open += 1,
///             Event::SlotEnded { state, .. } if *state != pool_driver::SlotState::Dialling => self.open -= 1,
///             Event::BackedOff { address, failures, .. } => {
///                 eprintln!("{}: {address:?} has failed {failures} times", self.pool);
///             }
///             _ => {}
///         }
///     }
/// }
/// # let mut metrics = Metrics::default();
/// # metrics.on_event(&Event::<u16>::Started { name: Some("redis".into()) });
/// # assert_eq!((&*metrics.pool, metrics.open), ("redis", 0));
/// ```
pub trait Observer<A> {
    /// Something has happened.
    fn on_event(&mut self, event: &Event<A>);
}

impl<A, F: FnMut(&Event<A>)> Observer<A> for F {
    fn on_event(&mut self, event: &Event<A>) {
        self(event);
    }
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct NoObserver;

impl<A> Observer<A> for NoObserver {
    fn on_event(&mut self, _: &Event<A>) {}
}

/// Something that happened in a pool.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<A> {
    /// The driver of a pool has begun to work: the first event of all. It tells an observer that serves several
    /// pools whose events these are.
    Started {
        /// The pool's [name](crate::PoolBuilder::name), if it has one.
        name: Option<Arc<str>>,
    },
    /// The address is in the set now.
    AddressAdded {
        /// Which.
        address: A,
        /// Its id until it is forgotten.
        id: AddressId,
    },
    /// The address is no longer in the set.
    AddressRemoved {
        /// Which.
        address: A,
        /// Its id until it is forgotten.
        id: AddressId,
    },
    /// A set was too large; the one before stays in force.
    AddressesRefused {
        /// How many addresses it had.
        len: usize,
        /// How many it may have.
        max: usize,
    },
    /// The name service returned an error; the last set stays in force.
    AddressesFailed {
        /// What it said.
        error: SharedError,
    },
    /// The name service knows no such name; the last set stays in force.
    NoSuchName,
    /// Connections keep failing, so the name service was asked to look again.
    RefreshRequested,
    /// The address stream is over.
    AddressesEnded {
        /// What it panicked with, if it did.
        error: Option<SharedError>,
    },
    /// The pool works by other settings now.
    ConfigApplied {
        /// All of them.
        config: Arc<PoolConfig>,
    },
    /// Other settings made no sense; those before stay in force.
    ConfigRefused {
        /// Which of them, and why.
        error: ConfigError,
    },
    /// The stream of settings is over; the last ones stay.
    ConfigEnded {
        /// What it panicked with, if it did.
        error: Option<SharedError>,
    },
    /// A dial starts.
    Dialling {
        /// Where to.
        address: A,
        /// The id of that address.
        id: AddressId,
        /// For which slot.
        slot: SlotId,
    },
    /// A dial succeeded.
    Connected {
        /// Where to.
        address: A,
        /// The id of that address.
        id: AddressId,
        /// In which slot.
        slot: SlotId,
    },
    /// A connection takes no more items and is to close.
    Draining {
        /// Where to.
        address: A,
        /// The id of that address.
        id: AddressId,
        /// Which.
        slot: SlotId,
        /// Why.
        reason: DrainReason,
    },
    /// A dial or a connection is over.
    SlotEnded {
        /// Where to.
        address: A,
        /// The id of that address.
        id: AddressId,
        /// Which.
        slot: SlotId,
        /// What it was doing.
        state: SlotState,
        /// How it ended.
        end: SlotEnd,
        /// The error, if it failed.
        error: Option<SharedError>,
        /// How long it lived, from the start of its dial.
        lived: Duration,
        /// Items it was sent in its life.
        sent: u64,
        /// Items it may have taken with it: sent, and neither reported on nor returned, its last words
        /// included. All it was sent, if it doesn't report outcomes.
        in_flight: u32,
    },
    /// An address has failed and is left alone for a while.
    BackedOff {
        /// Which.
        address: A,
        /// Its id until it is forgotten.
        id: AddressId,
        /// How often, since it last worked.
        failures: u32,
        /// For how long from now; zero if it may be dialled at once.
        retry_after: Duration,
    },
    /// A connection to the address was short-lived (again), and no other is dialled for a while, but for items that
    /// nobody else can take. No failure. Or the row of short lives has ended.
    Paced {
        /// Which.
        address: A,
        /// Its id until it is forgotten.
        id: AddressId,
        /// Short lives in a row; 0 at its end.
        short_lives: u32,
        /// For how long from now; zero if it may be dialled at once.
        retry_after: Duration,
    },
    /// An address has shown that it works; its failures are forgotten.
    Recovered {
        /// Which.
        address: A,
        /// Its id until it is forgotten.
        id: AddressId,
    },
    /// A connection is silent while it owes outcomes: it takes no new items, and another is made beside it.
    Suspected {
        /// Whose.
        address: A,
        /// The id of that address.
        id: AddressId,
        /// Which.
        slot: SlotId,
    },
    /// A suspect has said something, or owes nothing any more: it takes items again.
    Cleared {
        /// Whose.
        address: A,
        /// The id of that address.
        id: AddressId,
        /// Which.
        slot: SlotId,
    },
    /// An address rests (again) for what its replies said. It keeps its connections, and others get its items.
    Rested {
        /// Which.
        address: A,
        /// Its id until it is forgotten.
        id: AddressId,
        /// What they said.
        reason: RestReason,
        /// For how long from now; then one item tries it.
        retry_after: Duration,
    },
    /// An address rests no more: an item has shown that it is well, or somebody has said so.
    Returned {
        /// Which.
        address: A,
        /// Its id until it is forgotten.
        id: AddressId,
    },
    /// Whether the pool has a connection has changed.
    AvailabilityChanged {
        /// What it is now.
        availability: Availability,
    },
    /// Items came to their end without having been offered to a connection.
    Undelivered {
        /// How many.
        count: usize,
        /// Why.
        reason: UndeliveredReason,
    },
    /// The pool is over.
    Ended {
        /// Why, and what became of its items.
        ended: Ended,
    },
}
