//! Pools and servers in virtual time: [`pool_core::Uniform`], driven by hand.
//!
//! A world has clients, each a pool, and servers. A simulation makes both, says what comes to the clients, lets time
//! pass, changes something, and in the end counts what the log has. All chance comes from one seed.

mod calendar;
mod callers;
mod client;
mod item;
mod log;
mod server;
mod span;
#[cfg(test)]
mod tests;

use std::time::Duration;

use pool_core::{AddressSet, Balance, Config, Instant, Random, Uniform};

pub(super) use item::Ended;
pub(super) use log::{Contact, Log, at, per_step};
pub(super) use server::Server;
pub(super) use span::Span;

use calendar::{Calendar, Happening, Job};
use callers::Callers;
use client::Client;
use server::Host;

pub(super) struct World<B> {
    clients: Vec<Client<B>>,
    scene: Scene,
}

/// All that is not a client.
struct Scene {
    now: Instant,
    calendar: Calendar,
    hosts: Vec<Host>,
    random: Random,
    log: Log,
}

impl<B: Balance> World<B> {
    pub(super) fn new(seed: u64) -> Self {
        let scene = Scene {
            now: Instant::ZERO,
            calendar: Calendar::default(),
            hosts: Vec::new(),
            random: Random::new(seed),
            log: Log::default(),
        };
        Self { clients: Vec::new(), scene }
    }

    /// Servers are addresses: the first is 0.
    pub(super) fn add_servers(&mut self, count: u32, server: &Server) {
        self.scene.hosts.extend((0..count).map(|_| Host::new(server.clone())));
    }

    /// A pool, whose connections have this limit of items in flight.
    pub(super) fn add_client(&mut self, config: Config, balancer: B, in_flight_max: u32) {
        let seed = self.scene.random.next_u64();
        let uniform = Uniform::new(config, balancer, seed).expect("valid settings");
        self.clients.push(Client::new(self.clients.len(), uniform, in_flight_max));
    }

    /// To change its conduct.
    pub(super) fn server(&mut self, server: u32) -> &mut Server {
        &mut self.scene.hosts[server as usize].server
    }

    /// A client's machine, to look at.
    pub(super) fn uniform(&self, client: usize) -> &Uniform<u32, B> {
        &self.clients[client].uniform
    }

    pub(super) fn log(&self) -> &Log {
        &self.scene.log
    }

    /// The name service says these addresses, to all clients.
    pub(super) fn name(&mut self, set: impl Into<AddressSet<u32>>) {
        let set = set.into();
        for client in &mut self.clients {
            client.name(&set, &mut self.scene);
        }
    }

    /// Items come to a client at such intervals, from now on.
    pub(super) fn load(&mut self, client: usize, gap: Span) {
        let was_idle = self.clients[client].load.replace(gap).is_none();
        if was_idle {
            self.scene.enter_arrival(client, gap);
        }
    }

    /// No more items come.
    pub(super) fn stop_load(&mut self, client: usize) {
        self.clients[client].load = None;
    }

    /// Callers of a client make a call each so often, or as soon as the one before has ended; each waits for so long.
    /// The first calls are spread over the time from one to the next.
    pub(super) fn call(&mut self, client: usize, callers: u32, every: Duration, patience: Duration) {
        for caller in 0..callers {
            let begin = self.scene.now + every * caller / callers;
            self.scene.calendar.enter(begin, Happening::Call { client, caller: caller as usize });
        }
        self.clients[client].callers = Callers::new(callers, every, patience);
    }

    /// So many items come to a client at once.
    pub(super) fn send(&mut self, client: usize, items: usize) {
        let client = &mut self.clients[client];
        for _ in 0..items {
            client.arrive(None, &mut self.scene);
        }
        client.settle(&mut self.scene);
    }

    /// A server dies: its connections break, and it lets nobody in.
    pub(super) fn kill(&mut self, server: u32) {
        self.scene.hosts[server as usize].die();
        for client in &mut self.clients {
            client.lose_connections_to(server, &mut self.scene);
        }
    }

    /// A server that hung answers what it owes.
    pub(super) fn resume(&mut self, server: u32) {
        let number = server as usize;
        for job in self.scene.hosts[number].resume() {
            let verdict = self.scene.hosts[number].server.verdict;
            self.clients[job.client].reply(job, verdict, &mut self.scene);
        }
    }

    /// Lets time pass, until so long after the begin.
    pub(super) fn run_until(&mut self, end: Duration) {
        let end = at(end);
        while let Some((time, what)) = self.scene.calendar.next_until(end) {
            self.scene.now = time;
            self.happen(what);
        }
        self.scene.now = end;
    }

    fn happen(&mut self, what: Happening) {
        let Self { clients, scene } = self;
        match what {
            Happening::Arrival { client: number } => {
                let client = &mut clients[number];
                let Some(gap) = client.load else { return };
                scene.enter_arrival(number, gap);
                client.arrive(None, scene);
                client.settle(scene);
            }
            Happening::Call { client, caller } => clients[client].call(caller, scene),
            Happening::GiveUp { client, caller, item } => clients[client].give_up(caller, item, scene),
            Happening::Wake { client } => clients[client].wake(scene),
            Happening::Dialled { client, slot } => clients[client].dialled(slot, scene),
            Happening::IdleCheck { client, slot } => clients[client].check_idle(slot, scene),
            Happening::Served { server, life, job } => {
                if let Some((job, verdict)) = scene.served(server, life, job) {
                    clients[job.client].reply(job, verdict, scene);
                }
            }
        }
    }
}

impl Scene {
    fn enter_arrival(&mut self, client: usize, gap: Span) {
        let next = self.now + gap.draw(&mut self.random);
        self.calendar.enter(next, Happening::Arrival { client });
    }

    /// A server gets an item.
    fn deliver(&mut self, server: u32, job: Job) {
        self.at_host(server, |of, calendar, random, now| {
            of.take(job);
            of.begin(server, calendar, random, now);
        });
    }

    /// A server has done an item. Returns what it replies to which.
    fn served(&mut self, server: u32, life: u32, job: Job) -> Option<(Job, pool_core::Verdict)> {
        if self.hosts[server as usize].life != life {
            return None;
        }
        self.at_host(server, |of, calendar, random, now| {
            let verdict = of.finish(job);
            of.begin(server, calendar, random, now);
            verdict.map(|verdict| (job, verdict))
        })
    }

    fn at_host<T>(
        &mut self,
        server: u32,
        act: impl FnOnce(&mut Host, &mut Calendar, &mut Random, Instant) -> T,
    ) -> T {
        let Self { now, calendar, hosts, random, .. } = self;
        act(&mut hosts[server as usize], calendar, random, *now)
    }
}
