//! Requests and replies on the wire. Codecs of tokio-util serve on every runtime, and without one.

use std::io;

use tokio_util::bytes::{Buf, BufMut, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

/// Asks for its own number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Request {
    /// Where replies come in order it is not looked at.
    pub(crate) id: u32,
    pub(crate) number: u32,
    /// The number of meaningless bytes that follow.
    pub(crate) padding: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Reply {
    pub(crate) id: u32,
    pub(crate) number: u32,
}

impl Request {
    /// The right reply.
    pub(crate) fn reply(self) -> Reply {
        Reply { id: self.id, number: self.number }
    }
}

pub(crate) fn stamp(request: &mut Request, id: u32) {
    request.id = id;
}

#[expect(clippy::unnecessary_wraps, clippy::trivially_copy_pass_by_ref, reason = "the seam's signature")]
pub(crate) fn id_of(reply: &Reply) -> Option<u32> {
    Some(reply.id)
}

const QUESTION_MARK: u8 = b'?';
const EXCLAMATION_MARK: u8 = b'!';
pub(crate) const REQUEST_HEAD_LEN: usize = 13;
const REPLY_LEN: usize = 9;

/// Writes requests and reads replies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientCodec;

/// Reads requests and writes replies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerCodec;

impl Encoder<Request> for ClientCodec {
    type Error = io::Error;

    fn encode(&mut self, request: Request, bytes: &mut BytesMut) -> io::Result<()> {
        bytes.put_u8(QUESTION_MARK);
        bytes.put_u32(request.id);
        bytes.put_u32(request.number);
        bytes.put_u32(request.padding);
        bytes.put_bytes(0, request.padding_len());
        Ok(())
    }
}

impl Decoder for ClientCodec {
    type Item = Reply;
    type Error = io::Error;

    fn decode(&mut self, bytes: &mut BytesMut) -> io::Result<Option<Reply>> {
        check_mark(bytes, EXCLAMATION_MARK)?;
        if bytes.len() < REPLY_LEN {
            return Ok(None);
        }
        bytes.advance(1);
        Ok(Some(Reply { id: bytes.get_u32(), number: bytes.get_u32() }))
    }
}

impl Encoder<Reply> for ServerCodec {
    type Error = io::Error;

    fn encode(&mut self, reply: Reply, bytes: &mut BytesMut) -> io::Result<()> {
        bytes.put_u8(EXCLAMATION_MARK);
        bytes.put_u32(reply.id);
        bytes.put_u32(reply.number);
        Ok(())
    }
}

impl Decoder for ServerCodec {
    type Item = Request;
    type Error = io::Error;

    fn decode(&mut self, bytes: &mut BytesMut) -> io::Result<Option<Request>> {
        check_mark(bytes, QUESTION_MARK)?;
        if bytes.len() < REQUEST_HEAD_LEN {
            return Ok(None);
        }
        let mut head = &bytes[1..REQUEST_HEAD_LEN];
        let request = Request { id: head.get_u32(), number: head.get_u32(), padding: head.get_u32() };
        let len = REQUEST_HEAD_LEN + request.padding_len();
        if bytes.len() < len {
            bytes.reserve(len - bytes.len());
            return Ok(None);
        }
        bytes.advance(len);
        Ok(Some(request))
    }
}

impl Request {
    fn padding_len(self) -> usize {
        usize::try_from(self.padding).expect("it is not that long")
    }
}

fn check_mark(bytes: &[u8], mark: u8) -> io::Result<()> {
    match bytes.first() {
        Some(first) if *first != mark => Err(io::Error::new(io::ErrorKind::InvalidData, "garbage")),
        _ => Ok(()),
    }
}
