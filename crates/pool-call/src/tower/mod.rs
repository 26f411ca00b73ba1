//! Pools as tower services, layers for them, and tower services as connections. With the feature `tower`.
//!
//! A [`CallPool`](crate::CallPool) is a [`Service`](tower_service::Service). Its error is a
//! [`ServiceError`](crate::ServiceError), whatever the request: it can be shared between threads, and says whether
//! the request was certainly not sent.
//!
//! [`ServiceConnection`] makes a connection of a service that is one connection to one server.

mod answers;
mod call_pool;
mod in_flight;
mod listening;
mod retry;
mod service_calls;
mod service_connection;
mod settle;
mod timeout;

pub use answers::{AnswerRules, Answers, FindUnsent, JudgeAnswer, Unsent};
pub use retry::{Retried, RetryFuture, RetryLayer};
pub use service_connection::{NoBackground, ServiceConnection};
pub use timeout::{Timeout, TimeoutFuture, TimeoutLayer};
