//! Q1 to Q6: calls and their replies.

mod certainty;
mod deadlines;
mod departures;
mod in_flight;
mod replies;
mod retries;

pub(super) use certainty::*;
pub(super) use deadlines::*;
pub(super) use departures::*;
pub(super) use in_flight::*;
pub(super) use replies::*;
pub(super) use retries::*;

use crate::scenarios::shared::connected;
use crate::script::{Conduct, Observation, Script};

/// A pool of calls whose one connection takes none yet.
fn blocked() -> Script {
    Script::of_calls().stall(1).set_addresses([1]).expect(Observation::Connected(1), 1)
}

/// A pool of calls with one connection, whose peer has these calls and keeps them.
fn on_the_wire(calls: std::ops::Range<u32>) -> Script {
    let (first, count) = (calls.start, calls.len() as u64);
    let script = connected(Script::of_calls().behave(1, Conduct::KeepsItems), 1..=1);
    // One after the other, so that they are sent in this order.
    calls
        .fold(script, |script, call| {
            script.call(call).expect(Observation::Received(1), u64::from(call - first + 1))
        })
        .expect(Observation::InFlight(1), count)
}
