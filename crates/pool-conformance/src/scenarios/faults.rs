//! F1 to F5: panics, wake-ups, memory, bad name services, bad settings.

use std::time::Duration;

use pool_driver::Endpoint;

use super::{AN_HOUR, and_is_left_alone, blocked, connected, millis, secs};
use crate::script::{Call, Conduct, Dial, Observation::*, Script, Setting, Setting::*};

/// Something is wrong with the dials to the first address; the second is sound.
fn bad_dials(dial: Dial, error: &'static str) -> Script {
    Script::new()
        .with(Backoff(millis(100), millis(100)))
        .serve(1, dial)
        .set_addresses([1, 2])
        .expect_at_least(BackOffs(1), 2)
        .expect(LastError(1), error)
        .expect_at_least(Panics, 2)
        .send(0..4)
        .expect(ReceivedItems(2), 0..4)
        .serve(1, Dial::Accept)
        .expect(Ready(1), 1)
        .send(4..8)
        .expect(Received(1), 2)
        .expect(Received(2), 6)
}

pub(super) fn f1_a_panic_of_the_connector_costs_that_dial() -> Script {
    bad_dials(Dial::PanicInCall, "panicked: a scripted panic of the connector")
}

pub(super) fn f1_a_panic_of_a_dial_costs_that_dial() -> Script {
    bad_dials(Dial::PanicInFuture, "panicked: a scripted panic of a dial")
}

pub(super) fn f1_a_panic_in_the_drop_of_a_dial_that_is_done_costs_nothing_else() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(2))
        .serve(1, Dial::PanicInDrop)
        .set_addresses([1, 2])
        .expect(Connections(2), 2)
        .expect(Panics, 2)
        .serve(1, Dial::Accept)
        .expect(Ready(1), 2)
        .send(0..4)
        .expect(Received(1), 2)
        .expect(Received(2), 2)
}

pub(super) fn f1_a_panic_in_the_drop_of_a_dial_that_is_abandoned_costs_nothing_else() -> Script {
    Script::new()
        .serve(1, Dial::AcceptAfter(AN_HOUR))
        .set_addresses([1, 2])
        .expect(DialsOpen(1), 1)
        .expect(Connected(2), 1)
        .serve(1, Dial::PanicInDrop)
        .set_addresses([2])
        .expect(DialsOpen(1), 0)
        .expect(Panics, 1)
        .serve(1, Dial::Accept)
        .set_addresses([1, 2])
        .expect(Ready(1), 1)
        .send(0..4)
        .expect(Received(1), 2)
        .expect(ReceivedOver(2, 0), 2)
}

/// The connections to the first address panic in this call as soon as there is traffic.
fn bad_connections(call: Call, error: &'static str) -> Script {
    Script::new()
        .with(Backoff(millis(100), millis(100)))
        .set_addresses([1, 2])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .behave(1, Conduct::Panics(call))
        .send_some(4)
        .expect_at_least(BackOffs(1), 1)
        .expect(LastError(1), error)
        .expect_at_least(Panics, 1)
        .resume(1)
        .expect(Connected(1), 1)
        .expect(Ready(1), 1)
        .expect(PermitsInUse, 0)
        .send_some(20)
        .expect_at_least(Received(1), 10)
        .expect_at_least(ReceivedOver(2, 0), 10)
        .expect(Dials(2), 1)
}

pub(super) fn f1_a_panic_in_poll_ready_costs_that_connection() -> Script {
    bad_connections(Call::Ready, "panicked: a scripted panic in Ready")
}

pub(super) fn f1_a_panic_in_start_send_costs_that_connection_and_the_item() -> Script {
    bad_connections(Call::Send, "panicked: a scripted panic in Send")
}

pub(super) fn f1_a_panic_in_poll_flush_costs_that_connection() -> Script {
    bad_connections(Call::Flush, "panicked: a scripted panic in Flush")
}

pub(super) fn f1_a_panic_in_poll_event_costs_that_connection() -> Script {
    bad_connections(Call::Event, "panicked: a scripted panic in Event")
}

fn bad_farewell(call: Call, end: &'static str) -> Script {
    Script::new()
        .behave(1, Conduct::Panics(call))
        .set_addresses([1, 2])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .set_addresses([2])
        .expect(Ends(1), end)
        .expect(Open(1), 0)
        .expect(Panics, 1)
        .send(0..4)
        .expect(ReceivedOver(2, 0), 4)
        .resume(1)
        .set_addresses([1])
        .send([4])
        .expect(ReceivedOver(1, 1), 1)
        .expect(BackOffs(1), 0)
}

pub(super) fn f1_a_panic_in_poll_close_costs_that_connection() -> Script {
    bad_farewell(Call::Close, "Panicked")
}

pub(super) fn f1_a_panic_in_the_drop_of_a_connection_costs_nothing_else() -> Script {
    bad_farewell(Call::Drop, "Closed")
}

pub(super) fn f1_a_driver_can_be_dropped_whatever_its_connections_do_in_their_drop() -> Script {
    Script::new()
        .behave(1, Conduct::Panics(Call::Drop))
        .behave(2, Conduct::Panics(Call::Drop))
        .set_addresses([1, 2, 3])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .expect(Ready(3), 1)
        .wait_for_end()
        .drop_driver()
        .expect(EndsSeen, 1)
        .expect(EndReason, "its driver was dropped")
        .expect(Open(1), 0)
        .expect(Open(2), 0)
        .expect(Open(3), 0)
        .expect(Panics, 2)
}

pub(super) fn f1_a_panic_of_the_address_stream_is_its_end_with_a_reason() -> Script {
    Script::new()
        .stall(1)
        .set_addresses([1])
        .expect(Connected(1), 1)
        .send([0, 1])
        .never_above(NamePollsAfterEnd, 0)
        .panic_names()
        .expect(NamesEnded, 1)
        .expect(Panics, 1)
        .expect(NamesError, "panicked: a scripted panic of the name service")
        .resume(1)
        .expect(EndReason, "its address stream panicked")
        .expect(ReceivedItems(1), [0, 1])
        .try_send(2)
        .expect(RefusedReason, "the pool is closed: its address stream panicked")
}

pub(super) fn f1_a_panic_of_the_balancer_is_the_pools_end_with_a_reason() -> Script {
    blocked()
        .wait_for_end()
        .send(0..3)
        .panic_balancer()
        .resume(1)
        .expect(EndsSeen, 1)
        .expect(EndReason, "its balancer panicked")
        .expect_at_least(Panics, 1)
        .expect(UndeliveredItems, [0, 1, 2])
        .expect(UndeliveredReason, "the pool is closed: its balancer panicked")
        .expect(Open(1), 0)
        .try_send(3)
        .expect(RefusedReason, "the pool is closed: its balancer panicked")
}

pub(super) fn f1_a_panic_of_the_observer_costs_the_observer() -> Script {
    Script::new()
        .set_addresses([1])
        .expect(Ready(1), 1)
        .panic_observer()
        .set_addresses([2])
        .expect(Ready(2), 1)
        .expect(Open(1), 0)
        .send(0..3)
        .expect(ReceivedItems(2), 0..3)
        // The panic was the last that it heard.
        .expect(Panics, 1)
        .expect(Added(2), 0)
        .shutdown(secs(1))
        .expect(EndReason, "it was shut down")
        .expect(EndEvents, 0)
}

pub(super) fn f1_a_panic_of_on_undelivered_has_had_its_item_and_is_asked_again_with_the_next() -> Script {
    Script::new()
        .send(0..3)
        .panic_undelivered()
        .shutdown(Duration::ZERO)
        .expect(UndeliveredItems, [0, 1, 2])
        .expect(Panics, 3)
        .expect(EndReason, "it was shut down")
}

pub(super) fn f1_a_panic_of_the_stream_of_settings_costs_the_stream() -> Script {
    connected(Script::new(), 1..=1)
        .change_settings([ConnectionsPerAddress(2)])
        .expect(Ready(1), 2)
        .panic_settings()
        .expect(Panics, 1)
        .expect(SettingsEnded, 1)
        .change_settings([ConnectionsPerAddress(1)])
        .send_some(10)
        .expect(Received(1), 10)
        .expect_to_stay(secs(1), SettingsPollsAfterEnd, 0)
        .expect(Connected(1), 2)
}

pub(super) fn f2_a_pool_with_nothing_to_do_is_not_polled() -> Script {
    and_is_left_alone(
        Script::new()
            .with(ConnectionsPerAddress(3))
            .set_addresses([1, 2])
            .expect(Ready(1), 3)
            .expect(Ready(2), 3)
            .send_some(50)
            .expect(PermitsInUse, 0),
    )
}

pub(super) fn f2_a_pool_whose_connections_take_nothing_is_not_polled() -> Script {
    and_is_left_alone(
        blocked().with(QueueSize(2)).send([0, 1]).start_send(2).expect(Waiting, 1).ask_ready().wait_for_end(),
    )
}

pub(super) fn f2_a_pool_that_waits_for_a_dial_a_flush_a_close_and_a_backoff_is_not_polled() -> Script {
    and_is_left_alone(
        Script::new()
            .with(Backoff(AN_HOUR, AN_HOUR))
            .serve(1, Dial::Hang)
            .behave(2, Conduct::NeverFlushes)
            .behave(3, Conduct::NeverCloses)
            .serve(4, Dial::Refuse)
            .set_addresses([3])
            .expect(Connected(3), 1)
            .set_addresses([1, 2, 4])
            .expect(Draining(3), 1)
            .send([0])
            .expect(Unflushed(2), 1)
            .expect(DialsOpen(1), 1)
            .expect(BackOffs(4), 1),
    )
}

pub(super) fn f2_an_item_alone_costs_a_few_polls_and_none_is_forgotten() -> Script {
    Script::new()
        .set_addresses([1, 2])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .mark_polls()
        .never_above(PollsSinceMark, 3 * 300)
        // Each has to wake a driver that sleeps.
        .repeat(300, |next| next.send_some(1).expect(PermitsInUse, 0))
        .expect(Received(1), 150)
        .expect(Received(2), 150)
}

pub(super) fn f2_a_connection_that_is_ready_again_wakes_the_driver_each_time() -> Script {
    blocked()
        .repeat(200, |again| again.send_some(1).resume(1).expect(PermitsInUse, 0).stall(1))
        .resume(1)
        .expect(ReceivedOver(1, 0), 200)
}

pub(super) fn f2_a_connection_that_is_ready_again_while_it_is_polled_is_polled_again() -> Script {
    // Its flush ends in a poll of the driver, and makes it ready there and then.
    Script::new()
        .behave(1, Conduct::Window(1))
        .behave(1, Conduct::FlushesAfter(millis(20)))
        .set_addresses([1])
        .expect(Connected(1), 1)
        .send(0..20)
        .expect(ReceivedItems(1), 0..20)
}

pub(super) fn f2_a_batch_costs_hardly_more_than_an_item() -> Script {
    blocked()
        .with(QueueSize(300))
        .send_some(300)
        .expect(PermitsInUse, 300)
        .mark_polls()
        .never_above(PollsSinceMark, 10)
        .resume(1)
        .expect(Received(1), 300)
}

pub(super) fn f2_a_connection_that_wakes_itself_for_ever_keeps_nobody_waiting() -> Script {
    Script::new()
        .set_addresses([1, 2])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        // It is asked once in each poll of the driver, however often it wakes.
        .never_above(EmptyEventPollsMax(1), 1)
        .behave(1, Conduct::WakesItself)
        .send_some(40)
        .expect(Received(1), 20)
        .expect(Received(2), 20)
        .set_addresses([1, 2, 3])
        .expect(Ready(3), 1)
        .resume(1)
        .send_some(30)
        .expect(Received(3), 10)
}

pub(super) fn f2_a_busy_connection_that_wakes_itself_for_ever_keeps_nobody_waiting() -> Script {
    Script::new()
        .set_addresses([1, 2])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .stall(1)
        .never_above(EmptyEventPollsMax(1), 1)
        .behave(1, Conduct::WakesItself)
        .send_some(40)
        .expect(Received(2), 40)
        .set_addresses([2])
        .expect(Draining(1), 1)
        .send_some(10)
        .expect(Received(2), 50)
        .resume(1)
        .expect(Open(1), 0)
}

pub(super) fn f2_a_handle_that_is_dropped_wakes_a_driver_that_sleeps() -> Script {
    Script::new()
        .set_addresses([1])
        .expect(Ready(1), 1)
        .send([0])
        .expect(Received(1), 1)
        .advance(millis(500))
        .mark_polls()
        .never_above(PollsSinceMark, 6)
        .drop_handles()
        .expect(EndReason, "all its handles were dropped")
}

pub(super) fn f2_settings_that_change_nothing_cost_a_poll_at_most_each_time() -> Script {
    connected(Script::new(), 1..=2)
        .mark_polls()
        .repeat(20, |script| script.change_settings([]))
        .never_above(PollsSinceMark, 30)
        .expect_to_stay(secs(1), SettingsApplied, 0)
        .end_settings()
        .expect(SettingsEnded, 1)
        .advance(secs(5))
}

pub(super) fn f3_an_address_that_keeps_coming_and_going_leaves_no_row_and_no_connection_behind() -> Script {
    Script::new()
        .never_above(KnownAddresses, 1)
        .never_above(Open(1), 1)
        .never_above(PollsSinceMark, 300 * 8)
        .repeat(300, |flap| {
            flap.set_addresses([1]).expect(Connected(1), 1).set_no_addresses().expect(Open(1), 0)
        })
        .expect(KnownAddresses, 0)
        .expect(Connections(1), 300)
}

pub(super) fn f3_addresses_that_come_but_once_are_forgotten() -> Script {
    (1..=300)
        .fold(Script::new().never_above(KnownAddresses, 2), |script, address| {
            script.set_addresses([address]).expect(Connected(address), 1).expect(KnownAddresses, 1)
        })
        .set_no_addresses()
        .expect(KnownAddresses, 0)
}

pub(super) fn f3_addresses_that_failed_and_left_are_forgotten_when_their_backoff_is_over() -> Script {
    let refusing = Script::new().with(Backoff(secs(1), secs(1)));
    (1..=60)
        .fold(refusing, |script, address| {
            script.serve(address, Dial::Refuse).set_addresses([address]).expect_at_least(BackOffs(address), 1)
        })
        .set_no_addresses()
        .expect(KnownAddresses, 0)
        .serve(1, Dial::Accept)
        .set_addresses([1])
        .expect(Connected(1), 1)
        .expect(DialContextFailures(1), 0)
}

pub(super) fn f3_a_connection_that_keeps_dying_costs_a_few_polls_each_time() -> Script {
    Script::new()
        .with(Backoff(millis(1), millis(1)))
        .set_addresses([1])
        .expect(Ready(1), 1)
        .never_above(KnownAddresses, 1)
        .never_above(Open(1), 1)
        .mark_polls()
        .never_above(PollsSinceMark, 200 * 12)
        .repeat(200, |again| {
            again
                .serve(1, Dial::Hang)
                .break_connections(1)
                .expect(Connected(1), 0)
                .serve(1, Dial::Accept)
                .expect(Connected(1), 1)
        })
        .expect(Dials(1), 201)
        .send([0])
        .expect(ReceivedOver(1, 200), 1)
}

pub(super) fn f3_weights_and_priorities_that_keep_changing_cost_a_few_polls_and_no_dial() -> Script {
    let changed = Endpoint::new(1).with_weight(9).with_priority(2);
    Script::new()
        .set_addresses([1, 2])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .never_above(KnownAddresses, 2)
        .never_above(Dials(1), 1)
        .mark_polls()
        .never_above(PollsSinceMark, 200 * 4)
        .repeat(200, |change| {
            change.set_addresses([changed, Endpoint::new(2)]).set_addresses([1, 2]).expect(NamesUnread, 0)
        })
        .send(0..10)
        .expect(Received(1), 5)
        .expect(Received(2), 5)
}

pub(super) fn f3_connections_that_drain_for_ever_do_not_pile_up() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(2))
        .behave(1, Conduct::NeverCloses)
        .never_above(Open(1), 4)
        .repeat(60, |flap| {
            flap.set_addresses([1]).expect(Connected(1), 2).set_addresses([2]).expect(Connected(1), 0)
        })
        .expect(Open(1), 2)
        .expect(Connections(1), 120)
        .resume(1)
        .expect(Open(1), 0)
}

pub(super) fn f3_dials_that_are_abandoned_do_not_pile_up() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(8))
        .with(DialsMax(8))
        .serve(1, Dial::Hang)
        .never_above(DialsOpen(1), 8)
        .repeat(200, |flap| {
            flap.set_addresses([1])
                .expect_at_least(DialsOpen(1), 1)
                .set_addresses([2])
                .expect(DialsOpen(1), 0)
        })
        // No permit was lost on the way.
        .serve(1, Dial::Accept)
        .set_addresses([1, 2])
        .expect(Ready(1), 8)
        .expect(KnownAddresses, 2)
}

pub(super) fn f4_a_name_service_that_fails_for_ever_costs_nothing_that_works() -> Script {
    Script::new()
        .set_addresses([1, 2])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .never_above(Removed(1), 0)
        .never_above(Dials(1), 1)
        .never_above(AvailabilityChanges, 1)
        .repeat(200, |again| again.fail_names("no answer"))
        .expect(NameErrors, 200)
        .send(0..10)
        .expect(ReceivedOver(1, 0), 5)
        .expect(ReceivedOver(2, 0), 5)
        .expect(NamesError, "no answer")
}

pub(super) fn f4_a_set_that_is_too_large_is_refused_whole_and_the_old_one_kept() -> Script {
    Script::new()
        .with(AddressesMax(2))
        .set_addresses([1, 2])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .never_above(Dials(1), 1)
        .never_above(Dials(2), 1)
        .set_addresses([1, 3, 4])
        .expect(SetsRefused, 1)
        .send(0..4)
        .expect(ReceivedOver(1, 0), 2)
        .expect(ReceivedOver(2, 0), 2)
        .expect(Added(3), 0)
        .set_addresses([1, 3])
        .expect(Ready(3), 1)
        .expect(Open(2), 0)
}

pub(super) fn f4_a_first_set_that_is_too_large_is_waited_out() -> Script {
    Script::new()
        .with(AddressesMax(1))
        .set_addresses([1, 2])
        .expect(SetsRefused, 1)
        .send([0])
        .expect_to_stay(secs(1), KnownAddresses, 0)
        .set_addresses([2])
        .expect(ReceivedItems(2), [0])
        .expect(Dials(1), 0)
}

pub(super) fn f4_a_name_service_that_falls_silent_costs_nothing_that_works() -> Script {
    Script::new()
        .set_addresses([1])
        .expect(Ready(1), 1)
        .repeat(3, |round| {
            round
                .advance(secs(2))
                .send_some(1)
                .expect(PermitsInUse, 0)
                .kill(1)
                .expect(Connected(1), 0)
                .serve(1, Dial::Accept)
                .expect(Connected(1), 1)
        })
        .expect(Connections(1), 4)
        .expect(Received(1), 3)
        .expect(EndEvents, 0)
}

pub(super) fn f4_the_same_set_over_and_over_costs_a_poll_at_most_each_time() -> Script {
    Script::new()
        .set_addresses([1, 2])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .never_above(Added(1), 1)
        .never_above(Dials(1), 1)
        .mark_polls()
        .never_above(PollsSinceMark, 510)
        .repeat(500, |again| again.set_addresses([1, 2]).expect(NamesUnread, 0))
        .fail_names("the last word")
        .expect(NameErrors, 1)
}

pub(super) fn f4_a_name_service_that_panics_costs_nothing_that_works() -> Script {
    Script::new()
        .with(KeepAddresses)
        .set_addresses([1])
        .expect(Ready(1), 1)
        .never_above(NamePollsAfterEnd, 0)
        .never_above(Removed(1), 0)
        .panic_names()
        .expect(NamesEnded, 1)
        .send([0])
        .expect(ReceivedOver(1, 0), 1)
        .break_connections(1)
        .expect(Connections(1), 2)
        .expect(Ready(1), 1)
        .send([1])
        .expect(ReceivedOver(1, 1), 1)
        .expect(EndEvents, 0)
}

pub(super) fn f4_addresses_that_keep_failing_make_the_pool_ask_again() -> Script {
    Script::new()
        .set_addresses([1, 2])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .expect(NameRefreshes, 0)
        .kill(1)
        .expect(NameRefreshes, 1)
        // It has moved.
        .set_addresses([2, 3])
        .expect(Ready(3), 1)
        .send(0..2)
        .expect(ReceivedOver(3, 0), 1)
}

pub(super) fn f4_a_pool_that_keeps_asking_does_so_at_intervals() -> Script {
    Script::new()
        .with(Backoff(millis(10), millis(10)))
        .with(RefreshIntervalMin(AN_HOUR))
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .expect_at_least(BackOffs(1), 10)
        .expect(NameRefreshes, 1)
}

pub(super) fn f4_one_address_of_many_that_fails_now_and_then_is_no_reason_to_ask() -> Script {
    Script::new()
        .with(StableAfter(millis(1)))
        .set_addresses(1..=8)
        .expect(Connected(8), 1)
        .expect(Ready(1), 1)
        .break_connections(1)
        .expect(Connections(1), 2)
        .expect_to_stay(secs(1), NameRefreshes, 0)
}

pub(super) fn f4_errors_disturb_neither_a_dial_nor_a_backoff_nor_a_drain() -> Script {
    Script::new()
        .with(Backoff(secs(3), secs(3)))
        .serve(1, Dial::Hang)
        .serve(2, Dial::Refuse)
        .behave(3, Conduct::NeverCloses)
        .set_addresses([3])
        .expect(Connected(3), 1)
        .set_addresses([1, 2])
        .expect(Draining(3), 1)
        .expect(DialsOpen(1), 1)
        .expect_at_least(BackOffs(2), 1)
        .never_above(Dials(1), 1)
        .repeat(50, |again| again.fail_names("nothing").advance(millis(20)))
        .expect(NameErrors, 50)
        .expect(Open(3), 1)
        .serve(1, Dial::Accept)
        .expect(Connected(1), 1)
        .expect_between(DialGapMillis(2, 0), 2400, 3600)
        .resume(3)
        .expect(Ends(3), "Closed")
}

fn refused(setting: Setting, sentence: &str) -> Script {
    Script::new().with(setting).expect(BuildError, sentence)
}

fn refused_time(setting: Setting, field: &str, found: Duration) -> Script {
    refused(setting, &format!("{field} must be from 1 millisecond to 366 days, but is {found:?}"))
}

pub(super) fn f5_no_connections_are_refused() -> Script {
    refused(ConnectionsPerAddress(0), "connections_per_address must be from 1 to 4096, but is 0")
}

pub(super) fn f5_too_many_connections_are_refused() -> Script {
    let sentence = "connections_per_address must be from 1 to 4096, but is 4294967295";
    refused(ConnectionsPerAddress(u32::MAX), sentence)
}

pub(super) fn f5_a_queue_without_a_place_is_refused() -> Script {
    refused(QueueSize(0), "queue_size must be from 1 to 1073741824, but is 0")
}

pub(super) fn f5_no_dials_are_refused() -> Script {
    refused(DialsMax(0), "dials_max must be from 1 to 4294967295, but is 0")
}

pub(super) fn f5_turns_without_an_item_are_refused() -> Script {
    refused(ItemsPerTurn(0), "items_per_turn must be from 1 to 4294967295, but is 0")
}

pub(super) fn f5_no_addresses_at_all_are_refused() -> Script {
    refused(AddressesMax(0), "addresses_max must be from 1 to 16777216, but is 0")
}

pub(super) fn f5_a_dial_without_time_is_refused() -> Script {
    refused_time(DialTimeout(Duration::ZERO), "dial_timeout", Duration::ZERO)
}

pub(super) fn f5_a_drain_that_outlives_us_is_refused() -> Script {
    refused_time(DrainTimeout(Duration::MAX), "drain_timeout", Duration::MAX)
}

pub(super) fn f5_a_shutdown_that_outlives_us_is_refused() -> Script {
    refused_time(ShutdownTimeout(Duration::MAX), "shutdown_timeout", Duration::MAX)
}

pub(super) fn f5_a_backoff_of_nothing_is_refused() -> Script {
    refused_time(Backoff(Duration::ZERO, secs(1)), "backoff.base", Duration::ZERO)
}

pub(super) fn f5_a_cap_below_the_base_is_refused() -> Script {
    refused(Backoff(secs(2), secs(1)), "backoff.cap must not be shorter than backoff.base")
}

pub(super) fn f5_a_backoff_that_shrinks_is_refused() -> Script {
    let mut backoff = pool_driver::Backoff::default();
    backoff.growth_percent = 99;
    refused(BackoffOf(backoff), "backoff.growth_percent must be from 100 to 1000, but is 99")
}

pub(super) fn f5_jitter_that_eats_the_delay_is_refused() -> Script {
    let mut backoff = pool_driver::Backoff::default();
    backoff.jitter_percent = u32::MAX;
    refused(BackoffOf(backoff), "backoff.jitter_percent must be from 0 to 90, but is 4294967295")
}

pub(super) fn f5_an_idle_timeout_of_eager_connections_is_refused() -> Script {
    let sentence = "idle_timeout works only with lazy opening: eager connections would be redialled at once";
    refused(IdleTimeout(secs(60)), sentence)
}

pub(super) fn f5_a_lifetime_too_short_to_become_stable_is_refused() -> Script {
    refused(LifetimeMax(secs(60)), "lifetime_max must be longer than stable_after")
}

pub(super) fn f5_a_dial_that_outlives_us_is_refused() -> Script {
    refused_time(DialTimeout(Duration::MAX), "dial_timeout", Duration::MAX)
}

pub(super) fn f5_a_drain_without_time_is_refused() -> Script {
    refused_time(DrainTimeout(Duration::ZERO), "drain_timeout", Duration::ZERO)
}

pub(super) fn f5_stability_without_time_is_refused() -> Script {
    refused_time(StableAfter(Duration::ZERO), "stable_after", Duration::ZERO)
}

pub(super) fn f5_stability_that_outlives_us_is_refused() -> Script {
    refused_time(StableAfter(Duration::MAX), "stable_after", Duration::MAX)
}

pub(super) fn f5_failing_fast_after_no_time_is_refused() -> Script {
    refused_time(FailFastAfter(Duration::ZERO), "fail_fast_after", Duration::ZERO)
}

pub(super) fn f5_failing_fast_that_outlives_us_is_refused() -> Script {
    refused_time(FailFastAfter(Duration::MAX), "fail_fast_after", Duration::MAX)
}

pub(super) fn f5_a_lifetime_of_nothing_is_refused() -> Script {
    refused_time(LifetimeMax(Duration::ZERO), "lifetime_max", Duration::ZERO)
}

pub(super) fn f5_a_lifetime_that_outlives_us_is_refused() -> Script {
    refused_time(LifetimeMax(Duration::MAX), "lifetime_max", Duration::MAX)
}

pub(super) fn f5_an_idle_timeout_of_nothing_is_refused() -> Script {
    refused_time(IdleTimeout(Duration::ZERO), "idle_timeout", Duration::ZERO)
}

pub(super) fn f5_an_idle_timeout_that_outlives_us_is_refused() -> Script {
    refused_time(IdleTimeout(Duration::MAX), "idle_timeout", Duration::MAX)
}

pub(super) fn f5_an_outcome_timeout_of_nothing_is_refused() -> Script {
    refused_time(OutcomeTimeout(Duration::ZERO), "outcome_timeout", Duration::ZERO)
}

pub(super) fn f5_an_outcome_timeout_that_outlives_us_is_refused() -> Script {
    refused_time(OutcomeTimeout(Duration::MAX), "outcome_timeout", Duration::MAX)
}

pub(super) fn f5_a_cap_that_outlives_us_is_refused() -> Script {
    refused_time(Backoff(secs(1), Duration::MAX), "backoff.cap", Duration::MAX)
}

pub(super) fn f5_a_queue_of_everything_is_refused() -> Script {
    refused(QueueSize(usize::MAX), &format!("queue_size must be from 1 to 1073741824, but is {}", usize::MAX))
}

pub(super) fn f5_more_addresses_than_can_be_numbered_are_refused() -> Script {
    refused(
        AddressesMax(usize::MAX),
        &format!("addresses_max must be from 1 to 16777216, but is {}", usize::MAX),
    )
}

pub(super) fn f5_a_backoff_that_explodes_is_refused() -> Script {
    let mut backoff = pool_driver::Backoff::default();
    backoff.growth_percent = 1001;
    refused(BackoffOf(backoff), "backoff.growth_percent must be from 100 to 1000, but is 1001")
}

pub(super) fn f5_the_extremes_that_make_sense_are_taken_and_work() -> Script {
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

pub(super) fn f5_settings_of_a_running_pool_that_make_no_sense_change_nothing() -> Script {
    connected(Script::new().with(ConnectionsPerAddress(2)), 1..=1)
        .expect(Ready(1), 2)
        .change_settings([ConnectionsPerAddress(0), QueueSize(7)])
        .expect(SettingsError, "connections_per_address must be from 1 to 4096, but is 0")
        .change_settings([ConnectionsPerAddress(1), QueueSize(0)])
        .expect(SettingsError, "queue_size must be from 1 to 1073741824, but is 0")
        .change_settings([ConnectionsPerAddress(1), ShutdownTimeout(Duration::MAX)])
        .expect(SettingsRefused, 3)
        .expect_to_stay(secs(1), Connected(1), 2)
        .expect(Capacity, 100)
        .expect(SettingsApplied, 0)
        .send_some(10)
        .expect(Received(1), 10)
}
