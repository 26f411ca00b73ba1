//! I1: every item ends once: refused, undelivered or sent.

use crate::scenarios::shared::{SUCCESS, connected, millis};
use crate::script::{Call, Conduct, Dial, Observation::*, Script, Setting::*};

pub(crate) fn i1_a_start_send_that_fails_costs_its_connection_and_that_item_alone() -> Script {
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

pub(crate) fn i1_an_item_that_a_failed_start_send_gives_back_is_next_in_line() -> Script {
    connected(Script::new(), 1..=2)
        .serve(1, Dial::Refuse)
        .behave(1, Conduct::FailsAndReturns(Call::Send))
        .send(1..=6)
        .expect(ReceivedItems(2), 1..7)
        .expect(Sent, 6)
        .expect(InFlightAtEnd(1), 0)
        .expect(Open(1), 0)
}

pub(crate) fn i1_a_connection_that_fails_before_it_takes_an_item_leaves_it_to_another() -> Script {
    connected(Script::new(), 1..=2)
        .serve(1, Dial::Refuse)
        .behave(1, Conduct::Fails(Call::Ready))
        .send(1..=6)
        .expect(ReceivedItems(2), 1..7)
        .expect(SentBeforeEnd(1), 0)
        .expect(Open(1), 0)
}

pub(crate) fn i1_a_connection_that_dies_tells_how_many_items_it_may_have_taken_with_it() -> Script {
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

pub(crate) fn i1_a_connection_that_breaks_gives_back_what_never_left_in_order() -> Script {
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

pub(crate) fn i1_items_that_come_back_go_before_those_that_wait() -> Script {
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

pub(crate) fn i1_items_that_come_back_while_nothing_is_connected_wait() -> Script {
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

pub(crate) fn i1_a_driver_that_dies_returns_all_that_was_not_handed_over() -> Script {
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

pub(crate) fn i1_servers_that_die_under_traffic_lose_no_item_silently_and_double_none() -> Script {
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

pub(crate) fn i1_settings_that_change_under_traffic_lose_no_item_and_double_none() -> Script {
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
