//! F1: a panic costs what panicked.

use std::time::Duration;

use crate::scenarios::shared::{AN_HOUR, blocked, connected, millis, secs};
use crate::script::{Call, Conduct, Dial, Observation::*, Script, Setting::*};

/// Dials to the first address panic like this. The second address is sound.
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

pub(crate) fn f1_a_panic_of_the_connector_costs_that_dial() -> Script {
    bad_dials(Dial::PanicInCall, "panicked: a scripted panic of the connector")
}

pub(crate) fn f1_a_panic_of_a_dial_costs_that_dial() -> Script {
    bad_dials(Dial::PanicInFuture, "panicked: a scripted panic of a dial")
}

pub(crate) fn f1_a_panic_in_the_drop_of_a_dial_that_is_done_costs_nothing_else() -> Script {
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

pub(crate) fn f1_a_panic_in_the_drop_of_a_dial_that_is_abandoned_costs_nothing_else() -> Script {
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

/// Connections to the first address panic in this call when there is traffic.
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

pub(crate) fn f1_a_panic_in_poll_ready_costs_that_connection() -> Script {
    bad_connections(Call::Ready, "panicked: a scripted panic in Ready")
}

pub(crate) fn f1_a_panic_in_start_send_costs_that_connection_and_the_item() -> Script {
    bad_connections(Call::Send, "panicked: a scripted panic in Send")
}

pub(crate) fn f1_a_panic_in_poll_flush_costs_that_connection() -> Script {
    bad_connections(Call::Flush, "panicked: a scripted panic in Flush")
}

pub(crate) fn f1_a_panic_in_poll_event_costs_that_connection() -> Script {
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

pub(crate) fn f1_a_panic_in_poll_close_costs_that_connection() -> Script {
    bad_farewell(Call::Close, "Panicked")
}

pub(crate) fn f1_a_panic_in_the_drop_of_a_connection_costs_nothing_else() -> Script {
    bad_farewell(Call::Drop, "Closed")
}

pub(crate) fn f1_a_driver_can_be_dropped_whatever_its_connections_do_in_their_drop() -> Script {
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

pub(crate) fn f1_a_panic_of_the_address_stream_is_its_end_with_a_reason() -> Script {
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

pub(crate) fn f1_a_panic_of_the_balancer_is_the_pools_end_with_a_reason() -> Script {
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

pub(crate) fn f1_a_panic_of_the_observer_costs_the_observer() -> Script {
    Script::new()
        .set_addresses([1])
        .expect(Ready(1), 1)
        .panic_observer()
        .set_addresses([2])
        .expect(Ready(2), 1)
        .expect(Open(1), 0)
        .send(0..3)
        .expect(ReceivedItems(2), 0..3)
        // An observer that panicked gets no more events.
        .expect(Panics, 1)
        .expect(Added(2), 0)
        .shutdown(secs(1))
        .expect(EndReason, "it was shut down")
        .expect(EndEvents, 0)
}

pub(crate) fn f1_a_panic_of_on_undelivered_has_had_its_item_and_is_asked_again_with_the_next() -> Script {
    Script::new()
        .send(0..3)
        .panic_undelivered()
        .shutdown(Duration::ZERO)
        .expect(UndeliveredItems, [0, 1, 2])
        .expect(Panics, 3)
        .expect(EndReason, "it was shut down")
}

pub(crate) fn f1_a_panic_of_the_stream_of_settings_costs_the_stream() -> Script {
    connected(Script::new(), 1..=1)
        .change_settings([ConnectionsPerAddress(2)])
        .expect(Ready(1), 2)
        .panic_settings()
        .expect(Panics, 1)
        .expect(ConfigEnded, 1)
        .change_settings([ConnectionsPerAddress(1)])
        .send_some(10)
        .expect(Received(1), 10)
        .expect_to_stay(secs(1), SettingsPollsAfterEnd, 0)
        .expect(Connected(1), 2)
}
