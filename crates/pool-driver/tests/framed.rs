//! Byte streams with a codec as connections: pipes in memory, and no runtime.

mod support;

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;

use bytes::BytesMut;
use futures_util::{FutureExt, SinkExt, StreamExt};
use pool_driver::{PoolBuilder, ReadyError, framed};
use support::{A, Clock, Executor, SEED};
use tokio::io::{DuplexStream, duplex};
use tokio_util::codec::{Decoder, Encoder, Framed, LinesCodec, LinesCodecError};

type Peer = Framed<DuplexStream, LinesCodec>;

/// Lines, and how often they were cloned.
struct Counted {
    lines: LinesCodec,
    clones: Rc<Cell<u32>>,
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.clones.set(self.clones.get() + 1);
        Self { lines: self.lines.clone(), clones: Rc::clone(&self.clones) }
    }
}

impl Decoder for Counted {
    type Item = String;
    type Error = LinesCodecError;

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<String>, LinesCodecError> {
        self.lines.decode(bytes)
    }
}

impl Encoder<String> for Counted {
    type Error = LinesCodecError;

    fn encode(&mut self, line: String, bytes: &mut BytesMut) -> Result<(), LinesCodecError> {
        self.lines.encode(line, bytes)
    }
}

fn next_line(peer: &mut Peer) -> Option<String> {
    peer.next().now_or_never().flatten().transpose().expect("it is text")
}

#[test]
fn connections_have_a_codec_each_and_share_who_listens() {
    let peers = Rc::new(RefCell::new(Vec::new()));
    let accepted = Rc::clone(&peers);
    let dial = move |_: u16| {
        let (ours, theirs) = duplex(1024);
        accepted.borrow_mut().push(Framed::new(theirs, LinesCodec::new_with_max_length(64)));
        async { Ok::<_, io::Error>(ours) }
    };
    let codecs = Rc::new(Cell::new(0));
    let codec = Counted { lines: LinesCodec::new_with_max_length(64), clones: Rc::clone(&codecs) };
    let heard = Rc::new(RefCell::new(Vec::new()));
    let book = Rc::clone(&heard);
    let connector = framed(dial, codec).on_item(move |line| book.borrow_mut().push(line));
    let builder = PoolBuilder::new(connector, Clock::default()).connect_to_fixed([A]).seed(SEED);
    let (pool, driver) = builder.connections_per_address(2).build::<String>().expect("sound settings");
    let mut executor = Executor::default();
    let _driver = executor.spawn(driver);
    executor.run();
    for number in 0..2 {
        pool.try_send(format!("line {number}")).expect("there is room");
    }
    executor.run();
    let mut lines = Vec::new();
    for peer in &mut *peers.borrow_mut() {
        lines.extend(next_line(peer));
        peer.send("hello").now_or_never().expect("there is room").expect("it is connected");
    }
    executor.run();
    assert_eq!((lines, codecs.get()), (vec!["line 0".to_owned(), "line 1".to_owned()], 2));
    assert_eq!(*heard.borrow(), ["hello", "hello"]);
}

#[test]
fn a_dial_that_fails_says_why() {
    let dial = |_: u16| async { Err::<DuplexStream, _>("no such host") };
    let connector = framed(dial, LinesCodec::new_with_max_length(64)).on_item(drop);
    let builder = PoolBuilder::new(connector, Clock::default()).connect_to_fixed([A]);
    let (pool, driver) = builder.build::<String>().expect("the settings make sense");
    let mut executor = Executor::default();
    let _driver = executor.spawn(driver);
    executor.run();
    let Some(Err(ReadyError::Failing { last_error: Some(error) })) =
        pool.ready(1).unless_failing().now_or_never()
    else {
        panic!("it can't connect")
    };
    assert_eq!(error.to_string(), "no such host");
}

#[test]
fn a_framed_transport_is_a_plain_sink_too() {
    let peers = Rc::new(RefCell::new(Vec::new()));
    let accepted = Rc::clone(&peers);
    let dial = move |_: u16| {
        let (ours, theirs) = duplex(1024);
        accepted.borrow_mut().push(Framed::new(theirs, LinesCodec::new_with_max_length(64)));
        async { Ok::<_, io::Error>(ours) }
    };
    let connector = framed(dial, LinesCodec::new_with_max_length(64));
    let builder = PoolBuilder::plain(connector, Clock::default()).connect_to_fixed([A]).seed(SEED);
    let (pool, driver) = builder.build::<String>().expect("sound settings");
    let mut executor = Executor::default();
    let _driver = executor.spawn(driver);
    pool.try_send("hello".to_owned()).expect("there is room");
    executor.run();
    let line = next_line(peers.borrow_mut().last_mut().expect("it has connected"));
    assert_eq!(line.as_deref(), Some("hello"));
}
