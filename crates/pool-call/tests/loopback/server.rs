//! Servers on threads of their own that answer each request with its number, and cut connections
//! off when they like.

use std::io::{Read, Result, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use fastrand::Rng;
use tokio_util::bytes::BytesMut;
use tokio_util::codec::{Decoder, Encoder};

use super::frames::{Request, ServerCodec};

/// One request in this many is the last of its connection.
const REQUESTS_PER_CUT: u32 = 2_000;

/// In which order a server answers what it has read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    Requests,
    Shuffled,
}

/// What all servers have done.
pub(crate) struct Book {
    /// How often, by number.
    executions: Vec<AtomicU8>,
    cuts: AtomicU64,
    /// Replies that overtook another.
    overtakers: AtomicU64,
}

impl Book {
    pub(crate) fn new(calls: usize) -> Self {
        let executions = (0..calls).map(|_| AtomicU8::new(0)).collect();
        Self { executions, cuts: AtomicU64::new(0), overtakers: AtomicU64::new(0) }
    }

    pub(crate) fn executions(&self, number: usize) -> u8 {
        self.executions[number].load(Ordering::Acquire)
    }

    pub(crate) fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::Acquire)
    }

    pub(crate) fn overtakers(&self) -> u64 {
        self.overtakers.load(Ordering::Acquire)
    }

    fn execute(&self, request: Request) {
        let number = usize::try_from(request.number).expect("it is an index");
        self.executions[number].fetch_add(1, Ordering::AcqRel);
    }
}

/// A server at a free port of the loopback.
pub(crate) struct Server {
    address: SocketAddr,
    is_finished: Arc<AtomicBool>,
    acceptor: JoinHandle<()>,
}

impl Server {
    pub(crate) fn start(book: &Arc<Book>, order: Order, mut random: Rng) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the loopback is there");
        let address = listener.local_addr().expect("it is bound");
        let is_finished = Arc::new(AtomicBool::new(false));
        let (book, is_over) = (Arc::clone(book), Arc::clone(&is_finished));
        let acceptor = thread::spawn(move || {
            let mut connections = Vec::new();
            for stream in listener.incoming() {
                if is_over.load(Ordering::Acquire) {
                    break;
                }
                let (book, random) = (Arc::clone(&book), random.fork());
                let Ok(stream) = stream else { continue };
                // Its client may be gone at any time.
                connections.push(thread::spawn(move || drop(serve(stream, &book, order, random))));
            }
            connections.into_iter().for_each(join);
        });
        Self { address, is_finished, acceptor }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends when all its clients have closed.
    pub(crate) fn finish(self) {
        self.is_finished.store(true, Ordering::Release);
        // It looks when somebody connects.
        drop(TcpStream::connect(self.address));
        join(self.acceptor);
    }
}

fn join(thread: JoinHandle<()>) {
    thread.join().expect("servers don't panic");
}

fn serve(mut stream: TcpStream, book: &Book, order: Order, mut random: Rng) -> Result<()> {
    stream.set_nodelay(true)?;
    let (mut received, mut replies) = (BytesMut::new(), BytesMut::new());
    let mut chunk = [0; 8192];
    loop {
        let len = stream.read(&mut chunk)?;
        if len == 0 {
            return Ok(());
        }
        received.extend_from_slice(&chunk[..len]);
        let mut requests = Vec::new();
        while let Some(request) = ServerCodec.decode(&mut received)? {
            requests.push((requests.len(), request));
        }
        if order == Order::Shuffled {
            random.shuffle(&mut requests);
            let overtakers = requests.windows(2).filter(|pair| pair[0].0 > pair[1].0).count();
            book.overtakers.fetch_add(overtakers as u64, Ordering::AcqRel);
        }
        replies.clear();
        for (_, request) in requests {
            if random.u32(..REQUESTS_PER_CUT) == 0 {
                book.cuts.fetch_add(1, Ordering::AcqRel);
                // In the middle of a reply, most of the time. What was not read makes it a reset.
                return stream.write_all(&replies[..random.usize(..=replies.len())]);
            }
            book.execute(request);
            ServerCodec.encode(request.reply(), &mut replies)?;
        }
        stream.write_all(&replies)?;
    }
}
