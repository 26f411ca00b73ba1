//! The codec of the Redis examples, on bytes that no server has to send.

mod support;

use bytes::BytesMut;
use pool_examples::{Command, Reply, RespCodec};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};
use tokio_util::codec::{Decoder, Encoder};

fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Reply>, Option<String>) {
    support::decode(RespCodec::default(), pieces)
}

fn decode_whole(bytes: &[u8]) -> Vec<Reply> {
    let (replies, error) = decode([bytes]);
    assert!(error.is_none(), "{error:?} in {}", bytes.escape_ascii());
    replies
}

fn error_of(bytes: &[u8]) -> String {
    let (replies, error) = decode([bytes]);
    error.unwrap_or_else(|| panic!("{} passes as {replies:?}", bytes.escape_ascii()))
}

fn bulk(bytes: &'static [u8]) -> Reply {
    Reply::Bulk(Some(bytes.into()))
}

/// All kinds of replies, and what they are.
const STREAM: &[u8] = b"+OK\r\n-ERR no\r\n:-7\r\n$4\r\n\r\n$1\r\n$0\r\n\r\n$-1\r\n*-1\r\n*0\r\n\
    *3\r\n:1\r\n*2\r\n$1\r\na\r\n*0\r\n+end\r\n*1\r\n*1\r\n*1\r\n$-1\r\n+\r\n";

fn stream() -> Vec<Reply> {
    vec![
        Reply::Simple("OK".to_owned()),
        Reply::Error("ERR no".to_owned()),
        Reply::Integer(-7),
        bulk(b"\r\n$1"),
        bulk(b""),
        Reply::Bulk(None),
        Reply::Bulk(None),
        Reply::Array(Vec::new()),
        Reply::Array(vec![
            Reply::Integer(1),
            Reply::Array(vec![bulk(b"a"), Reply::Array(Vec::new())]),
            Reply::Simple("end".to_owned()),
        ]),
        Reply::Array(vec![Reply::Array(vec![Reply::Array(vec![Reply::Bulk(None)])])]),
        Reply::Simple(String::new()),
    ]
}

#[test]
fn replies_are_the_same_wherever_the_bytes_are_split() {
    assert_eq!(decode_whole(STREAM), stream());
    for first in 0..STREAM.len() {
        for second in first..STREAM.len() {
            let pieces = [&STREAM[..first], &STREAM[first..second], &STREAM[second..]];
            let (replies, error) = decode(pieces);
            assert!(error.is_none(), "{error:?}, split at {first} and {second}");
            assert_eq!(replies, stream(), "split at {first} and {second}");
        }
    }
    assert_eq!(decode(STREAM.chunks(1)).0, stream());
}

#[test]
fn a_reply_that_has_not_come_whole_is_waited_for() {
    for end in 0..STREAM.len() {
        let (replies, error) = decode([&STREAM[..end]]);
        assert!(error.is_none(), "{error:?}, cut at {end}");
        assert_eq!(replies[..], stream()[..replies.len()], "cut at {end}");
        assert!(replies.len() < stream().len());
    }
}

#[test]
fn garbage_is_an_error_that_shows_it() {
    for (bytes, message) in [
        (&b"HTTP/1.1 400 Bad Request\r\n"[..], r#"not RESP, not a reply: "HTTP/1.1 400 Bad Request""#),
        (b"\r\n", "not a reply: \"\""),
        (b"+OK\n", r#"no line ends where one must: "+OK\n""#),
        (b"\n+", "no line ends where one must"),
        (b":1.5\r\n", r#"no number, or out of bounds: "1.5""#),
        (b":\r\n", "no number, or out of bounds: \"\""),
        (b":9223372036854775808\r\n", "no number, or out of bounds"),
        (b"$x\r\n", "no number, or out of bounds: \"x\""),
        (b"$\xff\r\n", r#"no number, or out of bounds: "\xff""#),
        (b"*\r\n", "no number, or out of bounds"),
        (b"$3\r\nabcd\r\n", r#"no line ends where one must: "abcd\r""#),
        (b"*2\r\n:1\r\n!\r\n", r#"not a reply: "!""#),
    ] {
        let error = error_of(bytes);
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn garbage_is_noticed_after_the_replies_before_it() {
    let (replies, error) = decode([&b"+OK\r\n:1\r\nnonsense\r\n"[..]]);
    assert_eq!(replies, [Reply::Simple("OK".to_owned()), Reply::Integer(1)]);
    assert!(error.is_some());
}

#[test]
fn an_error_that_is_not_utf_8_is_an_error_like_others() {
    let replies = decode_whole(b"-ERR unknown command '\xff'\r\n");
    assert_eq!(replies, [Reply::Error("ERR unknown command '\u{fffd}'".to_owned())]);
}

#[test]
fn arrays_may_be_nested_32_deep_and_no_deeper() {
    let nested = |depth| [b"*1\r\n".repeat(depth).as_slice(), b":1\r\n"].concat();
    let mut reply = decode_whole(&nested(32)).remove(0);
    for _ in 0..32 {
        let Reply::Array(mut elements) = reply else { panic!("{reply:?} is no array") };
        reply = elements.remove(0);
    }
    assert_eq!(reply, Reply::Integer(1));
    assert!(error_of(&nested(33)).contains("arrays too deep"));
    assert!(error_of(&nested(100_000)).contains("arrays too deep"));
}

#[test]
fn huge_lengths_are_errors_and_take_no_memory() {
    let longest = "$536870912\r\n";
    assert_eq!(decode_whole(longest.as_bytes()), [], "it is waited for");
    for length in ["536870913", "9223372036854775807", "18446744073709551615", "99999999999999999999"] {
        assert!(error_of(format!("${length}\r\n").as_bytes()).contains("out of bounds"), "{length}");
    }
    assert!(error_of(b"*99999999999999999999\r\n").contains("out of bounds"));
    // What is no error is waited for: memory for so many elements could not be had.
    assert_eq!(decode_whole(b"*9223372036854775807\r\n:1\r\n"), []);
    assert_eq!(decode_whole(&b"*4294967295\r\n".repeat(32)), []);
}

#[test]
fn no_length_is_negative_but_that_of_null() {
    for length in ["-2", "-9223372036854775808", "-536870912", "--1", "-"] {
        for kind in ['$', '*'] {
            let error = error_of(format!("{kind}{length}\r\n").as_bytes());
            assert!(error.contains("out of bounds"), "{error}");
        }
    }
    assert_eq!(decode_whole(b"*2\r\n$-1\r\n*-1\r\n"), [Reply::Array(vec![Reply::Bulk(None); 2])]);
}

#[test]
fn a_line_without_an_end_is_given_up() {
    let endless = b"+".repeat(70_000);
    assert!(error_of(&endless).contains("a line without an end"));
    let (_, error) = decode(endless.chunks(1000));
    assert!(error.is_some_and(|error| error.contains("a line without an end")));
}

/// A codec that looks again at all bytes for each one that comes takes quadratic time.
#[test]
fn long_replies_may_come_byte_by_byte() {
    let bulk = [b"$4000000\r\n".as_slice(), &b"\n".repeat(4_000_000), b"\r\n"].concat();
    let elements = [b"*1000000\r\n".as_slice(), &b":1\r\n".repeat(1_000_000)].concat();
    let line = [b"+".as_slice(), &b"x".repeat(60_000), b"\r\n"].concat();
    for (bytes, name) in [(bulk, "a bulk"), (elements, "an array"), (line.repeat(60), "lines")] {
        let whole = decode([&bytes[..]]);
        assert!(whole.1.is_none() && !whole.0.is_empty(), "{name}");
        assert!(decode(bytes.chunks(1)) == whole, "{name}");
    }
}

#[test]
fn commands_are_arrays_of_bulks_whatever_is_in_them() {
    let mut buffer = BytesMut::new();
    let command = Command::new("SET").arg("näme").arg(b"\r\n$-1\r\n\x00\xff").arg("");
    RespCodec::default().encode(command, &mut buffer).expect("it is always encoded");
    assert_eq!(
        &buffer[..],
        b"*4\r\n$3\r\nSET\r\n$5\r\nn\xc3\xa4me\r\n$9\r\n\r\n$-1\r\n\x00\xff\r\n$0\r\n\r\n"
    );
    let arguments = [&b"SET"[..], "näme".as_bytes(), b"\r\n$-1\r\n\x00\xff", b""].map(bulk);
    assert_eq!(decode_whole(&buffer), [Reply::Array(arguments.to_vec())]);
}

// RESP3

#[test]
fn the_kinds_of_resp3_are_read_as_those_that_they_are_like() {
    let bytes = b"_\r\n#t\r\n#f\r\n,1.5\r\n(123456789012345678901234567890\r\n=6\r\ntxt:hi\r\n~1\r\n:1\r\n\
        %1\r\n+key\r\n*1\r\n:2\r\n%0\r\n>1\r\n%1\r\n+a\r\n_\r\n";
    let expected = [
        Reply::Bulk(None),
        Reply::Integer(1),
        Reply::Integer(0),
        Reply::Simple("1.5".to_owned()),
        Reply::Simple("123456789012345678901234567890".to_owned()),
        bulk(b"txt:hi"),
        Reply::Array(vec![Reply::Integer(1)]),
        Reply::Array(vec![Reply::Simple("key".to_owned()), Reply::Array(vec![Reply::Integer(2)])]),
        Reply::Array(Vec::new()),
        Reply::Push(vec![Reply::Array(vec![Reply::Simple("a".to_owned()), Reply::Bulk(None)])]),
    ];
    assert_eq!(decode_whole(bytes), expected);
    assert_eq!(decode(bytes.chunks(1)).0, expected);
}

#[test]
fn a_push_is_one_after_an_array_and_before_one() {
    let replies = decode_whole(b"*1\r\n:1\r\n>1\r\n:2\r\n*1\r\n:3\r\n>0\r\n*0\r\n");
    let one = |number| vec![Reply::Integer(number)];
    let expected = [
        Reply::Array(one(1)),
        Reply::Push(one(2)),
        Reply::Array(one(3)),
        Reply::Push(Vec::new()),
        Reply::Array(Vec::new()),
    ];
    assert_eq!(replies, expected);
}

#[test]
fn a_push_within_a_reply_is_garbage_and_so_is_a_map_without_bounds() {
    assert!(error_of(b"*2\r\n:1\r\n>1\r\n:2\r\n").contains("a push within a reply: \">1\""));
    assert!(error_of(b"%9223372036854775808\r\n").contains("out of bounds"));
    assert!(error_of(b"#x\r\n").contains("not a reply"));
}

/// Bytes that get further into the decoder than most.
fn almost_resp() -> impl Strategy<Value = Vec<u8>> {
    let head = (prop_oneof![Just('$'), Just('*'), Just(':'), Just('+'), Just('>'), Just('%')], -2..6_i64)
        .prop_map(|(kind, number)| format!("{kind}{number}\r\n").into_bytes());
    let end = Just(b"\r\n".to_vec());
    vec(prop_oneof![4 => head, 1 => end, 1 => vec(any::<u8>(), 0..6)], 0..20).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces_mean_the_same(bytes in almost_resp(), piece in 1..9_usize) {
        prop_assert_eq!(decode([&bytes[..]]), decode(bytes.chunks(piece)));
    }

    #[test]
    fn no_bytes_make_it_panic_even_after_an_error(bytes in vec(any::<u8>(), 0..200)) {
        let (mut codec, mut buffer) = (RespCodec::default(), BytesMut::from(&bytes[..]));
        for _ in 0..=bytes.len() {
            let _ = codec.decode(&mut buffer);
        }
    }
}
