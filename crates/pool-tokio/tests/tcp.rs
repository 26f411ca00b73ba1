//! Real TCP over the loopback, with lines as items.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use pool_tokio::{Pool, ReadyError, pool_for_connections, tcp};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::codec::{Framed, LinesCodec};

async fn server() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("the loopback is there");
    let address = listener.local_addr().expect("it is bound");
    (listener, address)
}

async fn accept(listener: &TcpListener) -> Framed<TcpStream, LinesCodec> {
    let (stream, _) = listener.accept().await.expect("somebody connects");
    Framed::new(stream, LinesCodec::new())
}

/// Reads until the pool closes, then closes.
async fn read_to_end(peer: Framed<TcpStream, LinesCodec>) -> Vec<String> {
    peer.map(|line| line.expect("it is text")).collect().await
}

fn pool(address: SocketAddr, connections: u32) -> Pool<String> {
    pool_for_connections(tcp(LinesCodec::new, drop))
        .connect_to_fixed([address])
        .connections_per_address(connections)
        .spawn()
        .expect("there is a runtime")
}

#[tokio::test]
async fn items_arrive_in_turn_over_all_connections() {
    let (listener, address) = server().await;
    let pool = pool(address, 2);
    let peers = [accept(&listener).await, accept(&listener).await];
    while pool.snapshot().addresses[0].status.ready < 2 {
        tokio::task::yield_now().await;
    }
    for number in 0..100 {
        pool.send(format!("line {number}")).await.expect("the pool is open");
    }
    let closing = tokio::spawn(async move { pool.shutdown(Duration::from_secs(10)).await });
    for peer in peers {
        assert_eq!(read_to_end(peer).await.len(), 50);
    }
    assert_eq!(closing.await.expect("nothing panics").counts.sent, 100);
}

#[tokio::test]
async fn what_the_peer_says_is_handed_on() {
    let (listener, address) = server().await;
    let (heard, says) = mpsc::channel();
    let connector = tcp(LinesCodec::new, move |line| heard.send(line).expect("the test listens"));
    let builder = pool_for_connections(connector).connect_to_fixed([address]);
    let pool = builder.spawn::<String>().expect("there is a runtime");
    let mut peer = accept(&listener).await;
    peer.send("hello").await.expect("it is connected");
    pool.send("ping".into()).await.expect("the pool is open");
    assert_eq!(peer.next().await.transpose().ok().flatten().as_deref(), Some("ping"));
    drop(pool);
    read_to_end(peer).await;
    assert_eq!(says.try_recv().as_deref(), Ok("hello"));
}

#[tokio::test]
async fn what_the_peer_says_while_we_close_is_still_heard() {
    let (listener, address) = server().await;
    let (heard, says) = mpsc::channel();
    let connector = tcp(LinesCodec::new, move |line| heard.send(line).expect("the test listens"));
    let builder = pool_for_connections(connector).connect_to_fixed([address]);
    let pool = builder.spawn::<String>().expect("there is a runtime");
    let mut peer = accept(&listener).await;
    pool.send("ping".into()).await.expect("the pool is open");
    let closing = tokio::spawn(async move { pool.shutdown(Duration::from_secs(10)).await });
    while peer.next().await.is_some() {}
    peer.send("bye").await.expect("one half is open");
    drop(peer);
    closing.await.expect("nothing panics");
    assert_eq!(says.try_recv().as_deref(), Ok("bye"));
}

#[tokio::test]
async fn c4_t26_a_peer_that_closes_while_idle_is_redialled_without_traffic() {
    let (listener, address) = server().await;
    let pool = pool(address, 1);
    for _ in 0..3 {
        drop(accept(&listener).await);
    }
    let mut peer = accept(&listener).await;
    pool.send("still here".into()).await.expect("the pool is open");
    assert_eq!(peer.next().await.transpose().ok().flatten().as_deref(), Some("still here"));
}

#[tokio::test]
async fn i6_d2_a_shutdown_flushes_everything_also_to_a_slow_reader() {
    let (listener, address) = server().await;
    let pool = pool(address, 1);
    let peer = accept(&listener).await;
    // More than the sockets' buffers hold, so that the pool has to wait for the reader.
    let sender = tokio::spawn(async move {
        for number in 0..4000 {
            pool.send(format!("{number:04000}")).await.expect("the pool is open");
        }
        pool.shutdown(Duration::from_secs(30)).await
    });
    let lines = read_to_end(peer).await;
    assert_eq!(lines.len(), 4000);
    assert!(
        lines
            .iter()
            .enumerate()
            .all(|(number, line)| line.trim_start_matches('0').parse() == Ok(number) || number == 0)
    );
    assert_eq!(sender.await.expect("nothing panics").counts.sent, 4000);
}

#[tokio::test]
async fn t32_ready_tells_that_nobody_listens() {
    let (listener, address) = server().await;
    drop(listener);
    let pool = pool(address, 1);
    let Err(ReadyError::Failing { last_error: Some(error) }) = pool.ready().await else {
        panic!("nobody listens")
    };
    let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    assert_eq!(kind, Some(std::io::ErrorKind::ConnectionRefused));
}
