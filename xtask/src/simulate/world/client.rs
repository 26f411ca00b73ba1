//! A pool: carries out what its machine decides.

use std::collections::{BTreeMap, VecDeque};

use pool_core::{
    AddressSet, Balance, Event, FailureKind, Instant, Outcome, Output, PickArgs, SlotEvent, SlotId, Uniform,
    Verdict,
};

use super::calendar::{Happening, Job};
use super::callers::Callers;
use super::item::{End, Ended, Item, ItemId};
use super::{Contact, Scene, Span};

pub(super) struct Client<B> {
    number: usize,
    pub(super) uniform: Uniform<u32, B>,
    pub(super) load: Option<Span>,
    pub(super) callers: Callers,
    in_flight_max: u32,
    items: ItemId,
    waiting: VecDeque<Item>,
    /// By the number of the slot.
    connections: Vec<Option<Connection>>,
    /// When the machine wants to be called.
    deadline: Option<Instant>,
    /// When the calendar has it called.
    wake_at: Option<Instant>,
}

/// A connection, or a dial.
struct Connection {
    slot: SlotId,
    server: u32,
    is_open: bool,
    is_draining: bool,
    in_flight: BTreeMap<ItemId, Sent>,
    /// When it was opened, or last had an item.
    used: Instant,
}

struct Sent {
    item: Item,
    at: Instant,
}

impl<B: Balance> Client<B> {
    pub(super) fn new(number: usize, uniform: Uniform<u32, B>, in_flight_max: u32) -> Self {
        Self {
            number,
            uniform,
            load: None,
            callers: Callers::default(),
            in_flight_max,
            items: 0,
            waiting: VecDeque::new(),
            connections: Vec::new(),
            deadline: None,
            wake_at: None,
        }
    }

    // What happens to it.

    pub(super) fn name(&mut self, set: &AddressSet<u32>, scene: &mut Scene) {
        self.uniform.handle_addresses(set, scene.now);
        self.settle(scene);
    }

    /// An item comes. [`settle`](Self::settle) sends it.
    pub(super) fn arrive(&mut self, caller: Option<usize>, scene: &mut Scene) -> ItemId {
        scene.log.arrived += 1;
        let id = self.items;
        self.items += 1;
        self.waiting.push_back(Item { id, caller, arrived: scene.now });
        id
    }

    /// A caller makes its next call.
    pub(super) fn call(&mut self, caller: usize, scene: &mut Scene) {
        let item = self.arrive(Some(caller), scene);
        self.callers.begin(caller, item, scene.now);
        let patience = scene.now + self.callers.patience;
        scene.calendar.enter(patience, Happening::GiveUp { client: self.number, caller, item });
        self.settle(scene);
    }

    /// A call has taken too long for its caller. If it was sent, the server still owes the answer.
    pub(super) fn give_up(&mut self, caller: usize, id: ItemId, scene: &mut Scene) {
        let Some((arrived, server, next)) = self.callers.end(caller, id, scene.now) else { return };
        self.waiting.retain(|item| item.id != id);
        scene.log.ended.push(Ended {
            arrived,
            at: scene.now,
            caller: Some(caller),
            server,
            end: End::GivenUp,
        });
        scene.calendar.enter(next, Happening::Call { client: self.number, caller });
        self.settle(scene);
    }

    pub(super) fn wake(&mut self, scene: &mut Scene) {
        self.wake_at = None;
        if self.deadline.is_some_and(|deadline| deadline <= scene.now) {
            self.uniform.handle_timeout(scene.now);
        }
        self.settle(scene);
    }

    pub(super) fn dialled(&mut self, slot: SlotId, scene: &mut Scene) {
        let Some(connection) = self.connection(slot) else { return };
        let server = &scene.hosts[connection.server as usize].server;
        if !server.listens {
            return self.end(slot, SlotEvent::Failed(FailureKind::Error), scene);
        }
        connection.is_open = true;
        connection.used = scene.now;
        if let Some(idle) = server.idle_close {
            scene.calendar.enter(scene.now + idle, Happening::IdleCheck { client: self.number, slot });
        }
        self.uniform.handle_slot(slot, SlotEvent::Connected, scene.now);
        self.uniform.handle_in_flight_max(slot, self.in_flight_max, scene.now);
        self.uniform.handle_slot(slot, SlotEvent::Ready, scene.now);
        self.settle(scene);
    }

    /// The server looks whether a connection has been idle for too long.
    pub(super) fn check_idle(&mut self, slot: SlotId, scene: &mut Scene) {
        let Some(connection) = self.connection(slot) else { return };
        let Some(idle) = scene.hosts[connection.server as usize].server.idle_close else { return };
        let is_idle = connection.in_flight.is_empty();
        let due = if is_idle { connection.used + idle } else { scene.now + idle };
        if due <= scene.now {
            return self.end(slot, SlotEvent::Closed, scene);
        }
        scene.calendar.enter(due, Happening::IdleCheck { client: self.number, slot });
    }

    /// A reply has come. A connection that is gone hears nothing.
    pub(super) fn reply(&mut self, job: Job, verdict: Verdict, scene: &mut Scene) {
        let (slot, in_flight_max, now) = (job.slot, self.in_flight_max as usize, scene.now);
        let Some(connection) = self.connection(slot) else { return };
        let server = connection.server;
        let Some(sent) = connection.in_flight.remove(&job.item) else { return };
        connection.used = now;
        let has_room_again = connection.in_flight.len() + 1 == in_flight_max;
        let is_done = connection.is_draining && connection.in_flight.is_empty();
        let outcome = verdict.outcome(Some(now.saturating_duration_since(sent.at)));
        self.uniform.handle_outcome(slot, outcome, now);
        let end = if matches!(outcome, Outcome::Success { .. }) { End::Answered } else { End::Refused };
        self.finish(&sent.item, server, end, scene);
        if is_done {
            return self.end(slot, SlotEvent::Closed, scene);
        }
        if verdict == Verdict::Goodbye {
            self.uniform.handle_slot(slot, SlotEvent::GoingAway, now);
        } else if has_room_again {
            self.uniform.handle_slot(slot, SlotEvent::Ready, now);
        }
        self.settle(scene);
    }

    pub(super) fn lose_connections_to(&mut self, server: u32, scene: &mut Scene) {
        let open = self.connections.iter().flatten().filter(|of| of.is_open && of.server == server);
        for slot in open.map(|connection| connection.slot).collect::<Vec<_>>() {
            self.end(slot, SlotEvent::Failed(FailureKind::Error), scene);
        }
    }

    // What it does.

    /// Does all that is to be done now.
    pub(super) fn settle(&mut self, scene: &mut Scene) {
        self.carry_out(scene);
        while self.dispatch(scene) {
            self.carry_out(scene);
        }
        self.uniform.set_demand(self.waiting.len(), scene.now);
        self.carry_out(scene);
        if let Some(deadline) = self.deadline
            && self.wake_at.is_none_or(|wake_at| deadline < wake_at)
        {
            self.wake_at = Some(deadline);
            scene.calendar.enter(deadline, Happening::Wake { client: self.number });
        }
    }

    /// Sends what waits to connections that can take it. Returns whether any was sent.
    fn dispatch(&mut self, scene: &mut Scene) -> bool {
        if self.waiting.is_empty() {
            return false;
        }
        self.uniform.set_load(self.waiting.len() + self.uniform.in_flight());
        let mut has_sent = false;
        while !self.waiting.is_empty()
            && let Some(slot) = self.uniform.select(&PickArgs::any(), scene.now)
        {
            self.send(slot, scene);
            has_sent = true;
        }
        has_sent
    }

    /// Sends a connection as much as its turn allows.
    fn send(&mut self, slot: SlotId, scene: &mut Scene) {
        let turn = self.uniform.turn_left(slot) as usize;
        let in_flight_max = self.in_flight_max as usize;
        let connection = self.connections[slot.index()].as_mut().expect("a connection that was selected");
        let room = in_flight_max - connection.in_flight.len();
        let server = connection.server;
        let items: Vec<Item> = self.waiting.drain(..turn.min(room).min(self.waiting.len())).collect();
        connection.used = scene.now;
        for item in &items {
            connection.in_flight.insert(item.id, Sent { item: *item, at: scene.now });
            scene.log.sent.push(Contact { at: scene.now, client: self.number, server });
            scene.deliver(server, Job { client: self.number, slot, item: item.id });
            if let Some(caller) = item.caller {
                self.callers.sent(caller, item.id, server);
            }
        }
        let is_full = items.len() == room;
        self.uniform.handle_sent(slot, u32::try_from(items.len()).expect("no more than a turn"), scene.now);
        if is_full {
            // First: what was sent is no reason to dial.
            self.uniform.set_demand(self.waiting.len(), scene.now);
            self.uniform.handle_slot(slot, SlotEvent::Busy, scene.now);
        }
    }

    fn carry_out(&mut self, scene: &mut Scene) {
        loop {
            match self.uniform.poll_output() {
                Output::Dial { slot, address } => self.dial(slot, address, scene),
                Output::Drain { slot } => self.drain(slot, scene),
                Output::Drop { slot } => {
                    self.forget(slot, scene);
                    self.uniform.handle_slot(slot, SlotEvent::Dropped, scene.now);
                }
                Output::Availability(availability) => scene.log.availability.push((scene.now, availability)),
                Output::Event(Event::Connected { address, .. }) => {
                    scene.log.connected.push(Contact { at: scene.now, client: self.number, server: address });
                }
                Output::Event(Event::SlotEnded { address, .. }) => {
                    scene.log.gone.push(Contact { at: scene.now, client: self.number, server: address });
                }
                Output::Event(Event::BackedOff { .. }) => scene.log.backed_off += 1,
                Output::Event(_) | Output::Refresh | Output::Closed => {}
                Output::Timeout(deadline) => return self.deadline = deadline,
            }
        }
    }

    fn dial(&mut self, slot: SlotId, server: u32, scene: &mut Scene) {
        scene.log.dials.push(Contact { at: scene.now, client: self.number, server });
        if self.connections.len() <= slot.index() {
            self.connections.resize_with(slot.index() + 1, || None);
        }
        self.connections[slot.index()] = Some(Connection {
            slot,
            server,
            is_open: false,
            is_draining: false,
            in_flight: BTreeMap::new(),
            used: scene.now,
        });
        let done = scene.now + scene.hosts[server as usize].server.dial;
        scene.calendar.enter(done, Happening::Dialled { client: self.number, slot });
    }

    /// A connection closes as soon as nothing is owed.
    fn drain(&mut self, slot: SlotId, scene: &mut Scene) {
        let Some(connection) = self.connection(slot) else { return };
        connection.is_draining = true;
        if connection.in_flight.is_empty() {
            self.connections[slot.index()] = None;
            self.uniform.handle_slot(slot, SlotEvent::Closed, scene.now);
        }
    }

    /// A connection or a dial is over, by its server's doing or because it has drained.
    fn end(&mut self, slot: SlotId, event: SlotEvent, scene: &mut Scene) {
        self.forget(slot, scene);
        self.uniform.handle_slot(slot, event, scene.now);
        self.settle(scene);
    }

    fn forget(&mut self, slot: SlotId, scene: &mut Scene) {
        if self.connection(slot).is_none() {
            return;
        }
        let Some(Connection { server, in_flight, .. }) = self.connections[slot.index()].take() else {
            return;
        };
        for sent in in_flight.into_values() {
            self.finish(&sent.item, server, End::Lost, scene);
        }
    }

    /// An item has come to its end, if its caller has not gone.
    fn finish(&mut self, item: &Item, server: u32, end: End, scene: &mut Scene) {
        if let Some(caller) = item.caller {
            let Some((.., next)) = self.callers.end(caller, item.id, scene.now) else { return };
            scene.calendar.enter(next, Happening::Call { client: self.number, caller });
        }
        let Item { arrived, caller, .. } = *item;
        scene.log.ended.push(Ended { arrived, at: scene.now, caller, server: Some(server), end });
    }

    fn connection(&mut self, slot: SlotId) -> Option<&mut Connection> {
        self.connections.get_mut(slot.index())?.as_mut().filter(|connection| connection.slot == slot)
    }
}
