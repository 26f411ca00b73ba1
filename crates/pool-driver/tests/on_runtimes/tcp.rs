//! Real TCP over the loopback, with lines as items. The same for each runtime crate, whose `tests/tcp.rs` says
//! how it listens and what it runs on.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

use futures_util::future::{join, join3};
use futures_util::{SinkExt, StreamExt};
use tokio_util::codec::LinesCodec;

use super::adapter::{
    Listener, Peer, Pool, ReadyError, block_on, frame, listen, pool_for_connections, tcp, yield_now,
};

/// So long that a test which waits for it has failed.
const TIMEOUT: Duration = Duration::from_secs(30);

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
    pool_for_connections(tcp(LinesCodec::new, drop))
        .connect_to_fixed([address])
        .connections_per_address(connections)
        .spawn()
        .expect("the settings make sense")
}

/// A pool with one connection, and what its peer says.
fn listening_pool(address: SocketAddr) -> (Pool<String>, mpsc::Receiver<String>) {
    let (sender, said) = mpsc::channel();
    let connector = tcp(LinesCodec::new, move |line| sender.send(line).expect("the test listens"));
    let builder = pool_for_connections(connector).connect_to_fixed([address]);
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
        while pool.snapshot().addresses[0].status.ready < 2 {
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
