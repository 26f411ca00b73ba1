//! What the tests against real servers share. The tests are in `tests/`, beside this file's folder; benchmarks
//! are in `benches/`, the servers' starts in `servers/`.

pub mod bench;
mod gate;
mod lines;
mod pools;
pub mod redis;
mod run;

pub use gate::Gate;
pub use lines::{addresses, on_answer, on_undelivered, send_during};
pub use pools::{all_up, assert_lost, assert_unharmed, connections_to, row};
pub use run::{TestResult, WATCHDOG, run_on_smol, run_on_tokio, until};

/// In all examples that have real servers.
pub const CONNECTIONS_PER_SERVER: usize = 2;
