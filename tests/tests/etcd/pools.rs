//! Pools that follow a prefix, on both runtimes.

use std::net::SocketAddr;
use std::time::Duration;

use pool_driver::{BoxError, Pool};
use pool_examples::{Ledger, LineServer};
use pool_resolve::EtcdConfig;
use pool_servers::EtcdCluster;
use pool_tests::{TestResult, on_answer, on_undelivered, run_on_smol, run_on_tokio, send_during, until};
use tokio_util::codec::LinesCodec;

use super::admin::Admin;
use super::{key, subscribe};

const SERVERS: usize = 4;
const ROUNDS: usize = 24;

#[test]
fn servers_come_and_go_under_load_on_tokio_and_no_line_is_lost() -> TestResult {
    let Some(world) = World::start_or_skip(1)? else { return Ok(()) };
    run_on_tokio(async {
        let pool = world.tokio_pool(&world.cluster.endpoints())?;
        world.churn(pool).await
    })
}

#[test]
fn servers_come_and_go_under_load_on_smol_and_no_line_is_lost() -> TestResult {
    let Some(world) = World::start_or_skip(1)? else { return Ok(()) };
    run_on_smol(async {
        let pool = world.smol_pool(&world.cluster.endpoints())?;
        world.churn(pool).await
    })
}

#[test]
fn a_pool_serves_on_while_etcd_is_dead_and_sees_what_changed_right_after() -> TestResult {
    let Some(mut world) = World::start_or_skip(1)? else { return Ok(()) };
    run_on_tokio(async {
        let pool = world.tokio_pool(&world.cluster.endpoints())?;
        world.admin.put(key("a"), &world.servers[0].address())?;
        until(|| addresses(&pool) == [world.servers[0].address()]).await;

        world.cluster.kill(0)?;
        until(|| pool.snapshot().source.state.error().is_some()).await;
        world.send_some(&pool).await?;
        let source = pool.snapshot().source;
        assert!(source.answer_age.is_some() && source.to_string().contains("etcd at http://"), "{source}");

        world.cluster.restart(0)?;
        let admin = Admin::new(&world.cluster.endpoints())?;
        until(|| admin.put(key("b"), &world.servers[1].address()).is_ok()).await;
        admin.delete(key("a"))?;
        until(|| addresses(&pool) == [world.servers[1].address()]).await;
        assert!(pool.snapshot().source.state.error().is_none());
        world.send_some(&pool).await?;
        world.finish(pool).await
    })
}

#[test]
fn a_pool_serves_on_without_quorum_which_is_noticed() -> TestResult {
    let Some(mut world) = World::start_or_skip(3)? else { return Ok(()) };
    run_on_tokio(async {
        // The member that will survive.
        let pool = world.tokio_pool(&world.cluster.endpoints()[2..])?;
        world.admin.put(key("a"), &world.servers[0].address())?;
        until(|| addresses(&pool) == [world.servers[0].address()]).await;

        world.cluster.kill(0)?;
        world.cluster.kill(1)?;
        until(|| pool.snapshot().source.state.error().is_some()).await;
        world.send_some(&pool).await?;
        assert_eq!(addresses(&pool), [world.servers[0].address()]);

        world.cluster.restart(0)?;
        let admin = Admin::new(&world.cluster.endpoints()[2..])?;
        until(|| admin.put(key("b"), &world.servers[1].address()).is_ok()).await;
        let mut both = [world.servers[0].address(), world.servers[1].address()];
        both.sort();
        until(|| addresses(&pool) == both && pool.snapshot().source.state.error().is_none()).await;
        world.finish(pool).await
    })
}

/// An etcd, who puts keys there, and servers that the keys may name.
struct World {
    cluster: EtcdCluster,
    admin: Admin,
    ledger: Ledger,
    servers: Vec<LineServer>,
}

impl World {
    fn start_or_skip(members: usize) -> Result<Option<Self>, BoxError> {
        let Some(cluster) = EtcdCluster::start_or_skip(members)? else { return Ok(None) };
        let admin = Admin::new(&cluster.endpoints())?;
        let ledger = Ledger::default();
        let servers = (0..SERVERS).map(|_| LineServer::start(&ledger)).collect::<Result<_, _>>()?;
        Ok(Some(Self { cluster, admin, ledger, servers }))
    }

    fn tokio_pool(&self, endpoints: &[String]) -> Result<Pool<String>, BoxError> {
        let connector =
            pool_tokio::tcp(LinesCodec::new_with_max_length(8192)).on_item(on_answer(&self.ledger));
        let pool = pool_tokio::pool_for(self.ledger.track(connector))
            .follow(subscribe(endpoints.to_vec(), EtcdConfig::default()))
            .connections_per_address(2)
            .on_undelivered(on_undelivered(&self.ledger));
        Ok(pool.spawn::<String>()?)
    }

    fn smol_pool(&self, endpoints: &[String]) -> Result<Pool<String>, BoxError> {
        let connector =
            pool_smol::tcp(LinesCodec::new_with_max_length(8192)).on_item(on_answer(&self.ledger));
        let pool = pool_smol::pool_for(self.ledger.track(connector))
            .follow(subscribe(endpoints.to_vec(), EtcdConfig::default()))
            .connections_per_address(2)
            .on_undelivered(on_undelivered(&self.ledger));
        Ok(pool.spawn::<String>()?)
    }

    /// One server comes and another goes, again and again, while lines are sent.
    async fn churn(self, pool: Pool<String>) -> TestResult {
        self.admin.put(key(0), &self.servers[0].address())?;
        pool.ready(1).timeout(Duration::from_secs(30)).await?;
        let change = async {
            for round in 0..ROUNDS {
                let comes = self.servers[(round + 1) % SERVERS].address();
                self.admin.put(key(round + 1), &comes)?;
                until(|| addresses(&pool).len() == 2).await;
                self.admin.delete(key(round))?;
                // Until the one that left has drained: of those that drain too often, the oldest are dropped.
                until(|| addresses(&pool) == [comes] && pool.snapshot().addresses.len() == 1).await;
                // So that all have their share.
                let before = self.ledger.sent_to(comes);
                until(|| self.ledger.sent_to(comes) > before).await;
            }
            TestResult::Ok(())
        };
        send_during(&pool, &self.ledger, async || {}, change).await?;
        self.finish(pool).await
    }

    async fn send_some(&self, pool: &Pool<String>) -> TestResult {
        for _ in 0..100 {
            pool.send(self.ledger.write_line()).await?;
        }
        Ok(())
    }

    /// Every line that was sent has arrived.
    async fn finish(mut self, pool: Pool<String>) -> TestResult {
        pool.shutdown(Duration::from_secs(30)).await;
        for server in &mut self.servers {
            server.finish()?;
        }
        let report = self.ledger.report();
        assert!(
            report.is_balanced() && report.received == report.accepted && report.accepted > 0,
            "{report}"
        );
        Ok(())
    }
}

/// Those in force, in order.
fn addresses(pool: &Pool<String>) -> Vec<SocketAddr> {
    pool_tests::addresses(pool).into_iter().map(|endpoint| endpoint.address).collect()
}
