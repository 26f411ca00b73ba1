//! A1 to A8: what the name service says, and what the pool makes of it.

use pool_driver::Endpoint;

use super::{AN_HOUR, millis, secs};
use crate::script::{Conduct, Dial, Observation::*, Script, Setting::*};

fn endpoint(address: u16, priority: u16, weight: u32) -> Endpoint<u16> {
    Endpoint::new(address).with_priority(priority).with_weight(weight)
}

pub(super) fn a1_the_same_set_again_causes_nothing() -> Script {
    Script::new()
        .set_addresses([1, 2])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .never_above(Added(1), 1)
        .never_above(Removed(1), 0)
        .never_above(Dials(1), 1)
        .repeat(50, |again| again.set_addresses([2, 1]).set_addresses([1, 2]).expect(NamesUnread, 0))
        .send(0..20)
        .expect(ReceivedOver(1, 0), 10)
        .expect(ReceivedOver(2, 0), 10)
}

pub(super) fn a1_of_two_sets_only_the_difference_acts() -> Script {
    Script::new()
        .set_addresses([1, 2])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        // Whoever removes all and then adds all has no connection for a moment.
        .never_above(AvailabilityChanges, 1)
        .never_above(Dials(2), 1)
        .never_above(Removed(2), 0)
        .set_addresses([2, 3])
        .expect(Ready(3), 1)
        .expect(Open(1), 0)
        .send(0..10)
        .expect(ReceivedOver(2, 0), 5)
        .expect(Received(3), 5)
        .expect(Received(1), 0)
}

pub(super) fn a1_the_same_set_again_ends_no_backoff() -> Script {
    Script::new()
        .with(Backoff(secs(5), secs(5)))
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .expect_at_least(BackOffs(1), 1)
        .repeat(10, |again| again.set_addresses([1]).advance(millis(50)))
        .set_addresses([endpoint(1, 1, 7)])
        .expect_between(DialGapMillis(1, 0), 4000, 6000)
        .expect_at_least(Failures(1), 2)
}

pub(super) fn a1_an_address_that_stays_keeps_its_dial() -> Script {
    Script::new()
        .serve(1, Dial::Hang)
        .set_addresses([1])
        .expect(DialsOpen(1), 1)
        .never_above(Dials(1), 1)
        .set_addresses([1, 2])
        .expect(Connected(2), 1)
        .set_addresses([1])
        .expect(Open(2), 0)
        .serve(1, Dial::Accept)
        .expect(Ready(1), 1)
        .expect(Ends(1), "")
}

pub(super) fn a1_a_change_of_weight_and_priority_keeps_the_connection_and_what_it_holds() -> Script {
    Script::new()
        .behave(1, Conduct::NeverFlushes)
        .set_addresses([1])
        .expect(Ready(1), 1)
        .send([0, 1])
        .expect(Unflushed(1), 2)
        .never_above(Dials(1), 1)
        .never_above(Removed(1), 0)
        .set_addresses([endpoint(1, 3, 7)])
        .expect(Weight(1), 7)
        .expect(Priority(1), 3)
        .resume(1)
        .send([2])
        .expect(ReceivedOver(1, 0), 3)
}

pub(super) fn a1_an_address_that_stays_works_on_while_others_come_and_go() -> Script {
    Script::new()
        .set_addresses([1])
        .expect(Ready(1), 1)
        .never_above(Dials(1), 1)
        .never_above(Removed(1), 0)
        .repeat(30, |flap| {
            flap.set_addresses([1, 2])
                .expect(Connected(2), 1)
                .expect(Ready(2), 1)
                .send_some(4)
                .expect(PermitsInUse, 0)
                .set_addresses([1])
                .expect(Open(2), 0)
                .send_some(2)
                .expect(PermitsInUse, 0)
        })
        .expect(ReceivedOver(1, 0), 30 * 4)
        .expect(Received(2), 30 * 2)
}

pub(super) fn a1_a_change_of_the_set_counts_no_failure_and_forgets_none() -> Script {
    Script::new()
        .with(Backoff(AN_HOUR, AN_HOUR))
        .serve(1, Dial::Refuse)
        .set_addresses([1, 2])
        .expect(Failures(1), 1)
        .expect(Connected(2), 1)
        .set_addresses([1, 3])
        .expect(Connected(3), 1)
        .set_addresses([endpoint(1, 0, 9), endpoint(2, 0, 1)])
        .expect(Removed(3), 1)
        .expect(Connections(2), 2)
        .expect(Failures(1), 1)
        .expect(Failures(2), 0)
        .expect(AddressState(1), "backoff")
        .expect(Dials(1), 1)
}

pub(super) fn a2_an_address_that_is_named_twice_counts_once() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(2))
        .never_above(Dials(1), 2)
        .set_addresses([1, 2, 1, 1])
        .expect(Ready(1), 2)
        .expect(Ready(2), 2)
        .expect(Added(1), 1)
        .expect(KnownAddresses, 2)
        .send(0..8)
        .expect(Received(1), 4)
        .expect(Received(2), 4)
}

pub(super) fn a2_weights_add_at_the_same_priority() -> Script {
    Script::new()
        .set_addresses([endpoint(1, 2, 3), endpoint(2, 2, 1), endpoint(1, 2, 4)])
        .expect(Weight(1), 7)
        .expect(Weight(2), 1)
        .expect(Priority(1), 2)
}

pub(super) fn a2_weights_that_add_up_to_too_much_stay_at_the_most() -> Script {
    Script::new()
        .set_addresses([endpoint(1, 0, u32::MAX), endpoint(1, 0, 2), endpoint(1, 0, u32::MAX)])
        .expect(Weight(1), u64::from(u32::MAX))
        .send([0])
        .expect(Received(1), 1)
}

pub(super) fn a2_the_best_priority_wins_and_only_its_weights_count() -> Script {
    Script::new()
        .set_addresses([
            endpoint(1, 3, 100),
            endpoint(1, 1, 2),
            endpoint(1, 2, 50),
            endpoint(1, 1, 3),
            endpoint(1, 9, 7),
        ])
        .expect(Priority(1), 1)
        .expect(Weight(1), 5)
}

pub(super) fn a2_items_follow_the_best_of_several_priorities() -> Script {
    Script::new()
        .set_addresses([endpoint(1, 1, 1), endpoint(2, 0, 1), endpoint(1, 0, 1)])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .send(0..10)
        .expect(Received(1), 5)
        .expect(Received(2), 5)
        .set_addresses([endpoint(1, 1, 1), endpoint(2, 0, 1)])
        .expect(Priority(1), 1)
        .never_above(Received(1), 5)
        .send(10..15)
        .expect(Received(2), 10)
}

pub(super) fn a2_a_duplicate_that_goes_away_changes_the_weight_and_nothing_else() -> Script {
    Script::new()
        .set_addresses([1, 1, 1])
        .expect(Weight(1), 3)
        .expect(Connected(1), 1)
        .never_above(Removed(1), 0)
        .never_above(Dials(1), 1)
        .set_addresses([1])
        .expect(Weight(1), 1)
        .expect(Connected(1), 1)
        .send([0])
        .expect(ReceivedOver(1, 0), 1)
}

pub(super) fn a2_duplicates_count_once_against_the_limit_of_addresses() -> Script {
    Script::new()
        .with(AddressesMax(2))
        .never_above(SetsRefused, 0)
        .set_addresses([1, 2, 2, 1, 1, 2])
        .expect(Connected(1), 1)
        .expect(Connected(2), 1)
}

pub(super) fn a3_a_dial_to_an_address_that_leaves_is_dropped() -> Script {
    Script::new()
        .serve(1, Dial::Hang)
        .set_addresses([1])
        .expect(DialsOpen(1), 1)
        .set_addresses([2])
        .expect(DialsOpen(1), 0)
        .expect(Ends(1), "AddressLeft")
        .serve(1, Dial::Accept)
        .send([0])
        .expect(Received(2), 1)
        .expect(Connections(1), 0)
        .expect(BackOffs(1), 0)
}

pub(super) fn a3_a_connection_to_an_address_that_leaves_flushes_and_closes_and_takes_nothing_new() -> Script {
    Script::new()
        .behave(1, Conduct::NeverFlushes)
        .set_addresses([1])
        .expect(Ready(1), 1)
        .send([0, 1])
        .expect(Unflushed(1), 2)
        .set_addresses([2])
        .expect(Draining(1), 1)
        .expect(Ready(2), 1)
        .send(2..6)
        .expect(Received(2), 4)
        .expect(Open(1), 1)
        .resume(1)
        .expect(Open(1), 0)
        .expect(ReceivedItems(1), [0, 1])
        .expect(DrainReasons(1), "AddressLeft")
        .expect(Ends(1), "Closed")
}

pub(super) fn a3_an_address_that_comes_back_gets_new_connections_beside_the_ones_that_drain() -> Script {
    Script::new()
        .behave(1, Conduct::NeverCloses)
        .set_addresses([1])
        .expect(Ready(1), 1)
        .set_addresses([2])
        .expect(Draining(1), 1)
        .set_addresses([1])
        .expect(Ready(1), 1)
        .expect(Open(1), 2)
        .expect(Draining(1), 1)
        .send(0..4)
        .expect(ReceivedOver(1, 1), 4)
        .expect(ReceivedOver(1, 0), 0)
        .resume(1)
        .expect(Open(1), 1)
        .send([4])
        .expect(ReceivedOver(1, 1), 5)
}

pub(super) fn a3_the_backoff_of_an_address_outlives_its_absence() -> Script {
    Script::new()
        .with(Backoff(secs(5), secs(5)))
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .expect_at_least(BackOffs(1), 1)
        .repeat(5, |flap| {
            flap.set_addresses([2]).expect(Connected(2), 1).set_addresses([1]).expect(Open(2), 0)
        })
        .expect_between(DialGapMillis(1, 0), 4000, 6000)
        .expect_at_least(DialContextFailures(1), 1)
}

pub(super) fn a3_who_knows_that_an_address_is_up_ends_the_backoff_that_it_brought_back() -> Script {
    Script::new()
        .with(Backoff(AN_HOUR, AN_HOUR))
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .expect(BackOffs(1), 1)
        .set_addresses([2])
        .expect(AddressState(1), "departed")
        .serve(1, Dial::Accept)
        .set_addresses([1, 2])
        .expect(AddressState(1), "backoff")
        .expect(Dials(1), 1)
        .retry_now(1)
        .expect(Connected(1), 1)
        .expect(Failures(1), 1)
}

pub(super) fn a3_what_is_queued_never_goes_to_an_address_that_left() -> Script {
    Script::new()
        .stall(1)
        .set_addresses([1])
        .expect(Connected(1), 1)
        .send(0..10)
        .never_above(Received(1), 0)
        .serve(2, Dial::Hang)
        .set_addresses([2])
        .expect(Draining(1), 1)
        .resume(1)
        .expect(Open(1), 0)
        .serve(2, Dial::Accept)
        .expect(ReceivedItems(2), 0..10)
}

pub(super) fn a3_a_drain_that_takes_too_long_is_cut_off() -> Script {
    Script::new()
        .with(DrainTimeout(secs(2)))
        .behave(1, Conduct::NeverFlushes)
        .set_addresses([1])
        .expect(Ready(1), 1)
        .send([0])
        .expect(Unflushed(1), 1)
        .set_addresses([2])
        .expect(Open(1), 0)
        .expect_between(DrainMillis(1, 0), 2000, 2010)
        .expect(Ends(1), "DrainTimedOut")
        .expect(InFlightAtEnd(1), 1)
        .expect(BackOffs(1), 0)
}

pub(super) fn a3_an_address_that_keeps_coming_and_going_keeps_only_the_newest_of_its_drains() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(2))
        .behave(1, Conduct::NeverCloses)
        .never_above(DrainingMax(1), 2)
        .repeat(5, |flap| {
            flap.set_addresses([1])
                .expect(Connected(1), 2)
                .expect(Ready(1), 2)
                .set_addresses([2])
                .expect(Draining(1), 2)
                .expect(Connected(1), 0)
                .expect(Connected(2), 2)
                // Of several that began at the same time any may be the oldest.
                .advance(millis(20))
        })
        .expect(Open(1), 2)
        .expect(Connections(1), 10)
        .expect(OpenLink(1, 8), 1)
        .expect(OpenLink(1, 9), 1)
        .resume(1)
        .expect(Open(1), 0)
}

pub(super) fn a3_a_connection_that_dies_while_it_drains_is_noticed_and_is_no_failure() -> Script {
    Script::new()
        .behave(1, Conduct::NeverCloses)
        .set_addresses([1])
        .expect(Connected(1), 1)
        .set_addresses([2])
        .expect(Draining(1), 1)
        .break_connections(1)
        .expect(Open(1), 0)
        .expect(Ends(1), "Failed")
        .expect(KnownAddresses, 1)
        .set_addresses([1])
        .expect(Ready(1), 1)
        .expect(BackOffs(1), 0)
}

pub(super) fn a4_an_empty_set_drains_everything_and_items_wait() -> Script {
    Script::new()
        .set_addresses([1, 2])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .set_no_addresses()
        .expect(Open(1), 0)
        .expect(Open(2), 0)
        .expect(Availability, "Waiting")
        .send(0..5)
        .expect_to_stay(secs(2), PermitsInUse, 5)
        .expect(Sent, 0)
        .set_addresses([3])
        .expect(ReceivedItems(3), 0..5)
        .expect(EndEvents, 0)
}

pub(super) fn a4_a_pool_without_addresses_pushes_back_and_lives_on() -> Script {
    Script::new()
        .with(QueueSize(2))
        .set_addresses([1])
        .expect(Ready(1), 1)
        .set_no_addresses()
        .expect(Open(1), 0)
        .send([0, 1])
        .try_send(2)
        .expect(RefusedReason, "the pool's queue is full")
        .start_send(3)
        .expect(Waiting, 1)
        .set_addresses([1])
        .expect(ReceivedOver(1, 1), 3)
        .expect(ReceivedItems(1), [0, 1, 3])
}

pub(super) fn a4_an_empty_set_drops_dials_and_ends_retries() -> Script {
    Script::new()
        .with(Backoff(secs(2), secs(2)))
        .serve(1, Dial::Hang)
        .serve(2, Dial::Refuse)
        .set_addresses([1, 2])
        .expect(DialsOpen(1), 1)
        .expect_at_least(BackOffs(2), 1)
        .set_no_addresses()
        .expect(DialsOpen(1), 0)
        .expect(Removed(2), 1)
        // Once its backoff is over nothing of it is left, and nobody dials it.
        .expect(KnownAddresses, 0)
        .serve(1, Dial::Accept)
        .serve(2, Dial::Accept)
        .expect_to_stay(secs(2), Open(2), 0)
        .expect(Connections(1), 0)
        .expect(Connections(2), 0)
}

pub(super) fn a4_an_error_keeps_the_set_and_is_shown_until_the_next_answer() -> Script {
    Script::new()
        .set_addresses([1])
        .expect(Ready(1), 1)
        .never_above(Removed(1), 0)
        .never_above(Dials(1), 1)
        .fail_names("no such name")
        .expect(NameErrors, 1)
        .expect(NamesError, "no such name")
        .send(0..3)
        .expect(ReceivedOver(1, 0), 3)
        .set_addresses([1, 2])
        .expect(NamesError, "")
        .expect(Connected(2), 1)
        .expect(EndEvents, 0)
}

pub(super) fn a4_an_error_before_the_first_set_is_waited_out() -> Script {
    Script::new()
        .fail_names("not yet")
        .fail_names("still not")
        .expect(NameErrors, 2)
        .expect(NamesError, "still not")
        .send([0])
        .expect_to_stay(secs(1), PermitsInUse, 1)
        .set_addresses([1])
        .expect(Received(1), 1)
        .expect(NamesError, "")
}

pub(super) fn a4_neither_no_such_name_nor_no_answer_yet_undoes_a_set() -> Script {
    Script::new()
        .expect(NamesState, "pending")
        .lose_name()
        .expect(NamesState, "no such name")
        .set_addresses([1])
        .expect(Ready(1), 1)
        .expect(NamesState, "answered, with addresses")
        .never_above(Removed(1), 0)
        .never_above(Dials(1), 1)
        .delay_names()
        .expect(NamesState, "pending, with addresses")
        .lose_name()
        .expect(NamesLost, 2)
        .expect(NamesState, "no such name, with addresses")
        .send(0..3)
        .expect(ReceivedOver(1, 0), 3)
        .set_addresses([1])
        .expect(NamesState, "answered, with addresses")
}

pub(super) fn a4_an_error_that_comes_right_after_a_set_does_not_undo_it() -> Script {
    Script::new()
        .hold_names()
        .set_addresses([1])
        .fail_names("and now it is down")
        .release_names()
        .expect(Ready(1), 1)
        .expect(NamesError, "and now it is down")
        .send([0])
        .expect(Received(1), 1)
}

pub(super) fn a4_connections_are_replaced_while_the_name_service_is_down() -> Script {
    Script::new()
        .set_addresses([1])
        .expect(Ready(1), 1)
        .fail_names("down")
        .expect(NameErrors, 1)
        .kill(1)
        .expect(Connected(1), 0)
        .send([0])
        .fail_names("still down")
        .expect(NameErrors, 2)
        .serve(1, Dial::Accept)
        .expect(ReceivedOver(1, 1), 1)
}

pub(super) fn a5_of_several_sets_at_once_only_the_last_is_applied() -> Script {
    Script::new()
        .never_above(Dials(1), 0)
        .never_above(Added(1), 0)
        .never_above(Added(2), 0)
        .hold_names()
        .set_addresses([1])
        .set_addresses([1, 2])
        .set_addresses([3])
        .release_names()
        .expect(Connected(3), 1)
        .expect(KnownAddresses, 1)
}

pub(super) fn a5_a_set_that_is_gone_before_it_is_read_drains_nothing() -> Script {
    Script::new()
        .set_addresses([1])
        .expect(Ready(1), 1)
        .never_above(Removed(1), 0)
        .never_above(Dials(1), 1)
        .hold_names()
        .set_no_addresses()
        .set_addresses([2])
        .set_addresses([1, 3])
        .release_names()
        .expect(Connected(3), 1)
        .send(0..4)
        .expect(PermitsInUse, 0)
        .expect(Added(2), 0)
        .expect(Ends(1), "")
}

pub(super) fn a5_at_most_32_answers_are_read_in_one_poll_and_the_rest_in_the_next() -> Script {
    let held = Script::new().hold_names();
    (1..=100)
        .fold(held, |script, address| script.set_addresses([address]))
        .never_above(NamesReadAtOnce, 32)
        .release_names()
        .expect(Connected(100), 1)
        .expect(NamesUnread, 0)
        .expect(KnownAddresses, 1)
        .send([0])
        .expect(Received(100), 1)
}

pub(super) fn a5_a_name_service_that_says_a_great_deal_keeps_nobody_waiting() -> Script {
    Script::new()
        .set_addresses([1, 2])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .hold_names()
        .repeat(320, |more| {
            more.set_addresses([1, 2]).fail_names("overworked").set_addresses([2, 1]).set_addresses([1, 2])
        })
        .set_addresses([1, 2])
        .never_above(NamesReadAtOnce, 32)
        .mark_polls()
        // A driver that reads one answer in each poll needs 1,281.
        .never_above(PollsSinceMark, 200)
        .release_names()
        .send(0..20)
        .expect(PermitsInUse, 0)
        .expect(NamesUnread, 0)
        .expect(NameErrors, 320)
        .expect(ReceivedOver(2, 0), 10)
        .expect(Dials(2), 1)
}

pub(super) fn a5_errors_between_sets_are_all_told() -> Script {
    Script::new()
        .never_above(Added(1), 0)
        .hold_names()
        .set_addresses([1])
        .fail_names("first")
        .set_addresses([2])
        .fail_names("second")
        .release_names()
        .expect(Connected(2), 1)
        .expect(NameErrors, 2)
        .expect(NamesError, "second")
}

pub(super) fn a5_an_error_before_the_last_set_is_told_but_no_longer_shown() -> Script {
    Script::new()
        .hold_names()
        .fail_names("a hiccup")
        .set_addresses([1])
        .release_names()
        .expect(Connected(1), 1)
        .expect(NameErrors, 1)
        .expect(NamesError, "")
}

pub(super) fn a6_the_end_of_the_stream_delivers_what_is_queued_and_refuses_the_rest() -> Script {
    Script::new()
        .with(QueueSize(2))
        .stall(1)
        .set_addresses([1])
        .expect(Connected(1), 1)
        .send([0, 1])
        .start_send(2)
        .expect(Waiting, 1)
        .end_names()
        .expect(Refused, 1)
        .expect(RefusedReason, "the pool is closed: its address stream ended")
        .try_send(3)
        .expect(Refused, 2)
        .resume(1)
        .expect(ReceivedItems(1), [0, 1])
        .expect(EndReason, "its address stream ended")
}

pub(super) fn a6_the_end_of_the_stream_has_the_default_deadline() -> Script {
    Script::new()
        .with(ShutdownTimeout(secs(2)))
        .send([0, 1])
        .expect(Accepted, 2)
        .mark_time()
        .end_names()
        .expect(EndReason, "its address stream ended")
        .expect_between(SinceMarkMillis, 2000, 2010)
        .expect(UndeliveredItems, [0, 1])
        .expect(UndeliveredReason, "the pool is closed: its address stream ended")
}

pub(super) fn a6_a_set_that_comes_together_with_the_end_is_used_to_deliver() -> Script {
    Script::new()
        .send([0, 1])
        .hold_names()
        .set_addresses([1])
        .end_names()
        .release_names()
        .expect(ReceivedItems(1), [0, 1])
        .expect(EndReason, "its address stream ended")
        .expect(Open(1), 0)
}

pub(super) fn a6_the_end_of_the_stream_ends_a_pool_whose_handles_live() -> Script {
    Script::new()
        .set_addresses([1, 2])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .wait_for_end()
        .end_names()
        .expect(EndsSeen, 1)
        .expect(EndEvents, 1)
        .expect(DrainReasons(1), "PoolClosing")
        .expect(Ends(2), "Closed")
        .ask_ready()
        .expect(ReadyAnswer, "the pool is closed: its address stream ended")
}

pub(super) fn a6_a_stream_that_ends_before_its_first_set_ends_the_pool() -> Script {
    Script::new()
        .end_names()
        .expect(EndReason, "its address stream ended")
        .try_send(0)
        .expect(RefusedReason, "the pool is closed: its address stream ended")
}

pub(super) fn a6_a_pool_that_keeps_its_set_lives_on_with_it() -> Script {
    Script::new()
        .with(KeepAddresses)
        .set_addresses([1])
        .expect(Ready(1), 1)
        .end_names()
        .expect(NamesEnded, 1)
        .kill(1)
        .expect(Connected(1), 0)
        .serve(1, Dial::Accept)
        .expect(Ready(1), 1)
        .send([0])
        .expect(ReceivedOver(1, 1), 1)
        .expect(EndEvents, 0)
}

pub(super) fn a6_a_stream_is_never_asked_again_after_its_end() -> Script {
    Script::new()
        .with(KeepAddresses)
        .never_above(NamePollsAfterEnd, 0)
        .never_above(Added(2), 0)
        .set_addresses([1])
        .expect(Ready(1), 1)
        .end_names()
        .set_addresses([2])
        .expect(NamesEnded, 1)
        .break_connections(1)
        .expect(Connections(1), 2)
        .send(0..10)
        .expect(PermitsInUse, 0)
        .expect(NamesUnread, 1)
}

pub(super) fn a7_connections_are_opened_and_drained_while_no_item_is_sent() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(3))
        .set_addresses([1])
        .expect(Ready(1), 3)
        .set_addresses([2])
        .expect(Ready(2), 3)
        .expect(Open(1), 0)
        .expect(Accepted, 0)
}

pub(super) fn a7_an_address_that_fails_is_tried_again_while_no_item_is_sent() -> Script {
    Script::new()
        .with(Backoff(millis(50), millis(200)))
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .expect_at_least(BackOffs(1), 4)
        .expect(LastError(1), "connection refused")
        .serve(1, Dial::Accept)
        .expect(Ready(1), 1)
        .expect(Accepted, 0)
}

pub(super) fn a7_a_dial_that_hangs_times_out_while_no_item_is_sent() -> Script {
    Script::new()
        .with(DialTimeout(millis(500)))
        .with(Backoff(millis(100), millis(100)))
        .serve(1, Dial::Hang)
        .set_addresses([1])
        .expect_at_least(BackOffs(1), 2)
        .expect(LastError(1), "the dial timed out")
        .expect_between(DialGapMillis(1, 0), 500, 510)
        .serve(1, Dial::Accept)
        .expect(Ready(1), 1)
}

pub(super) fn a7_a_drain_is_cut_off_while_no_item_is_sent() -> Script {
    Script::new()
        .with(DrainTimeout(secs(1)))
        .behave(1, Conduct::NeverCloses)
        .set_addresses([1])
        .expect(Connected(1), 1)
        .set_no_addresses()
        .expect(Open(1), 0)
        .expect_between(DrainMillis(1, 0), 1000, 1010)
        .expect(KnownAddresses, 0)
}

pub(super) fn a7_an_address_that_left_is_forgotten_while_no_item_is_sent() -> Script {
    Script::new()
        .with(Backoff(secs(1), secs(1)))
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .expect_at_least(BackOffs(1), 1)
        .set_no_addresses()
        .expect(Removed(1), 1)
        .expect(KnownAddresses, 0)
        .expect(Accepted, 0)
}

pub(super) fn a7_sets_are_read_while_no_connection_takes_an_item() -> Script {
    Script::new()
        .with(QueueSize(2))
        .stall(1)
        .set_addresses([1])
        .expect(Connected(1), 1)
        .send([0, 1])
        .start_send(2)
        .expect(Waiting, 1)
        .set_addresses([1, 2])
        .expect(ReceivedItems(2), [0, 1, 2])
        .expect(Received(1), 0)
}

pub(super) fn a8_eager_connections_go_to_every_priority_and_items_to_the_best() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(2))
        .set_addresses([endpoint(1, 0, 1), endpoint(2, 1, 100), endpoint(3, 7, 100)])
        .expect(Ready(1), 2)
        .expect(Ready(2), 2)
        .expect(Ready(3), 2)
        .send(0..10)
        .expect(Received(1), 10)
        .expect(Received(2), 0)
        .expect(Received(3), 0)
}

pub(super) fn a8_busy_does_not_spill_over() -> Script {
    Script::new()
        .set_addresses([endpoint(1, 0, 1), endpoint(2, 1, 1)])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .stall(1)
        .never_above(Received(2), 0)
        .send(0..10)
        .expect_to_stay(secs(1), Sent, 0)
        .resume(1)
        .expect(ReceivedItems(1), 0..10)
}

pub(super) fn a8_dead_spills_over_and_a_new_connection_takes_over_again() -> Script {
    Script::new()
        .with(Backoff(millis(100), millis(100)))
        .set_addresses([endpoint(1, 0, 1), endpoint(2, 1, 1)])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .kill(1)
        .expect(Connected(1), 0)
        .send(0..5)
        .expect(ReceivedItems(2), 0..5)
        .serve(1, Dial::Accept)
        .expect(Ready(1), 1)
        .send(5..10)
        .expect(ReceivedOver(1, 1), 5)
        .expect(Received(2), 5)
}

pub(super) fn a8_dead_spills_over_to_the_next_best_only_and_all_of_it_have_their_turns() -> Script {
    Script::new()
        .serve(1, Dial::Refuse)
        .set_addresses([endpoint(1, 0, 1), endpoint(2, 3, 1), endpoint(3, 3, 1), endpoint(4, 4, 1)])
        .expect_at_least(BackOffs(1), 1)
        .expect(Ready(2), 1)
        .expect(Ready(3), 1)
        .expect(Ready(4), 1)
        .send(0..10)
        .expect(Received(2), 5)
        .expect(Received(3), 5)
        .expect(Received(4), 0)
}

pub(super) fn a8_items_do_not_wait_for_a_better_priority_that_never_connected() -> Script {
    Script::new()
        .serve(1, Dial::Hang)
        .set_addresses([endpoint(1, 0, 1), endpoint(2, 1, 1)])
        .expect(DialsOpen(1), 1)
        .send(0..5)
        .expect(ReceivedItems(2), 0..5)
        .serve(1, Dial::Accept)
        .expect(Ready(1), 1)
        .send(5..10)
        .expect(ReceivedItems(1), 5..10)
        .expect(Received(2), 5)
}

pub(super) fn a8_items_that_wait_go_to_a_better_priority_as_soon_as_it_is_up() -> Script {
    Script::new()
        .serve(1, Dial::Hang)
        .stall(2)
        .set_addresses([endpoint(1, 0, 1), endpoint(2, 1, 1)])
        .expect(Connected(2), 1)
        .send(0..5)
        .never_above(Received(2), 0)
        .serve(1, Dial::Accept)
        .expect(ReceivedItems(1), 0..5)
        .resume(2)
        .send([5])
        .expect(Received(1), 6)
}

pub(super) fn a8_priorities_that_change_places_are_followed_without_a_dial() -> Script {
    Script::new()
        .set_addresses([endpoint(1, 0, 1), endpoint(2, 1, 1)])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .send(0..5)
        .expect(Received(1), 5)
        .never_above(Received(1), 5)
        .set_addresses([endpoint(1, 1, 1), endpoint(2, 0, 1)])
        .expect(Priority(1), 1)
        .expect(Priority(2), 0)
        .send(5..10)
        .expect(ReceivedOver(2, 0), 5)
        .expect(Dials(1), 1)
        .expect(Dials(2), 1)
}

pub(super) fn a8_one_connection_of_the_best_priority_keeps_all_items() -> Script {
    Script::new()
        .set_addresses([endpoint(1, 0, 1), endpoint(2, 0, 1), endpoint(3, 1, 1)])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .expect(Ready(3), 1)
        .kill(1)
        .expect(Connected(1), 0)
        .stall(2)
        .never_above(Received(3), 0)
        .send(0..6)
        .expect_to_stay(secs(1), Sent, 0)
        .resume(2)
        .expect(ReceivedItems(2), 0..6)
}
