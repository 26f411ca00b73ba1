//! A server that reads lines, answers each, and can die like a real one.

use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::ledger::Ledger;

/// A server on a thread of its own. It answers line `17` with `ok 17`, and records it.
#[derive(Debug)]
pub struct LineServer {
    address: SocketAddr,
    ledger: Ledger,
    life: Option<Life>,
}

#[derive(Debug)]
struct Life {
    orders: mpsc::Sender<Order>,
    thread: JoinHandle<io::Result<()>>,
}

#[derive(Clone, Copy, Debug)]
enum Order {
    Die,
    Finish,
}

/// How long it rests before it looks at its sockets again.
const REST: Duration = Duration::from_millis(20);
/// Clients that have not closed after this won't.
const FINISH_TIMEOUT: Duration = Duration::from_secs(5);

impl LineServer {
    /// Starts a server on a free port of this machine.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn start(ledger: &Ledger) -> io::Result<Self> {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into(), ledger)
    }

    /// Starts a server at this address.
    ///
    /// # Errors
    ///
    /// When it is taken.
    pub fn start_at(address: SocketAddr, ledger: &Ledger) -> io::Result<Self> {
        let mut server = Self { address, ledger: ledger.clone(), life: None };
        server.restart()?;
        Ok(server)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts one that has died again, at the same address.
    ///
    /// # Errors
    ///
    /// When the port is taken.
    pub fn restart(&mut self) -> io::Result<()> {
        let listener = TcpListener::bind(self.address)?;
        listener.set_nonblocking(true)?;
        self.address = listener.local_addr()?;
        let (orders, inbox) = mpsc::channel();
        let (address, ledger) = (self.address, self.ledger.clone());
        let thread = thread::spawn(move || serve(&listener, address, &ledger, &inbox));
        self.life = Some(Life { orders, thread });
        Ok(())
    }

    /// Dies without a word, as in a crash: what it has not read is gone, and its
    /// connections are reset.
    ///
    /// # Errors
    ///
    /// When the server had failed already.
    pub fn die(&mut self) -> io::Result<()> {
        self.obey(Order::Die)
    }

    /// Ends when all clients have closed and everything is read.
    ///
    /// # Errors
    ///
    /// When the server had failed already, or clients don't close.
    pub fn finish(&mut self) -> io::Result<()> {
        self.obey(Order::Finish)
    }

    fn obey(&mut self, order: Order) -> io::Result<()> {
        let Some(Life { orders, thread }) = self.life.take() else { return Ok(()) };
        // A server that has failed takes no orders; why, it tells now.
        let _ = orders.send(order);
        thread.join().map_err(|_| io::Error::other("a server panicked"))?
    }
}

fn serve(
    listener: &TcpListener,
    address: SocketAddr,
    ledger: &Ledger,
    orders: &mpsc::Receiver<Order>,
) -> io::Result<()> {
    let mut clients = Vec::new();
    let mut finish_by = None;
    loop {
        match orders.recv_timeout(REST) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Order::Finish) => finish_by = Some(Instant::now() + FINISH_TIMEOUT),
            Ok(Order::Die) | Err(RecvTimeoutError::Disconnected) => {
                // Like most servers it stops to read a moment before it is gone.
                thread::sleep(REST);
                ledger.died(address);
                return clients.iter().try_for_each(Client::reset_on_drop);
            }
        }
        loop {
            match listener.accept() {
                Ok((stream, _)) => clients.push(Client::new(stream)?),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        clients.retain_mut(|client| client.serve(address, ledger));
        if let Some(deadline) = finish_by {
            if clients.is_empty() {
                return Ok(());
            }
            if deadline < Instant::now() {
                return Err(io::Error::new(ErrorKind::TimedOut, "clients did not close"));
            }
        }
    }
}

struct Client {
    stream: BufReader<TcpStream>,
    /// What has been read of the next line.
    line: Vec<u8>,
}

impl Client {
    fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), line: Vec::new() })
    }

    fn reset_on_drop(&self) -> io::Result<()> {
        SockRef::from(self.stream.get_ref()).set_linger(Some(Duration::ZERO))
    }

    /// Reads and answers what is there. Returns whether more can come.
    fn serve(&mut self, address: SocketAddr, ledger: &Ledger) -> bool {
        loop {
            match self.stream.read_until(b'\n', &mut self.line) {
                Ok(_) if self.line.ends_with(b"\n") => {}
                Ok(_) => return false,
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
            let line = String::from_utf8_lossy(&self.line).trim().to_owned();
            self.line.clear();
            ledger.received(&line, address);
            if self.stream.get_mut().write_all(format!("ok {line}\n").as_bytes()).is_err() {
                return false;
            }
        }
    }
}
