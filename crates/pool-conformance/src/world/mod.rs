//! The outside of a pool, in memory: servers by address, the connector that dials them, a name
//! service, and a ledger in which every item's end is written down.

#![expect(clippy::must_use_candidate, reason = "nearly everything here is a look that changes nothing")]

mod events;
mod feed;
mod ledger;
mod link;
mod settings_feed;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use parking_lot::Mutex;
use pool_driver::{Connect, DialContext};

use crate::simulated::{Clock, Sleep};

pub use events::{EventLog, Level, Tally};
pub use feed::{Answer, Feed};
pub use ledger::{Calls, End, Entered, Item, Ledger};
pub use link::{Behaviour, Call, Fault, Link, Wire};
pub use settings_feed::{Change, SettingsFeed};

/// How a server answers dials.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Dial {
    /// The connection is up at once.
    #[default]
    Accept,
    /// The connection is up at once, and the dials after it hang.
    AcceptOnce,
    /// The connection is up after so much time.
    AcceptAfter(Duration),
    /// The connection is up, and breaks when it is first looked at.
    AcceptThenDie,
    /// The connection is up, and the peer closes it in good order.
    AcceptThenClose,
    /// The connection is up, and the peer asks for no items.
    AcceptThenGoAway,
    /// The dial fails.
    Refuse,
    /// No answer, ever.
    Hang,
    /// The connector panics when it is called.
    PanicInCall,
    /// The dial panics when it is polled.
    PanicInFuture,
    /// The connection is up, and the dial panics when it is dropped.
    PanicInDrop,
}

/// Servers, by address, and the connector that reaches them.
#[derive(Clone, Debug)]
pub struct World {
    servers: Arc<Mutex<BTreeMap<u16, Server>>>,
    ledger: Ledger,
    calls: Calls,
    /// By which slow servers are slow.
    clock: Clock,
}

#[derive(Debug, Default)]
struct Server {
    dial: Dial,
    behaviour: Behaviour,
    dials: usize,
    links: Vec<Link>,
    hanging: Vec<Waker>,
    /// Of dials that came to nothing.
    former_wakers: Vec<Waker>,
    dial_polls: usize,
    dial_polls_mark: usize,
    /// Dials and connections that the pool holds.
    dialling: Arc<AtomicUsize>,
    alive: Arc<AtomicUsize>,
    last_context: Option<DialContext>,
}

impl World {
    /// Servers that accept everything at every address. Slowness is measured by `clock`.
    pub fn new(ledger: &Ledger, calls: &Calls, clock: &Clock) -> Self {
        Self { servers: Arc::default(), ledger: ledger.clone(), calls: calls.clone(), clock: clock.clone() }
    }

    fn with<R>(&self, address: u16, look: impl FnOnce(&mut Server) -> R) -> R {
        look(self.servers.lock().entry(address).or_default())
    }

    /// From now on the server answers dials like this, also those that hang.
    pub fn answer(&self, address: u16, dial: Dial) {
        let hanging = self.with(address, |server| {
            server.dial = dial;
            std::mem::take(&mut server.hanging)
        });
        for waker in hanging {
            waker.wake();
        }
    }

    /// From now on the server's dials panic when they are dropped; those that hang, hang on.
    pub fn spoil_drops(&self, address: u16) {
        self.with(address, |server| server.dial = Dial::PanicInDrop);
    }

    /// How the connections to come behave.
    pub fn behave(&self, address: u16, change: impl FnOnce(&mut Behaviour)) {
        self.with(address, |server| change(&mut server.behaviour));
    }

    /// Dials that were ever started.
    pub fn dials(&self, address: u16) -> usize {
        self.with(address, |server| server.dials)
    }

    /// Dials in flight.
    pub fn dialling(&self, address: u16) -> usize {
        self.with(address, |server| server.dialling.load(Ordering::Relaxed))
    }

    /// Connections that the pool has not dropped.
    pub fn alive(&self, address: u16) -> usize {
        self.with(address, |server| server.alive.load(Ordering::Relaxed))
    }

    /// What the connector was told of the latest dial.
    pub fn last_context(&self, address: u16) -> Option<DialContext> {
        self.with(address, |server| server.last_context)
    }

    /// All connections that were ever made to the address.
    pub fn links(&self, address: u16) -> Vec<Link> {
        self.with(address, |server| server.links.clone())
    }

    /// The newest one.
    ///
    /// # Panics
    ///
    /// When nobody has connected yet.
    pub fn link(&self, address: u16) -> Link {
        self.links(address).pop().expect("somebody has connected")
    }

    /// All connections that were ever made to any address.
    pub fn all_links(&self) -> Vec<Link> {
        self.servers.lock().values().flat_map(|server| server.links.clone()).collect()
    }

    /// The wakers of dials and connections to the address that are over, for late misuse.
    pub fn former_wakers(&self, address: u16) -> Vec<Waker> {
        let (mut wakers, links) =
            self.with(address, |server| (server.former_wakers.clone(), server.links.clone()));
        let closed = links.iter().filter(|link| !link.is_open());
        wakers.extend(closed.filter_map(Link::steal_waker));
        wakers
    }

    /// [`calls_since_mark`](Self::calls_since_mark) is zero now.
    pub fn mark_calls(&self) {
        for server in self.servers.lock().values_mut() {
            server.dial_polls_mark = server.dial_polls;
            server.links.iter().for_each(Link::mark_calls);
        }
    }

    /// Polls of dials and calls into connections since the mark.
    pub fn calls_since_mark(&self, address: u16) -> usize {
        let (polls, links) =
            self.with(address, |server| (server.dial_polls - server.dial_polls_mark, server.links.clone()));
        polls + links.iter().map(Link::calls_since_mark).sum::<usize>()
    }

    /// The first connection that holds items which nobody has tried to flush.
    pub fn neglected_link(&self) -> Option<Link> {
        let servers = self.servers.lock();
        let mut links = servers.values().flat_map(|server| &server.links);
        links.find(|link| link.is_neglected()).cloned()
    }

    /// What has arrived at the address.
    pub fn received(&self, address: u16) -> Vec<u32> {
        self.links(address).iter().flat_map(Link::received).collect()
    }

    fn accept(&self, address: u16) -> Wire {
        let (link, alive) = self.with(address, |server| {
            let link = Link::new(address, server.links.len(), server.behaviour.clone());
            server.links.push(link.clone());
            server.alive.fetch_add(1, Ordering::Relaxed);
            (link, Arc::clone(&server.alive))
        });
        Wire {
            link,
            alive,
            ledger: self.ledger.clone(),
            calls: self.calls.clone(),
            clock: self.clock.clone(),
        }
    }

    fn accept_then(&self, address: u16, end: impl FnOnce(&Link)) -> Wire {
        let wire = self.accept(address);
        end(&self.link(address));
        wire
    }
}

impl Connect<u16> for World {
    type Connection = Wire;
    type Error = String;
    type Future = Dialling;

    fn connect(&mut self, address: u16, context: &DialContext) -> Dialling {
        let (dial, dialling) = self.with(address, |server| {
            server.dials += 1;
            server.last_context = Some(*context);
            (server.dial, Arc::clone(&server.dialling))
        });
        let _entered = self.calls.enter();
        if dial == Dial::PanicInCall {
            self.calls.panic("of the connector");
        }
        dialling.fetch_add(1, Ordering::Relaxed);
        Dialling { world: self.clone(), address, in_flight: dialling, delay: None, waker: None }
    }
}

/// A dial in flight.
#[derive(Debug)]
pub struct Dialling {
    world: World,
    address: u16,
    in_flight: Arc<AtomicUsize>,
    delay: Option<Sleep>,
    /// The one that it was last polled with; a dial that succeeds passes it on to its connection.
    waker: Option<Waker>,
}

impl Future for Dialling {
    type Output = Result<Wire, String>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let _entered = this.world.calls.enter();
        this.waker = Some(cx.waker().clone());
        let address = this.address;
        let hanging = cx.waker().clone();
        let dial = this.world.with(address, |server| {
            server.dial_polls += 1;
            if server.dial == Dial::Hang {
                // In one step: a new answer that comes now must find whom to wake.
                server.hanging.push(hanging);
            }
            let dial = server.dial;
            if dial == Dial::AcceptOnce {
                server.dial = Dial::Hang;
            }
            dial
        });
        let end: fn(&Link) = match dial {
            Dial::Accept | Dial::AcceptOnce | Dial::PanicInDrop | Dial::PanicInCall => |_| {},
            Dial::AcceptAfter(delay) => {
                let clock = &this.world.clock;
                ready!(Pin::new(this.delay.get_or_insert_with(|| clock.sleep(delay))).poll(cx));
                |_| {}
            }
            Dial::AcceptThenDie => Link::break_off,
            Dial::AcceptThenClose => Link::hang_up,
            Dial::AcceptThenGoAway => Link::go_away,
            Dial::Refuse => return Poll::Ready(Err("connection refused".into())),
            Dial::Hang => return Poll::Pending,
            Dial::PanicInFuture => this.world.calls.panic("of a dial"),
        };
        this.waker = None;
        Poll::Ready(Ok(this.world.accept_then(address, end)))
    }
}

impl Drop for Dialling {
    fn drop(&mut self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        let waker = self.waker.take();
        let dial = self.world.with(self.address, |server| {
            server.former_wakers.extend(waker);
            server.dial
        });
        if dial == Dial::PanicInDrop && !std::thread::panicking() {
            self.world.calls.panic("of a dial's drop");
        }
    }
}
