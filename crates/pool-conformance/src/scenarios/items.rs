//! I1 to I6: items.

use super::{SUCCESS, blocked, connected, millis, secs};
use crate::script::{Call, Conduct, Dial, Observation::*, Script, Setting::*};

// I1: every item ends once: refused, undelivered or sent.

pub(super) fn i1_a_start_send_that_fails_costs_its_connection_and_that_item_alone() -> Script {
    connected(Script::new(), 1..=2)
        .serve(1, Dial::Refuse)
        .behave(1, Conduct::Fails(Call::Send))
        .send(1..=6)
        .expect(Received(2), 5)
        .expect(Sent, 6)
        .expect(Received(1), 0)
        .expect(SentBeforeEnd(1), 1)
        .expect(InFlightAtEnd(1), 1)
        .expect(Connected(2), 1)
}

pub(super) fn i1_an_item_that_a_failed_start_send_gives_back_is_next_in_line() -> Script {
    connected(Script::new(), 1..=2)
        .serve(1, Dial::Refuse)
        .behave(1, Conduct::FailsAndReturns(Call::Send))
        .send(1..=6)
        .expect(ReceivedItems(2), 1..7)
        .expect(Sent, 6)
        .expect(InFlightAtEnd(1), 0)
        .expect(Open(1), 0)
}

pub(super) fn i1_a_connection_that_fails_before_it_takes_an_item_leaves_it_to_another() -> Script {
    connected(Script::new(), 1..=2)
        .serve(1, Dial::Refuse)
        .behave(1, Conduct::Fails(Call::Ready))
        .send(1..=6)
        .expect(ReceivedItems(2), 1..7)
        .expect(SentBeforeEnd(1), 0)
        .expect(Open(1), 0)
}

pub(super) fn i1_a_connection_that_dies_tells_how_many_items_it_may_have_taken_with_it() -> Script {
    Script::new()
        .behave(1, Conduct::KeepsItems)
        .set_addresses([1])
        .send(1..=5)
        .expect(Received(1), 5)
        .expect(InFlight(1), 5)
        .finish(1, 2, SUCCESS)
        .expect(InFlight(1), 3)
        .break_connections(1)
        .expect(SentBeforeEnd(1), 5)
        .expect(InFlightAtEnd(1), 3)
        .expect(Sent, 5)
}

pub(super) fn i1_a_connection_that_breaks_gives_back_what_never_left_in_order() -> Script {
    connected(Script::new(), 1..=1)
        .behave(1, Conduct::NeverFlushes)
        .behave(1, Conduct::ReturnsUnflushed)
        .send(1..=3)
        .expect(Unflushed(1), 3)
        .set_addresses([1, 2])
        .expect(Ready(2), 1)
        .serve(1, Dial::Refuse)
        .behave(1, Conduct::Fails(Call::Flush))
        .expect(ReceivedItems(2), [1, 2, 3])
        .expect(InFlightAtEnd(1), 0)
        .expect(Sent, 3)
}

pub(super) fn i1_items_that_come_back_go_before_those_that_wait() -> Script {
    Script::new()
        .behave(1, Conduct::Window(3))
        .behave(1, Conduct::NeverFlushes)
        .set_addresses([1])
        .send(1..=5)
        .expect(Unflushed(1), 3)
        .stall(1)
        .give_back(1)
        .expect(PermitsInUse, 5)
        .send([6])
        .hang_up(1)
        .expect(Connections(1), 2)
        .resume(1)
        .expect(ReceivedItems(1), 1..7)
        .expect(Sent, 6)
}

pub(super) fn i1_items_that_come_back_while_nothing_is_connected_wait() -> Script {
    connected(Script::new(), 1..=1)
        .behave(1, Conduct::KeepsItems)
        .send(1..=3)
        .expect(Received(1), 3)
        .stall(1)
        .give_back(1)
        .expect(InBacklog, 3)
        .expect(Sent, 0)
        .kill(1)
        .expect_at_least(BackOffs(1), 1)
        .set_addresses([2])
        .expect(ReceivedItems(2), [1, 2, 3])
}

pub(super) fn i1_a_driver_that_dies_returns_all_that_was_not_handed_over() -> Script {
    connected(Script::new().with(QueueSize(3)), 1..=1)
        .behave(1, Conduct::Window(2))
        .behave(1, Conduct::NeverFlushes)
        .send(1..=5)
        .expect(Sent, 2)
        .expect(PermitsInUse, 3)
        .start_send(6)
        .start_send(7)
        .expect(Waiting, 2)
        .drop_driver()
        .expect(UndeliveredItems, [3, 4, 5])
        .expect(Refused, 2)
        .expect(Sending, 0)
        .expect(Sent, 2)
}

pub(super) fn i1_servers_that_die_under_traffic_lose_no_item_silently_and_double_none() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(3))
        .with(QueueSize(10))
        .with(Backoff(millis(20), millis(50)))
        .behave(1, Conduct::Window(4))
        .behave(1, Conduct::FlushesAfter(millis(10)))
        .set_addresses([1, 2])
        .expect(Ready(1), 3)
        .repeat(5, |script| {
            script
                .send_some(30)
                .kill(1)
                .expect(Connected(1), 0)
                .send_some(30)
                .serve(1, Dial::Accept)
                .expect(Connected(1), 3)
        })
        .expect(Sent, 300)
        .expect(PermitsInUse, 0)
        .expect(Doubled, 0)
}

pub(super) fn i1_settings_that_change_under_traffic_lose_no_item_and_double_none() -> Script {
    let more = [ConnectionsPerAddress(4), QueueSize(50), ItemsPerTurn(3)];
    connected(Script::new().with(QueueSize(10)), 1..=3)
        .repeat(10, |script| {
            script
                .send_some(40)
                .change_settings(more)
                .send_some(40)
                .change_settings([ConnectionsPerAddress(1), QueueSize(2), Lazy])
                .send_some(40)
                .change_settings([ConnectionsPerAddress(2)])
        })
        .expect(Sent, 1_200)
        .expect(Doubled, 0)
        .expect(Undelivered, 0)
        .expect(Refused, 0)
}

// I2: an item goes only to a connection that is ready just then. That each is asked just before is
// looked at in every scenario: see `Unasked`.

pub(super) fn i2_a_connection_that_drains_gets_no_item() -> Script {
    connected(Script::new(), 1..=2)
        .never_above(Unflushed(1), 0)
        .never_above(Received(1), 0)
        .behave(1, Conduct::NeverCloses)
        .serve(1, Dial::Refuse)
        .go_away(1)
        .expect(Draining(1), 1)
        .send(1..=10)
        .expect(ReceivedItems(2), 1..11)
        .resume(1)
        .expect(Open(1), 0)
}

pub(super) fn i2_an_address_that_has_left_gets_no_item() -> Script {
    connected(Script::new().with(ConnectionsPerAddress(3)), 1..=2)
        .expect(Ready(1), 3)
        .never_above(Unflushed(1), 0)
        .never_above(Received(1), 0)
        .behave(1, Conduct::NeverCloses)
        .set_addresses([2])
        .expect(Draining(1), 3)
        .send(1..=20)
        .expect(Received(2), 20)
        .resume(1)
        .expect(Open(1), 0)
}

pub(super) fn i2_an_address_that_comes_back_gets_items_over_its_new_connection_only() -> Script {
    connected(Script::new(), 1..=1)
        .never_above(ReceivedOver(1, 0), 0)
        .behave(1, Conduct::NeverCloses)
        .set_addresses([2])
        .expect(Draining(1), 1)
        .set_addresses([1])
        .expect(Removed(2), 1)
        .expect(Ready(1), 1)
        .send(1..=10)
        .expect(ReceivedOver(1, 1), 10)
}

pub(super) fn i2_a_connection_is_never_handed_more_than_it_takes() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(2))
        .behave(1, Conduct::Window(3))
        .behave(1, Conduct::FlushesAfter(millis(20)))
        .never_above(Unflushed(1), 6)
        .set_addresses([1])
        .send_some(40)
        .expect(Received(1), 40)
        .expect(Unasked, 0)
}

pub(super) fn i2_a_connection_that_has_turned_busy_since_it_was_last_seen_gets_no_item() -> Script {
    connected(Script::new(), 1..=1)
        .stall(1)
        .send([1])
        .expect(InBacklog, 1)
        .expect(AddressState(1), "busy")
        .expect_to_stay(millis(500), Sent, 0)
        .resume(1)
        .expect(ReceivedItems(1), [1])
}

pub(super) fn i2_an_item_waits_for_a_connection_that_is_not_up_yet() -> Script {
    Script::new()
        .serve(1, Dial::Hang)
        .set_addresses([1])
        .send([1, 2])
        .expect(AddressState(1), "dialling")
        .expect_to_stay(millis(500), Sent, 0)
        .stall(1)
        .serve(1, Dial::Accept)
        .expect(AddressState(1), "busy")
        .expect_to_stay(millis(500), Sent, 0)
        .resume(1)
        .expect(ReceivedItems(1), [1, 2])
}

// I3: round-robin is exact.

pub(super) fn i3_items_in_a_row_are_shared_equally() -> Script {
    connected(Script::new(), 1..=3)
        .send(1..=60)
        .for_each(1..=3, |script, address| script.expect(Received(address), 20))
}

pub(super) fn i3_items_that_come_one_by_one_are_shared_equally() -> Script {
    connected(Script::new(), 1..=4)
        .repeat(3, |script| {
            script
                .repeat(4, |script| script.send_some(1).expect(PermitsInUse, 0))
                .for_each(1..=4, |script, address| script.expect_at_least(Received(address), 1))
        })
        .for_each(1..=4, |script, address| script.expect(Received(address), 3))
}

pub(super) fn i3_the_connections_of_an_address_take_turns() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(3))
        .set_addresses([1])
        .expect(Ready(1), 3)
        .send(1..=30)
        .expect(ReceivedOver(1, 0), 10)
        .expect(ReceivedOver(1, 1), 10)
        .expect(ReceivedOver(1, 2), 10)
}

pub(super) fn i3_a_turn_can_be_of_several_items() -> Script {
    connected(Script::new().with(ItemsPerTurn(5)), 1..=1)
        .send(0..5)
        .expect(Received(1), 5)
        .set_addresses([1, 2])
        .expect(Ready(2), 1)
        .send(5..25)
        .expect(ReceivedItems(2), [10, 11, 12, 13, 14, 20, 21, 22, 23, 24])
        .expect(ReceivedItems(1), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 18, 19])
}

pub(super) fn i3_an_address_that_joins_has_its_share_from_then_on() -> Script {
    connected(Script::new(), 1..=2)
        .send(1..=10)
        .expect(PermitsInUse, 0)
        .set_addresses([1, 2, 3])
        .expect(Ready(3), 1)
        .send(11..=40)
        .expect(Received(3), 10)
        .expect(Received(1), 15)
        .expect(Received(2), 15)
}

pub(super) fn i3_an_address_that_leaves_leaves_equal_shares_to_the_others() -> Script {
    connected(Script::new(), 1..=3)
        .send(1..=30)
        .expect(PermitsInUse, 0)
        .set_addresses([1, 3])
        .expect(Removed(2), 1)
        .send(31..=50)
        .expect(Received(1), 20)
        .expect(Received(2), 10)
        .expect(Received(3), 20)
}

pub(super) fn i3_an_address_that_pauses_has_its_share_before_and_after() -> Script {
    connected(Script::new(), 1..=2)
        .send(1..=10)
        .expect(Received(1), 5)
        .stall(1)
        .send(11..=20)
        .expect(Received(2), 15)
        .resume(1)
        .expect(Ready(1), 1)
        .send(21..=40)
        .expect(Received(1), 15)
        .expect(Received(2), 25)
}

pub(super) fn i3_sets_that_come_all_the_time_do_not_start_the_round_afresh() -> Script {
    connected(Script::new().serve(5, Dial::Hang), 1..=4)
        .repeat(10, |script| {
            script
                .set_addresses(1..=5)
                .expect(NamesUnread, 0)
                .send_some(1)
                .set_addresses(1..=4)
                .expect(NamesUnread, 0)
                .send_some(1)
        })
        .for_each(1..=4, |script, address| script.expect(Received(address), 5))
}

pub(super) fn i3_turns_become_longer_when_the_settings_say_so() -> Script {
    connected(Script::new(), 1..=2)
        .send(0..4)
        .expect(Received(1), 2)
        .expect(Received(2), 2)
        .change_settings([ItemsPerTurn(5)])
        .expect(SettingsApplied, 1)
        .send(4..9)
        .expect(Sent, 9)
        .send(9..24)
        .expect(Received(1), 12)
        .expect(Received(2), 12)
}

// I4: a busy connection delays nobody else.

pub(super) fn i4_an_item_that_a_connection_pushes_back_goes_to_another() -> Script {
    connected(Script::new(), 1..=2)
        .behave(1, Conduct::Window(1))
        .behave(1, Conduct::NeverFlushes)
        // No item follows that would have it sent on.
        .for_each(2..=20, |script, items| {
            let script = if items == 2 { script.send([1]) } else { script };
            script.send([items.into()]).expect_within(millis(1), Sent, u64::from(items))
        })
        .expect(Received(2), 19)
        .expect(Unflushed(1), 1)
        .expect(PermitsInUse, 0)
}

pub(super) fn i4_an_item_that_is_pushed_back_goes_to_another_without_more_traffic() -> Script {
    // At least in every second round it is the stalled one's turn.
    connected(Script::new(), 1..=2)
        .repeat(4, |script| {
            script
                .stall(1)
                .send_some(1)
                .expect_within(millis(1), PermitsInUse, 0)
                .resume(1)
                .expect(Ready(1), 1)
        })
        .expect(Received(2), 4)
}

pub(super) fn i4_an_address_that_takes_nothing_delays_no_other() -> Script {
    Script::new()
        .stall(2)
        .set_addresses([1, 2, 3])
        .expect(Ready(1), 1)
        .expect(AddressState(2), "busy")
        .expect(Ready(3), 1)
        .send(1..=40)
        .expect_within(millis(1), Received(1), 20)
        .expect_within(millis(1), Received(3), 20)
        .expect(Sent, 40)
}

pub(super) fn i4_a_full_connection_leaves_the_next_item_to_its_sibling() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(2))
        .behave(1, Conduct::Window(2))
        .behave(1, Conduct::NeverFlushes)
        .serve(1, Dial::AcceptOnce)
        .set_addresses([1])
        .expect(Ready(1), 1)
        .send([1, 2])
        .expect(Unflushed(1), 2)
        // Nobody has found out yet that it is full.
        .serve(1, Dial::Accept)
        .expect(Ready(1), 2)
        // One of these comes to it first, whichever of the two begins.
        .send([3])
        .expect_within(millis(1), Sent, 3)
        .send([4])
        .expect_within(millis(1), Sent, 4)
        .expect(UnflushedOver(1, 1), 2)
}

pub(super) fn i4_a_slow_flush_delays_no_other_connection() -> Script {
    connected(Script::new(), 1..=2)
        .behave(1, Conduct::FlushesAfter(secs(2)))
        .send(1..=20)
        .expect_within(millis(1), Received(2), 10)
        .send(21..=40)
        .expect_within(millis(1), Received(2), 20)
        .expect(Received(1), 20)
}

pub(super) fn i4_the_first_connection_that_is_ready_again_takes_all_that_waits() -> Script {
    let script = (1..=3).fold(Script::new(), Script::stall);
    script
        .set_addresses([1, 2, 3])
        .expect(AddressState(3), "busy")
        .send(1..=10)
        .expect(PermitsInUse, 10)
        .resume(3)
        .expect(ReceivedItems(3), 1..11)
        .expect(Sent, 10)
}

pub(super) fn i4_a_connection_that_drains_for_long_delays_nobody() -> Script {
    connected(Script::new(), 1..=2)
        .behave(1, Conduct::NeverFlushes)
        .send(1..=4)
        .expect(Unflushed(1), 2)
        .set_addresses([2])
        .expect(Draining(1), 1)
        .send(5..=20)
        .expect_within(millis(1), Received(2), 18)
        .resume(1)
        .expect(Received(1), 2)
}

// I5: the queue is strictly bounded, and first come first served.

/// A pool of this queue size whose one connection takes nothing.
fn blocked_with_queue(queue_size: usize) -> Script {
    Script::new()
        .with(QueueSize(queue_size))
        .never_above(PermitsInUse, queue_size as u64)
        .stall(1)
        .set_addresses([1])
        .expect(AddressState(1), "busy")
}

/// Senders who stand in line in this order.
fn line_up(script: Script, senders: std::ops::RangeInclusive<u32>) -> Script {
    senders.zip(1..).fold(script, |script, (item, waiting)| script.start_send(item).expect(Waiting, waiting))
}

pub(super) fn i5_the_bound_counts_the_items_in_the_drivers_hand() -> Script {
    blocked_with_queue(3)
        .send([1])
        .expect(InBacklog, 1)
        .send([2])
        .try_send(3)
        .try_send(4)
        .expect(Refused, 1)
        .expect(RefusedReason, "the pool's queue is full")
        .expect(PermitsInUse, 3)
        .resume(1)
        .expect(ReceivedItems(1), [1, 2, 3])
}

pub(super) fn i5_handles_neither_enlarge_the_queue_nor_reserve_in_it() -> Script {
    blocked_with_queue(1)
        .repeat(20, Script::wait_for_end)
        .try_send(1)
        .expect(PermitsInUse, 1)
        .expect(Refused, 0)
        .try_send(2)
        .expect(Refused, 1)
        .resume(1)
        .expect(ReceivedItems(1), [1])
}

pub(super) fn i5_senders_are_served_in_the_order_in_which_they_came() -> Script {
    line_up(blocked_with_queue(1).send([0]), 1..=8)
        .resume(1)
        .expect(ReceivedItems(1), 0..9)
        .expect(Sending, 0)
}

pub(super) fn i5_nobody_overtakes_those_in_line() -> Script {
    line_up(blocked_with_queue(2).send([0, 1]), 2..=3)
        .try_send(9)
        .expect(Refused, 1)
        .expect_to_stay(millis(300), Waiting, 2)
        .resume(1)
        .expect(Received(1), 4)
        .expect(Refused, 1)
}

pub(super) fn i5_every_place_that_becomes_free_lets_one_sender_in() -> Script {
    let script = Script::new()
        .with(QueueSize(2))
        .never_above(PermitsInUse, 2)
        .behave(1, Conduct::NeverFlushes)
        .behave(1, Conduct::Window(0))
        .set_addresses([1])
        .expect(AddressState(1), "busy")
        .send([1, 2]);
    line_up(script, 3..=5)
        .behave(1, Conduct::Window(1))
        .expect_to_stay(millis(300), Waiting, 2)
        .expect(Unflushed(1), 1)
        .behave(1, Conduct::Window(2))
        .expect_to_stay(millis(300), Waiting, 1)
        .expect(Unflushed(1), 2)
        .behave(1, Conduct::Window(3))
        .expect(Waiting, 0)
        .expect(Sending, 0)
        .resume(1)
        .expect(ReceivedItems(1), 1..6)
}

pub(super) fn i5_a_sender_that_gives_up_leaves_no_gap_in_the_line() -> Script {
    line_up(blocked_with_queue(1).send([0]), 1..=5)
        .cancel(1)
        .expect(Withdrawn, 1)
        .cancel(3)
        .expect(Withdrawn, 2)
        .cancel(5)
        .expect(Withdrawn, 3)
        .expect(Waiting, 2)
        .resume(1)
        .expect(ReceivedItems(1), [0, 2, 4])
        .expect(Waiting, 0)
        .expect(PermitsInUse, 0)
}

pub(super) fn i5_senders_that_give_up_in_the_moment_of_their_grants_leave_nothing_behind() -> Script {
    // Whether a sender has its place by then is left to chance.
    let script = (0..8).fold(blocked_with_queue(1), |script, round| {
        let first = round * 10;
        line_up(script.send([first]), first + 1..=first + 3)
            .resume(1)
            .try_to_cancel(first + 1)
            .try_to_cancel(first + 2)
            .expect(Sending, 0)
            .expect(PermitsInUse, 0)
            .expect(Waiting, 0)
            .stall(1)
    });
    script.resume(1).send([100]).expect(PermitsInUse, 0).expect_at_least(Received(1), 17)
}

pub(super) fn i5_a_place_that_was_reserved_in_vain_goes_to_the_next_in_line() -> Script {
    blocked_with_queue(1)
        .reserve()
        .expect(PermitsInUse, 1)
        .start_send(1)
        .expect(Waiting, 1)
        .try_send(2)
        .expect(Refused, 1)
        .release_reserved()
        .expect(InBacklog, 1)
        .expect(Waiting, 0)
        .resume(1)
        .expect(ReceivedItems(1), [1])
}

pub(super) fn i5_a_reserved_place_is_kept_for_whoever_reserved_it() -> Script {
    blocked_with_queue(2)
        .send([1])
        .reserve()
        .expect(PermitsInUse, 2)
        .try_send(2)
        .expect(Refused, 1)
        .resume(1)
        .expect(ReceivedItems(1), [1])
        .expect(PermitsInUse, 1)
        .send_reserved(3)
        .expect(ReceivedItems(1), [1, 3])
        .expect(PermitsInUse, 0)
}

pub(super) fn i5_a_queue_that_fills_in_an_outage_is_delivered_in_order_afterwards() -> Script {
    let script = Script::new()
        .with(QueueSize(4))
        .never_above(PermitsInUse, 4)
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .expect_at_least(BackOffs(1), 1)
        .send(0..4);
    line_up(script, 4..=4)
        .expect_at_least(BackOffs(1), 3)
        .expect(Waiting, 1)
        .serve(1, Dial::Accept)
        .expect(ReceivedItems(1), 0..5)
}

pub(super) fn i5_items_that_nobody_wants_leave_their_places_to_those_in_line() -> Script {
    let script = Script::new()
        .with(QueueSize(3))
        .never_above(PermitsInUse, 3)
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .send(1..=3);
    line_up(script, 4..=5)
        .disown(1)
        .expect(Undelivered, 1)
        .expect(Sending, 1)
        .disown(3)
        .expect(UndeliveredItems, [1, 3])
        .expect(UndeliveredReason, "nobody wanted it any more")
        .expect(Sending, 0)
        .expect(PermitsInUse, 3)
        .serve(1, Dial::Accept)
        .expect(ReceivedItems(1), [2, 4, 5])
}

pub(super) fn i5_items_that_nobody_wants_are_found_in_the_drivers_hand_too() -> Script {
    blocked_with_queue(4)
        .send([1])
        .expect(InBacklog, 1)
        .send(2..=4)
        .disown(1)
        .disown(3)
        .expect(UndeliveredItems, [1, 3])
        .expect(PermitsInUse, 2)
        .resume(1)
        .expect(ReceivedItems(1), [2, 4])
}

pub(super) fn i5_items_keep_their_order_while_there_are_no_addresses() -> Script {
    Script::new()
        .never_above(PermitsInUse, 100)
        .send(0..50)
        .expect_to_stay(millis(300), PermitsInUse, 50)
        .send(50..100)
        .try_send(100)
        .expect(Refused, 1)
        .set_addresses([1])
        .expect(ReceivedItems(1), 0..100)
}

pub(super) fn i5_a_queue_that_grows_lets_those_in_who_wait_in_line() -> Script {
    line_up(blocked().with(QueueSize(1)).send([0]), 1..=5)
        .never_above(PermitsInUse, 4)
        .change_settings([QueueSize(4)])
        .expect(Sending, 2)
        .expect_to_stay(millis(300), Waiting, 2)
        .expect(PermitsInUse, 4)
        .expect(Capacity, 4)
        .resume(1)
        .expect(Received(1), 6)
        .expect(Undelivered, 0)
}

pub(super) fn i5_a_queue_that_shrinks_drops_nothing_and_takes_nothing_until_it_has_room() -> Script {
    blocked_with_queue(6)
        .send(0..6)
        .change_settings([QueueSize(2)])
        .expect(Capacity, 2)
        .expect(PermitsInUse, 6)
        .try_send(9)
        .expect(Refused, 1)
        .start_send(6)
        .expect(Waiting, 1)
        .expect_to_stay(millis(300), Waiting, 1)
        .resume(1)
        .expect(ReceivedItems(1), 0..7)
        .expect(PermitsInUse, 0)
        .never_above(PermitsInUse, 2)
        .send_some(20)
        .expect(Received(1), 27)
        .expect(Undelivered, 0)
}

pub(super) fn i5_the_last_of_several_sizes_at_once_counts() -> Script {
    blocked()
        .with(QueueSize(2))
        .hold_settings()
        .change_settings([QueueSize(50)])
        .change_settings([QueueSize(5)])
        .change_settings([QueueSize(3)])
        .release_settings()
        .expect(Capacity, 3)
        .never_above(PermitsInUse, 3)
        .send(0..3)
        .try_send(9)
        .expect(Refused, 1)
        .expect(SettingsApplied, 1)
        .resume(1)
        .expect(ReceivedItems(1), 0..3)
}

// I6: when the driver sleeps nothing is unflushed.

pub(super) fn i6_every_connection_that_a_batch_has_touched_is_flushed() -> Script {
    // They wait together, and go out together.
    Script::new()
        .with(ConnectionsPerAddress(2))
        .for_each(1..=3, Script::stall)
        .set_addresses([1, 2, 3])
        .for_each(1..=3, |script, address| script.expect(AddressState(address), "busy"))
        .send(1..=60)
        .expect(PermitsInUse, 60)
        .for_each(1..=3, Script::resume)
        .expect(Sent, 60)
        .for_each(1..=3, |script, address| script.expect(Unflushed(address), 0))
        .expect(PermitsInUse, 0)
}

pub(super) fn i6_a_single_item_is_flushed_without_another_to_follow() -> Script {
    connected(Script::new().with(ConnectionsPerAddress(2)), 1..=2)
        .expect(Ready(1), 2)
        .expect(Ready(2), 2)
        .repeat(8, |script| script.send_some(1).expect(PermitsInUse, 0))
        .expect(Received(1), 4)
        .expect(Received(2), 4)
}

pub(super) fn i6_a_connection_that_takes_an_item_for_each_flush_gets_them_all() -> Script {
    Script::new()
        .for_each(1..=2, |script, address| script.behave(address, Conduct::Window(1)))
        .set_addresses([1, 2])
        .send(1..=40)
        .expect(Sent, 40)
        .expect(Unflushed(1), 0)
        .expect(Unflushed(2), 0)
}

pub(super) fn i6_a_flush_that_was_pushed_back_goes_on_when_the_connection_wakes() -> Script {
    connected(Script::new(), 1..=1)
        .behave(1, Conduct::NeverFlushes)
        .send(1..=3)
        .expect(Unflushed(1), 3)
        .expect_to_stay(millis(300), Received(1), 0)
        .resume(1)
        .expect(ReceivedItems(1), [1, 2, 3])
}

pub(super) fn i6_a_slow_flush_ends_without_another_item() -> Script {
    connected(Script::new(), 1..=2)
        .behave(1, Conduct::FlushesAfter(millis(300)))
        .behave(2, Conduct::FlushesAfter(millis(400)))
        .send(1..=10)
        .expect(Sent, 10)
        .expect_within(millis(305), Received(1), 5)
        .expect_within(millis(105), Received(2), 5)
}

pub(super) fn i6_what_a_connection_holds_leaves_before_it_closes() -> Script {
    connected(Script::new(), 1..=1)
        .behave(1, Conduct::NeverFlushes)
        .send(1..=3)
        .expect(Unflushed(1), 3)
        .set_addresses([2])
        .expect(Draining(1), 1)
        .resume(1)
        .expect(ReceivedItems(1), [1, 2, 3])
        .expect(Ends(1), "Closed")
        .expect(Open(1), 0)
}

pub(super) fn i6_a_flush_that_fails_costs_the_connection_and_not_the_next_items() -> Script {
    connected(Script::new(), 1..=1)
        .behave(1, Conduct::Fails(Call::Flush))
        .send([1])
        .expect(Ends(1), "Failed")
        .expect(InFlightAtEnd(1), 1)
        .resume(1)
        .send([2, 3])
        .expect(ReceivedItems(1), [2, 3])
        .expect(Sent, 3)
}
