//! What a Redis has counted, asked for on a connection of our own.

use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// A connection to a server, to ask for its counter.
#[derive(Debug)]
pub struct CounterReader {
    stream: BufReader<TcpStream>,
}

const REPLY_TIMEOUT: Duration = Duration::from_secs(5);

impl CounterReader {
    /// Connects.
    ///
    /// # Errors
    ///
    /// When nobody listens there.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(REPLY_TIMEOUT))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Asks for the counter, until it is `expected` or has not changed for a second: who sent with
    /// replies off can't know when all is done.
    ///
    /// # Errors
    ///
    /// When the server doesn't answer.
    pub fn read_settled(&mut self, expected: u64) -> io::Result<u64> {
        let mut counter = self.read()?;
        let mut changed = Instant::now();
        while counter != expected && changed.elapsed() < Duration::from_secs(1) {
            thread::sleep(Duration::from_millis(10));
            let latest = self.read()?;
            if latest != counter {
                counter = latest;
                changed = Instant::now();
            }
        }
        Ok(counter)
    }

    pub(crate) fn read(&mut self) -> io::Result<u64> {
        self.stream.get_mut().write_all(b"GET counter\r\n")?;
        // `$-1` if there is none; otherwise `$` and its length, and a line with the counter.
        if self.line()? == "$-1" {
            return Ok(0);
        }
        let counter = self.line()?;
        counter.parse().map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}
