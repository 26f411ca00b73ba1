//! A pool of calls on the simulated runtime, over peers that do what a test says.

use std::cell::{Cell, Ref, RefCell};
use std::future::ready;
use std::rc::Rc;
use std::time::Duration;

use pool_call::{CallPool, Calls, Pipelined, call_pool_builder};
use pool_conformance::simulated::{Clock, Executor, Spawned};
use pool_driver::{Ended, FixedAddresses, PoolBuilder, RoundRobin, Snapshot};

use super::talk::Talk;
use super::{Answered, End, Peer, Reply, Request, Transport, request};

type Dial = std::future::Ready<Result<Pipelined<Transport, Request, Reply, Talk>, String>>;
pub(crate) type Connector = Box<dyn FnMut(u16) -> Dial>;

/// A pool, and the peers it has connected to, in that order.
pub(crate) struct Bench {
    pub(crate) executor: Executor,
    pub(crate) clock: Clock,
    pub(crate) peers: Peers,
    pub(crate) pool: CallPool<Request, Reply, u16>,
    pub(crate) driver: Spawned<Ended>,
}

/// The peers that were dialled.
#[derive(Clone, Default)]
pub(crate) struct Peers {
    all: Rc<RefCell<Vec<Peer>>>,
    /// Where they are.
    addresses: Rc<RefCell<Vec<u16>>>,
    are_gone: Rc<Cell<bool>>,
}

impl Peers {
    /// All that there ever were, in the order of their dials.
    pub(crate) fn all(&self) -> Ref<'_, Vec<Peer>> {
        self.all.borrow()
    }

    /// Those at an address.
    pub(crate) fn at(&self, address: u16) -> Vec<Peer> {
        let (addresses, all) = (self.addresses.borrow(), self.all());
        let peers = addresses.iter().zip(all.iter()).filter(|(at, _)| **at == address);
        peers.map(|(_, peer)| peer.clone()).collect()
    }

    /// From now on nobody can be reached.
    pub(crate) fn refuse(&self) {
        self.are_gone.set(true);
    }

    /// From now on all can be reached.
    pub(crate) fn welcome(&self) {
        self.are_gone.set(false);
    }

    pub(crate) fn connector(&self, in_flight_max: usize) -> Connector {
        let peers = self.clone();
        Box::new(move |address| {
            if peers.are_gone.get() {
                return ready(Err("no route to host".to_owned()));
            }
            let peer = Peer::default();
            peers.all.borrow_mut().push(peer.clone());
            peers.addresses.borrow_mut().push(address);
            let connection = Pipelined::with_protocol(peer.transport(), Talk::default());
            ready(Ok(connection.in_flight_max(in_flight_max)))
        })
    }
}

pub(crate) type Builder = PoolBuilder<Connector, Clock, FixedAddresses<u16>, Calls>;

impl Bench {
    pub(crate) fn new(in_flight_max: usize, is_up: bool, change: impl FnOnce(Builder) -> Builder) -> Self {
        let (peers, clock) = (Peers::default(), Clock::default());
        peers.are_gone.set(!is_up);
        let settings = call_pool_builder(peers.connector(in_flight_max), clock.clone())
            // So that it is known who gets a call.
            .balancer(RoundRobin::new())
            .fail_fast_after(None)
            .suspect_after(None)
            .outcome_timeout(None)
            .connect_to_fixed([1, 2])
            .seed(1);
        let (pool, driver) = change(settings).build().expect("the settings make sense");
        let mut executor = Executor::default();
        let driver = executor.spawn(driver);
        executor.run();
        Self { executor, clock, peers, pool, driver }
    }

    pub(crate) fn up() -> Self {
        Self::new(256, true, |settings| settings)
    }

    pub(crate) fn call(&mut self, number: usize) -> Spawned<Answered> {
        let pool = self.pool.clone();
        let task = self.executor.spawn(async move { pool.call(request(number)).await });
        self.executor.run();
        task
    }

    pub(crate) fn end(&mut self, task: &Spawned<Answered>) -> End {
        self.executor.run();
        task.output().map_or(End::Waiting, End::from)
    }

    pub(crate) fn peer(&self, index: usize) -> Peer {
        self.peers.all()[index].clone()
    }

    pub(crate) fn advance(&mut self, duration: Duration) {
        self.clock.advance(duration, || self.executor.run());
    }

    pub(crate) fn snapshot(&self) -> Snapshot<u16> {
        self.pool.snapshot()
    }
}
