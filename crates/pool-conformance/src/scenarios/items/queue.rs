//! I5: the queue is strictly bounded, and first come first served.

use crate::scenarios::shared::{blocked, millis};
use crate::script::{Conduct, Dial, Observation::*, Script, Setting::*};

/// A pool with this queue size whose one connection takes no item.
fn blocked_with_queue(queue_size: usize) -> Script {
    Script::new()
        .with(QueueSize(queue_size))
        .never_above(PermitsInUse, queue_size as u64)
        .stall(1)
        .set_addresses([1])
        .expect(AddressState(1), "busy")
}

/// Senders of these items enter the wait queue, in this order.
fn start_senders(script: Script, senders: std::ops::RangeInclusive<u32>) -> Script {
    senders.zip(1..).fold(script, |script, (item, waiting)| script.start_send(item).expect(Waiting, waiting))
}

pub(crate) fn i5_the_bound_counts_the_items_in_the_drivers_hand() -> Script {
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

pub(crate) fn i5_handles_neither_enlarge_the_queue_nor_reserve_in_it() -> Script {
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

pub(crate) fn i5_senders_are_served_in_the_order_in_which_they_came() -> Script {
    start_senders(blocked_with_queue(1).send([0]), 1..=8)
        .resume(1)
        .expect(ReceivedItems(1), 0..9)
        .expect(Sending, 0)
}

pub(crate) fn i5_nobody_overtakes_those_in_line() -> Script {
    start_senders(blocked_with_queue(2).send([0, 1]), 2..=3)
        .try_send(9)
        .expect(Refused, 1)
        .expect_to_stay(millis(300), Waiting, 2)
        .resume(1)
        .expect(Received(1), 4)
        .expect(Refused, 1)
}

pub(crate) fn i5_every_place_that_becomes_free_lets_one_sender_in() -> Script {
    let script = Script::new()
        .with(QueueSize(2))
        .never_above(PermitsInUse, 2)
        .behave(1, Conduct::NeverFlushes)
        .behave(1, Conduct::Window(0))
        .set_addresses([1])
        .expect(AddressState(1), "busy")
        .send([1, 2]);
    start_senders(script, 3..=5)
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

pub(crate) fn i5_a_sender_that_gives_up_leaves_no_gap_in_the_line() -> Script {
    start_senders(blocked_with_queue(1).send([0]), 1..=5)
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

pub(crate) fn i5_senders_that_give_up_in_the_moment_of_their_grants_leave_nothing_behind() -> Script {
    // Whether a sender has its permit by then depends on the order of tasks.
    let script = (0..8).fold(blocked_with_queue(1), |script, round| {
        let first = round * 10;
        start_senders(script.send([first]), first + 1..=first + 3)
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

pub(crate) fn i5_a_place_that_was_reserved_in_vain_goes_to_the_next_in_line() -> Script {
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

pub(crate) fn i5_a_reserved_permit_is_kept_for_its_sender() -> Script {
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

pub(crate) fn i5_a_queue_that_fills_in_an_outage_is_delivered_in_order_afterwards() -> Script {
    let script = Script::new()
        .with(QueueSize(4))
        .never_above(PermitsInUse, 4)
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .expect_at_least(BackOffs(1), 1)
        .send(0..4);
    start_senders(script, 4..=4)
        .expect_at_least(BackOffs(1), 3)
        .expect(Waiting, 1)
        .serve(1, Dial::Accept)
        .expect(ReceivedItems(1), 0..5)
}

pub(crate) fn i5_items_that_nobody_wants_leave_their_places_to_those_in_line() -> Script {
    let script = Script::new()
        .with(QueueSize(3))
        .never_above(PermitsInUse, 3)
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .send(1..=3);
    start_senders(script, 4..=5)
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

pub(crate) fn i5_items_that_nobody_wants_are_found_in_the_drivers_hand_too() -> Script {
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

pub(crate) fn i5_items_keep_their_order_while_there_are_no_addresses() -> Script {
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

pub(crate) fn i5_a_queue_that_grows_lets_those_in_who_wait_in_line() -> Script {
    start_senders(blocked().with(QueueSize(1)).send([0]), 1..=5)
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

pub(crate) fn i5_a_queue_that_shrinks_drops_nothing_and_takes_nothing_until_it_has_room() -> Script {
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

pub(crate) fn i5_the_last_of_several_sizes_at_once_counts() -> Script {
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
        .expect(ConfigApplied, 1)
        .resume(1)
        .expect(ReceivedItems(1), 0..3)
}

pub(crate) fn i5_a_queue_that_a_handle_enlarges_lets_those_in_who_wait_in_line() -> Script {
    blocked()
        .with(QueueSize(1))
        .send([0])
        .start_send(1)
        .expect(Waiting, 1)
        .reconfigure([QueueSize(2)])
        .expect(Waiting, 0)
        .expect(Capacity, 2)
        .resume(1)
        .expect(ReceivedItems(1), [0, 1])
}
