//! D1: the last handle's drop is a shutdown.

use crate::scenarios::shared::{AN_HOUR, blocked, connected, millis, secs};
use crate::script::{Dial, Observation::*, Script, Setting::*};

pub(crate) fn d1_the_drop_of_the_last_handle_delivers_the_queue_then_closes_and_ends() -> Script {
    blocked()
        .send(0..5)
        .drop_handles()
        .resume(1)
        .expect(EndReason, "all its handles were dropped")
        .expect(ReceivedItems(1), 0..5)
        .expect(Open(1), 0)
        .expect(Ends(1), "Closed")
}

pub(crate) fn d1_a_pool_without_handles_has_the_default_deadline() -> Script {
    Script::new()
        .with(ShutdownTimeout(secs(2)))
        .send([0, 1])
        .expect(Accepted, 2)
        .mark_time()
        .drop_handles()
        .expect(EndReason, "all its handles were dropped")
        .expect_between(SinceMarkMillis, 2000, 2010)
        .expect(UndeliveredItems, [0, 1])
        .expect(UndeliveredReason, "the pool is closed: all its handles were dropped")
}

pub(crate) fn d1_an_idle_pool_notices_the_drop_of_its_last_handle() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(2))
        .set_addresses([1])
        .expect(Ready(1), 2)
        .advance(secs(1))
        .drop_handles()
        .expect(EndReason, "all its handles were dropped")
        .expect(Ends(1), "Closed, Closed")
        .expect(DrainReasons(1), "PoolClosing, PoolClosing")
}

pub(crate) fn d1_a_sender_that_waits_keeps_the_pool_alive() -> Script {
    blocked()
        .with(QueueSize(1))
        .send([0])
        .start_send(1)
        .expect(Waiting, 1)
        .drop_handles()
        .expect_to_stay(secs(1), EndEvents, 0)
        .resume(1)
        .expect(ReceivedItems(1), [0, 1])
        .expect(Refused, 0)
        .expect(EndReason, "all its handles were dropped")
}

pub(crate) fn d1_the_pool_lives_as_long_as_one_handle_does() -> Script {
    Script::new()
        .set_addresses([1])
        .expect(Ready(1), 1)
        .wait_for_end()
        .drop_handles()
        .expect_to_stay(secs(2), Connected(1), 1)
        .expect(EndEvents, 0)
        .end_names()
        .expect(EndsSeen, 1)
}

pub(crate) fn d1_what_is_queued_before_the_first_connection_is_delivered_after_the_last_handle() -> Script {
    Script::new()
        .serve(1, Dial::Hang)
        .set_addresses([1])
        .send([0, 1])
        .expect(DialsOpen(1), 1)
        .drop_handles()
        .serve(1, Dial::Accept)
        .expect(EndReason, "all its handles were dropped")
        .expect(ReceivedItems(1), [0, 1])
}

pub(crate) fn d1_a_handle_that_reserved_a_place_is_a_handle_and_gives_the_place_back() -> Script {
    Script::new()
        .with(QueueSize(1))
        .set_addresses([1])
        .expect(Ready(1), 1)
        .reserve()
        .release_reserved()
        .expect_to_stay(secs(1), EndEvents, 0)
        .send([0])
        .expect(Received(1), 1)
        .reserve()
        .drop_handles()
        .expect(EndReason, "all its handles were dropped")
}

pub(crate) fn d1_a_weak_handle_keeps_no_pool_alive() -> Script {
    connected(Script::new(), 1..=1)
        .keep_weak_handle()
        .drop_handles()
        .expect(EndReason, "all its handles were dropped")
        .expect(Open(1), 0)
}

pub(crate) fn d1_a_weak_handle_gives_no_handle_to_a_pool_that_nobody_has() -> Script {
    // It has something to deliver, and goes on living for that.
    blocked()
        .send([0])
        .keep_weak_handle()
        .drop_handles()
        .upgrade()
        .expect(Upgrades, 0)
        .resume(1)
        .expect(ReceivedItems(1), [0])
        .expect(EndReason, "all its handles were dropped")
        .upgrade()
        .expect(Upgrades, 0)
}

pub(crate) fn d1_a_handle_of_a_weak_one_counts_like_any_other() -> Script {
    connected(Script::new(), 1..=1)
        .keep_weak_handle()
        .upgrade()
        .expect(Upgrades, 1)
        .expect_to_stay(secs(1), EndEvents, 0)
        .send(0..3)
        .expect(ReceivedItems(1), 0..3)
        .drop_handles()
        .expect(EndReason, "all its handles were dropped")
}

pub(crate) fn d1_a_wait_for_connections_keeps_no_pool_alive() -> Script {
    Script::new()
        .wait_for_connections(1, AN_HOUR)
        .advance(millis(100))
        .drop_handles()
        .expect(EndReason, "all its handles were dropped")
        .expect(ReadyAnswer, "the pool is closed: all its handles were dropped")
}
