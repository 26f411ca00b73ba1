//! I6: when the driver sleeps nothing is unflushed.

use crate::scenarios::shared::{connected, millis};
use crate::script::{Call, Conduct, Observation::*, Script, Setting::*};

pub(crate) fn i6_every_connection_that_a_batch_has_touched_is_flushed() -> Script {
    // All items wait, and are sent in one batch.
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

pub(crate) fn i6_a_single_item_is_flushed_without_another_to_follow() -> Script {
    connected(Script::new().with(ConnectionsPerAddress(2)), 1..=2)
        .expect(Ready(1), 2)
        .expect(Ready(2), 2)
        .repeat(8, |script| script.send_some(1).expect(PermitsInUse, 0))
        .expect(Received(1), 4)
        .expect(Received(2), 4)
}

pub(crate) fn i6_a_connection_that_takes_an_item_for_each_flush_gets_them_all() -> Script {
    Script::new()
        .for_each(1..=2, |script, address| script.behave(address, Conduct::Window(1)))
        .set_addresses([1, 2])
        .send(1..=40)
        .expect(Sent, 40)
        .expect(Unflushed(1), 0)
        .expect(Unflushed(2), 0)
}

pub(crate) fn i6_a_flush_that_was_pushed_back_goes_on_when_the_connection_wakes() -> Script {
    connected(Script::new(), 1..=1)
        .behave(1, Conduct::NeverFlushes)
        .send(1..=3)
        .expect(Unflushed(1), 3)
        .expect_to_stay(millis(300), Received(1), 0)
        .resume(1)
        .expect(ReceivedItems(1), [1, 2, 3])
}

pub(crate) fn i6_a_slow_flush_ends_without_another_item() -> Script {
    connected(Script::new(), 1..=2)
        .behave(1, Conduct::FlushesAfter(millis(300)))
        .behave(2, Conduct::FlushesAfter(millis(400)))
        .send(1..=10)
        .expect(Sent, 10)
        .expect_within(millis(305), Received(1), 5)
        .expect_within(millis(105), Received(2), 5)
}

pub(crate) fn i6_what_a_connection_holds_leaves_before_it_closes() -> Script {
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

pub(crate) fn i6_a_flush_that_fails_costs_the_connection_and_not_the_next_items() -> Script {
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

pub(crate) fn i6_a_plain_sink_is_flushed_whenever_it_wakes() -> Script {
    // The flush is all that a driver asks of it.
    connected(Script::of_plain_sinks(), 1..=1)
        .advance(millis(100))
        .repeat(3, |script| script.mark_calls().resume(1).expect_at_least(CallsSinceMark(1), 1))
}

pub(crate) fn i6_what_a_plain_sink_holds_back_leaves_when_it_wakes() -> Script {
    connected(Script::of_plain_sinks().behave(1, Conduct::NeverFlushes), 1..=1)
        .send(0..5)
        .expect(Unflushed(1), 5)
        .resume(1)
        .expect(ReceivedItems(1), 0..5)
}
