//! A4: an empty set is an instruction, an error is not.

use crate::scenarios::shared::secs;
use crate::script::{Dial, Observation::*, Script, Setting::*};

pub(crate) fn a4_an_empty_set_drains_everything_and_items_wait() -> Script {
    Script::new()
        .set_addresses([1, 2])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .set_no_addresses()
        .expect(Open(1), 0)
        .expect(Open(2), 0)
        .expect(Availability, "Waiting")
        .send(0..5)
        .expect_to_stay(secs(2), PermitsInUse, 5)
        .expect(Sent, 0)
        .set_addresses([3])
        .expect(ReceivedItems(3), 0..5)
        .expect(EndEvents, 0)
}

pub(crate) fn a4_a_pool_without_addresses_pushes_back_and_lives_on() -> Script {
    Script::new()
        .with(QueueSize(2))
        .set_addresses([1])
        .expect(Ready(1), 1)
        .set_no_addresses()
        .expect(Open(1), 0)
        .send([0, 1])
        .try_send(2)
        .expect(RefusedReason, "the pool's queue is full")
        .start_send(3)
        .expect(Waiting, 1)
        .set_addresses([1])
        .expect(ReceivedOver(1, 1), 3)
        .expect(ReceivedItems(1), [0, 1, 3])
}

pub(crate) fn a4_an_empty_set_drops_dials_and_ends_retries() -> Script {
    Script::new()
        .with(Backoff(secs(2), secs(2)))
        .serve(1, Dial::Hang)
        .serve(2, Dial::Refuse)
        .set_addresses([1, 2])
        .expect(DialsOpen(1), 1)
        .expect_at_least(BackOffs(2), 1)
        .set_no_addresses()
        .expect(DialsOpen(1), 0)
        .expect(Removed(2), 1)
        // It is forgotten when its backoff is over, and is not dialled.
        .expect(KnownAddresses, 0)
        .serve(1, Dial::Accept)
        .serve(2, Dial::Accept)
        .expect_to_stay(secs(2), Open(2), 0)
        .expect(Connections(1), 0)
        .expect(Connections(2), 0)
}

pub(crate) fn a4_an_error_keeps_the_set_and_is_shown_until_the_next_answer() -> Script {
    Script::new()
        .set_addresses([1])
        .expect(Ready(1), 1)
        .never_above(Removed(1), 0)
        .never_above(Dials(1), 1)
        .fail_names("no such name")
        .expect(NameErrors, 1)
        .expect(NamesError, "no such name")
        .send(0..3)
        .expect(ReceivedOver(1, 0), 3)
        .set_addresses([1, 2])
        .expect(NamesError, "")
        .expect(Connected(2), 1)
        .expect(EndEvents, 0)
}

pub(crate) fn a4_an_error_before_the_first_set_is_waited_out() -> Script {
    Script::new()
        .fail_names("not yet")
        .fail_names("still not")
        .expect(NameErrors, 2)
        .expect(NamesError, "still not")
        .send([0])
        .expect_to_stay(secs(1), PermitsInUse, 1)
        .set_addresses([1])
        .expect(Received(1), 1)
        .expect(NamesError, "")
}

pub(crate) fn a4_neither_no_such_name_nor_no_answer_yet_undoes_a_set() -> Script {
    Script::new()
        .expect(NamesState, "pending")
        .lose_name()
        .expect(NamesState, "no such name")
        .set_addresses([1])
        .expect(Ready(1), 1)
        .expect(NamesState, "answered, with addresses")
        .never_above(Removed(1), 0)
        .never_above(Dials(1), 1)
        .delay_names()
        .expect(NamesState, "pending, with addresses")
        .lose_name()
        .expect(NamesLost, 2)
        .expect(NamesState, "no such name, with addresses")
        .send(0..3)
        .expect(ReceivedOver(1, 0), 3)
        .set_addresses([1])
        .expect(NamesState, "answered, with addresses")
}

pub(crate) fn a4_an_error_that_comes_right_after_a_set_does_not_undo_it() -> Script {
    Script::new()
        .hold_names()
        .set_addresses([1])
        .fail_names("and now it is down")
        .release_names()
        .expect(Ready(1), 1)
        .expect(NamesError, "and now it is down")
        .send([0])
        .expect(Received(1), 1)
}

pub(crate) fn a4_connections_are_replaced_while_the_name_service_is_down() -> Script {
    Script::new()
        .set_addresses([1])
        .expect(Ready(1), 1)
        .fail_names("down")
        .expect(NameErrors, 1)
        .kill(1)
        .expect(Connected(1), 0)
        .send([0])
        .fail_names("still down")
        .expect(NameErrors, 2)
        .serve(1, Dial::Accept)
        .expect(ReceivedOver(1, 1), 1)
}
