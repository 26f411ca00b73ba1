//! Connections that take calls and answer them.
//!
//! [`CallConnection`] is one over a transport. Its `exchange` writes requests and reads replies, its
//! `correlation` says which call a reply answers: replies of [`Pipelined`] connections come in order, those of
//! [`Tagged`] ones carry ids. `hearing` is what a peer says besides answers. A call on the wire whose caller has gone is an
//! orphan; where that matters, `orphans` counts them. `controls` are what a connection says by itself, `unanswered` the
//! calls that have no reply. `ending` is how any connection of this crate ends, a tower service as well.

use std::collections::VecDeque;

use crate::policy::IDLE_CAPACITY_MAX;

mod call_connection;
mod controls;
mod correlation;
mod ending;
mod exchange;
mod hearing;
mod id_table;
mod in_order;
mod orphans;
mod pipelined;
mod tagged;
mod unanswered;

pub use call_connection::CallConnection;
#[cfg(feature = "tower")]
pub(crate) use ending::Ending;
pub(crate) use orphans::Orphans;
pub use pipelined::{AsPipelined, Pipelined};
pub use tagged::{AsTagged, Tagged};

/// Releases the memory of an empty buffer if only a burst has needed as much.
pub(crate) fn release_capacity<T>(buffer: &mut VecDeque<T>) {
    if buffer.capacity() > IDLE_CAPACITY_MAX && buffer.is_empty() {
        *buffer = VecDeque::new();
    }
}
