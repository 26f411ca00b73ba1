//! How large is what is kept for each address and for its connection. Large pools are bounded by this.

use core::mem::size_of;
use core::net::SocketAddr;

use crate::address_set::Endpoint;
use crate::known_address::KnownAddress;
use crate::rings::Node;
use crate::slab::Slab;
use crate::slot::Slot;

/// What is rare (a rest, a backoff, a rank among the addresses that wait for a dial) is kept in tables apart. A new
/// field that is empty for most addresses belongs there, too.
#[test]
fn an_address_and_its_connection_take_so_many_bytes() {
    let connection = Slab::<Slot>::PLACE_BYTES;
    let address = Slab::<KnownAddress<SocketAddr>>::PLACE_BYTES;
    assert_eq!((connection, address), (80, 80));
    assert_eq!((size_of::<Node>(), size_of::<Endpoint<SocketAddr>>()), (36, 48));
}
