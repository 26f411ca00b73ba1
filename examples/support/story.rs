//! What happens to the servers while the pool sends to them.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use futures_channel::mpsc;
use pool_driver::{AddressSet, BoxError};

use crate::ledger::Ledger;
use crate::line_server::LineServer;
use crate::narrator::Voice;

/// What a name service says: a stream of address sets, which never fails here.
pub(crate) type AddressSets = mpsc::UnboundedReceiver<Result<AddressSet<SocketAddr>, Infallible>>;

/// The name service's end of that stream.
pub(crate) type AddressSender = mpsc::UnboundedSender<Result<AddressSet<SocketAddr>, Infallible>>;

/// Four servers, and the name service that lists them.
#[derive(Debug)]
pub struct Story {
    servers: [LineServer; 4],
    names: AddressSender,
    voice: Voice,
}

impl Story {
    /// Starts the servers, and returns the address sets that the story will tell.
    ///
    /// # Errors
    ///
    /// When a server can't be started.
    pub fn prepare(ledger: &Ledger, voice: Voice) -> io::Result<(Self, AddressSets)> {
        let start = || LineServer::start(ledger);
        let servers = [start()?, start()?, start()?, start()?];
        let (names, address_sets) = mpsc::unbounded();
        Ok((Self { servers, names, voice }, address_sets))
    }

    /// Tells the story on this thread, for some seconds, and returns it: the name service is gone
    /// when it is dropped, and without one the pool shuts down.
    ///
    /// # Errors
    ///
    /// When a server fails.
    pub fn tell(mut self) -> Result<Self, BoxError> {
        let Self { servers, names, voice } = &mut self;
        let [at_a, at_b, at_c, at_d] = servers.each_ref().map(LineServer::address);
        let [_, b, _, _] = servers;

        voice.headline(format!("the name service lists {at_a}, {at_b} and {at_c}"));
        names.unbounded_send(Ok([at_a, at_b, at_c].into()))?;
        thread::sleep(Duration::from_secs(1));

        voice.headline(format!("{at_c} leaves the address set"));
        names.unbounded_send(Ok([at_a, at_b].into()))?;
        thread::sleep(Duration::from_secs(1));

        voice.headline(format!("{at_b} dies without a word"));
        b.die()?;
        thread::sleep(Duration::from_millis(1200));

        voice.headline(format!("{at_b} is back on the same port"));
        b.restart()?;
        thread::sleep(Duration::from_millis(1500));

        voice.headline(format!("{at_d} joins the address set"));
        names.unbounded_send(Ok([at_a, at_b, at_d].into()))?;
        thread::sleep(Duration::from_secs(1));

        voice.headline("the senders stop, and the pool shuts down");
        Ok(self)
    }

    /// Lets the servers read what is left; the pool must be over.
    ///
    /// # Errors
    ///
    /// When a server fails.
    pub fn end(mut self) -> io::Result<()> {
        self.servers.iter_mut().try_for_each(LineServer::finish)
    }
}
