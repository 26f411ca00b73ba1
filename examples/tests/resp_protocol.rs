//! What replies of Redis mean: by their words, as servers of version 7 say them.

mod support;

use pool_call::{Incoming, Protocol};
use pool_driver::Verdict;
use pool_examples::{Command, Reply, Resp, RespCodec};

/// What the bytes of one reply mean.
fn verdict(bytes: &str) -> Verdict {
    let (mut replies, error) = support::decode(RespCodec::default(), [bytes.as_bytes()]);
    assert!(error.is_none() && replies.len() == 1, "{bytes:?} is {replies:?}, {error:?}");
    let mut resp = Resp::new();
    let Incoming::Reply(reply) = resp.classify(replies.remove(0)) else { panic!("{bytes:?} is no reply") };
    Protocol::<Command, Reply>::judge(&mut resp, &reply)
}

const OVERLOADED: Verdict = Verdict::Overloaded { pause: None };

#[test]
fn a_server_that_can_not_answer_now_is_overloaded() {
    for error in [
        "-LOADING Redis is loading the dataset in memory\r\n",
        "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n",
        "-CLUSTERDOWN The cluster is down\r\n",
        "-CLUSTERDOWN Hash slot not served\r\n",
        "-TRYAGAIN Multiple keys request during rehashing of slot\r\n",
        "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n",
        "-OOM command not allowed when used memory > 'maxmemory'.\r\n",
        "-ERR max number of clients reached\r\n",
        "-ERR max number of clients + cluster connections reached\r\n",
    ] {
        assert_eq!(verdict(error), OVERLOADED, "{error}");
    }
}

#[test]
fn a_server_that_takes_no_writes_is_unfit() {
    for error in [
        "-READONLY You can't write against a read only replica.\r\n",
        "-MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.\r\n",
    ] {
        assert_eq!(verdict(error), Verdict::Unfit, "{error}");
    }
}

#[test]
fn a_server_that_wants_a_password_has_failed_and_is_not_left_alone() {
    assert_eq!(verdict("-NOAUTH Authentication required.\r\n"), Verdict::Failure);
}

#[test]
fn an_error_of_the_caller_says_nothing_of_the_server() {
    for error in [
        "-ERR unknown command 'NONSENSE', with args beginning with: \r\n",
        "-ERR value is not an integer or out of range\r\n",
        "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
        "-NOSCRIPT No matching script. Please use EVAL.\r\n",
        "-MOVED 3999 127.0.0.1:6381\r\n",
        "-EXECABORT Transaction discarded because of previous errors.\r\n",
        "-READONLYISH no such code\r\n",
        "-ERR READONLY is not where a code stands\r\n",
        "-\r\n",
    ] {
        assert_eq!(verdict(error), Verdict::Success, "{error}");
    }
}

#[test]
fn only_a_reply_that_is_an_error_itself_is_judged() {
    for reply in
        ["+LOADING\r\n", "$8\r\nREADONLY\r\n", "*1\r\n-READONLY in a script\r\n", ":1\r\n", "$-1\r\n"]
    {
        assert_eq!(verdict(reply), Verdict::Success, "{reply}");
    }
}

#[test]
fn pushes_go_to_their_handler_and_are_no_replies() {
    let mut pushes = Vec::new();
    let mut resp = Resp::with_pushes(|push| pushes.push(push));
    let bytes = b"+OK\r\n>2\r\n+invalidate\r\n*1\r\n$3\r\nkey\r\n:1\r\n";
    let (items, error) = support::decode(RespCodec::default(), [&bytes[..]]);
    assert!(error.is_none(), "{error:?}");
    let mut replies = Vec::new();
    for item in items {
        if let Incoming::<Command, _>::Reply(reply) = resp.classify(item) {
            replies.push(reply);
        }
    }
    assert_eq!(replies, [Reply::Simple("OK".to_owned()), Reply::Integer(1)]);
    let keys = Reply::Array(vec![Reply::Bulk(Some("key".into()))]);
    assert_eq!(pushes, [[Reply::Simple("invalidate".to_owned()), keys]]);
}
