//! C1: never more connections or dials than the limits.

use crate::scenarios::shared::{connected, millis, secs};
use crate::script::{Conduct, Dial, Observation::*, Script, Setting::*};

pub(crate) fn c1_an_address_never_has_more_connections_than_it_should_whatever_becomes_of_them() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(3))
        .never_above(SlotsMax(1), 3)
        .set_addresses([1])
        .expect(Ready(1), 3)
        .break_connections(1)
        .expect(Connections(1), 6)
        .expect(Ready(1), 3)
        .hang_up(1)
        .expect(Connections(1), 9)
        .expect(Ready(1), 3)
        .go_away(1)
        .expect(Connections(1), 12)
        .expect(Ready(1), 3)
        .expect(Open(1), 3)
}

pub(crate) fn c1_an_address_that_has_never_answered_costs_one_dial() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(10))
        .serve(1, Dial::Hang)
        .set_addresses([1])
        .expect_to_stay(millis(500), DiallingTo(1), 1)
        .serve(1, Dial::Accept)
        .expect(Ready(1), 10)
        // An address that has answered gets its other connections at once.
        .expect(DiallingMaxTo(1), 9)
}

pub(crate) fn c1_an_address_that_has_failed_is_dialled_once_at_a_time() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(5))
        .never_above(DiallingMaxTo(1), 1)
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .expect_at_least(BackOffs(1), 2)
        .serve(1, Dial::Accept)
        .expect(Ready(1), 5)
}

pub(crate) fn c1_dials_in_the_whole_pool_are_limited() -> Script {
    Script::new()
        .with(DialsMax(3))
        .never_above(DiallingMax, 3)
        .for_each(1..=12, |script, address| script.serve(address, Dial::Hang))
        .set_addresses(1..=12)
        .expect(Dialling, 3)
        .for_each(1..=12, |script, address| script.serve(address, Dial::AcceptAfter(millis(50))))
        .for_each(1..=12, |script, address| script.expect(Ready(address), 1))
        .expect(DiallingMax, 3)
}

pub(crate) fn c1_addresses_that_fail_hold_at_most_half_of_the_dials() -> Script {
    Script::new()
        .with(DialsMax(4))
        .for_each(1..=4, |script, address| script.serve(address, Dial::Refuse))
        .set_addresses(1..=4)
        .for_each(1..=4, |script, address| script.expect_at_least(BackOffs(address), 1))
        .for_each(1..=4, |script, address| script.serve(address, Dial::Hang))
        .advance(millis(500))
        .expect(Dialling, 2)
        .set_addresses(1..=7)
        .for_each(5..=7, |script, address| script.expect(Ready(address), 1))
        .expect(Dialling, 2)
}

pub(crate) fn c1_however_dials_end_none_of_them_costs_a_permit_for_good() -> Script {
    let faults = [
        (Dial::Refuse, "connection refused"),
        (Dial::PanicInCall, "panicked: a scripted panic of the connector"),
        (Dial::PanicInFuture, "panicked: a scripted panic of a dial"),
        (Dial::Hang, "the dial timed out"),
    ];
    let script = Script::new()
        .with(ConnectionsPerAddress(2))
        .with(DialsMax(1))
        .with(DialTimeout(millis(100)))
        .with(Backoff(millis(20), millis(50)))
        .never_above(DiallingMax, 1)
        .for_each(1..=2, |script, address| script.serve(address, Dial::Refuse))
        .set_addresses([1, 2]);
    faults
        .into_iter()
        .fold(script, |script, (fault, error)| {
            script
                .for_each(1..=2, |script, address| script.serve(address, fault))
                .for_each(1..=2, |script, address| script.expect(LastError(address), error))
        })
        // These dials connect, and panic when they are dropped.
        .for_each(1..=2, |script, address| script.serve(address, Dial::PanicInDrop))
        .for_each(1..=2, |script, address| script.expect(Ready(address), 2))
        .expect_at_least(Panics, 2 + 2 + 4)
        .for_each(1..=2, |script, address| script.serve(address, Dial::Accept).break_connections(address))
        .for_each(1..=2, |script, address| script.expect(Connections(address), 4))
        .for_each(1..=2, |script, address| script.expect(Ready(address), 2))
}

pub(crate) fn c1_asking_again_while_a_dial_is_in_flight_starts_no_second_one() -> Script {
    Script::new()
        .serve(1, Dial::Hang)
        .never_above(SlotsMax(1), 1)
        .set_addresses([1])
        .expect(Dials(1), 1)
        .retry_now(1)
        .set_addresses([1, 2])
        .expect(Ready(2), 1)
        .send(1..=5)
        .expect(Received(2), 5)
        .set_addresses([1])
        .expect(Removed(2), 1)
        .send([6])
        .expect_to_stay(millis(500), Dials(1), 1)
        .serve(1, Dial::Accept)
        .expect(ReceivedItems(1), [6])
        .expect(Dials(1), 1)
}

pub(crate) fn c1_connections_that_drain_do_not_count_and_are_no_more_than_the_others() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(2))
        .never_above(SlotsMax(1), 2)
        .never_above(DrainingMax(1), 2)
        .set_addresses([1])
        .expect(Ready(1), 2)
        .behave(1, Conduct::NeverCloses)
        .go_away(1)
        .expect(Connections(1), 4)
        .expect(Open(1), 4)
        .go_away(1)
        .expect(Connections(1), 6)
        .expect(Ends(1), "DrainDisplaced, DrainDisplaced")
        .expect(Open(1), 4)
        .resume(1)
        .expect(Open(1), 2)
}

pub(crate) fn c1_connections_at_the_end_of_their_lives_are_replaced_one_by_one() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(3))
        .with(StableAfter(millis(400)))
        .with(LifetimeMax(millis(800)))
        .never_above(SlotsMax(1), 4)
        .never_above(BackOffs(1), 0)
        .set_addresses([1])
        .expect_at_least(Connections(1), 6)
        .expect_between(Connected(1), 3, 4)
}

pub(crate) fn c1_more_connections_are_opened_when_the_settings_say_so_and_those_there_are_stay() -> Script {
    connected(Script::new(), 1..=2)
        .never_above(SlotsMax(1), 3)
        .change_settings([ConnectionsPerAddress(3)])
        .expect(Ready(1), 3)
        .expect(Ready(2), 3)
        .expect(ConfigApplied, 1)
        .expect(Connections(1), 3)
        .expect(OpenLink(1, 0), 1)
        .expect(Draining(1), 0)
}

pub(crate) fn c1_fewer_connections_drain_when_the_settings_say_so_and_none_is_redialled() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(5))
        .set_addresses([1])
        .expect(Ready(1), 5)
        .send_some(50)
        .change_settings([ConnectionsPerAddress(2)])
        .expect(Open(1), 2)
        .expect(DrainReasons(1), "Surplus, Surplus, Surplus")
        .send_some(50)
        .expect(Received(1), 100)
        .expect_to_stay(secs(10), Connections(1), 5)
        .expect(Ends(1), "Closed, Closed, Closed")
        .expect(Ready(1), 2)
}

pub(crate) fn c1_connections_that_there_are_too_many_of_finish_what_they_hold() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(3))
        .behave(1, Conduct::NeverFlushes)
        .set_addresses([1])
        .expect(Ready(1), 3)
        .send(0..3)
        .expect(Unflushed(1), 3)
        .change_settings([ConnectionsPerAddress(1)])
        .expect(Draining(1), 2)
        .expect_to_stay(secs(1), Unflushed(1), 3)
        .resume(1)
        .expect(Open(1), 1)
        .expect(Received(1), 3)
        .expect(Ends(1), "Closed, Closed")
}

pub(crate) fn c1_dials_that_there_are_too_many_of_are_dropped_and_are_no_failures() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(2))
        .set_addresses([1])
        .expect(Ready(1), 2)
        .serve(1, Dial::Hang)
        .change_settings([ConnectionsPerAddress(6)])
        .expect(DiallingTo(1), 4)
        .change_settings([ConnectionsPerAddress(3)])
        .expect(DiallingTo(1), 1)
        .expect(DialsOpen(1), 1)
        .expect(Ends(1), "Surplus, Surplus, Surplus")
        .expect(BackOffs(1), 0)
        .expect(Connected(1), 2)
        .expect(Draining(1), 0)
}

pub(crate) fn c1_the_limit_of_dials_changes_with_the_settings() -> Script {
    Script::new()
        .with(DialsMax(2))
        .for_each(1..=6, |script, address| script.serve(address, Dial::Hang))
        .set_addresses(1..=6)
        .expect_to_stay(millis(300), Dialling, 2)
        .change_settings([DialsMax(5)])
        .expect_to_stay(millis(300), Dialling, 5)
        .change_settings([DialsMax(1)])
        .expect(ConfigApplied, 2)
        .expect_to_stay(millis(300), Dialling, 5)
}

pub(crate) fn c1_connections_come_and_go_when_a_handle_says_so() -> Script {
    connected(Script::new(), 1..=1)
        .never_above(SlotsMax(1), 3)
        .reconfigure([ConnectionsPerAddress(3)])
        .expect(Ready(1), 3)
        .expect(ConfigApplied, 1)
        .expect(ReconfigureError, "")
        .expect(OpenLink(1, 0), 1)
        .reconfigure([ConnectionsPerAddress(1)])
        .expect(Open(1), 1)
        .expect(ConfigApplied, 2)
        .expect(DrainReasons(1), "Surplus, Surplus")
        .expect_to_stay(secs(10), Connections(1), 3)
}

pub(crate) fn c1_the_last_settings_count_wherever_they_come_from() -> Script {
    connected(Script::new(), 1..=1)
        .change_settings([ConnectionsPerAddress(4)])
        .expect(Ready(1), 4)
        .reconfigure([ConnectionsPerAddress(2)])
        .expect(Open(1), 2)
        .change_settings([ConnectionsPerAddress(3)])
        .expect(Ready(1), 3)
        .expect(ConfigApplied, 3)
}
