//! redis-rs: a `ConnectionManager` for each connection, with its defaults.

use std::net::SocketAddr;
use std::sync::Arc;

use pool_tokio::BoxError;
use redis::aio::ConnectionManager;

use super::redis_commands::query;
use super::turns::Turns;
use super::{Answer, CONNECTIONS_PER_SERVER, Client, Counting, Failure, Request};
use crate::executor::Executor;

#[derive(Clone)]
pub(crate) struct ConnectionManagers {
    managers: Arc<Turns<ConnectionManager>>,
}

impl Client for ConnectionManagers {
    async fn connect(executor: Executor, servers: &[SocketAddr]) -> Result<Self, BoxError> {
        // Or else it looks with every request where it is.
        match executor {
            Executor::Tokio => redis::aio::prefer_tokio()?,
            Executor::Smol => redis::aio::prefer_smol()?,
        }
        let mut managers = Vec::new();
        for _ in 0..CONNECTIONS_PER_SERVER {
            for server in servers {
                let client = redis::Client::open(format!("redis://{server}"))?;
                managers.push((*server, ConnectionManager::new(client).await?));
            }
        }
        Ok(Self { managers: Arc::new(Turns::new(managers)) })
    }

    async fn request(&self, request: Request) -> Result<Answer, Failure> {
        self.managers.call(async |manager| query(&mut manager.clone(), request).await).await
    }
}

impl Counting for ConnectionManagers {
    fn in_flight(&self, server: SocketAddr) -> u64 {
        self.managers.in_flight(server)
    }

    fn given(&self, server: SocketAddr) -> u64 {
        self.managers.given(server)
    }
}
