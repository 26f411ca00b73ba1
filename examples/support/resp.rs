//! RESP, the protocol of Redis, in both its versions: commands out, replies in, and the pushes of RESP3.

use std::io::{self, ErrorKind};
use std::mem;
use std::str::FromStr;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

/// A command: `Command::new("SET").arg("name").arg("value")`.
#[derive(Clone, Debug, Default)]
pub struct Command {
    arguments: usize,
    encoded: Vec<u8>,
}

/// Room for a short command, so that it is made at once.
const COMMAND_BYTES: usize = 64;

impl Command {
    /// A command without arguments.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { arguments: 0, encoded: Vec::with_capacity(COMMAND_BYTES) }.arg(name)
    }

    /// Adds an argument, which may be any bytes.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<[u8]>) -> Self {
        let argument = argument.as_ref();
        put_length(&mut self.encoded, b'$', argument.len());
        self.encoded.extend_from_slice(argument);
        self.encoded.extend_from_slice(LINE_END);
        self.arguments += 1;
        self
    }
}

/// What a server answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// A short text, such as `OK`.
    Simple(String),
    /// The server refuses the command; the connection is as good as before.
    Error(String),
    /// A number.
    Integer(i64),
    /// A value. `None` stands for the null array and RESP3's null, too.
    Bulk(Option<Bytes>),
    /// Several replies. A set or a map of RESP3, too: keys and values in turn.
    Array(Vec<Reply>),
    /// Nobody has asked for it: an invalidation, say.
    Push(Vec<Reply>),
}

const LINE_END: &[u8] = b"\r\n";
const BULK_MAX: usize = 512 * 1024 * 1024; // Redis has no longer ones
const DEPTH_MAX: usize = 32;
const LINE_MAX: usize = 64 * 1024;

/// The codec of a connection. Bytes are looked at once, and memory is taken for those that came.
#[derive(Clone, Debug, Default)]
pub struct RespCodec {
    /// How much of the buffer was searched for the end of a line.
    searched: usize,
    /// The length of the bulk that comes next.
    bulk: Option<usize>,
    /// Arrays that are not complete, outermost first, with their lengths.
    arrays: Vec<(usize, Vec<Reply>)>,
    /// The outermost of them is a push.
    is_push: bool,
}

impl Encoder<Command> for RespCodec {
    type Error = io::Error;

    fn encode(&mut self, command: Command, buffer: &mut BytesMut) -> io::Result<()> {
        put_length(buffer, b'*', command.arguments);
        buffer.extend_from_slice(&command.encoded);
        Ok(())
    }
}

impl Decoder for RespCodec {
    type Item = Reply;
    type Error = io::Error;

    fn decode(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Reply>> {
        loop {
            let reply = if let Some(length) = self.bulk {
                let Some(bulk) = take_bulk(buffer, length)? else { return Ok(None) };
                self.bulk = None;
                Some(Reply::Bulk(Some(bulk)))
            } else {
                let Some(length) = self.find_line(buffer)? else { return Ok(None) };
                let reply = self.read_line(&buffer[..length])?;
                buffer.advance(length + LINE_END.len());
                reply
            };
            if let Some(reply) = self.complete(reply) {
                return Ok(Some(reply));
            }
        }
    }
}

impl RespCodec {
    /// How long the next line is, without its end.
    fn find_line(&mut self, buffer: &[u8]) -> io::Result<Option<usize>> {
        let end = buffer[self.searched..].iter().position(|byte| *byte == b'\n').map(|at| self.searched + at);
        if end.unwrap_or(buffer.len()) > LINE_MAX {
            return Err(garbage("a line without an end", buffer));
        }
        self.searched = if end.is_some() { 0 } else { buffer.len() };
        let Some(end) = end else { return Ok(None) };
        let line = buffer[..=end].strip_suffix(LINE_END).ok_or_else(|| no_line_end(&buffer[..=end]))?;
        Ok(Some(line.len()))
    }

    /// The reply that the line is, if it isn't the head of one.
    fn read_line(&mut self, line: &[u8]) -> io::Result<Option<Reply>> {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Ok(match line {
            [b'+', rest @ ..] => Some(Reply::Simple(text(rest))),
            [b'-', rest @ ..] => Some(Reply::Error(text(rest))),
            [b':', rest @ ..] => Some(Reply::Integer(parse(rest, i64::MAX)?)),
            b"$-1" | b"*-1" | b"_" => Some(Reply::Bulk(None)),
            b"#t" => Some(Reply::Integer(1)),
            b"#f" => Some(Reply::Integer(0)),
            [b',' | b'(', rest @ ..] => Some(Reply::Simple(text(rest))),
            // A text, behind what kind of text it is.
            [b'$' | b'=', rest @ ..] => {
                self.bulk = Some(parse(rest, BULK_MAX)?);
                None
            }
            [b'*' | b'~' | b'%' | b'>', ..] if self.arrays.len() == DEPTH_MAX => {
                return Err(garbage("arrays too deep", line));
            }
            [b'>', ..] if !self.arrays.is_empty() => return Err(garbage("a push within a reply", line)),
            [kind @ (b'*' | b'~' | b'%' | b'>'), rest @ ..] => {
                self.is_push |= *kind == b'>';
                let of_pair = if *kind == b'%' { 2 } else { 1 };
                self.arrays.push((parse(rest, usize::MAX / of_pair)? * of_pair, Vec::new()));
                None
            }
            _ => return Err(garbage("not a reply", line)),
        })
    }

    /// The reply that is complete with this: itself, or the array that it is the last element of.
    fn complete(&mut self, mut reply: Option<Reply>) -> Option<Reply> {
        while let Some((length, elements)) = self.arrays.last_mut() {
            elements.extend(reply);
            if elements.len() < *length {
                return None;
            }
            let elements = self.arrays.pop().map_or_else(Vec::new, |(_, elements)| elements);
            let is_push = self.arrays.is_empty() && mem::take(&mut self.is_push);
            reply = Some(if is_push { Reply::Push(elements) } else { Reply::Array(elements) });
        }
        reply
    }
}

/// What follows: how many, or how long.
fn put_length(buffer: &mut impl BufMut, kind: u8, length: usize) {
    buffer.put_u8(kind);
    buffer.put_slice(itoa::Buffer::new().format(length).as_bytes());
    buffer.put_slice(LINE_END);
}

/// So many bytes, which a line's end must follow.
fn take_bulk(buffer: &mut BytesMut, length: usize) -> io::Result<Option<Bytes>> {
    let whole = length + LINE_END.len();
    if buffer.len() < whole {
        return Ok(None);
    }
    if !buffer[..whole].ends_with(LINE_END) {
        return Err(no_line_end(&buffer[..whole]));
    }
    let mut bulk = buffer.split_to(whole);
    bulk.truncate(length);
    Ok(Some(bulk.freeze()))
}

fn no_line_end(bytes: &[u8]) -> io::Error {
    garbage("no line ends where one must", bytes)
}

fn parse<T: FromStr + PartialOrd + Copy>(digits: &[u8], max: T) -> io::Result<T> {
    let number = str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    number.filter(|number| *number <= max).ok_or_else(|| garbage("no number, or out of bounds", digits))
}

fn garbage(what: &str, bytes: &[u8]) -> io::Error {
    let start = bytes[..bytes.len().min(40)].escape_ascii();
    io::Error::new(ErrorKind::InvalidData, format!("not RESP, {what}: \"{start}\""))
}
