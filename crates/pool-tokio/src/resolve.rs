//! Name services as sources of addresses, in the time of Tokio.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use std::net::SocketAddr;
//! use pool_tokio::resolve::{self, HostPort, Resolve};
//!
//! let name: HostPort = "redis.example.com:6379".parse()?;
//! # let connect = |_: SocketAddr| async { Ok::<_, std::io::Error>(futures_util::sink::drain()) };
//! let pool = pool_tokio::sink_pool_for(connect)
//!     .follow(resolve::system().subscribe(&name))
//!     .spawn::<String>()?;
//! # Ok(())
//! # }
//! ```

use crate::TokioRuntime;

pub use pool_resolve::*;

/// Host names, by the system's resolver.
pub fn system() -> System<TokioRuntime> {
    System::new(TokioRuntime::new())
}

/// Hosts and services in DNS, asked for from the servers of this machine.
///
/// # Errors
///
/// When it is not known which these are, or there is no thread for it.
#[cfg(feature = "dns")]
pub fn dns() -> Result<Dns<TokioRuntime>, crate::BoxError> {
    Dns::system(TokioRuntime::new())
}

/// Files of IP addresses with ports.
pub fn file() -> File<TokioRuntime> {
    File::new(TokioRuntime::new())
}
