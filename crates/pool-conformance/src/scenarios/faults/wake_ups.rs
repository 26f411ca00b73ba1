//! F2: no wake-up is lost, and nothing spins.

use crate::scenarios::shared::{AN_HOUR, and_is_left_alone, blocked, connected, millis, secs};
use crate::script::{Conduct, Dial, Observation::*, Script, Setting::*};

pub(crate) fn f2_a_pool_with_nothing_to_do_is_not_polled() -> Script {
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

pub(crate) fn f2_a_pool_whose_connections_take_nothing_is_not_polled() -> Script {
    and_is_left_alone(
        blocked().with(QueueSize(2)).send([0, 1]).start_send(2).expect(Waiting, 1).ask_ready().wait_for_end(),
    )
}

pub(crate) fn f2_a_pool_that_waits_for_a_dial_a_flush_a_close_and_a_backoff_is_not_polled() -> Script {
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

pub(crate) fn f2_an_item_alone_costs_a_few_polls_and_none_is_forgotten() -> Script {
    Script::new()
        .set_addresses([1, 2])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .mark_polls()
        .never_above(PollsSinceMark, 3 * 300)
        // The driver sleeps before each item.
        .repeat(300, |next| next.send_some(1).expect(PermitsInUse, 0))
        .expect(Received(1), 150)
        .expect(Received(2), 150)
}

pub(crate) fn f2_a_connection_that_is_ready_again_wakes_the_driver_each_time() -> Script {
    blocked()
        .repeat(200, |again| again.send_some(1).resume(1).expect(PermitsInUse, 0).stall(1))
        .resume(1)
        .expect(ReceivedOver(1, 0), 200)
}

pub(crate) fn f2_a_connection_that_is_ready_again_while_it_is_polled_is_polled_again() -> Script {
    // The flush ends within a poll of the driver, which makes the connection ready in that poll.
    Script::new()
        .behave(1, Conduct::Window(1))
        .behave(1, Conduct::FlushesAfter(millis(20)))
        .set_addresses([1])
        .expect(Connected(1), 1)
        .send(0..20)
        .expect(ReceivedItems(1), 0..20)
}

pub(crate) fn f2_a_batch_costs_hardly_more_than_an_item() -> Script {
    blocked()
        .with(QueueSize(300))
        .send_some(300)
        .expect(PermitsInUse, 300)
        .mark_polls()
        .never_above(PollsSinceMark, 10)
        .resume(1)
        .expect(Received(1), 300)
}

pub(crate) fn f2_a_connection_that_wakes_itself_for_ever_keeps_nobody_waiting() -> Script {
    Script::new()
        .set_addresses([1, 2])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        // It is polled once in each poll of the driver, however often it wakes itself.
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

pub(crate) fn f2_a_busy_connection_that_wakes_itself_for_ever_keeps_nobody_waiting() -> Script {
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

pub(crate) fn f2_a_handle_that_is_dropped_wakes_a_driver_that_sleeps() -> Script {
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

pub(crate) fn f2_settings_that_change_nothing_cost_a_poll_at_most_each_time() -> Script {
    connected(Script::new(), 1..=2)
        .mark_polls()
        .repeat(20, |script| script.change_settings([]))
        .never_above(PollsSinceMark, 30)
        .expect_to_stay(secs(1), ConfigApplied, 0)
        .end_settings()
        .expect(ConfigEnded, 1)
        .advance(secs(5))
}
