//! A crowd of callers and the servers that answer them, over real TCP. Nothing here knows of a
//! runtime: servers have threads of their own, and the crate of a runtime makes the pool and spawns the callers.

mod crowd;
mod frames;
mod server;
mod watchdog;

pub(crate) use crowd::{Crowd, IN_FLIGHT_MAX, Plan, WRITE_BUFFER_LEN};
pub(crate) use frames::{ClientCodec, Reply, Request, id_of, stamp};
pub(crate) use server::Order;
