//! C1 to C8: connections, from their dials to their replacement.

mod backoff;
mod eager_and_lazy;
mod flapping;
mod late_events;
mod limits;
mod pace;
mod replacement;
mod silence;

pub(super) use backoff::*;
pub(super) use eager_and_lazy::*;
pub(super) use flapping::*;
pub(super) use late_events::*;
pub(super) use limits::*;
pub(super) use pace::*;
pub(super) use replacement::*;
pub(super) use silence::*;
