//! Name services as sources of addresses, in the time of smol.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use std::net::SocketAddr;
//! use pool_smol::resolve::{self, HostPort, Resolve};
//!
//! let name: HostPort = "redis.example.com:6379".parse()?;
//! # let connect = |_: SocketAddr| async { Ok::<_, std::io::Error>(futures_util::sink::drain()) };
//! let pool = pool_smol::sink_pool_for(connect)
//!     .follow(resolve::system().subscribe(&name))
//!     .spawn::<String>()?;
//! # Ok(())
//! # }
//! ```

use crate::SmolRuntime;

pub use pool_resolve::*;

/// Host names, by the system's resolver.
pub fn system() -> System<SmolRuntime> {
    System::new(SmolRuntime::new())
}

/// Hosts and services in DNS, asked for from the servers of this machine.
///
/// # Errors
///
/// When it is not known which these are, or there is no thread for it.
#[cfg(feature = "dns")]
pub fn dns() -> Result<Dns<SmolRuntime>, crate::BoxError> {
    Dns::system(SmolRuntime::new())
}

/// Files of IP addresses with ports.
pub fn file() -> File<SmolRuntime> {
    File::new(SmolRuntime::new())
}
