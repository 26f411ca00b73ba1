//! F4: a bad name service costs nothing that works.

use crate::scenarios::shared::{AN_HOUR, millis, secs};
use crate::script::{Conduct, Dial, Observation::*, Script, Setting::*};

pub(crate) fn f4_a_name_service_that_fails_for_ever_costs_nothing_that_works() -> Script {
    Script::new()
        .set_addresses([1, 2])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .never_above(Removed(1), 0)
        .never_above(Dials(1), 1)
        .never_above(AvailabilityChanges, 1)
        .repeat(200, |again| again.fail_names("no answer"))
        .expect(NameErrors, 200)
        .send(0..10)
        .expect(ReceivedOver(1, 0), 5)
        .expect(ReceivedOver(2, 0), 5)
        .expect(NamesError, "no answer")
}

pub(crate) fn f4_a_set_that_is_too_large_is_refused_whole_and_the_old_one_kept() -> Script {
    Script::new()
        .with(AddressesMax(2))
        .set_addresses([1, 2])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .never_above(Dials(1), 1)
        .never_above(Dials(2), 1)
        .set_addresses([1, 3, 4])
        .expect(SetsRefused, 1)
        .send(0..4)
        .expect(ReceivedOver(1, 0), 2)
        .expect(ReceivedOver(2, 0), 2)
        .expect(Added(3), 0)
        .set_addresses([1, 3])
        .expect(Ready(3), 1)
        .expect(Open(2), 0)
}

pub(crate) fn f4_a_first_set_that_is_too_large_is_waited_out() -> Script {
    Script::new()
        .with(AddressesMax(1))
        .set_addresses([1, 2])
        .expect(SetsRefused, 1)
        .send([0])
        .expect_to_stay(secs(1), KnownAddresses, 0)
        .set_addresses([2])
        .expect(ReceivedItems(2), [0])
        .expect(Dials(1), 0)
}

pub(crate) fn f4_a_name_service_that_falls_silent_costs_nothing_that_works() -> Script {
    Script::new()
        .set_addresses([1])
        .expect(Ready(1), 1)
        .repeat(3, |round| {
            round
                .advance(secs(2))
                .send_some(1)
                .expect(PermitsInUse, 0)
                .kill(1)
                .expect(Connected(1), 0)
                .serve(1, Dial::Accept)
                .expect(Connected(1), 1)
        })
        .expect(Connections(1), 4)
        .expect(Received(1), 3)
        .expect(EndEvents, 0)
}

pub(crate) fn f4_the_same_set_over_and_over_costs_a_poll_at_most_each_time() -> Script {
    Script::new()
        .set_addresses([1, 2])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .never_above(Added(1), 1)
        .never_above(Dials(1), 1)
        .mark_polls()
        .never_above(PollsSinceMark, 510)
        .repeat(500, |again| again.set_addresses([1, 2]).expect(NamesUnread, 0))
        .fail_names("the last word")
        .expect(NameErrors, 1)
}

pub(crate) fn f4_a_name_service_that_panics_costs_nothing_that_works() -> Script {
    Script::new()
        .with(KeepAddresses)
        .set_addresses([1])
        .expect(Ready(1), 1)
        .never_above(NamePollsAfterEnd, 0)
        .never_above(Removed(1), 0)
        .panic_names()
        .expect(NamesEnded, 1)
        .send([0])
        .expect(ReceivedOver(1, 0), 1)
        .break_connections(1)
        .expect(Connections(1), 2)
        .expect(Ready(1), 1)
        .send([1])
        .expect(ReceivedOver(1, 1), 1)
        .expect(EndEvents, 0)
}

pub(crate) fn f4_addresses_that_keep_failing_make_the_pool_ask_again() -> Script {
    Script::new()
        .set_addresses([1, 2])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .expect(NameRefreshes, 0)
        .kill(1)
        .expect(NameRefreshes, 1)
        // The first address has moved.
        .set_addresses([2, 3])
        .expect(Ready(3), 1)
        .send(0..2)
        .expect(ReceivedOver(3, 0), 1)
}

pub(crate) fn f4_a_pool_that_keeps_asking_does_so_at_intervals() -> Script {
    Script::new()
        .with(Backoff(millis(10), millis(10)))
        .with(RefreshIntervalMin(AN_HOUR))
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .expect_at_least(BackOffs(1), 10)
        .expect(NameRefreshes, 1)
}

pub(crate) fn f4_one_address_of_many_that_fails_now_and_then_is_no_reason_to_ask() -> Script {
    Script::new()
        .with(StableAfter(millis(1)))
        .set_addresses(1..=8)
        .expect(Connected(8), 1)
        .expect(Ready(1), 1)
        .break_connections(1)
        .expect(Connections(1), 2)
        .expect_to_stay(secs(1), NameRefreshes, 0)
}

pub(crate) fn f4_errors_disturb_neither_a_dial_nor_a_backoff_nor_a_drain() -> Script {
    Script::new()
        .with(Backoff(secs(3), secs(3)))
        .serve(1, Dial::Hang)
        .serve(2, Dial::Refuse)
        .behave(3, Conduct::NeverCloses)
        .set_addresses([3])
        .expect(Connected(3), 1)
        .set_addresses([1, 2])
        .expect(Draining(3), 1)
        .expect(DialsOpen(1), 1)
        .expect_at_least(BackOffs(2), 1)
        .never_above(Dials(1), 1)
        .repeat(50, |again| again.fail_names("nothing").advance(millis(20)))
        .expect(NameErrors, 50)
        .expect(Open(3), 1)
        .serve(1, Dial::Accept)
        .expect(Connected(1), 1)
        .expect_between(DialGapMillis(2, 0), 2400, 3600)
        .resume(3)
        .expect(Ends(3), "Closed")
}
