//! A2: duplicates collapse: weights add, the best priority wins.

use crate::scenarios::shared::endpoint;
use crate::script::{Observation::*, Script, Setting::*};

pub(crate) fn a2_an_address_that_is_named_twice_counts_once() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(2))
        .never_above(Dials(1), 2)
        .set_addresses([1, 2, 1, 1])
        .expect(Ready(1), 2)
        .expect(Ready(2), 2)
        .expect(Added(1), 1)
        .expect(KnownAddresses, 2)
        .send(0..8)
        .expect(Received(1), 4)
        .expect(Received(2), 4)
}

pub(crate) fn a2_weights_add_at_the_same_priority() -> Script {
    Script::new()
        .set_addresses([endpoint(1, 2, 3), endpoint(2, 2, 1), endpoint(1, 2, 4)])
        .expect(Weight(1), 7)
        .expect(Weight(2), 1)
        .expect(Priority(1), 2)
}

pub(crate) fn a2_weights_that_add_up_to_too_much_stay_at_the_most() -> Script {
    Script::new()
        .set_addresses([endpoint(1, 0, u32::MAX), endpoint(1, 0, 2), endpoint(1, 0, u32::MAX)])
        .expect(Weight(1), u64::from(u32::MAX))
        .send([0])
        .expect(Received(1), 1)
}

pub(crate) fn a2_the_best_priority_wins_and_only_its_weights_count() -> Script {
    Script::new()
        .set_addresses([
            endpoint(1, 3, 100),
            endpoint(1, 1, 2),
            endpoint(1, 2, 50),
            endpoint(1, 1, 3),
            endpoint(1, 9, 7),
        ])
        .expect(Priority(1), 1)
        .expect(Weight(1), 5)
}

pub(crate) fn a2_items_follow_the_best_of_several_priorities() -> Script {
    Script::new()
        .set_addresses([endpoint(1, 1, 1), endpoint(2, 0, 1), endpoint(1, 0, 1)])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .send(0..10)
        .expect(Received(1), 5)
        .expect(Received(2), 5)
        .set_addresses([endpoint(1, 1, 1), endpoint(2, 0, 1)])
        .expect(Priority(1), 1)
        .never_above(Received(1), 5)
        .send(10..15)
        .expect(Received(2), 10)
}

pub(crate) fn a2_a_duplicate_that_goes_away_changes_the_weight_and_nothing_else() -> Script {
    Script::new()
        .set_addresses([1, 1, 1])
        .expect(Weight(1), 3)
        .expect(Connected(1), 1)
        .never_above(Removed(1), 0)
        .never_above(Dials(1), 1)
        .set_addresses([1])
        .expect(Weight(1), 1)
        .expect(Connected(1), 1)
        .send([0])
        .expect(ReceivedOver(1, 0), 1)
}

pub(crate) fn a2_duplicates_count_once_against_the_limit_of_addresses() -> Script {
    Script::new()
        .with(AddressesMax(2))
        .never_above(SetsRefused, 0)
        .set_addresses([1, 2, 2, 1, 1, 2])
        .expect(Connected(1), 1)
        .expect(Connected(2), 1)
}
