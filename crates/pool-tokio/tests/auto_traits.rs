//! What may be shared between threads, and kept across a panic, on Tokio.

#[path = "../../pool-driver/tests/on_runtimes/auto_traits.rs"]
mod scenarios;

mod adapter {
    pub(crate) use pool_tokio::call::*;
    pub(crate) use pool_tokio::driver::*;
    pub(crate) use pool_tokio::{pool_map, sink_pool_for};

    pub(crate) type Runtime = pool_tokio::TokioRuntime;
}
