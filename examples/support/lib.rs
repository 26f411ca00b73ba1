//! What the examples share: nothing here knows of a runtime.

mod counter_reader;
mod etcd_cluster;
mod knot_server;
mod ledger;
mod line_server;
mod line_socket;
mod narrator;
mod outage;
mod postgres_server;
mod quickstart;
mod real_server;
mod redis_tour;
mod resp;
mod story;
mod table;
mod tracked;

pub use counter_reader::CounterReader;
pub use etcd_cluster::EtcdCluster;
pub use knot_server::KnotServer;
pub use ledger::{Ledger, Report};
pub use line_server::LineServer;
pub use line_socket::{LineSocket, Reading};
pub use narrator::{Narrator, Voice};
pub use outage::Outage;
pub use postgres_server::PostgresServer;
pub use quickstart::Quickstart;
pub use real_server::{MEMCACHED, Program, REDIS, RealServer};
pub use redis_tour::redis_tour;
pub use resp::{Command, Reply, RespCodec};
pub use story::Story;
pub use table::Table;
pub use tracked::{Tracked, TrackedConnector};
