//! Pools as tower services, and tower services as connections. With the feature `tower`.

mod call_pool;
mod gone_callers;
mod in_flight;
mod service_calls;
mod service_connection;

pub use service_connection::{NoBackground, ServiceConnection};
