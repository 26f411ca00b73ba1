//! A client-side connection pool for Tokio.
//!
//! The pool takes a stream of address sets, keeps connections to every address, and spreads what
//! you send over them. It reconnects, backs off, drains connections to addresses
//! that left, and pushes back when nothing can take more.
//!
//! | verb | connections are | handle |
//! |---|---|---|
//! | [`pool_for`] | [`Connection`](connect::Connection)s: they read too, as those of [`tcp`] with `on_item` | [`Pool`]: `send` |
//! | [`sink_pool_for`] | any `Sink` | [`Pool`]: `send` |
//! | [`call_pool_for`] | [`Pipelined`], [`Tagged`], `ServiceConnection` | [`CallPool`]: `call` |
//! | [`pool_map`] | up to its pools | [`PoolMap`](map::PoolMap): a pool for each name |
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use pool_tokio::tcp;
//! use tokio_util::codec::LinesCodec;
//!
//! # let server = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! # let address = server.local_addr()?;
//! # tokio::spawn(async move {
//! #     while let Ok((mut peer, _)) = server.accept().await {
//! #         tokio::spawn(async move { tokio::io::copy(&mut peer, &mut tokio::io::sink()).await });
//! #     }
//! # });
//! let lines = tcp(LinesCodec::new_with_max_length(8192)).on_item(|line: String| println!("{line}"));
//! let pool = pool_tokio::pool_for(lines).connect_to_fixed([address]).connections_per_address(2).spawn()?;
//!
//! pool.send("hello".to_owned()).await?;
//! let ended = pool.shutdown(std::time::Duration::from_secs(5)).await;
//! assert_eq!(ended.counts.sent, 1);
//! # Ok(())
//! # }
//! ```
//!
//! # Where it runs
//!
//! On a runtime with time enabled. [`spawn`](PoolBuilder::spawn) runs the pool on the runtime that the
//! caller is in, and `spawn_on(&handle)` on that of a [`Handle`](::tokio::runtime::Handle).
//! [`spawn_local`](PoolBuilder::spawn_local) runs it on the [`LocalSet`](::tokio::task::LocalSet) that the
//! caller is in, without which it panics, and `spawn_on(&local_set)` on one of yours; there neither
//! connections nor items need be `Send`.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `tcp` | yes | [`tcp`], and `framed` in [`connect`] |
//! | `call` | yes | [`call_pool_for`] and the module [`call`] |
//! | `tower` | no | the module `tower`: pools as services, services as connections, layers |
//! | `resolve` | no | the module `resolve`: host names and files as sources of addresses |
//! | `dns`, `etcd` | no | these as sources of addresses, in the module `resolve` |
//! | `task-names` | no | names for the tasks of drivers but local ones, where Tokio is built with `--cfg tokio_unstable` |
//!
//! What most programs need is here; the rest has its module, and all of the layer below is in [`driver`].

#[cfg(feature = "resolve")]
pub mod resolve;
mod runtime;
#[cfg(feature = "tcp")]
mod tcp;

#[cfg(feature = "tower")]
pub use pool_call::tower;
#[cfg(feature = "call")]
pub use pool_call::{self as call, CallError, CallPool, Pipelined, Retry, Tagged};
pub use pool_driver::{
    self as driver, AddressSet, BoxError, BuildError, Pool, PoolBuilder, balance, connect, errors, events,
    map,
};

pub use runtime::TokioRuntime;
#[cfg(feature = "tcp")]
pub use tcp::tcp;

use pool_driver::connect::{AsPlain, Wrapped};
use pool_driver::map::{PoolHandle, PoolMapBuilder};

/// The types behind [`tcp`] and [`TokioRuntime`].
pub mod types {
    pub use crate::runtime::TokioTimer;
    #[cfg(feature = "tcp")]
    pub use crate::tcp::{TcpConnector, TcpDialer, TcpTransport};
}

/// A pool over [`Connection`](connect::Connection)s, which `connector` makes from addresses: those of [`tcp`] with `on_item`, of
/// [`read_driven`](connect::read_driven), or of your own.
///
/// ```
/// use std::net::SocketAddr;
///
/// use pool_tokio::{BuildError, Pool, pool_for, tcp};
/// use tokio_util::codec::LinesCodec;
///
/// fn pool_of_lines(addresses: Vec<SocketAddr>) -> Result<Pool<String>, BuildError> {
///     let lines = tcp(LinesCodec::new_with_max_length(8192)).on_item(|line: String| println!("{line}"));
///     pool_for(lines).connect_to_fixed(addresses).spawn()
/// }
/// ```
///
/// A closure is a connector too. It is called for every dial, and clones what it captures for each future:
/// `move |address| { let config = config.clone(); async move { … } }`.
pub fn pool_for<C>(connector: C) -> PoolBuilder<C, TokioRuntime> {
    PoolBuilder::new(connector, TokioRuntime::new())
}

/// A pool over plain sinks, which `connector` makes from addresses. A sink is flushed after it was sent something, and
/// whenever it wakes its task.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::net::SocketAddr;
/// use tokio::net::TcpStream;
/// use tokio_util::codec::{FramedWrite, LinesCodec};
///
/// # let server = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// # let address = server.local_addr()?;
/// let pool = pool_tokio::sink_pool_for(|address: SocketAddr| async move {
///     let stream = TcpStream::connect(address).await?;
///     Ok::<_, std::io::Error>(FramedWrite::new(stream, LinesCodec::new_with_max_length(8192)))
/// })
/// .connect_to_fixed([address])
/// .spawn()?;
/// pool.send("hello".to_owned()).await?;
/// # Ok(())
/// # }
/// ```
///
/// A sink that never reads notices only at the next write that its peer is gone. For peers that talk, prefer
/// [`pool_for`].
pub fn sink_pool_for<C>(connector: C) -> PoolBuilder<Wrapped<C, AsPlain>, TokioRuntime> {
    PoolBuilder::plain(connector, TokioRuntime::new())
}

/// A pool over connections that answer calls, which `connector` makes from addresses: [`Pipelined`], where replies
/// come in order, [`Tagged`], where they carry ids, or a tower service in a `ServiceConnection`.
///
/// Calls that can't be delivered come back to their callers, at the latest when no connection has
/// been up for [`FAIL_FAST_AFTER`](call::FAIL_FAST_AFTER); a connection whose peer owes replies
/// and says nothing gets no new calls after [`SUSPECT_AFTER`](call::SUSPECT_AFTER), and is given up after
/// [`OUTCOME_TIMEOUT`](call::OUTCOME_TIMEOUT).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use tokio_util::codec::LinesCodec;
///
/// # let server = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// # let address = server.local_addr()?;
/// # tokio::spawn(async move {
/// #     while let Ok((mut peer, _)) = server.accept().await {
/// #         tokio::spawn(async move { let (mut from, mut to) = peer.split(); tokio::io::copy(&mut from, &mut to).await.ok() });
/// #     }
/// # });
/// let lines = pool_tokio::tcp(LinesCodec::new_with_max_length(8192)).pipelined();
/// let pool = pool_tokio::call_pool_for(lines).connect_to_fixed([address]).spawn()?;
///
/// let echo = pool.call("hello".to_owned()).await?;
/// let other = pool.call("again".to_owned()).timeout(Duration::from_secs(10)).idempotent().await?;
/// assert_eq!((echo, other), ("hello".to_owned(), "again".to_owned()));
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "call")]
pub fn call_pool_for<C>(connector: C) -> call::CallPoolBuilder<C, TokioRuntime> {
    call::call_pool_builder(connector, TokioRuntime::new())
}

/// One pool per name: `creator` makes the pool of a name when it is first asked for.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::net::SocketAddr;
/// use std::time::Duration;
/// use pool_tokio::{pool_for, pool_map, tcp};
/// use tokio_util::codec::LinesCodec;
///
/// let pools = pool_map(|name: &String| {
///     let lines = tcp(LinesCodec::new_with_max_length(8192)).on_item(|line: String| println!("{line}"));
///     let pool = pool_for(lines).dial_timeout(Duration::from_secs(1));
///     let pool = if name == "127.0.0.1:7003" { pool.connections_per_address(4) } else { pool };
///     let address: SocketAddr = name.parse()?;
///     Ok::<_, pool_tokio::BoxError>(pool.connect_to_fixed([address]).spawn::<String>()?)
/// })
/// .names_max(64)
/// .idle_timeout(Duration::from_secs(60))
/// .spawn()?;
///
/// pools.get("127.0.0.1:7001").await?.send("hello".into()).await?;
/// assert!(pools.get("nonsense").await.is_err());
/// println!("{}", pools.snapshot());
/// pools.shutdown(Duration::ZERO).await;
/// # Ok(())
/// # }
/// ```
pub fn pool_map<N, H, E, F>(creator: F) -> PoolMapBuilder<N, H, F, TokioRuntime>
where
    H: PoolHandle,
    F: Fn(&N) -> Result<H, E>,
{
    PoolMapBuilder::new(creator, TokioRuntime::new())
}

/// The programs in the README compile; one of them follows a name in DNS, one is a tower stack.
#[cfg(all(doctest, feature = "dns", feature = "tower"))]
#[doc = include_str!("../../../README.md")]
struct Readme;

#[cfg(all(any(doc, doctest), feature = "call", feature = "tcp", feature = "tower"))]
#[doc = include_str!("../../../docs/common-mistakes.md")]
pub mod common_mistakes {}
