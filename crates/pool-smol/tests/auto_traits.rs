//! What may be shared between threads, and kept across a panic, on smol.

#[path = "../../pool-driver/tests/on_runtimes/auto_traits.rs"]
mod scenarios;

mod adapter {
    pub(crate) use pool_smol::call::*;
    pub(crate) use pool_smol::driver::*;
    pub(crate) use pool_smol::{pool_map, sink_pool_for};

    pub(crate) type Runtime = pool_smol::SmolRuntime;
}
