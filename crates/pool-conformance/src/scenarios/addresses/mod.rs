//! A1 to A8: what the name service says, and what the pool makes of it.

mod departures;
mod difference;
mod duplicates;
mod empty_sets_and_errors;
mod priorities;
mod several_sets;
mod stream_end;
mod without_traffic;

pub(super) use departures::*;
pub(super) use difference::*;
pub(super) use duplicates::*;
pub(super) use empty_sets_and_errors::*;
pub(super) use priorities::*;
pub(super) use several_sets::*;
pub(super) use stream_end::*;
pub(super) use without_traffic::*;
