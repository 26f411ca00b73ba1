//! F1 to F5: panics, wake-ups, memory, bad name services, bad settings.

mod bad_settings;
mod growth;
mod name_service;
mod panics;
mod wake_ups;

pub(super) use bad_settings::*;
pub(super) use growth::*;
pub(super) use name_service::*;
pub(super) use panics::*;
pub(super) use wake_ups::*;
