//! The situations, each with what must come of it.

mod backoff;
mod failback;
mod goodbye;
mod hanging_server;
mod idle_close;
mod overload;
mod rolling_deploy;
mod slow_server;
mod spike;
mod weights;

use std::time::Duration;

use super::run::Simulation;

pub(super) const ALL: [Simulation; 10] = [
    slow_server::SIMULATION,
    hanging_server::SIMULATION,
    rolling_deploy::SIMULATION,
    weights::SIMULATION,
    failback::SIMULATION,
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
