//! Address sets that change faster than connections drain, over TCP.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use pool_core::{AddressSet, SlotEnd};
use pool_driver::{BoxError, Event, Pool};
use pool_examples::{Ledger, LineServer};
use pool_tests::{TestResult, on_answer, on_undelivered, run_on_smol, run_on_tokio, send_during, until};
use tokio_util::codec::LinesCodec;

const SERVERS: usize = 4;
/// An address comes back after four rounds, while a server looks at its sockets every 20 ms.
const ROUNDS: usize = 100;

#[test]
fn whatever_churn_loses_was_reported_with_a_drain_that_was_displaced_on_tokio() -> TestResult {
    let (world, stream) = World::new()?;
    run_on_tokio(async {
        let connector =
            pool_tokio::tcp(LinesCodec::new_with_max_length(8192)).on_item(on_answer(&world.ledger));
        let pool = pool_tokio::pool_for(world.ledger.track(connector))
            .connect_to(stream)
            .connections_per_address(2)
            .observer(world.losses.observer())
            .on_undelivered(on_undelivered(&world.ledger))
            .spawn()?;
        world.churn(pool).await
    })
}

#[test]
fn whatever_churn_loses_was_reported_with_a_drain_that_was_displaced_on_smol() -> TestResult {
    let (world, stream) = World::new()?;
    run_on_smol(async {
        let connector =
            pool_smol::tcp(LinesCodec::new_with_max_length(8192)).on_item(on_answer(&world.ledger));
        let pool = pool_smol::pool_for(world.ledger.track(connector))
            .connect_to(stream)
            .connections_per_address(2)
            .observer(world.losses.observer())
            .on_undelivered(on_undelivered(&world.ledger))
            .spawn()?;
        world.churn(pool).await
    })
}

/// Lines that may be lost with connections, as the pool reports it.
#[derive(Clone, Debug, Default)]
struct Losses(Arc<Mutex<BTreeMap<SocketAddr, usize>>>);

impl Losses {
    fn observer(&self) -> impl FnMut(&Event<SocketAddr>) + Send + 'static {
        let losses = Arc::clone(&self.0);
        move |event| {
            if let Event::SlotEnded { address, end: SlotEnd::DrainDisplaced, in_flight, .. } = event {
                let mut losses = losses.lock().unwrap_or_else(PoisonError::into_inner);
                *losses.entry(*address).or_default() += *in_flight as usize;
            }
        }
    }

    fn at(&self, address: SocketAddr) -> usize {
        let losses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        losses.get(&address).copied().unwrap_or_default()
    }
}

type Sets = Result<AddressSet<SocketAddr>, BoxError>;

struct World {
    ledger: Ledger,
    losses: Losses,
    servers: Vec<LineServer>,
    names: UnboundedSender<Sets>,
}

impl World {
    fn new() -> Result<(Self, UnboundedReceiver<Sets>), BoxError> {
        let ledger = Ledger::default();
        let servers = (0..SERVERS).map(|_| LineServer::start(&ledger)).collect::<Result<_, _>>()?;
        let (names, stream) = unbounded();
        Ok((Self { ledger, losses: Losses::default(), servers, names }, stream))
    }

    /// The service moves from server to server as fast as the pool follows, while lines are sent.
    async fn churn(mut self, pool: Pool<String>) -> TestResult {
        let change = async {
            for round in 0..ROUNDS {
                let address = self.servers[round % SERVERS].address();
                let before = self.ledger.sent_to(address);
                self.names.unbounded_send(Ok([address].into()))?;
                until(|| self.ledger.sent_to(address) > before).await;
            }
            TestResult::Ok(())
        };
        send_during(&pool, &self.ledger, async || {}, change).await?;
        pool.shutdown(Duration::from_secs(30)).await;
        for server in &mut self.servers {
            server.finish()?;
        }
        let report = self.ledger.report();
        for address in self.servers.iter().map(LineServer::address) {
            let (missing, lost) = (report.missing_at(address), self.losses.at(address));
            println!("{address}: {missing} lines missing, {lost} reported lost");
            assert!(missing <= lost, "{report}");
        }
        assert_eq!((report.undelivered, report.sent), (0, report.accepted), "{report}");
        Ok(())
    }
}
