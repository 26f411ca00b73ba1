//! Connections that record what they are sent: an example of a connection around another.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_sink::Sink;
use pin_project::pin_project;
use pool_driver::{Connect, Connection, ConnectionEvent, DialContext};

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

impl<C> Connect<SocketAddr> for TrackedConnector<C>
where
    C: Connect<SocketAddr, Future: Send + 'static>,
{
    type Connection = Tracked<C::Connection>;
    type Error = C::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Connection, C::Error>> + Send>>;

    fn connect(&mut self, address: SocketAddr, context: &DialContext) -> Self::Future {
        let dial = self.connector.connect(address, context);
        let ledger = self.ledger.clone();
        Box::pin(async move { Ok(Tracked { connection: dial.await?, address, ledger }) })
    }
}

/// A connection that records each line it is sent, and where that went.
#[derive(Debug)]
#[pin_project]
pub struct Tracked<C> {
    #[pin]
    connection: C,
    address: SocketAddr,
    ledger: Ledger,
}

impl<C: Connection<String>> Connection<String> for Tracked<C> {
    const REPORTS_OUTCOMES: bool = C::REPORTS_OUTCOMES;

    fn poll_event(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<ConnectionEvent<String>, C::Error>> {
        self.project().connection.poll_event(cx)
    }
}

impl<C: Sink<String>> Sink<String> for Tracked<C> {
    type Error = C::Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        self.project().connection.poll_ready(cx)
    }

    fn start_send(self: Pin<&mut Self>, line: String) -> Result<(), C::Error> {
        let this = self.project();
        this.ledger.sent(&line, *this.address);
        this.connection.start_send(line)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        self.project().connection.poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        self.project().connection.poll_close(cx)
    }
}
