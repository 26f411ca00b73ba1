//! bb8-redis: a pool for each server, with its defaults but for the number of connections.

use std::net::SocketAddr;
use std::sync::Arc;

use bb8_redis::RedisConnectionManager;
use pool_tokio::BoxError;

use super::redis_commands::query;
use super::turns::Turns;
use super::{Answer, CONNECTIONS_PER_SERVER, Client, Counting, Failure, Request, ensure_tokio};
use crate::executor::Executor;

#[derive(Clone)]
pub(crate) struct Bb8 {
    pools: Arc<Turns<bb8_redis::bb8::Pool<RedisConnectionManager>>>,
}

impl Client for Bb8 {
    async fn connect(executor: Executor, servers: &[SocketAddr]) -> Result<Self, BoxError> {
        ensure_tokio(executor, "bb8")?;
        redis::aio::prefer_tokio()?;
        let mut pools = Vec::new();
        for server in servers {
            let manager = RedisConnectionManager::new(format!("redis://{server}"))?;
            let builder = bb8_redis::bb8::Pool::builder();
            let builder = builder.max_size(CONNECTIONS_PER_SERVER).min_idle(CONNECTIONS_PER_SERVER);
            pools.push((*server, builder.build(manager).await?));
        }
        Ok(Self { pools: Arc::new(Turns::new(pools)) })
    }

    async fn request(&self, request: Request) -> Result<Answer, Failure> {
        let answer = self.pools.call(async |pool| {
            let mut connection = pool.get().await.map_err(|_| Failure::Other)?;
            query(&mut *connection, request).await
        });
        answer.await
    }
}

impl Counting for Bb8 {
    fn in_flight(&self, server: SocketAddr) -> u64 {
        self.pools.in_flight(server)
    }

    fn given(&self, server: SocketAddr) -> u64 {
        self.pools.given(server)
    }
}
