//! fred: a client for each connection, with its defaults. It reconnects by a policy only, for which there is a default,
//! too.

use std::net::SocketAddr;
use std::sync::Arc;

use fred::prelude::{
    Builder, Client as Fred, ClientLike, Config, Error, ErrorKind, KeysInterface, ReconnectPolicy, Value,
};
use pool_tokio::BoxError;

use super::turns::Turns;
use super::{Answer, CONNECTIONS_PER_SERVER, Client, Counting, Failure, KEY, Request, ensure_tokio};
use crate::executor::Executor;

#[derive(Clone)]
pub(crate) struct Freds {
    clients: Arc<Turns<Fred>>,
}

impl Client for Freds {
    async fn connect(executor: Executor, servers: &[SocketAddr]) -> Result<Self, BoxError> {
        ensure_tokio(executor, "fred")?;
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS_PER_SERVER {
            for server in servers {
                let config = Config::from_url(&format!("redis://{server}"))?;
                let client = Builder::from_config(config).set_policy(ReconnectPolicy::default()).build()?;
                client.init().await?;
                clients.push((*server, client));
            }
        }
        Ok(Self { clients: Arc::new(Turns::new(clients)) })
    }

    async fn request(&self, request: Request) -> Result<Answer, Failure> {
        self.clients.call(async |client| query(client, request).await).await
    }
}

impl Counting for Freds {
    fn in_flight(&self, server: SocketAddr) -> u64 {
        self.clients.in_flight(server)
    }

    fn given(&self, server: SocketAddr) -> u64 {
        self.clients.given(server)
    }
}

async fn query(client: &Fred, request: Request) -> Result<Answer, Failure> {
    let (reply, expected, answer): (Value, _, _) = match request {
        Request::Ping => (client.ping(None).await?, "PONG", Answer::Pong),
        Request::Get => return Ok(Answer::Value(client.get(KEY).await?)),
        Request::Set { key, value } => {
            (client.set(key, value, None, None, false).await?, "OK", Answer::Stored)
        }
    };
    if reply.as_str().is_some_and(|reply| reply == expected) { Ok(answer) } else { Err(Failure::Other) }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if *error.kind() == ErrorKind::Timeout { Self::TimedOut } else { Self::Other }
    }
}
