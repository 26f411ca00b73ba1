//! redis-rs: a `ConnectionManager` for each connection, with its defaults.

use std::net::SocketAddr;
use std::sync::Arc;

use pool_tokio::BoxError;
use redis::AsyncCommands;
use redis::aio::ConnectionManager;

use super::turns::Turns;
use super::{CONNECTIONS_PER_SERVER, Client, Failure, KEY};

#[derive(Clone)]
pub(crate) struct ConnectionManagers {
    managers: Arc<Turns<ConnectionManager>>,
}

impl Client for ConnectionManagers {
    async fn connect(servers: &[SocketAddr]) -> Result<Self, BoxError> {
        let mut managers = Vec::new();
        for _ in 0..CONNECTIONS_PER_SERVER {
            for server in servers {
                let client = redis::Client::open(format!("redis://{server}"))?;
                managers.push((*server, ConnectionManager::new(client).await?));
            }
        }
        Ok(Self { managers: Arc::new(Turns::new(managers)) })
    }

    async fn get(&self) -> Result<Option<Vec<u8>>, Failure> {
        let get = async |manager: &ConnectionManager| manager.clone().get(KEY).await;
        self.managers.call(get).await.map_err(|_| Failure::Other)
    }

    fn in_flight(&self, server: SocketAddr) -> u64 {
        self.managers.in_flight(server)
    }
}
