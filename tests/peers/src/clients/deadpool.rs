//! deadpool-redis: a pool for each server, with its defaults but for the number of connections.

use std::net::SocketAddr;
use std::sync::Arc;

use deadpool_redis::{Manager, Pool};
use futures_util::future::try_join_all;
use pool_tokio::BoxError;

use super::redis_commands::query;
use super::turns::Turns;
use super::{Answer, CONNECTIONS_PER_SERVER, Client, Counting, Failure, Request, ensure_tokio};
use crate::executor::Executor;

#[derive(Clone)]
pub(crate) struct Deadpool {
    pools: Arc<Turns<Pool>>,
}

impl Client for Deadpool {
    async fn connect(executor: Executor, servers: &[SocketAddr]) -> Result<Self, BoxError> {
        ensure_tokio(executor, "deadpool")?;
        redis::aio::prefer_tokio()?;
        let mut pools = Vec::new();
        for server in servers {
            let manager = Manager::new(format!("redis://{server}"))?;
            let pool = Pool::builder(manager).max_size(CONNECTIONS_PER_SERVER as usize).build()?;
            // It connects when it is asked, and keeps what it has.
            try_join_all((0..CONNECTIONS_PER_SERVER).map(|_| pool.get())).await?;
            pools.push((*server, pool));
        }
        Ok(Self { pools: Arc::new(Turns::new(pools)) })
    }

    async fn request(&self, request: Request) -> Result<Answer, Failure> {
        let answer = self.pools.call(async |pool| {
            let mut connection = pool.get().await.map_err(|_| Failure::Other)?;
            query(&mut connection, request).await
        });
        answer.await
    }
}

impl Counting for Deadpool {
    fn in_flight(&self, server: SocketAddr) -> u64 {
        self.pools.in_flight(server)
    }

    fn given(&self, server: SocketAddr) -> u64 {
        self.pools.given(server)
    }
}
