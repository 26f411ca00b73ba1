//! A client-side connection pool for smol.
//!
//! The pool takes a stream of address sets, keeps connections to every address, and spreads what
//! you [`send`](Pool::send) over them. It reconnects, backs off, drains connections to addresses
//! that left, and pushes back when nothing can take more.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # smol::block_on(async {
//! use pool_smol::tcp;
//! use tokio_util::codec::LinesCodec;
//!
//! # let server = smol::net::TcpListener::bind("127.0.0.1:0").await?;
//! # let address = server.local_addr()?;
//! # smol::spawn(async move {
//! #     while let Ok((peer, _)) = server.accept().await {
//! #         smol::spawn(async move { smol::io::copy(peer, smol::io::sink()).await }).detach();
//! #     }
//! # })
//! # .detach();
//! // A codec without a bound lets a peer fill the memory.
//! let connector = tcp(LinesCodec::new_with_max_length(8192)).on_item(|line: String| println!("{line}"));
//! let pool = pool_smol::pool_for_connections(connector)
//!     .connect_to_fixed([address])
//!     .connections_per_address(2)
//!     .spawn::<String>()?;
//!
//! pool.send("hello".into()).await?;
//! let ended = pool.shutdown(std::time::Duration::from_secs(5)).await;
//! assert_eq!(ended.counts.sent, 1);
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! # Where it runs
//!
//! [`spawn`](PoolBuilder::spawn) runs the pool on smol's global executor, and
//! `spawn_on(&executor)` on an [`Executor`](smol::Executor) or a
//! [`LocalExecutor`](smol::LocalExecutor) of yours, for as long as that is run by somebody. On a
//! `LocalExecutor` neither connections nor items need be `Send`. The pool may borrow what outlives
//! the executor.
//!
//! smol knows no executor of the current thread, so there is no `spawn_local()` here: the local
//! way is `spawn_on(&local_executor)`.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::cell::RefCell;
//! use std::rc::Rc;
//! use std::time::Duration;
//!
//! use smol::LocalExecutor;
//!
//! let seen = RefCell::new(Vec::new());
//! let executor = LocalExecutor::new();
//! let pool = pool_smol::pool_for(|_address: u16| async {
//!     let sink = futures_util::sink::unfold((), |(), item: Rc<str>| async {
//!         seen.borrow_mut().push(item);
//!         Ok::<_, String>(())
//!     });
//!     Ok::<_, String>(Box::pin(sink))
//! })
//! .connect_to_fixed([1])
//! .spawn_on::<Rc<str>, _>(&executor)?;
//!
//! smol::block_on(executor.run(async {
//!     pool.send("hello".into()).await?;
//!     pool.shutdown(Duration::from_secs(5)).await;
//!     assert_eq!(*seen.borrow(), ["hello".into()]);
//!     Ok(())
//! }))
//! # }
//! ```
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
pub use call::{CallTimeoutExt, pool_for_calls};
pub use runtime::{SmolRuntime, SmolTimer};
#[cfg(feature = "tcp")]
pub use tcp::{TcpConnector, TcpDialer, TcpTransport, tcp};

/// A pool over plain sinks, which `connector` makes from addresses.
///
/// The closure is called for every dial, and clones what it captures for each future:
/// `move |address| { let config = config.clone(); async move { … } }`.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # smol::block_on(async {
/// use std::net::SocketAddr;
/// use smol::net::TcpStream;
/// use tokio_util::codec::{FramedWrite, LinesCodec};
/// use tokio_util::compat::FuturesAsyncWriteCompatExt;
///
/// # let server = smol::net::TcpListener::bind("127.0.0.1:0").await?;
/// # let address = server.local_addr()?;
/// let pool = pool_smol::pool_for(|address: SocketAddr| async move {
///     let stream = TcpStream::connect(address).await?;
///     Ok::<_, std::io::Error>(FramedWrite::new(stream.compat_write(), LinesCodec::new_with_max_length(8192)))
/// })
/// .connect_to_fixed([address])
/// .spawn::<String>()?;
/// pool.send("hello".into()).await?;
/// # Ok(())
/// # })
/// # }
/// ```
///
/// A sink that can't read notices only at the next write that its peer is gone. For peers that talk, prefer
/// [`tcp`], [`framed`] or [`read_driven`] with [`pool_for_connections`].
pub fn pool_for<C>(connector: C) -> PoolBuilder<Wrapped<C, AsPlain>, SmolRuntime> {
    PoolBuilder::plain(connector, SmolRuntime::new())
}

/// A pool over [`Connection`]s, which `connector` makes from addresses.
///
/// ```
/// use std::net::SocketAddr;
///
/// use pool_smol::{BuildError, Pool, pool_for_connections, tcp};
/// use tokio_util::codec::LinesCodec;
///
/// fn pool_of_lines(addresses: Vec<SocketAddr>) -> Result<Pool<String>, BuildError> {
///     let connector = tcp(LinesCodec::new_with_max_length(8192)).on_item(|line: String| println!("{line}"));
///     pool_for_connections(connector).connect_to_fixed(addresses).spawn()
/// }
/// ```
pub fn pool_for_connections<C>(connector: C) -> PoolBuilder<C, SmolRuntime> {
    PoolBuilder::new(connector, SmolRuntime::new())
}

/// One pool per name: `creator` makes the pool of a name when it is first asked for.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # smol::block_on(async {
/// use std::net::SocketAddr;
/// use std::time::Duration;
/// use pool_smol::{pool_for_connections, pool_map, tcp};
/// use tokio_util::codec::LinesCodec;
///
/// let pools = pool_map(|name: &String| {
///     let connector = tcp(LinesCodec::new_with_max_length(8192)).on_item(|line: String| println!("{line}"));
///     let pool = pool_for_connections(connector).dial_timeout(Duration::from_secs(1));
///     let pool = if name == "127.0.0.1:7003" { pool.connections_per_address(4) } else { pool };
///     let address: SocketAddr = name.parse()?;
///     Ok::<_, pool_smol::BoxError>(pool.connect_to_fixed([address]).spawn::<String>()?)
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
/// # })
/// # }
/// ```
pub fn pool_map<N, H, E, F>(creator: F) -> PoolMapBuilder<N, H, F, SmolRuntime>
where
    H: PoolHandle,
    F: Fn(&N) -> Result<H, E>,
{
    PoolMapBuilder::new(creator, SmolRuntime::new())
}
