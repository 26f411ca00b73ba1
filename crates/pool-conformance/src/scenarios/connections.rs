//! C1 to C6: connections.

use std::time::Duration;

use pool_driver::{Backoff as BackoffSettings, FailureKind, Outcome};

use super::{AN_HOUR, SUCCESS, connected, millis, secs};
use crate::script::{Call, Conduct, Dial, Observation::*, Script, Setting::*};

/// The delay after the first failure, with neither growth nor jitter.
fn constant(delay: Duration) -> BackoffSettings {
    let mut backoff = BackoffSettings::default();
    (backoff.base, backoff.cap) = (delay, delay);
    (backoff.growth_percent, backoff.jitter_percent) = (100, 0);
    backoff
}

// C1: never more connections or dials than the limits.

pub(super) fn c1_an_address_never_has_more_connections_than_it_should_whatever_becomes_of_them() -> Script {
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

pub(super) fn c1_an_address_that_has_never_answered_costs_one_dial() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(10))
        .serve(1, Dial::Hang)
        .set_addresses([1])
        .expect_to_stay(millis(500), DiallingTo(1), 1)
        .serve(1, Dial::Accept)
        .expect(Ready(1), 10)
        // One that has answered is filled at once.
        .expect(DiallingMaxTo(1), 9)
}

pub(super) fn c1_an_address_that_has_failed_is_dialled_once_at_a_time() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(5))
        .never_above(DiallingMaxTo(1), 1)
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .expect_at_least(BackOffs(1), 2)
        .serve(1, Dial::Accept)
        .expect(Ready(1), 5)
}

pub(super) fn c1_dials_in_the_whole_pool_are_limited() -> Script {
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

pub(super) fn c1_addresses_that_fail_hold_at_most_half_of_the_dials() -> Script {
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

pub(super) fn c1_however_dials_end_none_of_them_costs_a_permit_for_good() -> Script {
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
        // These connect, and panic all the same.
        .for_each(1..=2, |script, address| script.serve(address, Dial::PanicInDrop))
        .for_each(1..=2, |script, address| script.expect(Ready(address), 2))
        .expect_at_least(Panics, 2 + 2 + 4)
        .for_each(1..=2, |script, address| script.serve(address, Dial::Accept).break_connections(address))
        .for_each(1..=2, |script, address| script.expect(Connections(address), 4))
        .for_each(1..=2, |script, address| script.expect(Ready(address), 2))
}

pub(super) fn c1_asking_again_while_a_dial_is_in_flight_starts_no_second_one() -> Script {
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

pub(super) fn c1_connections_that_drain_do_not_count_and_are_no_more_than_the_others() -> Script {
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

pub(super) fn c1_connections_at_the_end_of_their_lives_are_replaced_one_by_one() -> Script {
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

pub(super) fn c1_more_connections_are_opened_when_the_settings_say_so_and_those_there_are_stay() -> Script {
    connected(Script::new(), 1..=2)
        .never_above(SlotsMax(1), 3)
        .change_settings([ConnectionsPerAddress(3)])
        .expect(Ready(1), 3)
        .expect(Ready(2), 3)
        .expect(SettingsApplied, 1)
        .expect(Connections(1), 3)
        .expect(OpenLink(1, 0), 1)
        .expect(Draining(1), 0)
}

pub(super) fn c1_fewer_connections_drain_when_the_settings_say_so_and_none_is_redialled() -> Script {
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

pub(super) fn c1_connections_that_there_are_too_many_of_finish_what_they_hold() -> Script {
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

pub(super) fn c1_dials_that_there_are_too_many_of_are_dropped_and_are_no_failures() -> Script {
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

pub(super) fn c1_the_limit_of_dials_changes_with_the_settings() -> Script {
    Script::new()
        .with(DialsMax(2))
        .for_each(1..=6, |script, address| script.serve(address, Dial::Hang))
        .set_addresses(1..=6)
        .expect_to_stay(millis(300), Dialling, 2)
        .change_settings([DialsMax(5)])
        .expect_to_stay(millis(300), Dialling, 5)
        .change_settings([DialsMax(1)])
        .expect(SettingsApplied, 2)
        .expect_to_stay(millis(300), Dialling, 5)
}

// C2: eager opens without traffic, lazy only when an item waits.

pub(super) fn c2_an_eager_pool_opens_all_connections_without_traffic_and_no_more() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(3))
        .set_addresses([1, 2])
        .expect(Ready(1), 3)
        .expect(Ready(2), 3)
        .expect_to_stay(millis(500), Dials(1), 3)
        .expect(Dials(2), 3)
}

pub(super) fn c2_a_lazy_pool_opens_nothing_before_an_item_waits() -> Script {
    Script::new()
        .with(Lazy)
        .with(ConnectionsPerAddress(2))
        .set_addresses([1, 2])
        .expect(KnownAddresses, 2)
        .expect_to_stay(secs(2), DiallingMax, 0)
        .send([1])
        .expect(Sent, 1)
        .expect(DiallingMax, 1)
}

pub(super) fn c2_a_lazy_pool_opens_no_more_while_an_open_connection_takes_the_items() -> Script {
    Script::new()
        .with(Lazy)
        .with(ConnectionsPerAddress(3))
        .never_above(Dials(1), 1)
        .set_addresses([1])
        .send([0])
        .expect(Received(1), 1)
        .send(1..100)
        .expect(Received(1), 100)
}

pub(super) fn c2_a_lazy_pool_opens_the_next_connection_to_the_least_connected_address() -> Script {
    // Every connection takes one item and no more.
    let script = Script::new()
        .with(Lazy)
        .with(ConnectionsPerAddress(2))
        .for_each(1..=3, |script, address| {
            script.behave(address, Conduct::Window(1)).behave(address, Conduct::NeverFlushes)
        })
        .set_addresses([1, 2, 3]);
    let one_by_one = |script: Script, item: u32| script.send([item]).expect(Sent, u64::from(item));
    let script = (1..=3).fold(script, one_by_one);
    let script = script.for_each(1..=3, |script, address| script.expect(Connections(address), 1));
    (4..=6)
        .fold(script, one_by_one)
        .for_each(1..=3, |script, address| script.expect(Connections(address), 2))
        .send([7])
        .expect(PermitsInUse, 1)
        .advance(millis(500))
        .for_each(1..=3, |script, address| script.expect(Dials(address), 2))
}

pub(super) fn c2_a_lazy_pool_dials_once_for_every_item_that_waits() -> Script {
    let script = Script::new()
        .with(Lazy)
        .with(ConnectionsPerAddress(3))
        .for_each(1..=3, |script, address| script.serve(address, Dial::Hang))
        .set_addresses([1, 2, 3]);
    (1..=3)
        .fold(script, |script, item| {
            script.send([item]).expect_to_stay(millis(200), Dialling, u64::from(item))
        })
        .for_each(1..=3, |script, address| script.serve(address, Dial::Accept))
        .expect(Sent, 3)
        .expect(DiallingMax, 3)
}

pub(super) fn c2_a_lazy_pool_does_not_replace_a_connection_before_the_next_item() -> Script {
    Script::new()
        .with(Lazy)
        .set_addresses([1])
        .send([1])
        .expect(Received(1), 1)
        .break_connections(1)
        .expect(Connected(1), 0)
        .expect_to_stay(secs(2), Dials(1), 1)
        .send([2])
        .expect(ReceivedItems(1), [1, 2])
        .expect(Dials(1), 2)
}

pub(super) fn c2_a_lazy_pool_connects_for_somebody_who_asks_whether_it_is_ready() -> Script {
    Script::new()
        .with(Lazy)
        .with(ConnectionsPerAddress(3))
        .set_addresses([1])
        .ask_ready()
        .expect(ReadyAnswer, "ready")
        .expect_to_stay(millis(500), Dials(1), 1)
}

pub(super) fn c2_a_sender_that_gives_up_cancels_no_dial() -> Script {
    Script::new()
        .with(Lazy)
        .with(QueueSize(1))
        .serve(1, Dial::Hang)
        .set_addresses([1])
        .send([1])
        .start_send(2)
        .expect(Waiting, 1)
        .expect(Dialling, 1)
        .cancel(2)
        .expect(Withdrawn, 1)
        .expect_to_stay(millis(500), Dialling, 1)
        .serve(1, Dial::Accept)
        .expect(ReceivedItems(1), [1])
        .expect(Dials(1), 1)
}

pub(super) fn c2_a_pool_that_becomes_lazy_keeps_its_connections_and_opens_no_others() -> Script {
    connected(Script::new(), 1..=1)
        .change_settings([Lazy, ConnectionsPerAddress(3)])
        .expect(SettingsApplied, 1)
        .set_addresses([1, 2])
        .expect(Added(2), 1)
        .expect_to_stay(secs(1), Dials(2), 0)
        .send_some(10)
        .expect(Received(1), 10)
        .expect(Connections(1), 1)
}

pub(super) fn c2_a_pool_that_becomes_eager_opens_all_connections_without_traffic() -> Script {
    Script::new()
        .with(Lazy)
        .set_addresses([1, 2])
        .expect(KnownAddresses, 2)
        .expect_to_stay(secs(1), Dialling, 0)
        .change_settings([ConnectionsPerAddress(2)])
        .expect(Ready(1), 2)
        .expect(Ready(2), 2)
}

// C3: an address that fails backs off and slows no other.

pub(super) fn c3_delays_grow_from_failure_to_failure_up_to_the_cap() -> Script {
    let mut backoff = constant(millis(100));
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

pub(super) fn c3_delays_are_jittered_at_the_cap_too() -> Script {
    Script::new()
        .with(Backoff(millis(100), millis(100)))
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .expect_at_least(BackOffs(1), 15)
        .for_each(0..15, |script, n| script.expect_between(BackOffMillis(1, n.into()), 80, 120))
        .expect_at_least(BackOffSpreadMillis(1, 15), 5)
}

pub(super) fn c3_an_address_that_refuses_slows_no_other() -> Script {
    Script::new()
        .serve(1, Dial::Refuse)
        .set_addresses([1, 2])
        .expect(Ready(2), 1)
        .expect_at_least(BackOffs(1), 1)
        .send(1..=30)
        .expect_within(millis(1), Received(2), 30)
        .break_connections(2)
        // It is the first that this one has.
        .expect(Connections(2), 2)
        .expect(Failures(2), 1)
}

pub(super) fn c3_a_dial_that_hangs_slows_no_other_address() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(2))
        .serve(1, Dial::Hang)
        .set_addresses([1, 2])
        .expect_within(millis(1), Ready(2), 2)
        .send(1..=30)
        .expect_within(millis(1), Received(2), 30)
        .expect(Dialling, 1)
}

pub(super) fn c3_a_dial_that_hangs_has_failed_at_its_timeout_and_has_waited_already() -> Script {
    Script::new()
        .with(DialTimeout(millis(300)))
        .serve(1, Dial::Hang)
        .set_addresses([1])
        .expect_at_least(BackOffs(1), 1)
        .expect(LastError(1), "the dial timed out")
        // The delay is counted from the start of a dial, and is shorter than the timeout.
        .expect_between(DialGapMillis(1, 0), 300, 301)
        .serve(1, Dial::Accept)
        .expect(Ready(1), 1)
        .expect(Open(1), 1)
}

pub(super) fn c3_a_restart_is_one_failure_however_many_connections_it_ends() -> Script {
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

pub(super) fn c3_dials_that_were_in_flight_together_fail_as_one() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(4))
        .with(Backoff(AN_HOUR, AN_HOUR))
        .never_above(Failures(1), 1)
        .set_addresses([1])
        .expect(Ready(1), 4)
        .send(1..=8)
        .expect(Received(1), 8)
        .serve(1, Dial::Hang)
        // Items were sent: this is no failure.
        .hang_up(1)
        .expect(DiallingTo(1), 4)
        .serve(1, Dial::Refuse)
        .expect(Ends(1), "Closed, Closed, Closed, Closed, Failed, Failed, Failed, Failed")
        .expect(Failures(1), 1)
        .expect(BackOffs(1), 1)
}

pub(super) fn c3_a_connection_that_dies_after_its_sibling_does_not_lengthen_the_delay() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(2))
        .with(BackoffOf(constant(AN_HOUR)))
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

pub(super) fn c3_an_address_that_heals_is_back_after_one_delay_at_the_cap() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(3))
        .with(Backoff(millis(50), millis(200)))
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .expect_at_least(BackOffs(1), 12)
        .serve(1, Dial::Accept)
        .expect_within(millis(245), Ready(1), 3)
}

pub(super) fn c3_the_connector_is_told_how_often_the_address_has_failed() -> Script {
    Script::new()
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .expect_at_least(Failures(1), 3)
        .expect_at_least(DialContextFailures(1), 3)
        .expect(LastError(1), "connection refused")
}

pub(super) fn c3_no_dial_starts_during_backoff_whatever_else_happens() -> Script {
    Script::new()
        .with(BackoffOf(constant(AN_HOUR)))
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

pub(super) fn c3_an_address_in_backoff_is_dialled_at_once_when_somebody_knows_that_it_is_up() -> Script {
    Script::new()
        .with(Backoff(AN_HOUR, AN_HOUR))
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .expect(AddressState(1), "backoff")
        .serve(1, Dial::Accept)
        .retry_now(1)
        .expect_within(millis(1), Ready(1), 1)
        // It has yet to show that it works.
        .expect(Failures(1), 1)
}

pub(super) fn c3_a_lower_cap_shortens_the_backoff_that_an_address_is_in() -> Script {
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

pub(super) fn c3_a_dial_that_hangs_is_cut_off_by_a_shorter_timeout_at_once() -> Script {
    Script::new()
        .serve(1, Dial::Hang)
        .set_addresses([1])
        .expect(DiallingTo(1), 1)
        .advance(secs(2))
        .change_settings([DialTimeout(secs(1))])
        .expect_at_least(BackOffs(1), 1)
}

// C4: a connection that dies while idle is noticed and replaced.

pub(super) fn c4_a_connection_that_breaks_while_idle_is_replaced_without_traffic() -> Script {
    Script::new()
        .set_addresses([1])
        .expect(Ready(1), 1)
        .advance(secs(1))
        .break_connections(1)
        .expect_within(millis(1), Connections(1), 2)
        .expect(Ready(1), 1)
        .expect(Ends(1), "Failed")
        .expect(LastError(1), "connection reset")
        .expect(Open(1), 1)
}

pub(super) fn c4_a_peer_that_hangs_up_is_noticed_without_traffic() -> Script {
    Script::new()
        .set_addresses([1])
        .expect(Ready(1), 1)
        .advance(secs(1))
        .hang_up(1)
        .expect_within(millis(1), Connections(1), 2)
        .expect(Ready(1), 1)
        .expect(Ends(1), "Closed")
        .expect(Open(1), 1)
}

pub(super) fn c4_after_a_restart_all_connections_are_back_without_traffic() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(8))
        .set_addresses([1])
        .expect(Ready(1), 8)
        .kill(1)
        .expect(Open(1), 0)
        .expect_at_least(BackOffs(1), 2)
        .serve(1, Dial::Accept)
        .expect(Ready(1), 8)
        .expect(Open(1), 8)
}

pub(super) fn c4_a_death_is_noticed_while_the_connection_takes_nothing() -> Script {
    Script::new()
        .stall(1)
        .set_addresses([1])
        .expect(AddressState(1), "busy")
        .send([1, 2])
        .expect(PermitsInUse, 2)
        .break_connections(1)
        .expect(Connections(1), 2)
        .resume(1)
        .expect(ReceivedItems(1), [1, 2])
}

pub(super) fn c4_a_death_is_noticed_in_the_middle_of_a_flush() -> Script {
    Script::new()
        .set_addresses([1])
        .expect(Ready(1), 1)
        .behave(1, Conduct::NeverFlushes)
        .send([1])
        .expect(Unflushed(1), 1)
        .break_connections(1)
        .expect(Connections(1), 2)
        .expect(InFlightAtEnd(1), 1)
        .expect(Open(1), 1)
}

pub(super) fn c4_a_death_is_noticed_while_the_connection_drains() -> Script {
    Script::new()
        .set_addresses([1, 2])
        .expect(Ready(1), 1)
        .behave(1, Conduct::NeverCloses)
        .set_addresses([2])
        .expect(Draining(1), 1)
        .break_connections(1)
        .expect(Ends(1), "Failed")
        .expect(Open(1), 0)
        .expect(KnownAddresses, 1)
        .expect(Dials(1), 1)
}

pub(super) fn c4_a_connection_that_is_sent_away_is_replaced_while_it_finishes_its_work() -> Script {
    Script::new()
        .never_above(BackOffs(1), 0)
        .set_addresses([1])
        .expect(Ready(1), 1)
        .behave(1, Conduct::NeverFlushes)
        .send([1])
        .expect(Unflushed(1), 1)
        .go_away(1)
        .expect_within(millis(1), Connections(1), 2)
        .expect(Draining(1), 1)
        .expect(DrainReasons(1), "GoingAway")
        .resume(1)
        .expect(ReceivedOver(1, 0), 1)
        .expect(Ends(1), "Closed")
}

pub(super) fn c4_a_connection_that_owes_outcomes_and_is_silent_is_replaced() -> Script {
    connected(Script::new().with(OutcomeTimeout(secs(1))).behave(1, Conduct::KeepsItems), 1..=1)
        .send([1])
        .expect(Connections(1), 2)
        .expect(Ends(1), "TimedOut")
        .expect(LastError(1), "the peer doesn't answer")
        .expect(InFlightAtEnd(1), 1)
        .expect(Ready(1), 1)
}

pub(super) fn c4_a_connection_that_owes_nothing_may_be_silent() -> Script {
    connected(Script::new().with(OutcomeTimeout(secs(1))), 1..=1).expect_to_stay(secs(5), Connections(1), 1)
}

pub(super) fn c4_only_the_connections_that_died_are_replaced() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(2))
        .never_above(Dials(2), 2)
        .set_addresses([1, 2])
        .expect(Ready(1), 2)
        .expect(Ready(2), 2)
        .break_connections(1)
        .expect(Connections(1), 4)
        .expect(Ready(1), 2)
        .expect_to_stay(millis(500), Connected(2), 2)
}

pub(super) fn c4_a_drain_is_cut_off_by_a_shorter_timeout_at_once() -> Script {
    connected(Script::new(), 1..=1)
        .behave(1, Conduct::NeverCloses)
        .set_no_addresses()
        .expect(Draining(1), 1)
        .advance(secs(2))
        .change_settings([DrainTimeout(secs(1))])
        .expect(Ends(1), "DrainTimedOut")
}

// C5: a connection that dies young backs off like a failed dial.

/// How an address that flaps is dialled: the first delays, give or take a fifth.
fn flaps(dial: Dial) -> Script {
    Script::new()
        .serve(1, dial)
        .set_addresses([1])
        .expect_at_least(BackOffs(1), 4)
        .expect_between(BackOffMillis(1, 0), 80, 120)
        .expect_between(BackOffMillis(1, 1), 128, 192)
        .expect_between(BackOffMillis(1, 2), 204, 308)
        .expect_between(DialGapMillis(1, 0), 80, 121)
        .expect_between(DialGapMillis(1, 1), 128, 193)
        .expect_between(DialGapMillis(1, 2), 204, 309)
}

pub(super) fn c5_a_connection_that_dies_young_backs_off_like_a_failed_dial() -> Script {
    flaps(Dial::AcceptThenDie)
}

pub(super) fn c5_a_peer_that_accepts_and_hangs_up_backs_off_like_a_failed_dial() -> Script {
    flaps(Dial::AcceptThenClose)
}

pub(super) fn c5_a_peer_that_accepts_and_sends_away_backs_off_like_a_failed_dial() -> Script {
    flaps(Dial::AcceptThenGoAway)
}

pub(super) fn c5_a_flapping_address_takes_no_item_with_it() -> Script {
    Script::new()
        .serve(1, Dial::AcceptThenDie)
        .set_addresses([1, 2])
        .expect(Ready(2), 1)
        .repeat(4, |script| script.send_some(10).advance(millis(100)))
        .expect(Received(2), 40)
        .expect_at_least(BackOffs(1), 2)
        .expect(SentBeforeEnd(1), 0)
}

pub(super) fn c5_a_connection_that_lives_long_enough_clears_the_failures() -> Script {
    Script::new()
        .with(StableAfter(millis(500)))
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .expect_at_least(DialContextFailures(1), 3)
        .serve(1, Dial::Accept)
        .expect(Recovered(1), 1)
        .expect(Failures(1), 0)
        .break_connections(1)
        // The steps start afresh.
        .expect(DialContextFailures(1), 1)
}

pub(super) fn c5_a_connection_that_is_merely_up_clears_nothing() -> Script {
    Script::new()
        .with(BackoffOf(constant(millis(50))))
        .never_above(Recovered(1), 0)
        .set_addresses([1])
        .expect(Ready(1), 1)
        .repeat(3, |script| script.kill(1).expect(Connected(1), 0).serve(1, Dial::Accept).expect(Ready(1), 1))
        .expect_at_least(Failures(1), 3)
        .expect_at_least(DialContextFailures(1), 3)
}

pub(super) fn c5_one_reported_success_clears_the_failures() -> Script {
    Script::new()
        .behave(1, Conduct::KeepsItems)
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .expect_at_least(BackOffs(1), 2)
        .serve(1, Dial::Accept)
        .send([1])
        .expect(Received(1), 1)
        .finish(1, 1, SUCCESS)
        .expect(Recovered(1), 1)
        .expect(Failures(1), 0)
        .expect(InFlight(1), 0)
}

pub(super) fn c5_items_that_failed_or_were_cancelled_clear_nothing() -> Script {
    let failure = Outcome::Failure { latency: Duration::ZERO, kind: FailureKind::Error };
    Script::new()
        .behave(1, Conduct::KeepsItems)
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .expect_at_least(BackOffs(1), 2)
        .serve(1, Dial::Accept)
        .send([1, 2])
        .expect(Received(1), 2)
        .finish(1, 1, failure)
        .finish(1, 1, Outcome::Cancelled)
        .expect(UnreadEvents(1), 0)
        .expect(InFlight(1), 0)
        .expect(Recovered(1), 0)
        .expect_at_least(Failures(1), 2)
}

pub(super) fn c5_a_clean_close_after_an_item_is_no_failure() -> Script {
    Script::new()
        .never_above(BackOffs(1), 0)
        .set_addresses([1])
        .send([1])
        .expect(Received(1), 1)
        .hang_up(1)
        .expect_within(millis(1), Connections(1), 2)
        .expect(Ends(1), "Closed")
        .expect(Failures(1), 0)
}

pub(super) fn c5_items_that_all_came_back_do_not_excuse_a_hang_up() -> Script {
    Script::new()
        .set_addresses([1])
        .expect(Ready(1), 1)
        .behave(1, Conduct::NeverFlushes)
        .send([1])
        .expect(Unflushed(1), 1)
        .stall(1)
        .give_back(1)
        .expect(InBacklog, 1)
        .hang_up(1)
        .expect(Ends(1), "Closed")
        .expect(BackOffs(1), 1)
        .resume(1)
        .expect(ReceivedItems(1), [1])
}

// C6: a late event for a former tenant changes nothing.

pub(super) fn c6_the_waker_of_a_connection_that_is_gone_does_nothing_to_the_next() -> Script {
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

pub(super) fn c6_the_waker_of_a_connection_that_is_gone_does_nothing_to_a_dial() -> Script {
    Script::new()
        .with(BackoffOf(constant(millis(50))))
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

pub(super) fn c6_the_waker_of_a_connection_does_nothing_to_another_address_in_its_place() -> Script {
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

pub(super) fn c6_dials_that_timed_out_and_would_connect_at_last_do_not_count() -> Script {
    Script::new()
        .with(DialTimeout(millis(200)))
        .never_above(ConnectedMax(1), 1)
        .serve(1, Dial::Hang)
        .set_addresses([1])
        .expect_at_least(Dials(1), 4)
        // All that ever hung are told.
        .serve(1, Dial::Accept)
        .expect(Ready(1), 1)
        .expect_to_stay(millis(500), Connections(1), 1)
        .expect(Open(1), 1)
}

pub(super) fn c6_the_drain_deadline_of_an_old_connection_does_not_hit_the_new_one() -> Script {
    Script::new()
        .with(DrainTimeout(millis(500)))
        .set_addresses([1])
        .expect(Ready(1), 1)
        .behave(1, Conduct::NeverCloses)
        .set_addresses([2])
        // Where time is real it may be over before anybody looks.
        .expect(DrainReasons(1), "AddressLeft")
        .set_addresses([1])
        .expect(Connections(1), 2)
        .expect(Ends(1), "DrainTimedOut")
        .expect_to_stay(millis(700), Connected(1), 1)
        .send(1..=5)
        .expect(ReceivedOver(1, 1), 5)
        .expect(Dials(1), 2)
}

pub(super) fn c6_places_that_change_hands_many_times_are_all_there_in_the_end() -> Script {
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
