//! Why a text is no host with a port.

use std::error::Error;
use std::fmt;

use crate::excerpt::Excerpt;

/// Why a text is no [`HostPort`](super::HostPort), and what to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPortError {
    input: String,
    problem: Problem,
}

impl HostPortError {
    pub(super) fn new(input: &str, problem: Problem) -> Self {
        Self { input: input.to_owned(), problem }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
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
        let input = Excerpt(&self.input);
        write!(f, "`{input}` ")?;
        match &self.problem {
            Problem::Url => f.write_str("is a URL: write `host:port`"),
            Problem::NoHost => f.write_str("has no host: write `host:port`"),
            Problem::NoPort => {
                write!(
                    f,
                    "has no port: write `host:port`, such as `{}:6379`",
                    Excerpt(self.input.trim_end_matches(':'))
                )
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
