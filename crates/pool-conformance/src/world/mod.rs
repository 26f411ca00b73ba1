//! The outside of a pool, in memory: servers and the connector that dials them, the name service, the
//! stream of settings, the observer, the balancer, and a ledger that records how every item ends.
//!
//! This module knows nothing of scripts and scenarios. It also carries the tests of `pool-driver`.

#![expect(clippy::must_use_candidate, reason = "nearly every function here is a look that changes nothing")]

mod answering;
mod balancer;
mod behaviour;
mod call_log;
mod config_feed;
mod connection;
mod connector;
mod dial;
mod event_log;
mod feed;
mod ledger;
mod link;
mod scripted_stream;
mod servers;
mod tally;
mod user_calls;

use crate::clock::Clock;
use crate::observed_runtime::ClockWatch;

pub(crate) use answering::{AsAnswering, NumberedCall};
pub(crate) use balancer::ScriptedBalancer;
pub use behaviour::{Behaviour, Call, Fault, Parting};
pub use config_feed::{ConfigEvent, ConfigFeed};
pub use connection::ScriptedConnection;
pub use connector::Dialling;
pub use dial::Dial;
pub use event_log::EventLog;
pub use feed::{Feed, FeedEvent};
pub use ledger::{End, Item, Ledger};
pub use link::Link;
pub use servers::Servers;
pub use tally::{Drains, Level, Tally};
pub use user_calls::{Calls, Entered};

/// Everything outside of a pool.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) servers: Servers,
    pub(crate) names: Feed,
    pub(crate) settings: ConfigFeed,
    pub(crate) ledger: Ledger,
    pub(crate) log: EventLog,
    pub(crate) balancer: ScriptedBalancer,
    /// The calls into all of these.
    pub(crate) calls: Calls,
    /// The driver's clock.
    pub(crate) driver_clock: ClockWatch,
    /// The script's clock. Slow servers take their time by it.
    pub(crate) clock: Clock,
}

impl World {
    /// Servers that accept dials at every address, and a name service that has said nothing.
    pub(crate) fn new() -> Self {
        let calls = Calls::default();
        let ledger = Ledger::new(&calls);
        let (driver_clock, clock) = (ClockWatch::default(), Clock::default());
        Self {
            servers: Servers::new(&ledger, &calls, &clock),
            names: Feed::new(&calls),
            settings: ConfigFeed::new(&calls),
            log: EventLog::new(&calls, &driver_clock),
            balancer: ScriptedBalancer::new(&calls),
            ledger,
            calls,
            driver_clock,
            clock,
        }
    }
}
