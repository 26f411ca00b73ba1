//! C3: an address that fails backs off and slows no other.

use crate::scenarios::shared::{A_LONG_LIFE, AN_HOUR, connected, constant_backoff, millis, secs};
use crate::script::{Call, Conduct, Dial, Observation::*, Script, Setting::*};

pub(crate) fn c3_delays_grow_from_failure_to_failure_up_to_the_cap() -> Script {
    let mut backoff = constant_backoff(millis(100));
    (backoff.growth_percent, backoff.cap) = (200, millis(400));
    Script::new()
        .with(BackoffOf(backoff))
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .expect_at_least(BackOffs(1), 5)
        .expect_between(BackOffMillis(1, 0), 100, 100)
        .expect_between(BackOffMillis(1, 1), 200, 200)
        .expect_between(BackOffMillis(1, 2), 400, 400)
        .expect_between(BackOffMillis(1, 4), 400, 400)
        .expect_between(DialGapMillis(1, 0), 100, 101)
        .expect_between(DialGapMillis(1, 1), 200, 201)
        .expect_between(DialGapMillis(1, 2), 400, 401)
        .expect_between(DialGapMillis(1, 3), 400, 401)
}

pub(crate) fn c3_delays_are_jittered_at_the_cap_too() -> Script {
    Script::new()
        .with(Backoff(millis(100), millis(100)))
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .expect_at_least(BackOffs(1), 15)
        .for_each(0..15, |script, n| script.expect_between(BackOffMillis(1, n.into()), 80, 120))
        .expect_at_least(BackOffSpreadMillis(1, 15), 5)
}

pub(crate) fn c3_an_address_that_refuses_slows_no_other() -> Script {
    Script::new()
        .serve(1, Dial::Refuse)
        .set_addresses([1, 2])
        .expect(Ready(2), 1)
        .expect_at_least(BackOffs(1), 1)
        .send(1..=30)
        .expect_within(millis(1), Received(2), 30)
        .break_connections(2)
        // Failures of the first address don't count here.
        .expect(Connections(2), 2)
        .expect(Failures(2), 1)
}

pub(crate) fn c3_a_dial_that_hangs_slows_no_other_address() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(2))
        .serve(1, Dial::Hang)
        .set_addresses([1, 2])
        .expect_within(millis(1), Ready(2), 2)
        .send(1..=30)
        .expect_within(millis(1), Received(2), 30)
        .expect(Dialling, 1)
}

pub(crate) fn c3_a_dial_that_hangs_has_failed_at_its_timeout_and_has_waited_already() -> Script {
    Script::new()
        .with(DialTimeout(millis(300)))
        .serve(1, Dial::Hang)
        .set_addresses([1])
        .expect_at_least(BackOffs(1), 1)
        .expect(LastError(1), "the dial timed out")
        // The delay counts from the start of the dial, and is over before the timeout.
        .expect_between(DialGapMillis(1, 0), 300, 301)
        .serve(1, Dial::Accept)
        .expect(Ready(1), 1)
        .expect(Open(1), 1)
}

pub(crate) fn c3_a_restart_is_one_failure_however_many_connections_it_ends() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(5))
        .never_above(Failures(1), 1)
        .never_above(BackOffs(1), 1)
        .set_addresses([1])
        .expect(Ready(1), 5)
        .break_connections(1)
        .expect(Connections(1), 10)
        .expect(Ready(1), 5)
        .expect(Failures(1), 1)
}

pub(crate) fn c3_dials_that_were_in_flight_together_fail_as_one() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(4))
        .with(Backoff(AN_HOUR, AN_HOUR))
        .never_above(Failures(1), 1)
        .set_addresses([1])
        .expect(Ready(1), 4)
        .serve(1, Dial::Hang)
        // A close in good order after a long life is no failure.
        .advance(A_LONG_LIFE)
        .hang_up(1)
        .expect(DiallingTo(1), 4)
        .serve(1, Dial::Refuse)
        .expect(Ends(1), "Closed, Closed, Closed, Closed, Failed, Failed, Failed, Failed")
        .expect(Failures(1), 1)
        .expect(BackOffs(1), 1)
}

pub(crate) fn c3_a_connection_that_dies_after_its_sibling_does_not_lengthen_the_delay() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(2))
        .with(BackoffOf(constant_backoff(AN_HOUR)))
        .never_above(Failures(1), 1)
        .set_addresses([1])
        .expect(Ready(1), 2)
        .behave(1, Conduct::Fails(Call::Send))
        .send([1])
        .expect(BackOffs(1), 1)
        .advance(millis(500))
        .send([2])
        .expect(Ends(1), "Failed, Failed")
        .expect(Connected(1), 0)
        .expect(BackOffs(1), 1)
}

pub(crate) fn c3_an_address_that_heals_is_back_after_one_delay_at_the_cap() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(3))
        .with(Backoff(millis(50), millis(200)))
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .expect_at_least(BackOffs(1), 12)
        .serve(1, Dial::Accept)
        .expect_within(millis(245), Ready(1), 3)
}

pub(crate) fn c3_the_connector_is_told_how_often_the_address_has_failed() -> Script {
    Script::new()
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .expect_at_least(Failures(1), 3)
        .expect_at_least(DialContextFailures(1), 3)
        .expect(LastError(1), "connection refused")
}

pub(crate) fn c3_no_dial_starts_during_backoff_whatever_else_happens() -> Script {
    Script::new()
        .with(BackoffOf(constant_backoff(AN_HOUR)))
        .never_above(Dials(1), 1)
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .expect(BackOffs(1), 1)
        .set_addresses([1, 2])
        .expect(Ready(2), 1)
        .send(1..=10)
        .break_connections(2)
        .set_addresses([2])
        .expect(Removed(1), 1)
        .set_addresses([1])
        .expect(Removed(2), 1)
        .send([11])
        .advance(millis(100))
        .retry_now(3)
        .set_addresses([1, 4])
        .expect(Ready(4), 1)
        .expect_to_stay(secs(2), AddressState(1), "backoff")
        .expect(Dials(1), 1)
}

pub(crate) fn c3_an_address_in_backoff_is_dialled_at_once_when_somebody_knows_that_it_is_up() -> Script {
    Script::new()
        .with(Backoff(AN_HOUR, AN_HOUR))
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .expect(AddressState(1), "backoff")
        .serve(1, Dial::Accept)
        .retry_now(1)
        .expect_within(millis(1), Ready(1), 1)
        // A connection that is merely up clears nothing.
        .expect(Failures(1), 1)
}

pub(crate) fn c3_a_lower_cap_shortens_the_backoff_that_an_address_is_in() -> Script {
    Script::new()
        .with(Backoff(secs(1_800), secs(1_800)))
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .expect(AddressState(1), "backoff")
        .serve(1, Dial::Accept)
        .change_settings([Backoff(millis(100), secs(1))])
        .expect_within(secs(2), Ready(1), 1)
        .expect(BackOffs(1), 1)
}

pub(crate) fn c3_a_dial_that_hangs_is_cut_off_by_a_shorter_timeout_at_once() -> Script {
    Script::new()
        .serve(1, Dial::Hang)
        .set_addresses([1])
        .expect(DiallingTo(1), 1)
        .advance(secs(2))
        .change_settings([DialTimeout(secs(1))])
        .expect_at_least(BackOffs(1), 1)
}

pub(crate) fn c3_a_wait_for_connections_outlasts_failures() -> Script {
    connected(Script::new().serve(2, Dial::Refuse), 1..=1)
        .wait_for_connections(2, AN_HOUR)
        .set_addresses([1, 2])
        .expect_at_least(BackOffs(2), 3)
        .expect(ReadyAnswer, "")
        .serve(2, Dial::Accept)
        .expect(ReadyAnswer, "ready")
}
