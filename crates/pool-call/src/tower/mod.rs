//! Pools as tower services, and tower services as connections. With the feature `tower`.

mod gone_callers;
mod in_flight;
mod pool_service;
mod service_calls;
mod service_connection;

pub use pool_service::PoolService;
pub use service_connection::{NoBackground, ServiceConnection};
