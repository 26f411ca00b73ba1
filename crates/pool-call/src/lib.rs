//! Request-reply on top of a pool.
//!
//! A pool's item is a [`Call`]: a request, and where its reply goes. [`CallExt`] adds
//! `pool.call(request).await`, and the same on a multiplexer or a single connection.
//! A transport becomes a connection that takes calls by [`Pipelined`], if replies come in
//! order, or by [`Tagged`], if they carry ids. [`Retry`] repeats calls whose connections fail.
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
//! A call ends with its reply or with a [`CallError`], which says how far the request got. With
//! [`NotSent`](CallError::NotSent) it never left, and comes back. With
//! [`MaybeSent`](CallError::MaybeSent) it may have been executed. The types guarantee that: a [`Call`]
//! gives its request back when it is dropped, and a connection must turn it into a [`Responder`]
//! before it can write the request.
//!
//! A caller that goes away leaves nothing behind: its call is never sent, or its reply is read
//! and thrown away. No caller ever gets the reply of another.

mod builder;
mod call;
mod calling;
mod connection;
mod error;
mod policy;
mod retry;
mod return_to_caller;
#[cfg(feature = "tower")]
mod tower;

pub use builder::call_pool_builder;
pub use call::{Call, ReplyFuture, Responder};
pub use calling::{CallExt, Calling, CallingUntil};
pub use connection::{AsPipelined, AsTagged, CallConnection, Pipelined, Tagged};
pub use error::{CallError, ConnectionError, MaybeSentReason, NotSentReason};
pub use policy::{FAIL_FAST_AFTER, OUTCOME_TIMEOUT};
pub use retry::{Retry, RetryBudget};
pub use return_to_caller::ReturnToCaller;
#[cfg(feature = "tower")]
pub use tower::{NoBackground, PoolService, ServiceConnection};
