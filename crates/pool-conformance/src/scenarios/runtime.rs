//! R1 to R5: what a driver needs of a runtime adapter. R6 is in `timers.rs`.

use std::time::Duration;

use crate::scenarios::shared::{AN_HOUR, and_is_left_alone, millis, secs};
use crate::script::{Dial, Observation::*, Script, Setting::*};

pub(crate) fn r1_the_clock_never_goes_back_while_a_driver_looks_at_it() -> Script {
    Script::new()
        .never_above(ClockWentBack, 0)
        .serve(1, Dial::Refuse)
        .set_addresses([1, 2])
        .advance(millis(500))
        .repeat(20, |script| script.send_some(1).expect(PermitsInUse, 0))
        .expect_at_least(Dials(1), 5)
}

pub(crate) fn r1_the_clock_moves_on_while_everybody_waits() -> Script {
    Script::new()
        .with(DialTimeout(millis(300)))
        .serve(1, Dial::Hang)
        .set_addresses([1])
        .expect_at_least(Dials(1), 2)
        .expect_between(DialGapMillis(1, 0), 300, 300)
}

pub(crate) fn r2_a_timer_fires_when_its_time_has_come() -> Script {
    Script::new().set_timer(millis(200)).expect_within(millis(200), TimerFired, 1)
}

pub(crate) fn r2_a_timer_whose_time_has_passed_fires_at_once() -> Script {
    Script::new().advance(millis(50)).set_timer(Duration::ZERO).expect_within(millis(1), TimerFired, 1)
}

pub(crate) fn r2_a_drivers_timer_fires_although_nothing_else_happens() -> Script {
    Script::new()
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .expect_at_least(Dials(1), 3)
        .expect_between(DialGapMillis(1, 0), 80, 120)
        .expect_between(DialGapMillis(1, 1), 128, 192)
}

pub(crate) fn r2_the_timers_of_a_driver_and_of_others_do_not_get_into_each_others_way() -> Script {
    Script::new()
        .with(DialTimeout(millis(100)))
        .serve(1, Dial::Hang)
        .set_addresses([1])
        .set_timer(millis(150))
        .advance(millis(120))
        .expect_at_least(Dials(1), 2)
        .expect(TimerFired, 1)
}

pub(crate) fn r3_a_timer_that_is_set_to_an_earlier_time_fires_then() -> Script {
    Script::new().set_timer(AN_HOUR).set_timer(millis(100)).expect_within(millis(100), TimerFired, 1)
}

pub(crate) fn r3_a_timer_that_is_set_to_a_later_time_fires_then() -> Script {
    Script::new().set_timer(millis(50)).set_timer(millis(400)).expect_within(millis(400), TimerFired, 1)
}

pub(crate) fn r3_a_timer_that_has_fired_can_be_set_again() -> Script {
    Script::new()
        .set_timer(millis(50))
        .expect(TimerFired, 1)
        .set_timer(millis(50))
        .expect(TimerFired, 2)
        .set_timer(Duration::ZERO)
        .expect(TimerFired, 3)
}

pub(crate) fn r3_a_driver_that_waits_for_long_wakes_earlier_when_something_shorter_comes_up() -> Script {
    Script::new()
        .with(DialTimeout(secs(30)))
        .serve(1, Dial::Hang)
        .set_addresses([1])
        .expect(Dials(1), 1)
        .serve(2, Dial::Refuse)
        .set_addresses([1, 2])
        .expect_at_least(Dials(2), 3)
        .expect_between(DialGapMillis(2, 0), 80, 120)
}

pub(crate) fn r4_a_spawned_driver_runs_although_its_spawner_only_waits() -> Script {
    Script::new().set_addresses([1, 2, 3]).expect(Open(3), 1)
}

pub(crate) fn r4_a_driver_that_is_woken_while_it_is_polled_is_polled_again() -> Script {
    // More items than a driver sends in one poll. It wakes itself for the rest.
    Script::new().with(QueueSize(2000)).send_some(2000).set_addresses([1]).expect(Received(1), 2000)
}

pub(crate) fn r4_tasks_that_wait_for_each_other_all_get_on() -> Script {
    (0..50)
        .fold(Script::new().with(QueueSize(1)), Script::start_send)
        .expect(Sending, 49)
        .set_addresses([1])
        .expect(Sending, 0)
        .expect(Received(1), 50)
}

pub(crate) fn r4_a_task_that_nobody_wakes_is_not_polled() -> Script {
    and_is_left_alone(Script::new().set_addresses([1]).expect(Ready(1), 1))
}

pub(crate) fn r5_a_driver_that_has_ended_is_left_alone() -> Script {
    Script::new()
        .never_above(PollsAfterEnd, 0)
        .set_addresses([1])
        .expect(Ready(1), 1)
        .shutdown(Duration::ZERO)
        .expect(EndReason, "it was shut down")
        .expect_to_stay(millis(500), PollsAfterEnd, 0)
}

pub(crate) fn r5_a_driver_that_ends_in_its_first_poll_is_left_alone() -> Script {
    Script::new()
        .never_above(PollsAfterEnd, 0)
        .drop_handles()
        .expect(EndReason, "all its handles were dropped")
        .expect_to_stay(millis(500), PollsAfterEnd, 0)
}
