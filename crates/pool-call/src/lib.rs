//! Request-reply on top of a pool.
//!
//! A pool's item is a [`Call`]: a request, and where its reply goes. [`CallExt`] gives
//! `pool.call(request).await`, and the same on a multiplexer or a single connection.
//! Connections that take calls are made from a transport by [`Pipelined`], if replies come in
//! order, or by [`Tagged`], if they carry ids.
//!
//! ```
//! use std::io;
//!
//! use pool_call::{Call, CallError, CallExt, Pipelined, call_pool_builder};
//! use pool_driver::{BuildError, Ended, Pool, Runtime};
//!
//! # use std::pin::Pin;
//! # trait Transport: futures_sink::Sink<String, Error = io::Error> + futures_core::Stream<Item = io::Result<String>> {}
//! # type Lines = Pin<Box<dyn Transport>>;
//! // A sink of requests that is a stream of replies too.
//! async fn dial(address: u16) -> io::Result<Lines> {
//!     # Err(io::Error::other(format!("nobody listens at {address}: this is an example")))
//! }
//!
//! type Questions = Call<String, String>;
//!
//! // The runtime crates begin with `pool_for_calls(connect)` and end with `spawn()`.
//! fn pool<R: Runtime>(runtime: R) -> Result<(Pool<Questions, u16>, impl Future<Output = Ended>), BuildError> {
//!     let connect = |address| async move { dial(address).await.map(Pipelined::new) };
//!     call_pool_builder(connect, runtime).connect_to_fixed([7001, 7002]).build()
//! }
//!
//! async fn ask(pool: &Pool<Questions, u16>) -> Result<String, CallError<String>> {
//!     pool.call("how are you?".to_owned()).await
//! }
//! ```
//!
//! # What a caller learns
//!
//! A call ends with its reply or with a [`CallError`], which says what a careful caller has to
//! know: [`NotSent`](CallError::NotSent), the request never left and comes back, or
//! [`MaybeSent`](CallError::MaybeSent), it may have been executed. Types see to that: a [`Call`]
//! gives its request back when it is dropped, and a connection must turn it into a [`Responder`]
//! before it can write it.
//!
//! A caller that goes away leaves nothing behind: its call is never sent, or its reply is read
//! and thrown away. Nobody ever gets the reply of another.

mod builder;
mod call;
mod call_ext;
mod clock;
mod correlation;
mod error;
mod exchange;
mod health;
mod orphans;
mod pipelined;
mod retry;
mod retry_budget;
mod return_to_caller;
mod route;
mod slot;
mod tagged;
#[cfg(feature = "tower")]
mod tower;

pub use builder::{FAIL_FAST_AFTER, OUTCOME_TIMEOUT, call_pool_builder};
pub use call::{Call, ReplyFuture, Responder};
pub use call_ext::{CallExt, Calling, CallingUntil};
pub use error::{CallError, ConnectionError, MaybeSentReason, NotSentReason};
pub use pipelined::Pipelined;
pub use retry::Retry;
pub use retry_budget::RetryBudget;
pub use return_to_caller::ReturnToCaller;
pub use tagged::Tagged;
#[cfg(feature = "tower")]
pub use tower::{NoBackground, PoolService, ServiceConnection};
