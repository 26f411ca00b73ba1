//! A8: items go to the best priority that has a connection.

use crate::scenarios::shared::{endpoint, millis, secs};
use crate::script::{Dial, Observation::*, Script, Setting::*};

pub(crate) fn a8_eager_connections_go_to_every_priority_and_items_to_the_best() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(2))
        .set_addresses([endpoint(1, 0, 1), endpoint(2, 1, 100), endpoint(3, 7, 100)])
        .expect(Ready(1), 2)
        .expect(Ready(2), 2)
        .expect(Ready(3), 2)
        .send(0..10)
        .expect(Received(1), 10)
        .expect(Received(2), 0)
        .expect(Received(3), 0)
}

pub(crate) fn a8_busy_does_not_spill_over() -> Script {
    Script::new()
        .set_addresses([endpoint(1, 0, 1), endpoint(2, 1, 1)])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .stall(1)
        .never_above(Received(2), 0)
        .send(0..10)
        .expect_to_stay(secs(1), Sent, 0)
        .resume(1)
        .expect(ReceivedItems(1), 0..10)
}

pub(crate) fn a8_dead_spills_over_and_a_new_connection_takes_over_again() -> Script {
    Script::new()
        .with(Backoff(millis(100), millis(100)))
        .set_addresses([endpoint(1, 0, 1), endpoint(2, 1, 1)])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .kill(1)
        .expect(Connected(1), 0)
        .send(0..5)
        .expect(ReceivedItems(2), 0..5)
        .serve(1, Dial::Accept)
        .expect(Ready(1), 1)
        .send(5..10)
        .expect(ReceivedOver(1, 1), 5)
        .expect(Received(2), 5)
}

pub(crate) fn a8_dead_spills_over_to_the_next_best_only_and_all_of_it_have_their_turns() -> Script {
    Script::new()
        .serve(1, Dial::Refuse)
        .set_addresses([endpoint(1, 0, 1), endpoint(2, 3, 1), endpoint(3, 3, 1), endpoint(4, 4, 1)])
        .expect_at_least(BackOffs(1), 1)
        .expect(Ready(2), 1)
        .expect(Ready(3), 1)
        .expect(Ready(4), 1)
        .send(0..10)
        .expect(Received(2), 5)
        .expect(Received(3), 5)
        .expect(Received(4), 0)
}

pub(crate) fn a8_items_do_not_wait_for_a_better_priority_that_never_connected() -> Script {
    Script::new()
        .serve(1, Dial::Hang)
        .set_addresses([endpoint(1, 0, 1), endpoint(2, 1, 1)])
        .expect(DialsOpen(1), 1)
        .send(0..5)
        .expect(ReceivedItems(2), 0..5)
        .serve(1, Dial::Accept)
        .expect(Ready(1), 1)
        .send(5..10)
        .expect(ReceivedItems(1), 5..10)
        .expect(Received(2), 5)
}

pub(crate) fn a8_items_that_wait_go_to_a_better_priority_as_soon_as_it_is_up() -> Script {
    Script::new()
        .serve(1, Dial::Hang)
        .stall(2)
        .set_addresses([endpoint(1, 0, 1), endpoint(2, 1, 1)])
        .expect(Connected(2), 1)
        .send(0..5)
        .never_above(Received(2), 0)
        .serve(1, Dial::Accept)
        .expect(ReceivedItems(1), 0..5)
        .resume(2)
        .send([5])
        .expect(Received(1), 6)
}

pub(crate) fn a8_priorities_that_change_places_are_followed_without_a_dial() -> Script {
    Script::new()
        .set_addresses([endpoint(1, 0, 1), endpoint(2, 1, 1)])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .send(0..5)
        .expect(Received(1), 5)
        .never_above(Received(1), 5)
        .set_addresses([endpoint(1, 1, 1), endpoint(2, 0, 1)])
        .expect(Priority(1), 1)
        .expect(Priority(2), 0)
        .send(5..10)
        .expect(ReceivedOver(2, 0), 5)
        .expect(Dials(1), 1)
        .expect(Dials(2), 1)
}

pub(crate) fn a8_one_connection_of_the_best_priority_keeps_all_items() -> Script {
    Script::new()
        .set_addresses([endpoint(1, 0, 1), endpoint(2, 0, 1), endpoint(3, 1, 1)])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .expect(Ready(3), 1)
        .kill(1)
        .expect(Connected(1), 0)
        .stall(2)
        .never_above(Received(3), 0)
        .send(0..6)
        .expect_to_stay(secs(1), Sent, 0)
        .resume(2)
        .expect(ReceivedItems(2), 0..6)
}
