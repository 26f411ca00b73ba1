//! Request-reply with a real memcached, pipelined, with a codec of our own:
//! `cargo run --example memcached`.
//!
//! Look at the page, which holds what ends a page in the protocol; at the two refusals, which are
//! values and cost no connection: the table at the end has no failures; and at the sum of a
//! thousand increments that were on their way at once.

use std::io::{self, ErrorKind};

use bytes::{Bytes, BytesMut};
use futures_util::future::try_join_all;
use pool_servers::{MEMCACHED, RealServer};
use pool_tokio::{BoxError, BuildError, CallPool, tcp};
use tokio_util::codec::{Decoder, Encoder, LinesCodec};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // One server: a pool asks its servers in turn, and memcacheds know nothing of each other's keys.
    let Some(servers) = RealServer::start_or_skip(&MEMCACHED, 1)? else { return Ok(()) };
    let pool = pool(&servers)?;
    let script = [
        ("set visits 10", Request::set("visits", b"10")?),
        ("incr visits 5", Request::incr("visits", 5)?),
        ("set page …", Request::set("page", b"one\r\nEND\r\ntwo")?),
        ("get page", Request::get("page")?),
        ("incr page 1", Request::incr("page", 1)?),
        ("set big …", Request::set("big", &vec![b'x'; 2_000_000])?),
        ("delete page", Request::delete("page")?),
        ("get page", Request::get("page")?),
    ];
    for (name, request) in script {
        println!("{name:<16} {:?}", pool.call(request).await?);
    }
    let incr = Request::incr("visits", 1)?;
    try_join_all((0..1000).map(|_| pool.call(incr.clone()))).await?;
    println!("{:<16} {:?}\n", "get visits", pool.call(Request::get("visits")?).await?);
    println!("{}", pool.snapshot());
    Ok(())
}

pub(crate) fn pool(servers: &[RealServer]) -> Result<CallPool<Request, Reply>, BuildError> {
    pool_tokio::call_pool_for(tcp(MemcachedCodec::default()).pipelined())
        .connect_to_fixed(servers.iter().map(RealServer::address))
        .connections_per_address(2)
        .spawn()
}

/// A request that has exactly one reply, as written on the wire.
#[derive(Clone, Debug)]
pub(crate) struct Request(BytesMut);

impl Request {
    pub(crate) fn get(key: &str) -> io::Result<Self> {
        Self::new("get", key, "")
    }

    pub(crate) fn delete(key: &str) -> io::Result<Self> {
        Self::new("delete", key, "")
    }

    pub(crate) fn incr(key: &str, by: u64) -> io::Result<Self> {
        Self::new("incr", key, &format!(" {by}"))
    }

    /// Without flags, and for ever.
    pub(crate) fn set(key: &str, value: &[u8]) -> io::Result<Self> {
        if value.len() > VALUE_MAX {
            return Err(io::Error::new(ErrorKind::InvalidInput, "no memcached takes such a long value"));
        }
        let Self(mut line) = Self::new("set", key, &format!(" 0 0 {}", value.len()))?;
        line.extend_from_slice(value);
        line.extend_from_slice(b"\r\n");
        Ok(Self(line))
    }

    /// A key that the server finds wrong may have two replies, the second of which would go to
    /// somebody else. So wrong keys are found here.
    fn new(verb: &str, key: &str, rest: &str) -> io::Result<Self> {
        let is_long = key.len() > KEY_MAX;
        if is_long || key.is_empty() || key.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            let error = format!("not a key: \"{}\"", key.escape_debug());
            return Err(io::Error::new(ErrorKind::InvalidInput, error));
        }
        Ok(Self(format!("{verb} {key}{rest}\r\n").as_bytes().into()))
    }
}

/// What the server answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Reply {
    Value(Option<Bytes>),
    Number(u64),
    Stored,
    NotStored,
    Deleted,
    NotFound,
    /// The server refuses the request: `ERROR`, `CLIENT_ERROR …` or `SERVER_ERROR …`.
    Error(String),
}

const KEY_MAX: usize = 250;
const VALUE_MAX: usize = 1024 * 1024 * 1024; // the largest that a memcached can be set to take
const VALUE_END: &[u8] = b"\r\nEND\r\n";
const LINE_MAX: usize = 2048;

/// The codec of one connection.
#[derive(Clone, Debug)]
pub(crate) struct MemcachedCodec {
    lines: LinesCodec,
    /// The length of the value that comes next.
    value: Option<usize>,
}

impl Default for MemcachedCodec {
    fn default() -> Self {
        Self { lines: LinesCodec::new_with_max_length(LINE_MAX), value: None }
    }
}

impl Encoder<Request> for MemcachedCodec {
    type Error = io::Error;

    fn encode(&mut self, Request(bytes): Request, buffer: &mut BytesMut) -> io::Result<()> {
        buffer.extend_from_slice(&bytes);
        Ok(())
    }
}

impl Decoder for MemcachedCodec {
    type Item = Reply;
    type Error = io::Error;

    fn decode(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Reply>> {
        if self.value.is_none() {
            let line = self.lines.decode(buffer).map_err(|error| garbage(&error.to_string()))?;
            let Some(line) = line else { return Ok(None) };
            let reply = self.read_line(&line)?;
            if reply.is_some() {
                return Ok(reply);
            }
        }
        let end = self.value.unwrap_or(0) + VALUE_END.len();
        if buffer.len() < end {
            return Ok(None);
        }
        self.value = None;
        let bytes = buffer.split_to(end).freeze();
        let value = bytes.strip_suffix(VALUE_END).ok_or_else(|| garbage("a value without an end"))?;
        Ok(Some(Reply::Value(Some(bytes.slice_ref(value)))))
    }
}

impl MemcachedCodec {
    /// The reply that the line is, unless a value follows.
    fn read_line(&mut self, line: &str) -> io::Result<Option<Reply>> {
        let words: Vec<&str> = line.split(' ').collect();
        Ok(Some(match words[..] {
            ["END"] => Reply::Value(None),
            ["STORED"] => Reply::Stored,
            ["NOT_STORED"] => Reply::NotStored,
            ["DELETED"] => Reply::Deleted,
            ["NOT_FOUND"] => Reply::NotFound,
            ["ERROR" | "CLIENT_ERROR" | "SERVER_ERROR", ..] => Reply::Error(line.to_owned()),
            ["VALUE", _key, _flags, length] => {
                let length = length.parse().ok().filter(|length| *length <= VALUE_MAX);
                self.value = Some(length.ok_or_else(|| garbage(line))?);
                return Ok(None);
            }
            [number] => Reply::Number(number.parse().map_err(|_| garbage(line))?),
            _ => return Err(garbage(line)),
        }))
    }
}

fn garbage(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("not memcached's protocol: \"{}\"", what.escape_debug()))
}
