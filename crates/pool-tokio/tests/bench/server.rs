//! A server, and its end of each connection.

use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio_util::bytes::BytesMut;
use tokio_util::codec::{Encoder, Framed};

use super::SOCKET_BUFFER_LEN;
use crate::frames::{Reply, Request, ServerCodec};

/// What a server has seen.
#[derive(Default)]
struct Seen {
    connections: usize,
    /// The numbers of requests.
    requests: Vec<u32>,
}

pub(crate) struct Server {
    address: SocketAddr,
    seen: Arc<watch::Sender<Seen>>,
}

impl Server {
    /// Each connection does as `conduct` says, which is told how many there were before.
    pub(crate) fn start<C, F>(conduct: C) -> Self
    where
        C: Fn(usize, Peer) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let socket = TcpSocket::new_v4().expect("there are sockets");
        socket.set_recv_buffer_size(SOCKET_BUFFER_LEN).expect("they can be small");
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("the loopback is there");
        let listener = socket.listen(1024).expect("it is bound");
        let address = listener.local_addr().expect("it is bound");
        let seen = Arc::new(watch::Sender::new(Seen::default()));
        let record = Arc::clone(&seen);
        tokio::spawn(async move {
            for before in 0.. {
                let (stream, _) = listener.accept().await.expect("it listens");
                stream.set_nodelay(true).expect("it is connected");
                record.send_modify(|seen| seen.connections += 1);
                let frames = Framed::new(stream, ServerCodec);
                tokio::spawn(conduct(before, Peer { frames, seen: Arc::clone(&record) }));
            }
        });
        Self { address, seen }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections there have been.
    pub(crate) fn connections(&self) -> usize {
        self.seen.borrow().connections
    }

    /// The numbers of all requests that have come.
    pub(crate) fn seen(&self) -> Vec<u32> {
        self.seen.borrow().requests.clone()
    }

    pub(crate) async fn has_connections(&self, count: usize) {
        self.wait_for(|seen| seen.connections >= count).await;
    }

    pub(crate) async fn has_seen(&self, count: usize) {
        self.wait_for(|seen| seen.requests.len() >= count).await;
    }

    async fn wait_for(&self, is_meant: impl FnMut(&Seen) -> bool) {
        self.seen.subscribe().wait_for(is_meant).await.expect("the server lives");
    }
}

/// The server's end of a connection.
pub(crate) struct Peer {
    frames: Framed<TcpStream, ServerCodec>,
    seen: Arc<watch::Sender<Seen>>,
}

impl Peer {
    /// The next request, if there are more.
    pub(crate) async fn next(&mut self) -> Option<Request> {
        let request = self.frames.next().await?.ok()?;
        self.seen.send_modify(|seen| seen.requests.push(request.number));
        Some(request)
    }

    pub(crate) async fn read(&mut self, count: usize) -> Vec<Request> {
        let mut requests = Vec::new();
        while requests.len() < count {
            requests.push(self.next().await.expect("more requests come"));
        }
        requests
    }

    pub(crate) async fn answer(&mut self, request: Request) {
        self.say(request.reply()).await;
    }

    pub(crate) async fn say(&mut self, reply: Reply) {
        // The client may have gone, and read no more.
        let _ = self.frames.send(reply).await;
    }

    /// Sends replies in one piece.
    pub(crate) async fn say_at_once(&mut self, replies: impl IntoIterator<Item = Reply>) {
        for reply in replies {
            self.frames.feed(reply).await.expect("the client reads");
        }
        self.frames.flush().await.expect("the client reads");
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.frames.get_mut().write_all(bytes).await.expect("the client reads");
    }

    /// What is written for a reply.
    pub(crate) fn encoded(reply: Reply) -> BytesMut {
        let mut bytes = BytesMut::new();
        ServerCodec.encode(reply, &mut bytes).expect("it can be encoded");
        bytes
    }

    /// Waits for so many bytes, and leaves them where they are.
    pub(crate) async fn peek(&mut self, len: usize) {
        let mut bytes = vec![0; len];
        while self.frames.get_ref().peek(&mut bytes).await.expect("the client writes") < len {
            tokio::task::yield_now().await;
        }
    }

    /// Is a good server from now on.
    pub(crate) async fn answer_all(mut self) {
        while let Some(request) = self.next().await {
            self.answer(request).await;
        }
    }

    /// Leaves the client's writes blocked.
    pub(crate) async fn never_read(self) {
        pending::<()>().await;
        drop(self);
    }

    /// Does nothing but read until the client has closed.
    pub(crate) async fn answer_none(mut self) {
        while self.next().await.is_some() {}
    }
}
