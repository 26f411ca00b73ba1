//! Connections that record what they are sent: an example of a connector around another.

use std::net::SocketAddr;

use pool_driver::{Connect, Connection, DialContext, MapItems, Wrap, Wrapped, WrappedDial, map_items};

use crate::ledger::Ledger;

/// Made by [`Ledger::track`].
#[derive(Clone, Debug)]
pub struct TrackedConnector<C> {
    connector: C,
    ledger: Ledger,
}

impl<C> TrackedConnector<C> {
    pub(crate) fn new(connector: C, ledger: Ledger) -> Self {
        Self { connector, ledger }
    }
}

/// A clone of the connector dials; what it makes is wrapped by what knows the address.
impl<C> Connect<SocketAddr> for TrackedConnector<C>
where
    C: Connect<SocketAddr, Connection: Connection<String>> + Clone,
{
    type Connection = <Track as Wrap<C::Connection>>::Connection;
    type Error = C::Error;
    type Future = WrappedDial<C::Future, Track>;

    fn connect(&mut self, address: SocketAddr, context: &DialContext) -> Self::Future {
        let track = Track { address, ledger: self.ledger.clone() };
        Wrapped::new(self.connector.clone(), track).connect(address, context)
    }
}

/// Makes each connection to an address record the lines that it is sent.
#[derive(Clone, Debug)]
pub struct Track {
    address: SocketAddr,
    ledger: Ledger,
}

impl<C: Connection<String>> Wrap<C> for Track {
    // The closure has no name, so it is in a box, which has one.
    type Connection = MapItems<C, Box<dyn FnMut(String) -> String + Send>, fn(String) -> String>;

    fn wrap(self, connection: C) -> Self::Connection {
        let record = move |line: String| {
            self.ledger.sent(&line, self.address);
            line
        };
        map_items(connection, Box::new(record), |line| line)
    }
}
