//! A client's socket that speaks lines and never waits, for event loops on mio.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

/// A socket, and what it can't write yet.
///
/// mio tells only once that a socket can be read or written: each method goes on until it can't,
/// or says that there is more.
#[derive(Debug)]
pub struct LineSocket {
    stream: TcpStream,
    outgoing: Vec<u8>,
}

/// How far the reading went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_enums, reason = "there is something to read now, later, or never")]
pub enum Reading {
    /// There is more to read, and no event will tell again.
    More,
    /// An event will tell of more.
    Blocked,
    /// The peer has closed.
    Closed,
}

/// With so many bytes still to write a socket is full.
const OUTGOING_MAX: usize = 4096;
/// A peer that never pauses must not keep the others waiting.
const READS_MAX: usize = 16;

impl LineSocket {
    /// Starts to connect, and to tell of events under this token.
    ///
    /// # Errors
    ///
    /// When that can't even begin.
    pub fn connect(address: SocketAddr, registry: &Registry, token: Token) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { stream, outgoing: Vec::new() })
    }

    /// Whether it is connected by now; the recipe is that of `mio::net::TcpStream::connect`.
    ///
    /// # Errors
    ///
    /// When it never will be.
    pub fn is_connected(&self) -> io::Result<bool> {
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        match self.stream.peer_addr() {
            Err(error) if error.kind() == ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
            Ok(_) => self.stream.set_nodelay(true).map(|()| true),
        }
    }

    /// Keeps a line to be written.
    pub fn push(&mut self, line: &str) {
        self.outgoing.extend_from_slice(line.as_bytes());
        self.outgoing.push(b'\n');
    }

    /// Whether it should be given no more lines now.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.outgoing.len() >= OUTGOING_MAX
    }

    /// Reads, and returns how many lines have come.
    ///
    /// # Errors
    ///
    /// When the connection is broken.
    pub fn read(&mut self) -> io::Result<(Reading, usize)> {
        let (mut buffer, mut lines) = ([0; 4096], 0);
        for _ in 0..READS_MAX {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Ok((Reading::Closed, lines)),
                Ok(length) => lines += buffer[..length].split(|byte| *byte == b'\n').count() - 1,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok((Reading::Blocked, lines)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok((Reading::More, lines))
    }

    /// Writes what it can of what was pushed. Returns whether that was all.
    ///
    /// # Errors
    ///
    /// When the connection is broken.
    pub fn write(&mut self) -> io::Result<bool> {
        while !self.outgoing.is_empty() {
            match self.stream.write(&self.outgoing) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => drop(self.outgoing.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Says that nothing more will be written. The peer answers the rest and closes, which ends the
    /// reading; so does an error.
    pub fn finish(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }
}
