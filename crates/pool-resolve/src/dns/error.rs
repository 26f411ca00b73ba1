//! Why a question to name servers has no answer.

use std::error::Error;
use std::fmt;

use hickory_resolver::net::{DnsError, NetError};

/// Why a question has no answer: the question, the servers, and the reason.
#[derive(Debug)]
pub(super) struct Unanswered {
    pub(super) question: String,
    pub(super) servers: String,
    pub(super) reason: Reason,
}

#[derive(Debug)]
pub(super) enum Reason {
    Net(NetError),
    Text(String),
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { question, servers, reason } = self;
        match reason {
            Reason::Net(NetError::Dns(DnsError::ResponseCode(code))) => write!(f, "{question}: {code}")?,
            Reason::Net(error) => write!(f, "{question}: {error}")?,
            Reason::Text(text) => write!(f, "{question}: {text}")?,
        }
        write!(f, " (asked {servers})")
    }
}

impl Error for Unanswered {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.reason {
            // The message has it already.
            Reason::Net(error) => error.source(),
            Reason::Text(_) => None,
        }
    }
}
