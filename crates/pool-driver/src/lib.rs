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
mod sync;
mod wake_list;
mod watchers;

pub use builder::{BuildError, NoAddresses, PoolBuilder};
pub use config::PoolConfig;
pub use driver::Driver;
pub use error::{
    BoxError, Counts, DialTimedOut, EndReason, Ended, OutcomeTimedOut, ReadyError, Refused, RefusedReason,
    SendError, SharedError, UndeliveredReason,
};
pub use frontend::{Frontend, Items};
pub use multiplexer::Multiplexer;
pub use panic::Panicked;
pub use pool::{Closed, Pool, PoolSleep, Ready, Sending, WeakPool};
pub use pool_map::{
    Creator, GetError, GetErrorReason, NameSnapshot, PoolHandle, PoolMap, PoolMapBuilder, PoolMapDriver,
    PoolMapEnded, PoolMapSnapshot,
};
pub use queue::QueueSnapshot;
pub use seams::addresses::{
    AddressStream, AddressUpdate, FixedAddresses, IntoAddressUpdate, OnAddressesEnd, StreamSource,
};
pub use seams::connect::{Connect, DialContext, PlainConnector, PlainDial};
pub use seams::connection::{Connection, ConnectionEvent, Plain, ReadDriven, read_driven};
#[cfg(feature = "codec")]
pub use seams::framed::{FramedConnector, FramedDial, framed};
pub use seams::item_policy::{DropUndelivered, ItemPolicy};
pub use seams::observer::{Event, NoObserver, Observer};
pub use seams::runtime::{Runtime, Timer};
pub use seams::spawn::{Ambient, Local, Spawn};
pub use seams::{Seams, SeamsOf};
pub use snapshot::{AddressSnapshot, Snapshot};
pub use source_status::{SourceSnapshot, SourceState, TooManyAddresses};

pub use pool_core::{
    AddressId, AddressSet, AddressState, AddressStatus, Availability, Backoff, Balance, Config, ConfigError,
    DrainReason, Endpoint, FailureKind, Instant, IntoEndpoint, LastOutcome, Member, Opening, Outcome,
    PickArgs, Ring, RoundRobin, SlotEnd, SlotId, SlotState,
};
