//! bb8-redis: a pool for each server, with its defaults but for the number of connections.

use std::net::SocketAddr;
use std::sync::Arc;

use bb8_redis::RedisConnectionManager;
use pool_tokio::BoxError;
use redis::AsyncCommands;

use super::turns::Turns;
use super::{CONNECTIONS_PER_SERVER, Client, Failure, KEY};

#[derive(Clone)]
pub(crate) struct Bb8 {
    pools: Arc<Turns<bb8_redis::bb8::Pool<RedisConnectionManager>>>,
}

impl Client for Bb8 {
    async fn connect(servers: &[SocketAddr]) -> Result<Self, BoxError> {
        let mut pools = Vec::new();
        for server in servers {
            let manager = RedisConnectionManager::new(format!("redis://{server}"))?;
            let builder = bb8_redis::bb8::Pool::builder();
            let builder = builder.max_size(CONNECTIONS_PER_SERVER).min_idle(CONNECTIONS_PER_SERVER);
            pools.push((*server, builder.build(manager).await?));
        }
        Ok(Self { pools: Arc::new(Turns::new(pools)) })
    }

    async fn get(&self) -> Result<Option<Vec<u8>>, Failure> {
        let got = self.pools.call(async |pool| {
            let mut connection = pool.get().await.map_err(|_| Failure::Other)?;
            connection.get(KEY).await.map_err(|_| Failure::Other)
        });
        got.await
    }

    fn in_flight(&self, server: SocketAddr) -> u64 {
        self.pools.in_flight(server)
    }
}
