//! Carries out what `pool-core` decides, on any runtime.
//!
//! Applications use a runtime crate (`pool-tokio`, `pool-smol`), which is this crate with a clock
//! and a way to spawn. Authors of such crates implement [`Runtime`]; authors of protocols
//! implement [`Connection`] or wrap what they have: a sink that is a stream too with
//! [`read_driven`], a byte stream with `framed` (feature `codec`).
//!
//! An item goes from a [`Pool`] handle into its queue, from there in batches into the backlog of
//! the [`Driver`], and through the [`Multiplexer`] to the connection whose turn it is. The end of an
//! item is always one of three: *refused* (back to its sender, in a [`SendError`]), *undelivered*
//! (given to [`ItemPolicy`]), or *sent* (taken by a connection's `start_send`).
//!
//! Everything is at the root. The modules [`connect`], [`errors`], [`events`] and [`map`] group the same names for the
//! runtime crates, whose roots have only what most programs need.

mod builder;
mod clock;
mod config;
mod deadline_timer;
mod driver;
mod error;
mod frontend;
mod multiplexer;
mod panic;
mod pool;
mod pool_map;
mod queue;
mod seams;
mod shared_address;
mod snapshot;
mod source_status;
mod stable_hash;
mod sync;
mod wake_list;
mod watchers;

pub use builder::{BuildError, NoAddresses, PoolBuilder};
pub use config::PoolConfig;
pub use driver::Driver;
pub use error::{
    BoxError, ConnectionClosed, ConnectionTaskDropped, Counts, DialTimedOut, DrainCutOff, EndReason, Ended,
    OutcomeTimedOut, ReadyError, Refused, RefusedReason, SendError, SharedError, SleepError,
    UndeliveredReason,
};
pub use frontend::{Frontend, Items};
pub use multiplexer::Multiplexer;
pub use panic::Panicked;
pub use pool::{Closed, Pool, PoolSleep, Ready, Sending, TimerKey, Timers, WeakPool};
pub use pool_map::{
    Creator, GetError, GetErrorReason, NameSnapshot, PoolHandle, PoolMap, PoolMapBuilder, PoolMapDriver,
    PoolMapEnded, PoolMapSnapshot,
};
pub use queue::QueueSnapshot;
pub use seams::addresses::{
    AddressStream, AddressUpdate, FixedAddresses, IntoAddressUpdate, OnAddressesEnd, StreamSource,
};
pub use seams::connect::{Connect, DialContext};
pub use seams::connection::{Connection, ConnectionEvent};
#[cfg(feature = "codec")]
pub use seams::counted::{CountedReads, counted};
#[cfg(feature = "codec")]
pub use seams::framed::{AsFramed, buffered_bytes, framed};
pub use seams::hashed_addresses::HashedAddresses;
pub use seams::item_policy::{DropUndelivered, ItemPolicy};
pub use seams::map_items::{MapItems, map_items};
pub use seams::observer::{Event, NoObserver, Observer};
pub use seams::plain::{AsPlain, Plain};
pub use seams::read_driven::{AsReadDriven, ReadDriven, read_driven};
pub use seams::reads::Reads;
pub use seams::runtime::{Runtime, Timer};
pub use seams::spawn::{Ambient, Local, Spawn};
pub use seams::spawned::{ConnectionTask, SpawnedConnection, SpawnedConnector, SpawnedDial};
#[cfg(feature = "tcp")]
pub use seams::tcp_options::TcpOptions;
pub use seams::wrap::{Wrap, Wrapped, WrappedDial};
pub use seams::{Seams, SeamsOf};
pub use snapshot::{AddressSnapshot, Snapshot};
pub use source_status::{SourceSnapshot, SourceState, TooManyAddresses};
pub use stable_hash::stable_hash;

pub use pool_core::{
    AddressId, AddressSet, AddressSlots, AddressState, AddressStatus, Attributes, Availability, Backoff,
    Balance, Config, ConfigError, ConsistentHash, DrainReason, Endpoint, FailureKind, Instant, IntoEndpoint,
    LastOutcome, LeastLoaded, Member, Opening, Outcome, Pace, PeakEwma, PickArgs, Priorities, RestReason,
    RestStatus, Ring, RoundRobin, Sharing, Silence, SlotEnd, SlotId, SlotState, TurnOrder, Verdict,
    WeightedRoundRobin,
};

/// Policies that pick an address for each item, and what a policy of your own needs.
pub mod balance {
    pub use crate::{
        AddressId, Attributes, Balance, ConsistentHash, HashedAddresses, LeastLoaded, Member, PeakEwma,
        PickArgs, Priorities, Ring, RoundRobin, Sharing, TurnOrder, WeightedRoundRobin, stable_hash,
    };
}

/// How connections are made, and what a connection is.
pub mod connect {
    #[cfg(feature = "tcp")]
    pub use crate::TcpOptions;
    #[cfg(feature = "codec")]
    pub use crate::{AsFramed, CountedReads, buffered_bytes, counted, framed};
    pub use crate::{
        AsPlain, AsReadDriven, Connect, Connection, ConnectionEvent, ConnectionTask, DialContext,
        FailureKind, MapItems, Outcome, Plain, ReadDriven, Reads, SpawnedConnection, SpawnedConnector,
        SpawnedDial, Verdict, Wrap, Wrapped, WrappedDial, map_items, read_driven,
    };
}

/// What can go wrong, and why things end.
pub mod errors {
    pub use crate::{
        BoxError, BuildError, ConfigError, ConnectionClosed, ConnectionTaskDropped, DialTimedOut,
        DrainCutOff, EndReason, Ended, GetError, GetErrorReason, OutcomeTimedOut, Panicked, ReadyError,
        Refused, RefusedReason, SendError, SharedError, SleepError, TooManyAddresses, UndeliveredReason,
    };
}

/// What happens in a pool, and how it stands.
pub mod events {
    pub use crate::{
        AddressId, AddressSlots, AddressSnapshot, AddressState, AddressStatus, Availability, Counts,
        DrainReason, Event, LastOutcome, NoObserver, Observer, QueueSnapshot, RestReason, RestStatus,
        SlotEnd, SlotId, SlotState, Snapshot, SourceSnapshot, SourceState,
    };
}

/// One pool for each name.
pub mod map {
    pub use crate::{
        Creator, GetError, GetErrorReason, NameSnapshot, PoolHandle, PoolMap, PoolMapBuilder, PoolMapDriver,
        PoolMapEnded, PoolMapSnapshot,
    };
}
