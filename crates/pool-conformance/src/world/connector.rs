//! The connector of the scripted servers, and its dials.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker, ready};

use pool_driver::{Connect, DialContext};

use super::connection::ScriptedConnection;
use super::dial::Dial;
use super::link::Link;
use super::servers::Servers;
use crate::clock::Sleep;

impl Connect<u16> for Servers {
    type Connection = ScriptedConnection;
    type Error = String;
    type Future = Dialling;

    fn connect(&mut self, address: u16, context: &DialContext) -> Dialling {
        let (dial, in_flight) = self.start_dial(address, context);
        let _entered = self.calls().enter();
        if dial == Dial::PanicInCall {
            self.calls().panic("of the connector");
        }
        Dialling::new(self, address, in_flight)
    }
}

/// A dial in flight.
#[derive(Debug)]
pub struct Dialling {
    servers: Servers,
    address: u16,
    in_flight: Arc<AtomicUsize>,
    delay: Option<Sleep>,
    /// The waker of the latest poll, unless the dial made a connection.
    waker: Option<Waker>,
}

impl Dialling {
    fn new(servers: &Servers, address: u16, in_flight: Arc<AtomicUsize>) -> Self {
        in_flight.fetch_add(1, Ordering::Relaxed);
        Self { servers: servers.clone(), address, in_flight, delay: None, waker: None }
    }
}

impl Future for Dialling {
    type Output = Result<ScriptedConnection, String>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let _entered = this.servers.calls().enter();
        this.waker = Some(cx.waker().clone());
        let dial = this.servers.poll_dial(this.address, cx.waker().clone());
        let end: fn(&Link) = match dial {
            Dial::Accept | Dial::AcceptOnce | Dial::PanicInDrop => |_| {},
            Dial::AcceptAfter(delay) => {
                let servers = &this.servers;
                ready!(Pin::new(this.delay.get_or_insert_with(|| servers.sleep(delay))).poll(cx));
                |_| {}
            }
            Dial::AcceptThenDie => Link::break_off,
            Dial::AcceptThenClose => Link::hang_up,
            Dial::AcceptThenGoAway => Link::go_away,
            Dial::AcceptThenFindUnfit => Link::find_unfit,
            // A dial that was called before connectors began to panic makes no connection either.
            Dial::Refuse | Dial::PanicInCall => return Poll::Ready(Err("connection refused".into())),
            Dial::Hang => return Poll::Pending,
            Dial::PanicInFuture => this.servers.calls().panic("of a dial"),
        };
        this.waker = None;
        let connection = this.servers.accept(this.address);
        end(connection.link());
        Poll::Ready(Ok(connection))
    }
}

impl Drop for Dialling {
    fn drop(&mut self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        let waker = self.waker.take();
        let dial = self.servers.end_dial(self.address, waker);
        if dial == Dial::PanicInDrop && !std::thread::panicking() {
            self.servers.calls().panic("of a dial's drop");
        }
    }
}
