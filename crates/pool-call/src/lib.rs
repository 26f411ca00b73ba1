//! Request-reply on top of a pool.
//!
//! A [`CallPool`] is asked: `pool.call(request).await`. A transport becomes a connection that takes calls by
//! [`Pipelined`], if replies come in order, or by [`Tagged`], if they carry ids. A [`Protocol`] says what else a peer may
//! send, and what replies mean. A call can have a [timeout](Calling::timeout), and be repeated when its connection fails,
//! or its server says that it did not execute it ([`Retry`]). [`CallExt`] calls through a single connection.
//!
//! ```
//! use std::io;
//! use std::time::Duration;
//!
//! use pool_call::{CallError, CallPool, Pipelined, call_pool_builder};
//! use pool_driver::{BuildError, Ended, Runtime};
//!
//! # use std::pin::Pin;
//! # trait Transport: futures_sink::Sink<String, Error = io::Error> + futures_core::Stream<Item = io::Result<String>> {}
//! # type Lines = Pin<Box<dyn Transport>>;
//! // A sink of requests that is a stream of replies too.
//! async fn dial(address: u16) -> io::Result<Lines> {
//!     # Err(io::Error::other(format!("nobody listens at {address}: this is an example")))
//! }
//!
//! // The runtime crates begin with `call_pool_for(connect)` and end with `spawn()`.
//! fn pool<R: Runtime>(runtime: R) -> Result<(CallPool<String, String, u16>, impl Future<Output = Ended>), BuildError> {
//!     let connect = |address| async move { dial(address).await.map(Pipelined::new) };
//!     call_pool_builder(connect, runtime).connect_to_fixed([7001, 7002]).build()
//! }
//!
//! async fn ask(pool: &CallPool<String, String, u16>) -> Result<String, CallError<String>> {
//!     pool.call("how are you?".to_owned()).timeout(Duration::from_secs(1)).await
//! }
//! ```
//!
//! # What a caller learns
//!
//! A call ends with its reply or with a [`CallError`], which says how far the request got. With
//! [`NotSent`](CallError::NotSent) it never left, and comes back. With
//! [`MaybeSent`](CallError::MaybeSent) it may have been executed; with [`Unprocessed`](CallError::Unprocessed) it was not,
//! and is lost. The types guarantee that: a [`Call`]
//! gives its request back when it is dropped, and a connection must turn it into a [`Responder`]
//! before it can write the request.
//!
//! A caller that goes away leaves nothing behind: its call is never sent, or its reply is read
//! and thrown away. No caller ever gets the reply of another.

mod call;
mod call_pool;
mod calling;
mod connection;
mod error;
mod policy;
mod protocol;
mod retry;
#[cfg(feature = "tower")]
pub mod tower;

pub use call::{Call, ReplyFuture, Responder};
pub use call_pool::{CallPool, CallPoolBuilder, Calls, ReturnToCaller, WeakCallPool, call_pool_builder};
pub use calling::{CallExt, CallHandle, Calling, CallingUntil, SinkCalling, SinkCallingUntil};
pub use connection::{AsPipelined, AsTagged, CallConnection, Pipelined, Tagged};
pub use error::{CallError, ConnectionError, MaybeSentReason, NotSentReason, ServiceError};
pub use policy::{FAIL_FAST_AFTER, OUTCOME_TIMEOUT, QUEUE_SIZE, SUSPECT_AFTER};
pub use protocol::{
    ByDebug, ByDefault, Classify, Describe, Expect, Incoming, Judge, Protocol, Replies, RepliesOnly, Rules,
};
pub use retry::{Retry, RetryBudget};
