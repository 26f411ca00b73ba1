//! Requests through a connection of redis-rs, which several clients have.

use redis::aio::ConnectionLike;
use redis::{AsyncCommands, RedisError, Value, cmd};

use super::{Answer, Failure, KEY, Request};

pub(super) async fn query(
    connection: &mut (impl ConnectionLike + Send + Sync),
    request: Request,
) -> Result<Answer, Failure> {
    let answer = match request {
        Request::Ping => (cmd("PING").query_async(connection).await?, Answer::Pong),
        Request::Get => return Ok(Answer::Value(connection.get(KEY).await?)),
        Request::Set { key, value } => (connection.set(key, value).await?, Answer::Stored),
    };
    match answer {
        (Value::Okay, Answer::Stored) => Ok(Answer::Stored),
        (Value::SimpleString(text), Answer::Pong) if text == "PONG" => Ok(Answer::Pong),
        _ => Err(Failure::Other),
    }
}

impl From<RedisError> for Failure {
    fn from(error: RedisError) -> Self {
        if error.is_timeout() { Self::TimedOut } else { Self::Other }
    }
}
