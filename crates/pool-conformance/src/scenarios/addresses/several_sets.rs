//! A5: of several sets only the last is applied.

use crate::script::{Observation::*, Script};

pub(crate) fn a5_of_several_sets_at_once_only_the_last_is_applied() -> Script {
    Script::new()
        .never_above(Dials(1), 0)
        .never_above(Added(1), 0)
        .never_above(Added(2), 0)
        .hold_names()
        .set_addresses([1])
        .set_addresses([1, 2])
        .set_addresses([3])
        .release_names()
        .expect(Connected(3), 1)
        .expect(KnownAddresses, 1)
}

pub(crate) fn a5_a_set_that_is_gone_before_it_is_read_drains_nothing() -> Script {
    Script::new()
        .set_addresses([1])
        .expect(Ready(1), 1)
        .never_above(Removed(1), 0)
        .never_above(Dials(1), 1)
        .hold_names()
        .set_no_addresses()
        .set_addresses([2])
        .set_addresses([1, 3])
        .release_names()
        .expect(Connected(3), 1)
        .send(0..4)
        .expect(PermitsInUse, 0)
        .expect(Added(2), 0)
        .expect(Ends(1), "")
}

pub(crate) fn a5_at_most_32_answers_are_read_in_one_poll_and_the_rest_in_the_next() -> Script {
    let held = Script::new().hold_names();
    (1..=100)
        .fold(held, |script, address| script.set_addresses([address]))
        .never_above(NamesReadAtOnce, 32)
        .release_names()
        .expect(Connected(100), 1)
        .expect(NamesUnread, 0)
        .expect(KnownAddresses, 1)
        .send([0])
        .expect(Received(100), 1)
}

pub(crate) fn a5_a_name_service_that_says_a_great_deal_keeps_nobody_waiting() -> Script {
    Script::new()
        .set_addresses([1, 2])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .hold_names()
        .repeat(320, |more| {
            more.set_addresses([1, 2]).fail_names("overworked").set_addresses([2, 1]).set_addresses([1, 2])
        })
        .set_addresses([1, 2])
        .never_above(NamesReadAtOnce, 32)
        .mark_polls()
        // A driver that reads one answer in each poll needs 1,281.
        .never_above(PollsSinceMark, 200)
        .release_names()
        .send(0..20)
        .expect(PermitsInUse, 0)
        .expect(NamesUnread, 0)
        .expect(NameErrors, 320)
        .expect(ReceivedOver(2, 0), 10)
        .expect(Dials(2), 1)
}

pub(crate) fn a5_errors_between_sets_are_all_told() -> Script {
    Script::new()
        .never_above(Added(1), 0)
        .hold_names()
        .set_addresses([1])
        .fail_names("first")
        .set_addresses([2])
        .fail_names("second")
        .release_names()
        .expect(Connected(2), 1)
        .expect(NameErrors, 2)
        .expect(NamesError, "second")
}

pub(crate) fn a5_an_error_before_the_last_set_is_told_but_no_longer_shown() -> Script {
    Script::new()
        .hold_names()
        .fail_names("a hiccup")
        .set_addresses([1])
        .release_names()
        .expect(Connected(1), 1)
        .expect(NameErrors, 1)
        .expect(NamesError, "")
}
