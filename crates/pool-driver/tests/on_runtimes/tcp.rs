//! Real TCP over the loopback, with lines as items. The same for each runtime crate, whose `tests/tcp.rs` says
//! how it listens and what it runs on.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

use futures_util::future::{join, join3};
use futures_util::{SinkExt, StreamExt};
use tokio_util::codec::LinesCodec;

use super::adapter::{
    AsPipelined, AsReadDriven, AsTagged, Call, Listener, Peer, Plain, Pool, ReadyError, TcpConnector,
    TcpTransport, Wrapped, block_on, call_pool_for, frame, listen, pool_for, sink_pool_for, socket, tcp,
    yield_now,
};

/// So long that a test which waits for it has failed.
const TIMEOUT: Duration = Duration::from_secs(30);

fn lines() -> LinesCodec {
    LinesCodec::new_with_max_length(8192)
}

async fn server() -> (Listener, SocketAddr) {
    let listener = listen().await.expect("the loopback is there");
    let address = listener.local_addr().expect("it is bound");
    (listener, address)
}

async fn accept(listener: &Listener) -> Peer {
    let (stream, _) = listener.accept().await.expect("somebody connects");
    frame(stream)
}

/// Reads until the pool closes, then closes.
async fn read_to_end(peer: Peer) -> Vec<String> {
    peer.map(|line| line.expect("it is text")).collect().await
}

fn pool(address: SocketAddr, connections: u32) -> Pool<String> {
    pool_for(tcp(lines()).on_item(drop))
        .connect_to_fixed([address])
        .connections_per_address(connections)
        .items_per_turn(1)
        .spawn()
        .expect("the settings make sense")
}

/// A pool with one connection, and what its peer says.
fn listening_pool(address: SocketAddr) -> (Pool<String>, mpsc::Receiver<String>) {
    let (sender, said) = mpsc::channel();
    let connector = tcp(lines()).on_item(move |line| sender.send(line).expect("the test listens"));
    let builder = pool_for(connector).connect_to_fixed([address]);
    (builder.spawn().expect("the settings make sense"), said)
}

async fn next_line(peer: &mut Peer) -> Option<String> {
    peer.next().await.transpose().expect("it is text")
}

#[test]
fn items_arrive_in_turn_over_all_connections() {
    block_on(async {
        let (listener, address) = server().await;
        let pool = pool(address, 2);
        let peers = [accept(&listener).await, accept(&listener).await];
        while pool.snapshot().addresses[0].status.slots.ready < 2 {
            yield_now().await;
        }
        for number in 0..100 {
            pool.send(format!("line {number}")).await.expect("the pool is open");
        }
        let [first, second] = peers.map(read_to_end);
        let (ended, first, second) = join3(pool.shutdown(TIMEOUT), first, second).await;
        assert_eq!((ended.counts.sent, first.len(), second.len()), (100, 50, 50));
    });
}

#[test]
fn what_the_peer_says_is_given_to_the_handler() {
    block_on(async {
        let (listener, address) = server().await;
        let (pool, said) = listening_pool(address);
        let mut peer = accept(&listener).await;
        peer.send("hello").await.expect("it is connected");
        pool.send("ping".into()).await.expect("the pool is open");
        assert_eq!(next_line(&mut peer).await.as_deref(), Some("ping"));
        drop(pool);
        read_to_end(peer).await;
        assert_eq!(said.try_recv().as_deref(), Ok("hello"));
    });
}

#[test]
fn what_the_peer_says_while_the_pool_closes_is_still_given_to_the_handler() {
    block_on(async {
        let (listener, address) = server().await;
        let (pool, said) = listening_pool(address);
        let mut peer = accept(&listener).await;
        peer.send("hello").await.expect("it is connected");
        pool.send("ping".into()).await.expect("the pool is open");
        let farewell = async {
            while peer.next().await.is_some() {}
            peer.send("bye").await.expect("one half is open");
            drop(peer);
        };
        join(pool.shutdown(TIMEOUT), farewell).await;
        assert_eq!(said.try_iter().collect::<Vec<_>>(), ["hello", "bye"]);
    });
}

#[test]
fn c4_t26_a_peer_that_closes_while_idle_is_redialled_without_traffic() {
    block_on(async {
        let (listener, address) = server().await;
        let pool = pool(address, 1);
        for _ in 0..3 {
            drop(accept(&listener).await);
        }
        let mut peer = accept(&listener).await;
        pool.send("still here".into()).await.expect("the pool is open");
        assert_eq!(next_line(&mut peer).await.as_deref(), Some("still here"));
    });
}

#[test]
fn i6_d2_a_shutdown_flushes_everything_also_to_a_slow_reader() {
    block_on(async {
        let (listener, address) = server().await;
        let pool = pool(address, 1);
        let peer = accept(&listener).await;
        // More than the sockets' buffers hold, so that the pool has to wait for the reader.
        let send = async {
            for number in 0..4000 {
                pool.send(format!("{number:04000}")).await.expect("the pool is open");
            }
            pool.shutdown(TIMEOUT).await
        };
        let (ended, lines) = join(send, read_to_end(peer)).await;
        assert_eq!(ended.counts.sent, 4000);
        assert!(lines.iter().map(|line| line.parse()).eq((0..4000).map(Ok)));
    });
}

#[test]
fn t32_ready_tells_that_nobody_listens() {
    block_on(async {
        let (listener, address) = server().await;
        drop(listener);
        let pool = pool(address, 1);
        let Err(ReadyError::Failing { last_error: Some(error) }) = pool.ready(1).unless_failing().await
        else {
            panic!("nobody listens")
        };
        let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        assert_eq!(kind, Some(std::io::ErrorKind::ConnectionRefused));
    });
}

#[test]
fn a_pool_of_plain_sinks_takes_the_connector_as_it_is() {
    block_on(async {
        let (listener, address) = server().await;
        let pool =
            sink_pool_for(tcp(lines())).connect_to_fixed([address]).spawn().expect("the settings make sense");
        let mut peer = accept(&listener).await;
        pool.send("hello".to_owned()).await.expect("the pool is open");
        assert_eq!(next_line(&mut peer).await.as_deref(), Some("hello"));
    });
}

/// Answers two questions, the second one first where the order is reversed.
async fn answer_two(listener: &Listener, is_reversed: bool) {
    let mut peer = accept(listener).await;
    let mut lines =
        [next_line(&mut peer).await, next_line(&mut peer).await].map(|line| line.expect("it is open"));
    if is_reversed {
        lines.reverse();
    }
    for line in lines {
        peer.send(line + "!").await.expect("it is open");
    }
    read_to_end(peer).await;
}

#[test]
fn calls_are_answered_in_their_order_over_a_pipelined_connector() {
    block_on(async {
        let (listener, address) = server().await;
        let builder = call_pool_for(tcp(lines()).pipelined()).connect_to_fixed([address]);
        let pool = builder.spawn().expect("the settings make sense");
        let calls = async {
            let (first, second) = join(pool.call("a".to_owned()), pool.call("b".to_owned())).await;
            pool.shutdown(TIMEOUT).await;
            (first.expect("it is answered"), second.expect("it is answered"))
        };
        let (replies, ()) = join(calls, answer_two(&listener, false)).await;
        assert_eq!(replies, ("a!".to_owned(), "b!".to_owned()));
    });
}

#[test]
fn calls_are_answered_also_where_their_connection_counts_as_a_plain_sink() {
    block_on(async {
        let (listener, address) = server().await;
        let builder = sink_pool_for(tcp(lines()).pipelined()).connect_to_fixed([address]);
        let pool = builder.spawn().expect("the settings make sense");
        let ask = async {
            let (first, first_reply) = Call::<String, String>::new("a".to_owned());
            let (second, second_reply) = Call::new("b".to_owned());
            pool.send(first).await.expect("it is open");
            pool.send(second).await.expect("it is open");
            let (first, second) = join(first_reply, second_reply).await;
            pool.shutdown(TIMEOUT).await;
            (first.expect("it is answered"), second.expect("it is answered"))
        };
        let (replies, ()) = join(ask, answer_two(&listener, false)).await;
        assert_eq!(replies, ("a!".to_owned(), "b!".to_owned()));
    });
}

#[test]
fn calls_are_answered_in_any_order_over_a_tagged_connector() {
    let stamp = |question: &mut String, id: u32| question.insert_str(0, &format!("{id} "));
    let id_of = |answer: &String| answer.split(' ').next()?.parse().ok();
    block_on(async {
        let (listener, address) = server().await;
        let builder = call_pool_for(tcp(lines()).tagged(stamp, id_of)).connect_to_fixed([address]);
        let pool = builder.spawn().expect("the settings make sense");
        let calls = async {
            let (first, second) = join(pool.call("a".to_owned()), pool.call("b".to_owned())).await;
            pool.shutdown(TIMEOUT).await;
            (first.expect("it is answered"), second.expect("it is answered"))
        };
        let ((first, second), ()) = join(calls, answer_two(&listener, true)).await;
        assert!(first.ends_with(" a!") && second.ends_with(" b!"), "{first}, {second}");
    });
}

/// A program's own type can hold each connector without a parameter for it.
struct Connectors {
    plain: Lines,
    reading: Wrapped<Lines, AsReadDriven<OnLine>>,
    pipelined: Wrapped<Lines, AsPipelined<TcpTransport<LinesCodec>, String, String>>,
    tagged: Wrapped<Lines, AsTagged<TcpTransport<LinesCodec>, String, String, Stamp, IdOf>>,
}

type Lines = TcpConnector<LinesCodec>;
type OnLine = fn(String);
type Stamp = fn(&mut String, u32);
type IdOf = fn(&String) -> Option<u32>;

#[test]
fn connectors_can_be_named() {
    let (stamp, id_of): (Stamp, IdOf) = (|_, _| {}, |_| None);
    let connectors = Connectors {
        plain: tcp(lines()),
        reading: tcp(lines()).on_item(drop),
        pipelined: tcp(lines()).pipelined(),
        tagged: tcp(lines()).tagged(stamp, id_of),
    };
    let Connectors { plain, reading, pipelined, tagged } = &connectors;
    assert!(format!("{plain:?} {reading:?} {pipelined:?} {tagged:?}").contains("nodelay: true"));
}

/// What a connector has done to a socket. Only Linux has all of it.
#[cfg(target_os = "linux")]
#[derive(PartialEq, Eq, Debug)]
struct Options {
    nodelay: bool,
    /// The time before the first question and that between two, if there are questions.
    keep_alive: Option<[Duration; 2]>,
    user_timeout: Option<Duration>,
}

#[cfg(target_os = "linux")]
impl Options {
    fn of(transport: &TcpTransport<LinesCodec>) -> std::io::Result<Self> {
        let socket = socket(transport);
        let times = [socket.tcp_keepalive_time()?, socket.tcp_keepalive_interval()?];
        Ok(Self {
            nodelay: socket.tcp_nodelay()?,
            keep_alive: socket.keepalive()?.then_some(times),
            user_timeout: socket.tcp_user_timeout()?,
        })
    }

    /// Connects, and looks at the socket.
    fn made_by(change: fn(TcpConnector<LinesCodec>) -> TcpConnector<LinesCodec>) -> Self {
        let (sender, seen) = mpsc::channel();
        let connector = Wrapped::new(change(tcp(lines())), move |transport: TcpTransport<LinesCodec>| {
            sender.send(Self::of(&transport)).expect("the test listens");
            Plain::new(transport)
        });
        block_on(async {
            let (_listener, address) = server().await;
            let builder = pool_for(connector).connect_to_fixed([address]);
            let pool = builder.spawn::<String>().expect("the settings make sense");
            pool.ready(1).await.expect("the server listens");
        });
        seen.try_recv().expect("it has connected").expect("the system has these options")
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_socket_sends_at_once_by_default_and_asks_its_peer_nothing() {
    let options = Options { nodelay: true, keep_alive: None, user_timeout: None };
    assert_eq!(Options::made_by(|tcp| tcp), options);
}

#[cfg(target_os = "linux")]
#[test]
fn the_options_of_a_connector_are_set_on_its_sockets() {
    let [idle, patience] = [30, 20].map(Duration::from_secs);
    let made = Options::made_by(|tcp| {
        tcp.nodelay(false).keep_alive(Duration::from_secs(30)).user_timeout(Duration::from_secs(20))
    });
    let options = Options { nodelay: false, keep_alive: Some([idle; 2]), user_timeout: Some(patience) };
    assert_eq!(made, options);
}

#[cfg(target_os = "linux")]
#[test]
fn times_that_a_socket_does_not_take_become_the_next_ones_that_it_does() {
    let made = Options::made_by(|tcp| tcp.keep_alive(Duration::ZERO).user_timeout(Duration::ZERO));
    assert_eq!(made.keep_alive, Some([Duration::from_secs(1); 2]));
    assert_eq!(made.user_timeout, Some(Duration::from_millis(1)));
    let made = Options::made_by(|tcp| tcp.keep_alive(Duration::MAX).user_timeout(Duration::MAX));
    assert_eq!(made.keep_alive, Some([Duration::from_secs(32_767); 2]));
    assert_eq!(made.user_timeout, Some(Duration::from_millis(i32::MAX as u64)));
    let made = Options::made_by(|tcp| {
        tcp.keep_alive(Duration::from_millis(1_001)).user_timeout(Duration::from_micros(1_001))
    });
    assert_eq!(made.keep_alive, Some([Duration::from_secs(2); 2]));
    assert_eq!(made.user_timeout, Some(Duration::from_millis(2)));
}
