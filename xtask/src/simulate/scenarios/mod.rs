//! The situations, each with what must come of it.

mod backoff;
mod goodbye;
mod idle_close;
mod overload;
mod rolling_deploy;
mod spike;

use std::time::Duration;

use super::run::Simulation;

pub(super) const ALL: [Simulation; 6] = [
    rolling_deploy::SIMULATION,
    idle_close::SIMULATION,
    goodbye::SIMULATION,
    overload::SIMULATION,
    backoff::SIMULATION,
    spike::SIMULATION,
];

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// The default limit of `pool-call`.
const IN_FLIGHT_MAX: u32 = 256;
