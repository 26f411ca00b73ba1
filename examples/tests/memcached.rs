//! The codec of the example `memcached`, on bytes that no server has to send.

#[path = "../memcached.rs"]
#[expect(dead_code, reason = "its `main`")]
mod memcached;
mod support;

use memcached::{MemcachedCodec, Reply, Request};

fn value(bytes: &'static [u8]) -> Reply {
    Reply::Value(Some(bytes.into()))
}

fn refused(error: &str) -> Reply {
    Reply::Error(error.to_owned())
}

#[test]
fn a_key_that_the_server_would_take_for_something_else_is_never_sent() {
    for key in ["", "two words", "end\r\nquit", "tab\t", "nul\0", "delete\x7f", &"x".repeat(251)] {
        for request in
            [Request::get(key), Request::set(key, b"1"), Request::incr(key, 1), Request::delete(key)]
        {
            let error = request.expect_err(key).to_string();
            assert_eq!(error, format!("not a key: \"{}\"", key.escape_debug()));
        }
    }
}

/// All kinds of replies, and what they are.
const STREAM: &[u8] = b"STORED\r\nNOT_STORED\r\nDELETED\r\nNOT_FOUND\r\nEND\r\n18446744073709551615\r\n\
    ERROR\r\nCLIENT_ERROR bad data chunk\r\nSERVER_ERROR out of memory\r\n\
    VALUE key 0 0\r\n\r\nEND\r\nVALUE key 123 12\r\n\r\nEND\r\nabc\r\n\r\nEND\r\n0\r\n";

fn stream() -> Vec<Reply> {
    vec![
        Reply::Stored,
        Reply::NotStored,
        Reply::Deleted,
        Reply::NotFound,
        Reply::Value(None),
        Reply::Number(u64::MAX),
        refused("ERROR"),
        refused("CLIENT_ERROR bad data chunk"),
        refused("SERVER_ERROR out of memory"),
        value(b""),
        value(b"\r\nEND\r\nabc\r\n"),
        Reply::Number(0),
    ]
}

fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Reply>, Option<String>) {
    support::decode(MemcachedCodec::default(), pieces)
}

#[test]
fn replies_are_the_same_wherever_the_bytes_are_split() {
    for first in 0..STREAM.len() {
        for second in first..STREAM.len() {
            let pieces = [&STREAM[..first], &STREAM[first..second], &STREAM[second..]];
            assert_eq!(decode(pieces), (stream(), None), "split at {first} and {second}");
        }
    }
    assert_eq!(decode(STREAM.chunks(1)), (stream(), None));
}

#[test]
fn garbage_is_an_error_that_shows_it() {
    for (bytes, shown) in [
        (&b"HTTP/1.1 400 Bad Request\r\n"[..], "HTTP/1.1 400 Bad Request"),
        (b"\r\n", ""),
        (b"stored\r\n", "stored"),
        (b"-1\r\n", "-1"),
        (b"18446744073709551616\r\n", "18446744073709551616"),
        (b"ERRORS\r\n", "ERRORS"),
        (b"VALUE key 0\r\n", "VALUE key 0"),
        (b"VALUE key 0 1 2\r\n", "VALUE key 0 1 2"),
        (b"VALUE key 0 -1\r\n", "VALUE key 0 -1"),
        (b"VALUE key 0 1073741825\r\n", "VALUE key 0 1073741825"),
        (b"VALUE key 0 99999999999999999999\r\n", "VALUE key 0 99999999999999999999"),
        (b"VALUE key 0 1\r\nab\r\nEND\r\n", "a value without an end"),
        (b"VALUE key 0 1\r\na\r\nVALUE key 0 1\r\n", "a value without an end"),
        (b"\xff\r\n", "Unable to decode input as UTF8"),
        (&b"x".repeat(5000), "max line length exceeded"),
    ] {
        let (replies, error) = decode([bytes]);
        assert_eq!(error, Some(format!("not memcached's protocol: \"{shown}\"")), "{replies:?}");
    }
    assert_eq!(decode([&b"VALUE key 0 1073741824\r\n"[..]]), (Vec::new(), None), "it is waited for");
}

/// A codec that looks again at all bytes for each one that comes takes quadratic time.
#[test]
fn a_long_value_may_come_byte_by_byte() {
    let long = vec![b'\n'; 4_000_000];
    let bytes = [b"VALUE key 0 4000000\r\n", long.as_slice(), b"\r\nEND\r\n"].concat();
    assert_eq!(decode(bytes.chunks(1)), (vec![Reply::Value(Some(long.into()))], None));
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        decode(bytes.chunks(3));
        decode([&[b"VALUE key 0 7\r\n", &bytes[..]].concat()[..]]);
    }
}
