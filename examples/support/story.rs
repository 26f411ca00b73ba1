//! What happens to the servers while the pool sends to them.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use pool_driver::{AddressSet, BoxError};

use crate::ledger::Ledger;
use crate::line_server::LineServer;
use crate::narrator::Voice;

/// Four servers, and the name service that lists them.
#[derive(Debug)]
pub struct Story {
    servers: [LineServer; 4],
    names: Names,
    voice: Voice,
}

/// Tells a pool the address sets, by whatever way the pool hears of them.
struct Names(Box<dyn FnMut(AddressSet<SocketAddr>) -> Result<(), BoxError> + Send>);

impl Names {
    fn list<const N: usize>(&mut self, addresses: [SocketAddr; N]) -> Result<(), BoxError> {
        (self.0)(addresses.into())
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Names")
    }
}

impl Story {
    /// Starts the servers. The story will give each address set to `publish`.
    ///
    /// # Errors
    ///
    /// When a server can't be started.
    pub fn prepare(
        ledger: &Ledger,
        voice: Voice,
        publish: impl FnMut(AddressSet<SocketAddr>) -> Result<(), BoxError> + Send + 'static,
    ) -> io::Result<Self> {
        let start = || LineServer::start(ledger);
        let servers = [start()?, start()?, start()?, start()?];
        Ok(Self { servers, names: Names(Box::new(publish)), voice })
    }

    /// Tells the story on this thread, for some seconds, and returns it: what publishes the
    /// address sets lives as long as the story.
    ///
    /// # Errors
    ///
    /// When a server fails, or nobody wants to hear of an address set.
    pub fn tell(mut self) -> Result<Self, BoxError> {
        let Self { servers, names, voice } = &mut self;
        let [at_a, at_b, at_c, at_d] = servers.each_ref().map(LineServer::address);
        let [_, b, _, _] = servers;

        voice.headline(format!("the name service lists {at_a}, {at_b} and {at_c}"));
        names.list([at_a, at_b, at_c])?;
        thread::sleep(Duration::from_secs(1));

        voice.headline(format!("{at_c} leaves the address set"));
        names.list([at_a, at_b])?;
        thread::sleep(Duration::from_secs(1));

        voice.headline(format!("{at_b} dies without a word"));
        b.die()?;
        thread::sleep(Duration::from_millis(1200));

        voice.headline(format!("{at_b} is back on the same port"));
        b.restart()?;
        thread::sleep(Duration::from_millis(1500));

        voice.headline(format!("{at_d} joins the address set"));
        names.list([at_a, at_b, at_d])?;
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
