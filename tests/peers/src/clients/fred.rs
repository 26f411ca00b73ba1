//! fred: a client for each connection, with its defaults.

use std::net::SocketAddr;
use std::sync::Arc;

use fred::prelude::{Builder, Client as Fred, ClientLike, Config, KeysInterface};
use pool_tokio::BoxError;

use super::turns::Turns;
use super::{CONNECTIONS_PER_SERVER, Client, Failure, KEY};

#[derive(Clone)]
pub(crate) struct Freds {
    clients: Arc<Turns<Fred>>,
}

impl Client for Freds {
    async fn connect(servers: &[SocketAddr]) -> Result<Self, BoxError> {
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS_PER_SERVER {
            for server in servers {
                let config = Config::from_url(&format!("redis://{server}"))?;
                let client = Builder::from_config(config).build()?;
                client.init().await?;
                clients.push((*server, client));
            }
        }
        Ok(Self { clients: Arc::new(Turns::new(clients)) })
    }

    async fn get(&self) -> Result<Option<Vec<u8>>, Failure> {
        self.clients.call(async |client| client.get(KEY).await).await.map_err(|_| Failure::Other)
    }

    fn in_flight(&self, server: SocketAddr) -> u64 {
        self.clients.in_flight(server)
    }
}
