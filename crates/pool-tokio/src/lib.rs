//! A client-side connection pool for Tokio.
//!
//! The pool takes a stream of address sets, keeps connections to every address, and spreads what
//! you [`send`](Pool::send) over them. It reconnects, backs off, drains connections to addresses
//! that left, and pushes back when nothing can take more.
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
//! // A codec without a bound lets a peer fill the memory.
//! let connector = tcp(LinesCodec::new_with_max_length(8192)).on_item(|line: String| println!("{line}"));
//! let pool = pool_tokio::pool_for_connections(connector)
//!     .connect_to_fixed([address])
//!     .connections_per_address(2)
//!     .spawn::<String>()?;
//!
//! pool.send("hello".into()).await?;
//! let ended = pool.shutdown(std::time::Duration::from_secs(5)).await;
//! assert_eq!(ended.counts.sent, 1);
//! # Ok(())
//! # }
//! ```
//!
//! # Where it runs
//!
//! On a runtime with time enabled. [`spawn`](PoolBuilder::spawn) runs the pool on the runtime that the
//! caller is in, and `spawn_on(&handle)` on that of a [`Handle`](tokio::runtime::Handle).
//! [`spawn_local`](PoolBuilder::spawn_local) runs it on the [`LocalSet`](tokio::task::LocalSet) that the
//! caller is in, without which it panics, and `spawn_on(&local_set)` on one of yours; there neither
//! connections nor items need be `Send`.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `tcp` | yes | [`tcp`] and [`framed`] |
//! | `call` | yes | [calls](pool_for_calls): all of `pool-call`, and `call_timeout` |
//! | `tower` | no | pools as tower services, and tower services as connections |
//! | `resolve` | no | the module `resolve`: host names and files as sources of addresses |
//! | `dns`, `etcd` | no | these as sources of addresses, in the module `resolve` |
//!
//! Everything but the runtime comes from `pool-driver` and `pool-call`, which are re-exported here.

#[cfg(feature = "call")]
mod call;
#[cfg(feature = "resolve")]
pub mod resolve;
mod runtime;
#[cfg(feature = "tcp")]
mod tcp;

#[cfg(feature = "call")]
pub use pool_call::*;
pub use pool_driver::*;

#[cfg(feature = "call")]
pub use call::{CallDeadline, CallTimeoutExt, pool_for_calls};
pub use runtime::{TokioRuntime, TokioTimer};
#[cfg(feature = "tcp")]
pub use tcp::{TcpConnector, TcpDialer, TcpTransport, tcp};

/// A pool over plain sinks, which `connector` makes from addresses.
///
/// The closure is called for every dial, and clones what it captures for each future:
/// `move |address| { let config = config.clone(); async move { … } }`.
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
/// let pool = pool_tokio::pool_for(|address: SocketAddr| async move {
///     let stream = TcpStream::connect(address).await?;
///     Ok::<_, std::io::Error>(FramedWrite::new(stream, LinesCodec::new_with_max_length(8192)))
/// })
/// .connect_to_fixed([address])
/// .spawn::<String>()?;
/// pool.send("hello".into()).await?;
/// # Ok(())
/// # }
/// ```
///
/// A sink that can't read notices only at the next write that its peer is gone. For peers that talk, prefer
/// [`tcp`], [`framed`] or [`read_driven`] with [`pool_for_connections`].
pub fn pool_for<C>(connector: C) -> PoolBuilder<Wrapped<C, AsPlain>, TokioRuntime> {
    PoolBuilder::plain(connector, TokioRuntime::new())
}

/// A pool over [`Connection`]s, which `connector` makes from addresses.
///
/// ```
/// use std::net::SocketAddr;
///
/// use pool_tokio::{BuildError, Pool, pool_for_connections, tcp};
/// use tokio_util::codec::LinesCodec;
///
/// fn pool_of_lines(addresses: Vec<SocketAddr>) -> Result<Pool<String>, BuildError> {
///     let connector = tcp(LinesCodec::new_with_max_length(8192)).on_item(|line: String| println!("{line}"));
///     pool_for_connections(connector).connect_to_fixed(addresses).spawn()
/// }
/// ```
pub fn pool_for_connections<C>(connector: C) -> PoolBuilder<C, TokioRuntime> {
    PoolBuilder::new(connector, TokioRuntime::new())
}

/// One pool per name: `creator` makes the pool of a name when it is first asked for.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::net::SocketAddr;
/// use std::time::Duration;
/// use pool_tokio::{pool_for_connections, pool_map, tcp};
/// use tokio_util::codec::LinesCodec;
///
/// let pools = pool_map(|name: &String| {
///     let connector = tcp(LinesCodec::new_with_max_length(8192)).on_item(|line: String| println!("{line}"));
///     let pool = pool_for_connections(connector).dial_timeout(Duration::from_secs(1));
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

/// The programs in the README compile; one of them follows a name in DNS.
#[cfg(all(doctest, feature = "dns"))]
#[doc = include_str!("../../../README.md")]
struct Readme;
