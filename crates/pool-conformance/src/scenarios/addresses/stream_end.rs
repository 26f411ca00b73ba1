//! A6: the end of the address stream shuts the pool down.

use crate::scenarios::shared::secs;
use crate::script::{Dial, Observation::*, Script, Setting::*};

pub(crate) fn a6_the_end_of_the_stream_delivers_what_is_queued_and_refuses_the_rest() -> Script {
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

pub(crate) fn a6_the_end_of_the_stream_has_the_default_deadline() -> Script {
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

pub(crate) fn a6_a_set_that_comes_together_with_the_end_is_used_to_deliver() -> Script {
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

pub(crate) fn a6_the_end_of_the_stream_ends_a_pool_whose_handles_live() -> Script {
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

pub(crate) fn a6_a_stream_that_ends_before_its_first_set_ends_the_pool() -> Script {
    Script::new()
        .end_names()
        .expect(EndReason, "its address stream ended")
        .try_send(0)
        .expect(RefusedReason, "the pool is closed: its address stream ended")
}

pub(crate) fn a6_a_pool_that_keeps_its_set_lives_on_with_it() -> Script {
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

pub(crate) fn a6_a_stream_is_never_asked_again_after_its_end() -> Script {
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
