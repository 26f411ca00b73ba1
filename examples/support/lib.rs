//! What the examples share: nothing here knows of a runtime.

mod counter_reader;
mod ledger;
mod line_server;
mod line_socket;
mod narrator;
mod outage;
mod quickstart;
mod redis_tour;
mod resp;
mod resp_protocol;
mod story;
mod table;
mod tracked;

pub use counter_reader::CounterReader;
pub use ledger::{Ledger, Report};
pub use line_server::LineServer;
pub use line_socket::{LineSocket, Reading};
pub use narrator::{Narrator, Voice};
pub use outage::Outage;
pub use quickstart::Quickstart;
pub use redis_tour::redis_tour;
pub use resp::{Command, Reply, RespCodec};
pub use resp_protocol::Resp;
pub use story::Story;
pub use table::Table;
pub use tracked::{Track, TrackedConnector};
