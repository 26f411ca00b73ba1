//! The name of a host with a port.

mod error;
mod parse;

use std::fmt;
use std::str::FromStr;

use error::Problem;
use parse::{is_ipv6, problem_of_host};

pub use error::HostPortError;

/// A host and a port: `redis.example.com:6379`, `10.0.0.1:6379`, `[2001:db8::1]:6379`.
///
/// The host is a name or an address. Whether it exists is not checked here. Names are ASCII; write the
/// `xn--` form of others. The port is from 1 to 65535.
///
/// ```
/// use pool_resolve::HostPort;
///
/// let name: HostPort = "redis.example.com:6379".parse()?;
/// assert_eq!((name.host(), name.port()), ("redis.example.com", 6379));
/// let name: HostPort = "[2001:db8::1]:6379".parse()?;
/// assert_eq!(name.host(), "2001:db8::1");
///
/// let error = "redis.example.com".parse::<HostPort>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "`redis.example.com` has no port: write `host:port`, such as `redis.example.com:6379`"
/// );
/// # Ok::<(), pool_resolve::HostPortError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPort {
    host: String,
    port: u16,
}

impl HostPort {
    /// A host and a port. An IPv6 address has no brackets here.
    ///
    /// # Errors
    ///
    /// If the host is neither a name nor an address, or the port is 0.
    pub fn new(host: &str, port: u16) -> Result<Self, HostPortError> {
        let refuse = |problem| Err(HostPortError::new(host, problem));
        if let Some(problem) = problem_of_host(host).filter(|_| !is_ipv6(host)) {
            return refuse(problem);
        }
        if port == 0 {
            return refuse(Problem::BadPort("0".to_owned()));
        }
        Ok(Self { host: host.to_owned(), port })
    }

    /// The host, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            return write!(f, "[{}]:{}", self.host, self.port);
        }
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl FromStr for HostPort {
    type Err = HostPortError;

    fn from_str(input: &str) -> Result<Self, HostPortError> {
        let parsed = parse::parse(input);
        let (host, port) = parsed.map_err(|problem| HostPortError::new(input, problem))?;
        Ok(Self { host: host.to_owned(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_addresses_are_parsed_and_printed_alike() {
        for (input, host, port) in [
            ("localhost:80", "localhost", 80),
            ("redis.example.com.:6379", "redis.example.com.", 6379),
            ("_redis._tcp.example.com:1", "_redis._tcp.example.com", 1),
            ("10.0.0.1:65535", "10.0.0.1", 65535),
            ("[::1]:80", "::1", 80),
            ("[fe80::1%eth0]:80", "fe80::1%eth0", 80),
        ] {
            let name: HostPort = input.parse().expect(input);
            assert_eq!((name.host(), name.port()), (host, port));
            assert_eq!(name.to_string(), input);
            assert_eq!(HostPort::new(host, port).as_ref(), Ok(&name));
        }
    }

    #[test]
    fn what_is_no_host_and_port_is_refused_with_what_would_be_right() {
        for (input, part) in [
            ("", "has no port"),
            ("localhost", "has no port"),
            ("localhost:", "such as `localhost:6379`"),
            (":80", "has no host"),
            ("localhost:0", "from 1 to 65535"),
            ("localhost:+80", "from 1 to 65535"),
            ("localhost:65536", "from 1 to 65535"),
            ("localhost:http", "from 1 to 65535"),
            ("::1", "without brackets"),
            ("::1:80", "without brackets"),
            ("a:b:80", "without brackets"),
            ("[::1]", "has no port"),
            ("[::1]80", "has no port"),
            ("[::1", "without a `]`"),
            ("[localhost]:80", "no IPv6 address"),
            ("[::1%]:80", "no IPv6 address"),
            ("redis://localhost:80", "is a URL"),
            ("local host:80", "' '"),
            ("user@localhost:80", "'@'"),
            ("müller.example:80", "'ü'"),
            ("a..b:80", "nothing before or between"),
            (".:80", "nothing before or between"),
            ("\0:80", "'\\0'"),
        ] {
            let error = input.parse::<HostPort>().expect_err(input).to_string();
            assert!(error.contains(part), "{error}");
        }
        let long = format!("{}:80", "a".repeat(64)).parse::<HostPort>().expect_err("too long");
        assert!(long.to_string().contains("too long"), "{long}");
        let huge = "x ".repeat(1 << 20).parse::<HostPort>().expect_err("no port");
        assert!(huge.to_string().len() < 400);
        assert!(HostPort::new("a:b", 80).is_err());
        assert!(HostPort::new("a", 0).is_err());
    }
}
