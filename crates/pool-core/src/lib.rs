//! A client-side connection pool as a pure state machine.
//!
//! [`Uniform`] decides everything a pool has to decide: whom to dial, when to retry, which
//! connection gets the next item, when a connection is drained, replaced or given up. It has no
//! executor, no clock, no randomness of its own, no I/O and no std: its owner passes in
//! events, the time and a seed, and carries out its [`Output`]s. `pool-tokio` does that for you; use
//! this crate directly in an event loop of your own, on a
//! microcontroller (one with `alloc` and compare-and-swap, which `alloc::sync::Arc` needs), or in a
//! simulation.
//!
//! # The life of a pool
//!
//! 1. The name service's answer goes in with [`Uniform::handle_addresses`]: an [`AddressSet`], of
//!    which only the difference to the one before acts.
//! 2. For each missing connection comes an [`Output::Dial`]. At most [`Config::dials_max`] are in
//!    flight; a dial has [`Config::dial_timeout`]. An address that fails is left alone for a
//!    while ([`Backoff`]).
//! 3. [`SlotEvent::Connected`] and [`SlotEvent::Ready`] put a slot into its round;
//!    [`Uniform::select`] picks, [`SlotEvent::Sent`] passes the turn on.
//! 4. Connections to addresses that left get [`Output::Drain`] and have
//!    [`Config::drain_timeout`].
//!    What takes too long gets [`Output::Drop`]; it ends when its owner reports
//!    [`SlotEvent::Dropped`], and what it told of its items before counts.
//! 5. [`Uniform::close`] ends it all, and [`Output::Closed`] says when.
//!
//! The states of a slot and what may happen in each are in [`SlotState`].

#![no_std]
#![warn(clippy::std_instead_of_alloc, clippy::std_instead_of_core)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod address_set;
mod backoff;
mod balance;
mod balancers;
mod config;
mod config_error;
mod deadline_queue;
mod evidence;
#[cfg(all(test, target_pointer_width = "64"))]
mod footprint;
mod ids;
mod instant;
mod into_endpoint;
mod known_address;
mod links;
mod outcome;
mod output;
mod pace;
pub mod pool_map;
mod random;
mod reason;
mod rings;
mod sharing;
mod silence;
mod slab;
mod slot;
mod uniform;

pub use address_set::{AddressSet, Endpoint};
pub use backoff::Backoff;
pub use balance::{Attributes, Balance, PickArgs, TurnOrder};
pub use balancers::{ConsistentHash, LeastLoaded, PeakEwma, RoundRobin, WeightedRoundRobin};
pub use config::{Config, Opening};
pub use config_error::ConfigError;
pub use ids::{AddressId, SlotId};
pub use instant::Instant;
pub use into_endpoint::IntoEndpoint;
pub use known_address::LastOutcome;
pub use outcome::{FailureKind, Outcome, Verdict};
pub use output::{Availability, Event, Output};
pub use pace::Pace;
pub use random::Random;
pub use reason::{DrainReason, RestReason, SlotEnd};
pub use rings::{Member, Ring};
pub use sharing::{Priorities, Sharing};
pub use silence::Silence;
pub use slot::{Handled, SlotEvent, SlotState};
pub use uniform::{AddressSlots, AddressState, AddressStatus, RestStatus, SlotStatus, Uniform};
