//! Host names, by the system's resolver.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use pool_core::{AddressSet, ConfigError};
use pool_driver::Runtime;

use crate::host_port::HostPort;
use crate::lookup::{Lookup, LookupAnswer, LookupError};
use crate::polling::{PollConfig, Polling};
use crate::resolve::Resolve;
use crate::threads::{BlockingFuture, BlockingLookup};

/// Host names, resolved by the system: `getaddrinfo` asks DNS, `/etc/hosts` and what else the system is
/// configured with. Addresses of both families count.
///
/// The calls block, so they run on threads of their own: they hold up no executor, and work under any
/// runtime. The system's answers have no time to live, so names are resolved every 30 s
/// ([`PollConfig::interval`]). A call that takes longer than [`PollConfig::timeout`] is shown as a failure; its
/// answer counts when it comes. A call that no thread can be had for has failed.
///
/// `getaddrinfo` doesn't say portably whether a name doesn't exist or no server answered. So both are
/// [`Failed`](pool_driver::AddressUpdate::Failed), which is retried with backoff. Only an answer without
/// addresses is [`NoSuchName`](pool_driver::AddressUpdate::NoSuchName). A set is never empty.
///
/// ```
/// # use pool_conformance::simulated::Clock as MyRuntime;
/// use pool_resolve::{HostPort, Resolve, System};
///
/// let names = System::new(MyRuntime::default());
/// let name: HostPort = "redis.example.com:6379".parse()?;
/// let addresses = names.subscribe(&name); // for `.follow(addresses)`
/// # Ok::<(), pool_resolve::HostPortError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until something is subscribed to"]
pub struct System<R> {
    runtime: R,
    config: PollConfig,
}

impl<R: Runtime> System<R> {
    /// Asks as often as the default of [`PollConfig`] says.
    pub fn new(runtime: R) -> Self {
        Self { runtime, config: PollConfig::default() }
    }

    /// Asks as often as `config` says.
    ///
    /// # Errors
    ///
    /// If the config is not [valid](PollConfig::validate).
    pub fn with_config(self, config: PollConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self { config, ..self })
    }
}

impl<R: Runtime + Clone> Resolve for System<R> {
    type Name = HostPort;
    type Subscription = Polling<SystemLookup, R>;

    fn subscribe(&self, name: &HostPort) -> Self::Subscription {
        let lookup = SystemLookup::new(name.clone());
        Polling::with_valid_config(lookup, self.runtime.clone(), self.config.clone())
    }
}

/// Asks the system's resolver for one name. For a [`Polling`] of one's own.
///
/// ```
/// # use pool_conformance::simulated::Clock as MyRuntime;
/// use pool_resolve::{Polling, SystemLookup};
///
/// let lookup = SystemLookup::new("redis.example.com:6379".parse()?);
/// let addresses = Polling::new(lookup, MyRuntime::default());
/// # Ok::<(), pool_resolve::HostPortError>(())
/// ```
#[derive(Debug)]
pub struct SystemLookup {
    name: HostPort,
    /// A call may outlast its timeout: glibc asks the second server after 5 s.
    calls: BlockingLookup<SocketAddr>,
}

impl SystemLookup {
    /// A lookup of this name.
    #[must_use]
    pub fn new(name: HostPort) -> Self {
        Self { name, calls: BlockingLookup::new() }
    }
}

/// A clone makes calls of its own.
impl Clone for SystemLookup {
    fn clone(&self) -> Self {
        Self::new(self.name.clone())
    }
}

impl Lookup for SystemLookup {
    type Address = SocketAddr;
    type Future = BlockingFuture<SocketAddr>;

    fn lookup(&mut self) -> Self::Future {
        let name = self.name.clone();
        self.calls.ask(|| ask(name, |name| (name.host(), name.port()).to_socket_addrs()))
    }
}

fn ask<I>(
    name: HostPort,
    resolver: impl FnOnce(&HostPort) -> io::Result<I>,
) -> Result<LookupAnswer<SocketAddr>, LookupError>
where
    I: Iterator<Item = SocketAddr>,
{
    let addresses = match resolver(&name) {
        Ok(addresses) => addresses.collect::<AddressSet<_>>(),
        Err(error) => return Err(SystemError { name, error }.into()),
    };
    if addresses.is_empty() {
        return Err(LookupError::NoSuchName { valid_for: None });
    }
    Ok(LookupAnswer::new(addresses))
}

#[derive(Debug)]
struct SystemError {
    name: HostPort,
    error: io::Error,
}

impl fmt::Display for SystemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the system's resolver has no address of `{}`: {}", self.name, self.error)
    }
}

impl Error for SystemError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> HostPort {
        "redis.example.com:80".parse().expect("a host and a port")
    }

    #[test]
    fn an_answer_without_addresses_is_no_such_name() {
        let answer = ask(name(), |_| Ok(std::iter::empty()));
        assert!(matches!(answer, Err(LookupError::NoSuchName { valid_for: None })));
    }

    #[test]
    fn an_error_of_the_resolver_names_what_was_asked_for() {
        let answer = ask(name(), |_| Err::<std::iter::Empty<_>, _>(io::Error::other("Try again")));
        let Err(LookupError::Failed(error)) = answer else { panic!("{answer:?}") };
        assert_eq!(
            error.to_string(),
            "the system's resolver has no address of `redis.example.com:80`: Try again"
        );
    }

    #[test]
    fn addresses_of_both_families_are_taken_and_doubles_collapse_to_one() {
        let found = ["10.0.0.1:80", "[::1]:80", "[::1]:80"].map(|found| found.parse().expect("an address"));
        let answer = ask(name(), |_| Ok(found.into_iter())).expect("an answer");
        assert_eq!(answer.addresses.len(), 2);
    }
}
