//! F5: hostile settings are refused by name.

use std::time::Duration;

use crate::scenarios::shared::{connected, millis, secs};
use crate::script::{Observation::*, Script, Setting, Setting::*};

fn refused(setting: Setting, sentence: &str) -> Script {
    Script::new().with(setting).expect(BuildError, sentence)
}

fn refused_time(setting: Setting, field: &str, found: Duration) -> Script {
    refused(setting, &format!("{field} must be from 1 millisecond to 366 days, but is {found:?}"))
}

pub(crate) fn f5_no_connections_are_refused() -> Script {
    refused(ConnectionsPerAddress(0), "connections_per_address must be from 1 to 4096, but is 0")
}

pub(crate) fn f5_too_many_connections_are_refused() -> Script {
    let sentence = "connections_per_address must be from 1 to 4096, but is 4294967295";
    refused(ConnectionsPerAddress(u32::MAX), sentence)
}

pub(crate) fn f5_a_queue_without_a_place_is_refused() -> Script {
    refused(QueueSize(0), "queue_size must be from 1 to 1073741824, but is 0")
}

pub(crate) fn f5_no_dials_are_refused() -> Script {
    refused(DialsMax(0), "dials_max must be from 1 to 4294967295, but is 0")
}

pub(crate) fn f5_turns_without_an_item_are_refused() -> Script {
    refused(ItemsPerTurn(0), "items_per_turn must be from 1 to 4294967295, but is 0")
}

pub(crate) fn f5_no_addresses_at_all_are_refused() -> Script {
    refused(AddressesMax(0), "addresses_max must be from 1 to 16777216, but is 0")
}

pub(crate) fn f5_a_dial_without_time_is_refused() -> Script {
    refused_time(DialTimeout(Duration::ZERO), "dial_timeout", Duration::ZERO)
}

pub(crate) fn f5_a_drain_that_outlives_us_is_refused() -> Script {
    refused_time(DrainTimeout(Duration::MAX), "drain_timeout", Duration::MAX)
}

pub(crate) fn f5_a_shutdown_that_outlives_us_is_refused() -> Script {
    refused_time(ShutdownTimeout(Duration::MAX), "shutdown_timeout", Duration::MAX)
}

pub(crate) fn f5_a_backoff_of_nothing_is_refused() -> Script {
    refused_time(Backoff(Duration::ZERO, secs(1)), "backoff.base", Duration::ZERO)
}

pub(crate) fn f5_a_cap_below_the_base_is_refused() -> Script {
    refused(Backoff(secs(2), secs(1)), "backoff.cap must not be shorter than backoff.base")
}

pub(crate) fn f5_a_backoff_that_shrinks_is_refused() -> Script {
    let mut backoff = pool_driver::Backoff::default();
    backoff.growth_percent = 99;
    refused(BackoffOf(backoff), "backoff.growth_percent must be from 100 to 1000, but is 99")
}

pub(crate) fn f5_jitter_that_eats_the_delay_is_refused() -> Script {
    let mut backoff = pool_driver::Backoff::default();
    backoff.jitter_percent = u32::MAX;
    refused(BackoffOf(backoff), "backoff.jitter_percent must be from 0 to 90, but is 4294967295")
}

pub(crate) fn f5_an_idle_timeout_of_eager_connections_is_refused() -> Script {
    let sentence = "idle_timeout works only with lazy opening: eager connections would be redialled at once";
    refused(IdleTimeout(secs(60)), sentence)
}

pub(crate) fn f5_a_lifetime_too_short_to_become_stable_is_refused() -> Script {
    refused(LifetimeMax(secs(60)), "lifetime_max must be longer than stable_after")
}

pub(crate) fn f5_a_dial_that_outlives_us_is_refused() -> Script {
    refused_time(DialTimeout(Duration::MAX), "dial_timeout", Duration::MAX)
}

pub(crate) fn f5_a_drain_without_time_is_refused() -> Script {
    refused_time(DrainTimeout(Duration::ZERO), "drain_timeout", Duration::ZERO)
}

pub(crate) fn f5_stability_without_time_is_refused() -> Script {
    refused_time(StableAfter(Duration::ZERO), "stable_after", Duration::ZERO)
}

pub(crate) fn f5_stability_that_outlives_us_is_refused() -> Script {
    refused_time(StableAfter(Duration::MAX), "stable_after", Duration::MAX)
}

pub(crate) fn f5_failing_fast_after_no_time_is_refused() -> Script {
    refused_time(FailFastAfter(Duration::ZERO), "fail_fast_after", Duration::ZERO)
}

pub(crate) fn f5_failing_fast_that_outlives_us_is_refused() -> Script {
    refused_time(FailFastAfter(Duration::MAX), "fail_fast_after", Duration::MAX)
}

pub(crate) fn f5_a_lifetime_of_nothing_is_refused() -> Script {
    refused_time(LifetimeMax(Duration::ZERO), "lifetime_max", Duration::ZERO)
}

pub(crate) fn f5_a_lifetime_that_outlives_us_is_refused() -> Script {
    refused_time(LifetimeMax(Duration::MAX), "lifetime_max", Duration::MAX)
}

pub(crate) fn f5_an_idle_timeout_of_nothing_is_refused() -> Script {
    refused_time(IdleTimeout(Duration::ZERO), "idle_timeout", Duration::ZERO)
}

pub(crate) fn f5_an_idle_timeout_that_outlives_us_is_refused() -> Script {
    refused_time(IdleTimeout(Duration::MAX), "idle_timeout", Duration::MAX)
}

pub(crate) fn f5_an_outcome_timeout_of_nothing_is_refused() -> Script {
    refused_time(OutcomeTimeout(Duration::ZERO), "outcome_timeout", Duration::ZERO)
}

pub(crate) fn f5_an_outcome_timeout_that_outlives_us_is_refused() -> Script {
    refused_time(OutcomeTimeout(Duration::MAX), "outcome_timeout", Duration::MAX)
}

pub(crate) fn f5_a_cap_that_outlives_us_is_refused() -> Script {
    refused_time(Backoff(secs(1), Duration::MAX), "backoff.cap", Duration::MAX)
}

pub(crate) fn f5_a_queue_of_everything_is_refused() -> Script {
    refused(QueueSize(usize::MAX), &format!("queue_size must be from 1 to 1073741824, but is {}", usize::MAX))
}

pub(crate) fn f5_more_addresses_than_can_be_numbered_are_refused() -> Script {
    refused(
        AddressesMax(usize::MAX),
        &format!("addresses_max must be from 1 to 16777216, but is {}", usize::MAX),
    )
}

pub(crate) fn f5_a_backoff_that_explodes_is_refused() -> Script {
    let mut backoff = pool_driver::Backoff::default();
    backoff.growth_percent = 1001;
    refused(BackoffOf(backoff), "backoff.growth_percent must be from 100 to 1000, but is 1001")
}

pub(crate) fn f5_the_extremes_that_make_sense_are_taken_and_work() -> Script {
    let mut backoff = pool_driver::Backoff::default();
    (backoff.base, backoff.cap) = (millis(1), secs(366 * 24 * 3600));
    (backoff.growth_percent, backoff.jitter_percent) = (1000, 90);
    Script::new()
        .with(ConnectionsPerAddress(4096))
        .with(Lazy)
        .with(QueueSize(1))
        .with(DialsMax(u32::MAX))
        .with(ItemsPerTurn(u32::MAX))
        .with(AddressesMax(1 << 24))
        .with(BackoffOf(backoff))
        .with(ShutdownTimeout(Duration::ZERO))
        .set_addresses([1])
        .send(0..10)
        .expect(ReceivedItems(1), 0..10)
        .expect(BuildError, "")
}

pub(crate) fn f5_settings_of_a_running_pool_that_make_no_sense_change_nothing() -> Script {
    connected(Script::new().with(ConnectionsPerAddress(2)), 1..=1)
        .expect(Ready(1), 2)
        .change_settings([ConnectionsPerAddress(0), QueueSize(7)])
        .expect(SettingsError, "connections_per_address must be from 1 to 4096, but is 0")
        .change_settings([ConnectionsPerAddress(1), QueueSize(0)])
        .expect(SettingsError, "queue_size must be from 1 to 1073741824, but is 0")
        .change_settings([ConnectionsPerAddress(1), ShutdownTimeout(Duration::MAX)])
        .expect(ConfigRefused, 3)
        .expect_to_stay(secs(1), Connected(1), 2)
        .expect(Capacity, 100)
        .expect(ConfigApplied, 0)
        .send_some(10)
        .expect(Received(1), 10)
}

pub(crate) fn f5_settings_of_a_handle_that_make_no_sense_are_refused_to_it() -> Script {
    connected(Script::new(), 1..=1)
        .reconfigure([ConnectionsPerAddress(0)])
        .expect(ReconfigureError, "connections_per_address must be from 1 to 4096, but is 0")
        .expect_at_least(Ready(1), 1)
        .expect_to_stay(secs(1), ConfigApplied, 0)
        .expect(ConfigRefused, 0)
        .reconfigure([ConnectionsPerAddress(2)])
        .expect(ReconfigureError, "")
        .expect(Ready(1), 2)
}
