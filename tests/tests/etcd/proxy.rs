//! What is between a client and etcd, and can hold back what the client says.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::{io, thread};

/// A TCP proxy. It ends with the test's process.
pub(super) struct Proxy {
    address: SocketAddr,
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Gate {
    is_closed: Mutex<bool>,
    has_changed: Condvar,
}

impl Gate {
    fn set(&self, is_closed: bool) {
        *self.is_closed.lock().expect("nobody panics") = is_closed;
        self.has_changed.notify_all();
    }

    fn wait_until(&self, is_closed: bool) {
        let now = self.is_closed.lock().expect("nobody panics");
        drop(self.has_changed.wait_while(now, |now| *now != is_closed).expect("nobody panics"));
    }
}

impl Proxy {
    /// Before the client gets an answer with these bytes, what it says is held back.
    pub(super) fn start(etcd: &str, close_at: &'static str) -> io::Result<Self> {
        let etcd = etcd.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (address, gate) = (listener.local_addr()?, Arc::new(Gate::default()));
        let shared = gate.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                connect(client?, TcpStream::connect(&etcd)?, &shared, close_at)?;
            }
            io::Result::Ok(())
        });
        Ok(Self { address, gate })
    }

    pub(super) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until the client has got the answer.
    pub(super) fn wait_until_closed(&self) {
        self.gate.wait_until(true);
    }

    pub(super) fn open(&self) {
        self.gate.set(false);
    }
}

fn connect(client: TcpStream, etcd: TcpStream, gate: &Arc<Gate>, close_at: &'static str) -> io::Result<()> {
    client.set_nodelay(true)?;
    etcd.set_nodelay(true)?;
    let (from_client, from_etcd) = (client.try_clone()?, etcd.try_clone()?);
    let held = gate.clone();
    thread::spawn(move || pass_on(from_client, etcd, |_| held.wait_until(false)));
    let closed = gate.clone();
    thread::spawn(move || {
        pass_on(from_etcd, client, |bytes| {
            if bytes.windows(close_at.len()).any(|window| window == close_at.as_bytes()) {
                closed.set(true);
            }
        })
    });
    Ok(())
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, before: impl Fn(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0; 65536];
    loop {
        let length = from.read(&mut buffer)?;
        if length == 0 {
            return to.shutdown(std::net::Shutdown::Write);
        }
        before(&buffer[..length]);
        to.write_all(&buffer[..length])?;
    }
}
