//! C4: a connection that dies while idle is noticed and replaced.

use crate::scenarios::shared::{A_LONG_LIFE, connected, millis, secs};
use crate::script::{Call, Conduct, Dial, Observation::*, Script, Setting::*};

pub(crate) fn c4_a_connection_that_breaks_while_idle_is_replaced_without_traffic() -> Script {
    Script::new()
        .set_addresses([1])
        .expect(Ready(1), 1)
        .advance(secs(1))
        .break_connections(1)
        .expect_within(millis(51), Connections(1), 2)
        .expect(Ready(1), 1)
        .expect(Ends(1), "Failed")
        .expect(LastError(1), "connection reset")
        .expect(Open(1), 1)
}

pub(crate) fn c4_a_peer_that_hangs_up_is_noticed_without_traffic() -> Script {
    Script::new()
        .set_addresses([1])
        .expect(Ready(1), 1)
        .advance(A_LONG_LIFE)
        .hang_up(1)
        .expect_within(millis(51), Connections(1), 2)
        .expect(Ready(1), 1)
        .expect(Ends(1), "Closed")
        .expect(Open(1), 1)
}

pub(crate) fn c4_after_a_restart_all_connections_are_back_without_traffic() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(8))
        .set_addresses([1])
        .expect(Ready(1), 8)
        .kill(1)
        .expect(Open(1), 0)
        .expect_at_least(BackOffs(1), 2)
        .serve(1, Dial::Accept)
        .expect(Ready(1), 8)
        .expect(Open(1), 8)
}

pub(crate) fn c4_a_death_is_noticed_while_the_connection_takes_nothing() -> Script {
    Script::new()
        .stall(1)
        .set_addresses([1])
        .expect(AddressState(1), "busy")
        .send([1, 2])
        .expect(PermitsInUse, 2)
        .break_connections(1)
        .expect(Connections(1), 2)
        .resume(1)
        .expect(ReceivedItems(1), [1, 2])
}

pub(crate) fn c4_a_death_is_noticed_in_the_middle_of_a_flush() -> Script {
    Script::new()
        .set_addresses([1])
        .expect(Ready(1), 1)
        .behave(1, Conduct::NeverFlushes)
        .send([1])
        .expect(Unflushed(1), 1)
        .break_connections(1)
        .expect(Connections(1), 2)
        .expect(InFlightAtEnd(1), 1)
        .expect(Open(1), 1)
}

pub(crate) fn c4_a_death_is_noticed_while_the_connection_drains() -> Script {
    Script::new()
        .set_addresses([1, 2])
        .expect(Ready(1), 1)
        .behave(1, Conduct::NeverCloses)
        .set_addresses([2])
        .expect(Draining(1), 1)
        .break_connections(1)
        .expect(Ends(1), "Failed")
        .expect(Open(1), 0)
        .expect(KnownAddresses, 1)
        .expect(Dials(1), 1)
}

pub(crate) fn c4_a_connection_that_is_sent_away_is_replaced_while_it_finishes_its_work() -> Script {
    Script::new()
        .never_above(BackOffs(1), 0)
        .set_addresses([1])
        .expect(Ready(1), 1)
        .behave(1, Conduct::NeverFlushes)
        .send([1])
        .expect(Unflushed(1), 1)
        .advance(A_LONG_LIFE)
        .go_away(1)
        .expect_within(millis(51), Connections(1), 2)
        .expect(Draining(1), 1)
        .expect(DrainReasons(1), "GoingAway")
        .resume(1)
        .expect(ReceivedOver(1, 0), 1)
        .expect(Ends(1), "Closed")
}

pub(crate) fn c4_a_connection_that_owes_outcomes_and_is_silent_is_replaced() -> Script {
    connected(Script::new().with(OutcomeTimeout(secs(1))).behave(1, Conduct::KeepsItems), 1..=1)
        .send([1])
        .expect(Connections(1), 2)
        .expect(Ends(1), "TimedOut")
        .expect(LastError(1), "the peer owes replies, and has been silent for too long")
        .expect(InFlightAtEnd(1), 1)
        .expect(Ready(1), 1)
}

pub(crate) fn c4_a_connection_that_owes_nothing_may_be_silent() -> Script {
    connected(Script::new().with(OutcomeTimeout(secs(1))), 1..=1).expect_to_stay(secs(5), Connections(1), 1)
}

pub(crate) fn c4_only_the_connections_that_died_are_replaced() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(2))
        .never_above(Dials(2), 2)
        .set_addresses([1, 2])
        .expect(Ready(1), 2)
        .expect(Ready(2), 2)
        .break_connections(1)
        .expect(Connections(1), 4)
        .expect(Ready(1), 2)
        .expect_to_stay(millis(500), Connected(2), 2)
}

pub(crate) fn c4_a_drain_is_cut_off_by_a_shorter_timeout_at_once() -> Script {
    connected(Script::new(), 1..=1)
        .behave(1, Conduct::NeverCloses)
        .set_no_addresses()
        .expect(Draining(1), 1)
        .advance(secs(2))
        .change_settings([DrainTimeout(secs(1))])
        .expect(Ends(1), "DrainTimedOut")
}

pub(crate) fn c4_a_plain_sink_that_notices_a_dead_peer_in_its_flush_is_replaced_without_traffic() -> Script {
    connected(Script::of_plain_sinks().with(Backoff(secs(1), secs(1))), 1..=1)
        .behave(1, Conduct::Fails(Call::Flush))
        .expect(Ends(1), "Failed")
        .resume(1)
        .expect_at_least(Connections(1), 2)
        .expect(Ready(1), 1)
}
