//! A hash of all that happened in a scenario.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use crate::fixture::{Fixture, Users};

/// A hash of all that happened: what the observer was told and when, each call into each connection
/// and what came of it, the end of every item, what users were told, and who ran in which order.
pub(super) fn trace_hash(fixture: &Fixture, history: u64) -> u64 {
    let world = &fixture.world;
    let mut hasher = SipHasher13::new();
    hasher.write(world.log.transcript().as_bytes());
    for link in world.servers.all_links() {
        let (address, index) = (link.address(), link.index());
        let told = format!("{address} {index} {:?} {:?}", link.received(), link.take_log());
        hasher.write(told.as_bytes());
    }
    hasher.write(format!("{:?}", world.ledger).as_bytes());
    let users = fixture.users.lock();
    hasher.write(format!("{:?} {:?} {:?}", users.refusals, users.ready, users.seen_ends).as_bytes());
    let Users { sleepers, answers, .. } = &*users;
    hasher.write(format!("{:?} {:?} {answers:?}", sleepers.woken, sleepers.slept).as_bytes());
    hasher.write_u64(history);
    hasher.finish()
}
