//! Servers in memory, and the connector that dials them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Waker;
use std::time::Duration;

use parking_lot::Mutex;
use pool_driver::DialContext;

use super::behaviour::Behaviour;
use super::connection::ScriptedConnection;
use super::dial::Dial;
use super::ledger::Ledger;
use super::link::Link;
use super::user_calls::Calls;
use crate::clock::{Clock, Sleep};

/// Servers, by address. They are also the connector that dials them. Clones share them.
#[derive(Clone, Debug)]
pub struct Servers {
    by_address: Arc<Mutex<BTreeMap<u16, Server>>>,
    ledger: Ledger,
    calls: Calls,
    /// Slow servers take their time by it.
    clock: Clock,
}

#[derive(Debug, Default)]
struct Server {
    dial: Dial,
    behaviour: Behaviour,
    dials: usize,
    links: Vec<Link>,
    hanging: Vec<Waker>,
    /// The wakers of dials that made no connection.
    stale_wakers: Vec<Waker>,
    dial_polls: usize,
    dial_polls_mark: usize,
    /// Dials that the pool holds.
    dialling: Arc<AtomicUsize>,
    /// Connections that the pool holds.
    alive: Arc<AtomicUsize>,
    last_context: Option<DialContext>,
}

impl Servers {
    /// Servers that accept dials at every address. Slow ones take their time by `clock`.
    pub fn new(ledger: &Ledger, calls: &Calls, clock: &Clock) -> Self {
        Self {
            by_address: Arc::default(),
            ledger: ledger.clone(),
            calls: calls.clone(),
            clock: clock.clone(),
        }
    }

    fn with<R>(&self, address: u16, look: impl FnOnce(&mut Server) -> R) -> R {
        look(self.by_address.lock().entry(address).or_default())
    }

    /// From now on the server answers dials like this, including dials that hang.
    pub fn answer(&self, address: u16, dial: Dial) {
        let hanging = self.with(address, |server| {
            server.dial = dial;
            std::mem::take(&mut server.hanging)
        });
        for waker in hanging {
            waker.wake();
        }
    }

    /// From now on the server's dials panic when they are dropped. Dials that hang are not woken.
    pub fn spoil_drops(&self, address: u16) {
        self.with(address, |server| server.dial = Dial::PanicInDrop);
    }

    /// Changes how connections behave that are made from now on.
    pub fn behave(&self, address: u16, change: impl FnOnce(&mut Behaviour)) {
        self.with(address, |server| change(&mut server.behaviour));
    }

    /// Dials that were started.
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

    /// What the connector was told at the latest dial.
    pub fn last_context(&self, address: u16) -> Option<DialContext> {
        self.with(address, |server| server.last_context)
    }

    /// All connections that were made to the address, oldest first.
    pub fn links(&self, address: u16) -> Vec<Link> {
        self.with(address, |server| server.links.clone())
    }

    /// The newest connection to the address.
    ///
    /// # Panics
    ///
    /// When there was none yet.
    pub fn link(&self, address: u16) -> Link {
        self.links(address).pop().expect("a connection was made")
    }

    /// All connections that were made to any address.
    pub fn all_links(&self) -> Vec<Link> {
        self.by_address.lock().values().flat_map(|server| server.links.clone()).collect()
    }

    /// The wakers of dials and connections to the address that are over.
    pub fn stale_wakers(&self, address: u16) -> Vec<Waker> {
        let (mut wakers, links) =
            self.with(address, |server| (server.stale_wakers.clone(), server.links.clone()));
        let closed = links.iter().filter(|link| !link.is_open());
        wakers.extend(closed.filter_map(Link::steal_waker));
        wakers
    }

    /// [`calls_since_mark`](Self::calls_since_mark) is zero now.
    pub fn mark_calls(&self) {
        for server in self.by_address.lock().values_mut() {
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

    /// The first connection that holds items and was not asked to flush them.
    pub fn neglected_link(&self) -> Option<Link> {
        let servers = self.by_address.lock();
        let mut links = servers.values().flat_map(|server| &server.links);
        links.find(|link| link.is_neglected()).cloned()
    }

    /// Items that arrived at the address, connection by connection.
    pub fn received(&self, address: u16) -> Vec<u32> {
        self.links(address).iter().flat_map(Link::received).collect()
    }

    pub(super) fn calls(&self) -> &Calls {
        &self.calls
    }

    pub(super) fn sleep(&self, delay: Duration) -> Sleep {
        self.clock.sleep(delay)
    }

    /// A dial starts. Returns how the server answers, and the count of dials in flight.
    pub(super) fn start_dial(&self, address: u16, context: &DialContext) -> (Dial, Arc<AtomicUsize>) {
        self.with(address, |server| {
            server.dials += 1;
            server.last_context = Some(*context);
            (server.dial, Arc::clone(&server.dialling))
        })
    }

    /// A dial is polled. Returns how the server answers. A dial that hangs is woken by the next answer.
    pub(super) fn poll_dial(&self, address: u16, waker: Waker) -> Dial {
        self.with(address, |server| {
            server.dial_polls += 1;
            let dial = server.dial;
            if dial == Dial::Hang {
                // Under the lock that guards the answer, or an answer that changes now wakes nobody.
                server.hanging.push(waker);
            } else if dial == Dial::AcceptOnce {
                server.dial = Dial::Hang;
            }
            dial
        })
    }

    /// A dial is dropped. `waker` is its latest one, unless it made a connection.
    pub(super) fn end_dial(&self, address: u16, waker: Option<Waker>) -> Dial {
        self.with(address, |server| {
            server.stale_wakers.extend(waker);
            server.dial
        })
    }

    /// Makes a connection to the address.
    pub(super) fn accept(&self, address: u16) -> ScriptedConnection {
        let (link, alive) = self.with(address, |server| {
            let link = Link::new(address, server.links.len(), server.behaviour.clone());
            server.links.push(link.clone());
            server.alive.fetch_add(1, Ordering::Relaxed);
            (link, Arc::clone(&server.alive))
        });
        ScriptedConnection::new(link, alive, &self.ledger, &self.calls, &self.clock)
    }
}
