//! C6: a late event for a former occupant of a slot changes nothing.

use crate::scenarios::shared::{constant_backoff, millis};
use crate::script::{Conduct, Dial, Observation::*, Script, Setting::*};

pub(crate) fn c6_the_waker_of_a_connection_that_is_gone_does_nothing_to_the_next() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(2))
        .set_addresses([1])
        .expect(Ready(1), 2)
        .break_connections(1)
        .expect(Connections(1), 4)
        .expect(Ready(1), 2)
        .advance(millis(100))
        .mark_calls()
        .repeat(3, |script| script.wake_stale_wakers(1))
        .expect_to_stay(millis(500), CallsSinceMark(1), 0)
        .expect(Connected(1), 2)
        .send(1..=10)
        .expect(ReceivedOver(1, 2), 5)
        .expect(ReceivedOver(1, 3), 5)
        .expect(Connections(1), 4)
}

pub(crate) fn c6_the_waker_of_a_connection_that_is_gone_does_nothing_to_a_dial() -> Script {
    Script::new()
        .with(BackoffOf(constant_backoff(millis(50))))
        .set_addresses([1])
        .expect(Ready(1), 1)
        .serve(1, Dial::Hang)
        .break_connections(1)
        .expect(DiallingTo(1), 1)
        .advance(millis(100))
        .mark_calls()
        .repeat(3, |script| script.wake_stale_wakers(1))
        .expect_to_stay(millis(500), CallsSinceMark(1), 0)
        .expect(DiallingTo(1), 1)
        .serve(1, Dial::Accept)
        .expect(Ready(1), 1)
        .expect(Dials(1), 2)
}

pub(crate) fn c6_the_waker_of_a_connection_does_nothing_to_another_address_in_its_place() -> Script {
    Script::new()
        .set_addresses([1])
        .expect(Ready(1), 1)
        .kill(1)
        .expect(Open(1), 0)
        .set_addresses([2])
        .expect(Ready(2), 1)
        .advance(millis(100))
        .mark_calls()
        .repeat(3, |script| script.wake_stale_wakers(1))
        .expect_to_stay(millis(500), CallsSinceMark(2), 0)
        .send(1..=5)
        .expect(ReceivedItems(2), 1..6)
        .expect_to_stay(millis(500), Connected(2), 1)
        .expect(Dials(2), 1)
}

pub(crate) fn c6_dials_that_timed_out_and_would_connect_at_last_do_not_count() -> Script {
    Script::new()
        .with(DialTimeout(millis(200)))
        .never_above(ConnectedMax(1), 1)
        .serve(1, Dial::Hang)
        .set_addresses([1])
        .expect_at_least(Dials(1), 4)
        // This wakes all dials that ever hung.
        .serve(1, Dial::Accept)
        .expect(Ready(1), 1)
        .expect_to_stay(millis(500), Connections(1), 1)
        .expect(Open(1), 1)
}

pub(crate) fn c6_the_drain_deadline_of_an_old_connection_does_not_hit_the_new_one() -> Script {
    Script::new()
        .with(DrainTimeout(millis(500)))
        .set_addresses([1])
        .expect(Ready(1), 1)
        .behave(1, Conduct::NeverCloses)
        .set_addresses([2])
        // Not the number of drains: where time is real, the drain may be over already.
        .expect(DrainReasons(1), "AddressLeft")
        .set_addresses([1])
        .expect(Connections(1), 2)
        .expect(Ends(1), "DrainTimedOut")
        .expect_to_stay(millis(700), Connected(1), 1)
        .send(1..=5)
        .expect(ReceivedOver(1, 1), 5)
        .expect(Dials(1), 2)
}

pub(crate) fn c6_places_that_change_hands_many_times_are_all_there_in_the_end() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(3))
        .with(Backoff(millis(20), millis(50)))
        .never_above(SlotsMax(1), 3)
        .never_above(SlotsMax(2), 3)
        .set_addresses([1, 2])
        .expect(Ready(1), 3)
        .repeat(6, |script| {
            script
                .kill(1)
                .expect(Open(1), 0)
                .send_some(5)
                .wake_stale_wakers(1)
                .serve(1, Dial::Accept)
                .wake_stale_wakers(1)
                .expect(Ready(1), 3)
        })
        .expect(Open(1), 3)
        .expect(Open(2), 3)
        .expect(Connections(2), 3)
        .expect(Sent, 30)
}
