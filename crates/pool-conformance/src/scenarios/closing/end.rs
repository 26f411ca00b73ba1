//! D3: the end comes once, and everybody sees it.

use crate::scenarios::shared::{AN_HOUR, blocked, secs};
use crate::script::{Conduct, Dial, Observation::*, Script, Setting::*};

pub(crate) fn d3_everybody_who_waits_for_the_end_is_told_of_it_once() -> Script {
    blocked()
        .never_above(EndEvents, 1)
        .send([0])
        .repeat(5, Script::wait_for_end)
        .shutdown(AN_HOUR)
        .expect(EndsSeen, 0)
        .resume(1)
        .expect(EndsSeen, 5)
        .expect(EndEvents, 1)
        .expect(EndReason, "it was shut down")
}

pub(crate) fn d3_the_end_comes_once_however_many_reasons_there_are() -> Script {
    blocked()
        .never_above(EndEvents, 1)
        .send([0])
        .wait_for_end()
        .shutdown(AN_HOUR)
        .end_names()
        .shutdown(AN_HOUR)
        .drop_handles()
        .resume(1)
        .expect(EndsSeen, 1)
        .expect(EndReason, "it was shut down")
        .expect_to_stay(secs(1), EndEvents, 1)
}

pub(crate) fn d3_a_driver_that_is_dropped_loses_nothing_silently() -> Script {
    Script::new()
        .behave(1, Conduct::NeverFlushes)
        .behave(1, Conduct::Window(1))
        .set_addresses([1])
        .expect(Ready(1), 1)
        .send(0..5)
        .expect(Unflushed(1), 1)
        .drop_driver()
        .expect(EndReason, "its driver was dropped")
        .expect(UndeliveredItems, [1, 2, 3, 4])
        .expect(UndeliveredReason, "the pool is closed: its driver was dropped")
        .expect(Open(1), 0)
        .expect(EndEvents, 1)
        .expect(Accounts, "balanced")
}

pub(crate) fn d3_every_waiter_wakes_when_the_driver_is_dropped() -> Script {
    Script::new()
        .with(QueueSize(1))
        .serve(1, Dial::Hang)
        .set_addresses([1])
        .send([0])
        .start_send(1)
        .start_send(2)
        .ask_ready()
        .wait_for_end()
        .expect(Waiting, 2)
        .expect(DialsOpen(1), 1)
        .drop_driver()
        .expect(Refused, 2)
        .expect(RefusedReason, "the pool is closed: its driver was dropped")
        .expect(ReadyAnswer, "the pool is closed: its driver was dropped")
        .expect(EndsSeen, 1)
        .expect(DialsOpen(1), 0)
}

pub(crate) fn d3_after_the_end_everybody_has_an_answer_at_once() -> Script {
    Script::new()
        .set_addresses([1])
        .expect(Ready(1), 1)
        .shutdown(secs(1))
        .expect(EndReason, "it was shut down")
        .wait_for_end()
        .expect(EndsSeen, 1)
        .ask_ready()
        .expect(ReadyAnswer, "the pool is closed: it was shut down")
        .start_send(0)
        .try_send(1)
        .expect(Refused, 2)
        .retry_now(1)
        .shutdown(secs(1))
        .set_addresses([2])
        .wait_for_end()
        .expect(EndsSeen, 2)
        .expect(Dials(2), 0)
}

pub(crate) fn d3_a_driver_that_is_dropped_during_a_shutdown_returns_what_was_to_be_delivered() -> Script {
    blocked()
        .send([0, 1])
        .wait_for_end()
        .shutdown(AN_HOUR)
        .drop_driver()
        .expect(EndsSeen, 1)
        .expect(UndeliveredItems, [0, 1])
        .expect(Open(1), 0)
        .expect(Accounts, "balanced")
}

pub(crate) fn d3_a_wait_for_connections_ends_with_the_pool() -> Script {
    // At once, though the pool has something to deliver.
    blocked()
        .send([0])
        .wait_for_connections(2, AN_HOUR)
        .expect_to_stay(secs(1), ReadyAnswer, "")
        .shutdown(AN_HOUR)
        .expect(ReadyAnswer, "the pool is closed: it was shut down")
        .expect(EndEvents, 0)
        .resume(1)
        .expect(EndReason, "it was shut down")
}
