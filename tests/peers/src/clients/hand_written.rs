//! No pool at all: a loop that owns all sockets and takes requests from one queue. It knows no outage, and ends with
//! the first connection.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::task::{Context, Poll};

use futures_util::{SinkExt, StreamExt};
use pool_examples::{Command, Reply, RespCodec};
use pool_tokio::BoxError;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio_util::codec::Framed;

use super::resp::{answer, command};
use super::{Answer, CONNECTIONS_PER_SERVER, Client, Failure, Request, ensure_tokio};
use crate::executor::Executor;

/// Requests that wait for the loop.
const QUEUE_SIZE: usize = 1024;

#[derive(Clone)]
pub(crate) struct HandWritten {
    asked: mpsc::Sender<Asked>,
}

struct Asked {
    command: Command,
    reply: oneshot::Sender<Reply>,
}

struct EventLoop {
    asked: mpsc::Receiver<Asked>,
    links: Vec<Link>,
    /// Whose turn it is.
    next: usize,
}

struct Link {
    framed: Framed<TcpStream, RespCodec>,
    /// Where the next replies go, in order.
    waiting: VecDeque<oneshot::Sender<Reply>>,
    is_dirty: bool,
}

impl Client for HandWritten {
    async fn connect(executor: Executor, servers: &[SocketAddr]) -> Result<Self, BoxError> {
        ensure_tokio(executor, "the loop")?;
        let mut links = Vec::new();
        for _ in 0..CONNECTIONS_PER_SERVER {
            for server in servers {
                let stream = TcpStream::connect(server).await?;
                stream.set_nodelay(true)?;
                let framed = Framed::new(stream, RespCodec::default());
                links.push(Link { framed, waiting: VecDeque::new(), is_dirty: false });
            }
        }
        let (sender, asked) = mpsc::channel(QUEUE_SIZE);
        let mut event_loop = EventLoop { asked, links, next: 0 };
        tokio::spawn(async move {
            if let Err(error) = poll_fn(|cx| event_loop.poll(cx)).await {
                eprintln!("the loop has ended: {error}");
            }
        });
        Ok(Self { asked: sender })
    }

    async fn request(&self, request: Request) -> Result<Answer, Failure> {
        let (sender, reply) = oneshot::channel();
        let asked = Asked { command: command(request), reply: sender };
        self.asked.send(asked).await.map_err(|_| Failure::NotSent)?;
        answer(reply.await.map_err(|_| Failure::MaybeSent)?)
    }
}

impl EventLoop {
    /// Ends when nobody can ask any more.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        for link in &mut self.links {
            link.read(cx)?;
        }
        while let Some(turn) = self.ready_link(cx)? {
            let Poll::Ready(asked) = self.asked.poll_recv(cx) else { break };
            let Some(asked) = asked else { return Poll::Ready(Ok(())) };
            self.links[turn].write(asked)?;
            self.next = (turn + 1) % self.links.len();
        }
        for link in &mut self.links {
            link.flush(cx)?;
        }
        Poll::Pending
    }

    /// The first, from the one whose turn it is, that can take a request.
    fn ready_link(&mut self, cx: &mut Context<'_>) -> io::Result<Option<usize>> {
        for turn in (self.next..self.links.len()).chain(0..self.next) {
            if self.links[turn].framed.poll_ready_unpin(cx)?.is_ready() {
                return Ok(Some(turn));
            }
        }
        Ok(None)
    }
}

impl Link {
    fn read(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while let Poll::Ready(reply) = self.framed.poll_next_unpin(cx) {
            let reply = reply.ok_or(ErrorKind::UnexpectedEof)??;
            let waiting = self.waiting.pop_front().ok_or(ErrorKind::InvalidData)?;
            // Who asked may have gone.
            let _ = waiting.send(reply);
        }
        Ok(())
    }

    fn write(&mut self, asked: Asked) -> io::Result<()> {
        self.framed.start_send_unpin(asked.command)?;
        self.waiting.push_back(asked.reply);
        self.is_dirty = true;
        Ok(())
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.is_dirty {
            self.is_dirty = self.framed.poll_flush_unpin(cx)?.is_pending();
        }
        Ok(())
    }
}
