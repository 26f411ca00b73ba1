//! R6: tasks that use a pool wait by its timer, in sleeps and for connections.

use std::time::Duration;

use crate::scenarios::shared::{AN_HOUR, and_is_left_alone, connected, millis, secs};
use crate::script::{Dial, Observation::*, Script};

pub(crate) fn r6_a_sleeper_wakes_when_its_time_has_come() -> Script {
    Script::new()
        .start_sleep(1, millis(200))
        .expect(Woken, [1])
        .expect_between(SleptMillis(1), 200, 200)
        .start_sleep(2, Duration::ZERO)
        .expect(Woken, [1, 2])
        .expect(Sleeping, 0)
}

pub(crate) fn r6_sleepers_wake_in_the_order_of_their_times() -> Script {
    // So far apart that they are all asleep before the first one wakes.
    Script::new()
        .start_sleep(1, secs(15))
        .start_sleep(2, secs(5))
        .start_sleep(3, secs(20))
        .start_sleep(4, secs(10))
        .expect(Woken, [2, 4, 1, 3])
        .expect_between(SleptMillis(4), 10_000, 10_000)
}

pub(crate) fn r6_a_crowd_of_sleepers_wakes_at_once() -> Script {
    // More than a driver wakes in one poll.
    Script::new()
        .start_sleeps(0..2000, secs(1))
        .expect_within(secs(1), WokenCount, 2000)
        .expect(Sleeping, 0)
        .expect(StrayWakes, 0)
}

pub(crate) fn r6_a_shorter_sleep_ends_first_although_a_longer_one_was_begun_before() -> Script {
    Script::new()
        .start_sleep(1, AN_HOUR)
        .advance(millis(100))
        .start_sleep(2, millis(300))
        .expect(Woken, [2])
        .expect_between(SleptMillis(2), 300, 300)
        .expect(Sleeping, 1)
}

pub(crate) fn r6_a_sleeper_that_stops_wakes_nobody() -> Script {
    Script::new()
        .start_sleep(1, secs(10))
        .start_sleep(2, secs(15))
        .advance(secs(1))
        .stop_sleep(1)
        .expect(Sleeping, 1)
        .expect(Woken, [2])
        .expect(StrayWakes, 0)
}

pub(crate) fn r6_a_pool_whose_users_sleep_is_not_polled() -> Script {
    and_is_left_alone(Script::new().start_sleeps(0..10, AN_HOUR).expect(Sleeping, 10))
}

pub(crate) fn r6_sleepers_end_with_the_pool() -> Script {
    Script::new()
        .start_sleeps(0..10, AN_HOUR)
        .advance(millis(100))
        .shutdown(Duration::ZERO)
        .expect(WokenCount, 10)
        .expect(EndReason, "it was shut down")
        .start_sleep(10, AN_HOUR)
        .expect(WokenCount, 11)
        .expect(Sleeping, 0)
}

pub(crate) fn r6_sleepers_end_with_a_driver_that_is_dropped() -> Script {
    Script::new()
        .start_sleep(1, AN_HOUR)
        .advance(millis(100))
        .drop_driver()
        .expect(Woken, [1])
        .expect(EndReason, "its driver was dropped")
}

pub(crate) fn r6_a_sleeper_keeps_no_pool_alive() -> Script {
    Script::new()
        .start_sleep(1, AN_HOUR)
        .drop_handles()
        .expect(EndReason, "all its handles were dropped")
        .expect(Woken, [1])
}

pub(crate) fn r6_a_wait_for_connections_ends_in_time_and_says_how_far_it_came() -> Script {
    connected(Script::new().serve(2, Dial::Refuse).serve(3, Dial::Hang), 1..=1)
        .set_addresses([1, 2, 3])
        .expect_at_least(Dials(2), 1)
        .wait_for_connections(3, secs(5))
        .expect_within(
            secs(5),
            ReadyAnswer,
            "1 of 3 connections are up after 5s; the last error: connection refused",
        )
}

pub(crate) fn r6_a_wait_for_an_address_ends_in_time_also_if_nobody_knows_the_address() -> Script {
    connected(Script::new(), 1..=1).wait_for_address(7, secs(5)).expect_within(
        secs(5),
        ReadyAnswer,
        "0 of 1 connection is up after 5s; there was no error",
    )
}

pub(crate) fn r6_a_wait_for_an_address_ends_when_the_address_has_come_and_is_up() -> Script {
    connected(Script::new().serve(7, Dial::Refuse), 1..=1)
        .wait_for_address(7, AN_HOUR)
        .set_addresses([1, 7])
        .expect_at_least(BackOffs(7), 2)
        .expect(ReadyAnswer, "")
        .serve(7, Dial::Accept)
        .expect(ReadyAnswer, "ready")
        .expect_at_least(Connected(7), 1)
}
