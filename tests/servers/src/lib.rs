//! Real servers on free ports of this machine, which end with their handles.
//!
//! A server whose program is not installed is skipped: its start prints `skipped: …` and returns `None`. With
//! `POOL_CI` in the environment nothing may be skipped, and a missing program is an error.

mod etcd_cluster;
mod knot_server;
mod nats_server;
mod postgres_server;
mod process;
mod real_server;
mod start;

pub use etcd_cluster::EtcdCluster;
pub use knot_server::KnotServer;
pub use nats_server::NatsServer;
pub use postgres_server::PostgresServer;
pub use real_server::{MEMCACHED, Program, REDIS, RealServer};
