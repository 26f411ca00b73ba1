//! Servers by address, and the connector that dials them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use pool_driver::{Connect, DialContext};

use super::ledger::{Calls, Ledger};
use super::link::{Link, Script, Wire};

/// How a server answers dials.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Dial {
    #[default]
    Accept,
    Refuse,
    Hang,
    PanicInCall,
    PanicInFuture,
    /// Accepts, and the future panics when it is dropped.
    PanicInDrop,
}

#[derive(Clone)]
pub(crate) struct World {
    servers: Rc<RefCell<BTreeMap<u16, Server>>>,
    ledger: Ledger,
    calls: Calls,
}

#[derive(Default)]
struct Server {
    dial: Dial,
    script: Script,
    dials: usize,
    links: Vec<Link>,
    hanging: Vec<Waker>,
    /// Dials and connections that the pool holds.
    dialling: Rc<Cell<usize>>,
    alive: Rc<Cell<usize>>,
    last_context: Option<DialContext>,
}

impl World {
    pub(crate) fn new(ledger: &Ledger, calls: &Calls) -> Self {
        Self { servers: Rc::default(), ledger: ledger.clone(), calls: calls.clone() }
    }

    fn with<R>(&self, address: u16, look: impl FnOnce(&mut Server) -> R) -> R {
        look(self.servers.borrow_mut().entry(address).or_default())
    }

    /// From now on the server answers dials like this, also those that hang.
    pub(crate) fn answer(&self, address: u16, dial: Dial) {
        let hanging = self.with(address, |server| {
            server.dial = dial;
            std::mem::take(&mut server.hanging)
        });
        for waker in hanging {
            waker.wake();
        }
    }

    /// From now on the server's dials panic when they are dropped; those that hang, hang on.
    pub(crate) fn spoil_drops(&self, address: u16) {
        self.with(address, |server| server.dial = Dial::PanicInDrop);
    }

    /// How the connections to come behave.
    pub(crate) fn script(&self, address: u16, change: impl FnOnce(&mut Script)) {
        self.with(address, |server| change(&mut server.script));
    }

    /// Dials that were ever started.
    pub(crate) fn dials(&self, address: u16) -> usize {
        self.with(address, |server| server.dials)
    }

    /// Dials in flight.
    pub(crate) fn dialling(&self, address: u16) -> usize {
        self.with(address, |server| server.dialling.get())
    }

    /// Connections that the pool has not dropped.
    pub(crate) fn alive(&self, address: u16) -> usize {
        self.with(address, |server| server.alive.get())
    }

    pub(crate) fn last_context(&self, address: u16) -> Option<DialContext> {
        self.with(address, |server| server.last_context)
    }

    /// All connections that were ever made to the address.
    pub(crate) fn links(&self, address: u16) -> Vec<Link> {
        self.with(address, |server| server.links.clone())
    }

    /// The newest one.
    pub(crate) fn link(&self, address: u16) -> Link {
        self.links(address).pop().expect("somebody has connected")
    }

    pub(crate) fn all_links(&self) -> Vec<Link> {
        self.servers.borrow().values().flat_map(|server| server.links.clone()).collect()
    }

    /// What has arrived at the address.
    pub(crate) fn received(&self, address: u16) -> Vec<u32> {
        self.links(address).iter().flat_map(Link::received).collect()
    }

    fn accept(&self, address: u16) -> Wire {
        let (link, alive) = self.with(address, |server| {
            let link = Link::new(address, server.links.len(), server.script.clone());
            server.links.push(link.clone());
            server.alive.set(server.alive.get() + 1);
            (link, Rc::clone(&server.alive))
        });
        Wire { link, alive, ledger: self.ledger.clone(), calls: self.calls.clone() }
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
            (server.dial, Rc::clone(&server.dialling))
        });
        self.calls.enter();
        assert!(dial != Dial::PanicInCall, "a scripted panic of the connector");
        dialling.set(dialling.get() + 1);
        Dialling { world: self.clone(), address, in_flight: dialling }
    }
}

/// A dial in flight.
pub(crate) struct Dialling {
    world: World,
    address: u16,
    in_flight: Rc<Cell<usize>>,
}

impl Future for Dialling {
    type Output = Result<Wire, String>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.world.calls.enter();
        let dial = self.world.with(self.address, |server| server.dial);
        match dial {
            Dial::Accept | Dial::PanicInDrop | Dial::PanicInCall => {
                Poll::Ready(Ok(self.world.accept(self.address)))
            }
            Dial::Refuse => Poll::Ready(Err("connection refused".into())),
            Dial::Hang => {
                self.world.with(self.address, |server| server.hanging.push(cx.waker().clone()));
                Poll::Pending
            }
            Dial::PanicInFuture => panic!("a scripted panic of a dial"),
        }
    }
}

impl Drop for Dialling {
    fn drop(&mut self) {
        self.in_flight.set(self.in_flight.get() - 1);
        let dial = self.world.with(self.address, |server| server.dial);
        let panics = dial == Dial::PanicInDrop && !std::thread::panicking();
        assert!(!panics, "a scripted panic of a dial's drop");
    }
}
