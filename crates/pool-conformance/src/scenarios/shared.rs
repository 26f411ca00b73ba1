//! What several scenarios start with, and units of time.

use std::time::Duration;

use pool_driver::{Backoff, Endpoint, FailureKind, Outcome};

use crate::script::{Observation, Script};

pub(super) const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(super) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A connection that has lived for so long has not lived for short, also where a clock is a little behind.
pub(super) const A_LONG_LIFE: Duration = Duration::from_secs(5);

/// Longer than any scenario lasts.
pub(super) const AN_HOUR: Duration = secs(3600);
pub(super) const SUCCESS: Outcome = Outcome::Success { latency: Some(Duration::ZERO) };
pub(super) const FAILURE: Outcome =
    Outcome::Failure { latency: Some(Duration::ZERO), kind: FailureKind::Error };

/// Waits until a connection to each of the addresses is ready.
pub(super) fn connected(script: Script, addresses: std::ops::RangeInclusive<u16>) -> Script {
    script
        .set_addresses(addresses.clone())
        .for_each(addresses, |script, address| script.expect_at_least(Observation::Ready(address), 1))
}

/// A pool whose one connection takes no item yet.
pub(super) fn blocked() -> Script {
    Script::new().stall(1).set_addresses([1]).expect(Observation::Connected(1), 1)
}

/// Checks that the driver is not polled while it has nothing to do. A driver that spins is polled
/// thousands of times. A few polls are allowed for wake-ups that were on their way at the mark.
pub(super) fn and_is_left_alone(script: Script) -> Script {
    script
        .mark_polls()
        .never_above(Observation::PollsSinceMark, 20)
        .advance(millis(500))
        .mark_polls()
        .never_above(Observation::PollsSinceMark, 3)
        .advance(secs(5))
}

pub(super) fn endpoint(address: u16, priority: u16, weight: u32) -> Endpoint<u16> {
    Endpoint::new(address).with_priority(priority).with_weight(weight)
}

/// The same delay after every failure.
pub(super) fn constant_backoff(delay: Duration) -> Backoff {
    let mut backoff = Backoff::default();
    (backoff.base, backoff.cap) = (delay, delay);
    (backoff.growth_percent, backoff.jitter_percent) = (100, 0);
    backoff
}
