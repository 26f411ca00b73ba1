//! The name of a host with a port.

use std::error::Error;
use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// A host and a port: `redis.example.com:6379`, `10.0.0.1:6379`, `[2001:db8::1]:6379`.
///
/// The host is a name or an address; whether there is such a host is not asked here. Names are
/// ASCII; write the `xn--` form of others.
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
    /// A host, an IPv6 address without brackets, and a port.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the host or the port.
    pub fn new(host: &str, port: u16) -> Result<Self, HostPortError> {
        let refuse = |problem| Err(HostPortError { input: host.to_owned(), problem });
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
        parse(input).map_err(|problem| HostPortError { input: input.to_owned(), problem })
    }
}

fn parse(input: &str) -> Result<HostPort, Problem> {
    if input.contains("://") {
        return Err(Problem::Url);
    }
    let (host, port) = match input.strip_prefix('[') {
        Some(rest) => split_brackets(rest)?,
        None if is_ipv6(input) => return Err(Problem::NoBrackets),
        None => input.rsplit_once(':').ok_or(Problem::NoPort)?,
    };
    if !input.starts_with('[') {
        if host.contains(':') {
            return Err(Problem::NoBrackets);
        }
        if let Some(problem) = problem_of_host(host) {
            return Err(problem);
        }
    }
    Ok(HostPort { host: host.to_owned(), port: parse_port(port)? })
}

/// What is between the brackets of an IPv6 address, and the port behind them.
fn split_brackets(rest: &str) -> Result<(&str, &str), Problem> {
    let (host, port) = rest.split_once(']').ok_or(Problem::OpenBracket)?;
    if !is_ipv6(host) {
        return Err(Problem::NotIpv6(host.to_owned()));
    }
    match port.strip_prefix(':') {
        Some(port) => Ok((host, port)),
        None => Err(Problem::NoPort),
    }
}

/// With or without a zone, such as `%eth0`.
fn is_ipv6(host: &str) -> bool {
    let (address, zone) = host.split_once('%').unwrap_or((host, "0"));
    let is_zone =
        !zone.is_empty() && zone.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    is_zone && address.parse::<Ipv6Addr>().is_ok()
}

fn parse_port(port: &str) -> Result<u16, Problem> {
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse() {
        Ok(port) if port != 0 && is_number => Ok(port),
        _ if port.is_empty() => Err(Problem::NoPort),
        _ => Err(Problem::BadPort(port.to_owned())),
    }
}

/// Names of hosts as DNS has them (RFC 1123), and underscores, which resolvers take.
fn problem_of_host(host: &str) -> Option<Problem> {
    if host.is_empty() {
        return Some(Problem::NoHost);
    }
    let is_known = |c: &char| c.is_ascii_alphanumeric() || "-_.".contains(*c);
    if let Some(stranger) = host.chars().find(|c| !is_known(c)) {
        return Some(Problem::BadCharacter(stranger));
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    if name.len() > 253 || name.split('.').any(|label| label.len() > 63) {
        return Some(Problem::TooLong);
    }
    name.split('.').any(str::is_empty).then_some(Problem::EmptyLabel)
}

/// Something that is no [`HostPort`], and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPortError {
    input: String,
    problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Problem {
    Url,
    NoHost,
    NoPort,
    BadPort(String),
    NoBrackets,
    OpenBracket,
    NotIpv6(String),
    BadCharacter(char),
    TooLong,
    EmptyLabel,
}

impl fmt::Display for HostPortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is wrong may be very long or full of escapes.
        let input: String = self.input.chars().take(80).flat_map(char::escape_debug).collect();
        write!(f, "`{input}` ")?;
        match &self.problem {
            Problem::Url => f.write_str("is a URL: write `host:port`"),
            Problem::NoHost => f.write_str("has no host: write `host:port`"),
            Problem::NoPort => {
                write!(f, "has no port: write `host:port`, such as `{}:6379`", input.trim_end_matches(':'))
            }
            Problem::BadPort(port) => write!(f, "has the port {port:.80?}: it must be from 1 to 65535"),
            Problem::NoBrackets => f.write_str("is an IPv6 address without brackets: write `[address]:port`"),
            Problem::OpenBracket => f.write_str("has a `[` without a `]`: write `[address]:port`"),
            Problem::NotIpv6(host) => write!(f, "has {host:.80?} in its brackets, which is no IPv6 address"),
            Problem::BadCharacter(c) => write!(f, "has the character {c:?} in its host, which no host has"),
            Problem::TooLong => {
                f.write_str("has a host that is too long: 253 characters, and 63 between dots, are the most")
            }
            Problem::EmptyLabel => f.write_str("has a host with nothing before or between its dots"),
        }
    }
}

impl Error for HostPortError {}

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
