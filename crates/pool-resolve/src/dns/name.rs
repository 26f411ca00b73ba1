//! Names that can be looked up in DNS.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZero;
use std::str::FromStr;

use hickory_resolver::proto::rr::Name;

use crate::excerpt::Excerpt;

/// A host and a port, or a service: `redis.example.com:6379`, or `_redis._tcp.example.com`.
///
/// A host has A and AAAA records. A service has SRV records, with ports, priorities and weights, and
/// their targets have A and AAAA records. Two labels with underscores make a service.
///
/// ```
/// use pool_resolve::DnsName;
///
/// let host: DnsName = "redis.example.com:6379".parse()?;
/// let service: DnsName = "_redis._tcp.example.com".parse()?;
/// assert_eq!((host.port(), service.port()), (Some(6379), None));
///
/// let error = "redis.example.com".parse::<DnsName>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "`redis.example.com` has no port: write `redis.example.com:80` for a host, \
///      or `_service._tcp.redis.example.com` for a service with SRV records"
/// );
/// # Ok::<(), pool_resolve::DnsNameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DnsName {
    /// In lower case: names are the same in either case.
    name: String,
    /// A service has none: its SRV records have ports.
    port: Option<NonZero<u16>>,
}

impl DnsName {
    /// The host or the service, without the port.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The port of a host. A service has none: its SRV records have ports.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port.map(NonZero::get)
    }

    fn host(host: &str, port: &str, text: &str) -> Result<Self, DnsNameError> {
        let error = |kind| Err(DnsNameError { text: text.to_owned(), kind });
        if is_service(host) {
            return error(Kind::ServiceWithPort);
        }
        let Ok(port) = port.parse() else { return error(Kind::Port) };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if host.parse::<IpAddr>().is_err() && !is_name(host) {
            return error(Kind::Name);
        }
        Ok(Self { name: host.to_ascii_lowercase(), port: Some(port) })
    }
}

impl FromStr for DnsName {
    type Err = DnsNameError;

    fn from_str(text: &str) -> Result<Self, DnsNameError> {
        let error = |kind| Err(DnsNameError { text: text.to_owned(), kind });
        if text.contains('/') {
            return error(Kind::Url);
        }
        if text.parse::<IpAddr>().is_ok() {
            return error(Kind::NoPort);
        }
        if let Some((host, port)) = text.rsplit_once(':') {
            return Self::host(host, port, text);
        }
        if !is_name(text) {
            return error(Kind::Name);
        }
        if !is_service(text) {
            return error(Kind::NoPort);
        }
        Ok(Self { name: text.to_ascii_lowercase(), port: None })
    }
}

/// Whether these are two labels with underscores, and a name.
fn is_service(name: &str) -> bool {
    let mut labels = name.splitn(3, '.');
    let mut is_marked = || labels.next().is_some_and(|label| label.len() > 1 && label.starts_with('_'));
    is_marked() && is_marked() && labels.next().is_some_and(|name| !name.is_empty())
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name != "." && !name.contains(char::is_whitespace) && Name::from_utf8(name).is_ok()
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) if self.name.contains(':') => write!(f, "[{}]:{port}", self.name),
            Some(port) => write!(f, "{}:{port}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// Why a text is no [`DnsName`], and what to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsNameError {
    text: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    NoPort,
    Port,
    ServiceWithPort,
    Name,
    Url,
}

impl fmt::Display for DnsNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = Excerpt(&self.text);
        match self.kind {
            Kind::NoPort if self.text.contains(':') => {
                write!(f, "`{text}` has no port: write `[{text}]:80`")
            }
            Kind::NoPort => write!(
                f,
                "`{text}` has no port: write `{text}:80` for a host, \
                 or `_service._tcp.{text}` for a service with SRV records"
            ),
            Kind::Port => write!(f, "the port of `{text}` is not a number from 1 to 65535"),
            Kind::ServiceWithPort => {
                write!(f, "`{text}` is a service, and the ports of services are in their SRV records: ")?;
                write!(
                    f,
                    "write `{}`",
                    Excerpt(self.text.rsplit_once(':').map_or(&self.text, |(name, _)| name))
                )
            }
            Kind::Name => write!(f, "`{text}` is no name in DNS: write `host.example.com:80`"),
            Kind::Url => {
                write!(f, "`{text}` is no name in DNS but a URL or path: write `host.example.com:80`")
            }
        }
    }
}

impl std::error::Error for DnsNameError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_print_as_they_are_written() -> Result<(), DnsNameError> {
        for text in [
            "redis:6379",
            "redis.example.com.:1",
            "127.0.0.1:80",
            "[::1]:443",
            "_redis._tcp.example.com",
            "_p._udp.x.",
        ] {
            let name: DnsName = text.parse()?;
            assert_eq!(name.to_string(), text);
        }
        assert_eq!("Redis.Example:80".parse::<DnsName>()?, "redis.example:80".parse()?);
        Ok(())
    }

    #[test]
    fn an_error_says_what_to_write() {
        let long = format!("{}.example:80", "x".repeat(64));
        for (text, says) in [
            ("redis", "write `redis:80` for a host, or `_service._tcp.redis`"),
            ("10.0.0.1", "write `10.0.0.1:80`"),
            ("::1", "write `[::1]:80`"),
            ("redis:", "not a number from 1 to 65535"),
            ("redis:0", "not a number from 1 to 65535"),
            ("redis:65536", "not a number from 1 to 65535"),
            ("redis:http", "not a number from 1 to 65535"),
            ("_redis._tcp.example.com:6379", "write `_redis._tcp.example.com`"),
            ("_redis.example.com", "has no port"),
            ("http://example.com:80", "a URL or path"),
            ("", "no name in DNS"),
            (":80", "no name in DNS"),
            (".:80", "no name in DNS"),
            ("a b:80", "no name in DNS"),
            ("a..b:80", "no name in DNS"),
            (&long, "no name in DNS"),
        ] {
            let error = text.parse::<DnsName>().expect_err(text).to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn an_error_quotes_little_of_a_long_text_and_no_control_characters() {
        let long = format!("{}\u{1b}[31m", "x".repeat(1_000_000));
        for text in [long.clone(), format!("{long}:80"), format!("_a._b.{long}:80"), "a\u{1b}[31m".to_owned()]
        {
            let error = text.parse::<DnsName>().expect_err("no name").to_string();
            assert!(error.len() < 400 && !error.contains('\u{1b}'), "{error}");
        }
    }
}
