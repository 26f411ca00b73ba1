//! Requests and answers in the words of the protocol.

use pool_examples::{Command, Reply};

use super::{Answer, Failure, KEY, Request};

pub(crate) fn command(request: Request) -> Command {
    match request {
        Request::Ping => Command::new("PING"),
        Request::Get => Command::new("GET").arg(KEY),
        Request::Set { key, value } => Command::new("SET").arg(key).arg(value),
    }
}

pub(super) fn answer(reply: Reply) -> Result<Answer, Failure> {
    match reply {
        Reply::Bulk(value) => Ok(Answer::Value(value.map(|value| value.to_vec()))),
        Reply::Simple(text) if text == "PONG" => Ok(Answer::Pong),
        Reply::Simple(text) if text == "OK" => Ok(Answer::Stored),
        _ => Err(Failure::Other),
    }
}
