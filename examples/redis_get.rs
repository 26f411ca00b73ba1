//! Request-reply with three real Redis servers: `cargo run --example redis_get`.
//!
//! Two pipelined connections to each, which many share: commands that have not exactly one reply, or change
//! more than their own (`SUBSCRIBE`, `MULTI`), don't belong here. Look at the greetings, which say who was
//! asked; at the error, which is a value and costs no connection; at the counters, which add up; and at the
//! failover, after which one server only reads, and nobody gets its error.

use pool_examples::{Command, Reply, Resp, RespCodec, redis_tour};
use pool_servers::{REDIS, RealServer};
use pool_tokio::{BoxError, BuildError, CallPool, call_pool_for, tcp};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let Some(servers) = RealServer::start_or_skip(&REDIS, 3)? else { return Ok(()) };
    redis_tour(&servers, pool).await
}

pub(crate) fn pool(servers: &[RealServer]) -> Result<CallPool<Command, Reply>, BuildError> {
    call_pool_for(tcp(RespCodec::default()).pipelined_with(Resp::new()))
        .connect_to_fixed(servers.iter().map(RealServer::address))
        .connections_per_address(2)
        .spawn()
}
