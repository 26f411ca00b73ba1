//! What a connection knows of its peer besides answers: that it is alive.

mod support;

use std::cell::RefCell;
use std::future::ready;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use futures_core::Stream;
use futures_sink::Sink;
use futures_util::FutureExt;
use pool_call::{ConnectionError, Pipelined, Tagged, call_pool_builder};
use pool_conformance::simulated::{Clock, Executor};
use pool_driver::{Connection, Instant, buffered_bytes};
use support::talk::{PART, PUSH, Talk};
use support::{End, Item, Owner, Peer, Reply, Request, Told, Transport, ends_of, id_of, request, stamp};
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio_util::codec::{Decoder, Encoder, Framed};

fn at(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

/// What is told at the end of a connection that is given up now.
fn end_of_patience(owner: &mut Owner<impl Connection<Item, Error = ConnectionError>>) -> Vec<Told> {
    owner.give_up();
    owner.last_events()
}

fn silent(seconds: u64) -> Vec<Told> {
    vec![Told::Failed(format!("the peer owes replies and has been silent for {seconds}.0 s"))]
}

// Bytes of what is not whole

/// One line for each request and each reply: its number.
struct Numbers;

impl Encoder<Request> for Numbers {
    type Error = io::Error;

    fn encode(&mut self, request: Request, bytes: &mut BytesMut) -> io::Result<()> {
        bytes.extend_from_slice(format!("{}\n", request.number).as_bytes());
        Ok(())
    }
}

impl Decoder for Numbers {
    type Item = Reply;
    type Error = io::Error;

    fn decode(&mut self, bytes: &mut BytesMut) -> io::Result<Option<Reply>> {
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return Ok(None) };
        let line = bytes.split_to(end + 1);
        let number = String::from_utf8_lossy(&line[..end]).parse().map_err(io::Error::other)?;
        Ok(Some(Reply { id: 0, number }))
    }
}

type Frames = Framed<DuplexStream, Numbers>;

/// A connection over a pipe, and the peer's end of it.
fn piped(
    change: impl FnOnce(Pipelined<Frames, Request, Reply>) -> Pipelined<Frames, Request, Reply>,
) -> (DuplexStream, Owner<Pipelined<Frames, Request, Reply>>) {
    let (ours, theirs) = duplex(1024);
    (theirs, Owner::new(change(Pipelined::new(Framed::new(ours, Numbers)))))
}

fn write(peer: &mut DuplexStream, text: &str) {
    peer.write_all(text.as_bytes()).now_or_never().expect("there is room").expect("it is open");
}

#[test]
fn a_reply_that_trickles_in_for_longer_than_any_timeout_is_no_silence() {
    let (mut peer, mut owner) = piped(|connection| connection.progress_by(buffered_bytes));
    let mut answers = owner.send([0]);
    for second in 1..=1000 {
        owner.is_woken();
        owner.set_now(at(second));
        write(&mut peer, "0");
        assert!(owner.is_woken());
        assert_eq!(owner.events(), [Told::Progress]);
    }
    write(&mut peer, "7\n");
    assert_eq!(owner.events(), [Told::Success]);
    assert_eq!(ends_of(&mut answers), [End::Reply(7)]);
}

#[test]
fn silence_is_counted_from_the_last_bytes() {
    let (mut peer, mut owner) = piped(|connection| connection.progress_by(buffered_bytes));
    let _answers = owner.send([0]);
    owner.set_now(at(20));
    write(&mut peer, "0");
    assert_eq!(owner.events(), [Told::Progress]);
    owner.set_now(at(30));
    assert_eq!(end_of_patience(&mut owner), silent(10));
}

#[test]
fn without_a_mark_only_items_are_evidence() {
    let (mut peer, mut owner) = piped(|connection| connection);
    let _answers = owner.send([0]);
    owner.set_now(at(20));
    write(&mut peer, "0");
    assert_eq!(owner.events(), []);
    owner.set_now(at(30));
    assert_eq!(end_of_patience(&mut owner), silent(30));
}

/// A pool that gives up a peer after 3 s of silence; one call, whose reply takes 10 s. Returns its end, and the number of
/// dials.
fn trickle(
    change: impl Fn(Pipelined<Frames, Request, Reply>) -> Pipelined<Frames, Request, Reply> + 'static,
) -> (End, usize) {
    let peers = Rc::new(RefCell::new(Vec::new()));
    let dialled = Rc::clone(&peers);
    let connect = move |_: u16| {
        let (ours, theirs) = duplex(1024);
        dialled.borrow_mut().push(theirs);
        ready(Ok::<_, io::Error>(change(Pipelined::new(Framed::new(ours, Numbers)))))
    };
    let clock = Clock::default();
    let settings = call_pool_builder(connect, clock.clone()).connect_to_fixed([1]).seed(1);
    let settings = settings.suspect_after(Duration::from_secs(1)).outcome_timeout(Duration::from_secs(3));
    let (pool, driver) = settings.build().expect("the settings make sense");
    let mut executor = Executor::default();
    let _driver = executor.spawn(driver);
    executor.run();
    let call = executor.spawn(async move { pool.call(request(0)).await });
    executor.run();
    for byte in b"00000000000000000007\n" {
        clock.advance(Duration::from_millis(500), || executor.run());
        // A peer whose connection is gone has nobody to write to.
        let _ = peers.borrow_mut()[0].write_all(&[*byte]).now_or_never();
    }
    executor.run();
    let dials = peers.borrow().len();
    (call.output().map_or(End::Waiting, End::from), dials)
}

#[test]
fn a_reply_that_trickles_in_for_longer_than_the_reply_timeout_reaches_its_caller() {
    let (end, dials) = trickle(|connection| connection.progress_by(buffered_bytes));
    assert_eq!((end, dials), (End::Reply(7), 1), "it is never suspected");
    let (end, dials) = trickle(|connection| connection);
    assert_eq!((end, dials > 1), (End::MaybeSent("silent"), true));
}

#[test]
fn bytes_that_complete_a_reply_and_begin_another_are_told_by_the_answer() {
    let (mut peer, mut owner) = piped(|connection| connection.progress_by(buffered_bytes));
    let mut answers = owner.send([0, 1]);
    write(&mut peer, "5\n6");
    assert_eq!(owner.events(), [Told::Success]);
    write(&mut peer, "6\n");
    assert_eq!(owner.events(), [Told::Success]);
    assert_eq!(ends_of(&mut answers), [End::Reply(5), End::Reply(66)]);
}

/// Reads nothing, and has a mark of its own.
struct Marked {
    mark: u64,
    transport: Transport,
}

impl Stream for Marked {
    type Item = Result<Reply, String>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let read = Pin::new(&mut self.transport).poll_next(cx);
        // An item of this number stands for bytes.
        if matches!(&read, Poll::Ready(Some(Ok(reply))) if reply.number == 0) {
            self.mark += 1;
            return Poll::Pending;
        }
        read
    }
}

impl Sink<Request> for Marked {
    type Error = String;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        Pin::new(&mut self.transport).poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, request: Request) -> Result<(), String> {
        Pin::new(&mut self.transport).start_send(request)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        Pin::new(&mut self.transport).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        Pin::new(&mut self.transport).poll_close(cx)
    }
}

#[test]
fn a_transport_of_one_s_own_says_by_a_mark_that_bytes_come() {
    let peer = Peer::default();
    // What it was before is no news.
    let transport = Marked { mark: 9, transport: peer.transport() };
    let connection = Tagged::new(transport, stamp, id_of).progress_by(|transport| transport.mark);
    let mut owner = Owner::new(connection);
    let mut answers = owner.send([1]);
    for second in 1..100 {
        owner.set_now(at(second));
        peer.say(0, 0);
        assert_eq!(owner.events(), [Told::Progress]);
        assert_eq!(owner.events(), [], "it is told once");
    }
    peer.answer(1);
    assert_eq!(owner.events(), [Told::Success]);
    assert_eq!(ends_of(&mut answers), [End::Reply(1)]);
}

// Items that are no answers

type Pushing = Pipelined<Transport, Request, Reply, Talk>;

fn pushing() -> (Peer, Owner<Pushing>) {
    let peer = Peer::default();
    let owner = Owner::new(Pipelined::with_protocol(peer.transport(), Talk::default()));
    (peer, owner)
}

#[test]
fn that_a_caller_goes_is_no_sign_of_its_peer() {
    let (_peer, mut owner) = pushing();
    drop(owner.send(0..10));
    drop(owner.start_send(10));
    assert!(owner.flush().is_ready());
    assert_eq!(owner.events(), [Told::Cancelled], "of the one that was not written");
    owner.set_now(at(30));
    assert_eq!(end_of_patience(&mut owner), silent(30));
}

#[test]
fn a_reply_that_nobody_waits_for_is_told_as_cancelled_and_as_progress() {
    let (peer, mut owner) = pushing();
    drop(owner.send(0..10));
    peer.answer(9);
    let mut told = vec![Told::Cancelled; 9];
    told.push(Told::Progress);
    assert_eq!(owner.events(), told, "once for all of them");
}

#[test]
fn beside_an_answer_nothing_else_has_to_be_told() {
    let (peer, mut owner) = pushing();
    let mut answers = owner.send(0..4);
    drop(answers.remove(0));
    peer.say(0, PUSH);
    peer.answer(2);
    peer.say(0, PUSH);
    peer.say(0, PART + 1);
    assert_eq!(owner.events(), [Told::Cancelled, Told::Success, Told::Answered]);
    peer.say(0, PART + 2);
    assert_eq!(owner.events(), [Told::Progress], "in the next poll it has");
    assert_eq!(owner.events(), []);
}

#[test]
fn many_items_that_are_no_answers_are_told_at_most_once_in_a_poll() {
    let (peer, mut owner) = pushing();
    let _answers = owner.send([0]);
    (0..1000).for_each(|_| peer.say(0, PUSH));
    let mut progress = 0;
    for _ in 0..20 {
        let told = owner.events();
        assert!(told.is_empty() || told == [Told::Progress], "{told:?}");
        progress += told.len();
    }
    assert!((4..=16).contains(&progress), "{progress}");
}

// Limits

#[test]
fn a_connection_says_how_many_calls_it_takes() {
    let limit = |connection: &dyn Fn(Pushing) -> Pushing| {
        let connection = connection(Pipelined::with_protocol(Peer::default().transport(), Talk::default()));
        Connection::in_flight_max(&connection)
    };
    assert_eq!(limit(&|connection| connection), Some(256));
    assert_eq!(limit(&|connection| connection.in_flight_max(7)), Some(7));
    assert_eq!(limit(&|connection| connection.in_flight_max(0)), Some(1));
    for (calls, id_max, limit) in [(300, 99, 100), (300, u32::MAX, 300), (4, 99, 4)] {
        let tagged = Tagged::new(Peer::default().transport(), stamp, id_of);
        let tagged = tagged.in_flight_max(calls).id_max(id_max);
        assert_eq!(Connection::<Item>::in_flight_max(&tagged), Some(limit), "as many as there are ids");
    }
}
