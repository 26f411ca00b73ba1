//! I1 to I6: items, on their way through the queue to a connection.

mod busy_connections;
mod ends;
mod flushing;
mod queue;
mod readiness;
mod round_robin;

pub(super) use busy_connections::*;
pub(super) use ends::*;
pub(super) use flushing::*;
pub(super) use queue::*;
pub(super) use readiness::*;
pub(super) use round_robin::*;
