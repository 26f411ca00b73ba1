//! Request-reply with three real Redis servers, on smol: `cargo run --example redis_get_smol`.
//!
//! The same codec and the same calls as in `redis_get.rs`, which says what to look at. Look at the
//! difference of the two files: the executor, and the crate that `tcp` and the pool come from.

use pool_examples::{Command, Reply, Resp, RespCodec, redis_tour};
use pool_servers::{REDIS, RealServer};
use pool_smol::{BoxError, BuildError, CallPool, call_pool_for, tcp};

fn main() -> Result<(), BoxError> {
    let Some(servers) = RealServer::start_or_skip(&REDIS, 3)? else { return Ok(()) };
    smol::block_on(redis_tour(&servers, pool))
}

pub(crate) fn pool(servers: &[RealServer]) -> Result<CallPool<Command, Reply>, BuildError> {
    call_pool_for(tcp(RespCodec::default()).pipelined_with(Resp::new()))
        .connect_to_fixed(servers.iter().map(RealServer::address))
        .connections_per_address(2)
        .spawn()
}
