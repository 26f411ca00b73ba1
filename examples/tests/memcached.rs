//! The example `memcached`: its codec, and its pool with a real server.

#[path = "../memcached.rs"]
#[expect(dead_code, reason = "its `main`")]
mod memcached;
mod support;

use futures_util::future::{join_all, try_join_all};
use memcached::{MemcachedCodec, Reply, Request};
use pool_call::CallExt;
use pool_examples::{MEMCACHED, RealServer};
use support::{CONNECTIONS_PER_SERVER, TestResult, all_ready, row, run_on_tokio};

/// What the protocol's own words can't be told from, unless by their length.
const ANY_BYTES: &[u8] = b"VALUE a 0 1\r\nb\r\nEND\r\n\x00\xff\r\nSTORED\r\nERROR\r\nEND\r\n";

fn value(bytes: &'static [u8]) -> Reply {
    Reply::Value(Some(bytes.into()))
}

fn refused(error: &str) -> Reply {
    Reply::Error(error.to_owned())
}

#[test]
fn every_request_has_its_reply() -> TestResult {
    let Some(servers) = RealServer::start_or_skip(&MEMCACHED, 1)? else { return Ok(()) };
    let longest_key = "ü".repeat(125);
    run_on_tokio(async {
        let pool = memcached::pool(&servers)?;
        for (request, expected) in [
            (Request::get("name")?, Reply::Value(None)),
            (Request::delete("name")?, Reply::NotFound),
            (Request::incr("name", 1)?, Reply::NotFound),
            (Request::set("name", b"7")?, Reply::Stored),
            (Request::incr("name", u64::MAX)?, Reply::Number(6)),
            (Request::incr("name", 10)?, Reply::Number(16)),
            (Request::get("name")?, value(b"16")),
            (Request::delete("name")?, Reply::Deleted),
            (Request::set("name", b"")?, Reply::Stored),
            (Request::get("name")?, value(b"")),
            (Request::set("name", ANY_BYTES)?, Reply::Stored),
            (Request::get("name")?, value(ANY_BYTES)),
            (Request::set("name", &vec![b'\n'; 1_000_000])?, Reply::Stored),
            (Request::get("name")?, Reply::Value(Some(vec![b'\n'; 1_000_000].into()))),
            (Request::set(&longest_key, b"value")?, Reply::Stored),
            (Request::get(&longest_key)?, value(b"value")),
        ] {
            assert_eq!(pool.call(request).await?, expected);
        }
        Ok(())
    })
}

#[test]
fn each_of_many_callers_gets_its_own_reply_and_a_refusal_costs_no_connection() -> TestResult {
    let Some(servers) = RealServer::start_or_skip(&MEMCACHED, 1)? else { return Ok(()) };
    run_on_tokio(async {
        let pool = memcached::pool(&servers)?;
        all_ready(&pool, servers.len()).await;
        let long = vec![b'x'; 2_000_000];
        let ask = async |number: usize| {
            let (key, text) = (format!("key{number}"), format!("value {number}"));
            assert_eq!(pool.call(Request::set(&key, text.as_bytes())?).await?, Reply::Stored);
            let replies = join_all([
                pool.call(Request::incr(&key, 1)?),
                pool.call(Request::get(&key)?),
                pool.call(Request::incr("counter", 1)?),
            ]);
            let [not_a_number, got, counted] = replies.await.try_into().map_err(|_| "there were three")?;
            let non_numeric = "CLIENT_ERROR cannot increment or decrement non-numeric value";
            assert_eq!(not_a_number?, refused(non_numeric));
            assert_eq!(got?, Reply::Value(Some(text.into())));
            assert!(matches!(counted?, Reply::Number(_)));
            if number.is_multiple_of(100) {
                let too_long = pool.call(Request::set("long", &long)?).await?;
                assert_eq!(too_long, refused("SERVER_ERROR object too large for cache"));
            }
            TestResult::Ok(())
        };
        assert_eq!(pool.call(Request::set("counter", b"0")?).await?, Reply::Stored);
        try_join_all((0..1000).map(ask)).await?;
        assert_eq!(pool.call(Request::get("counter")?).await?, value(b"1000"));

        let row = row(&pool, servers[0].address());
        assert!(row.last_error.is_none() && row.status.failures == 0, "{row:?}");
        assert_eq!(row.status.busy + row.status.ready, CONNECTIONS_PER_SERVER);
        Ok(())
    })
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

/// Whoever looks again at what has come, for each byte that comes, is never done with it.
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
