//! A pool in an event loop of your own, without futures: `cargo run --example event_loop`.
//!
//! The story is that of `quickstart`; here one thread does it all, with mio and [`pool_core::Uniform`]. The
//! state machine decides whom to dial, which connection gets the next line, when to try again and when to
//! give up. It knows of no socket and no clock, and never calls back. What is left to do is
//! [`EventLoop::turn`], again and again:
//!
//! 1. **wait** for sockets, for a new address set, or for the time that `Output::Timeout` named;
//! 2. **report** what has happened: `handle_slot`, `handle_outcome`, `handle_addresses`, `handle_timeout`;
//! 3. **dispatch** what waits: `select`, hand over, report `Sent`; and `set_demand` to what is left;
//! 4. **carry out** what is to be done: `poll_output` until it returns `Output::Timeout`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

use mio::{Events, Poll, Token, Waker};
use pool_core::{
    AddressSet, Config, FailureKind, Instant, Outcome, Output, PickArgs, RoundRobin, SlotEvent, SlotId,
    SlotState, Uniform,
};
use pool_examples::{Ledger, LineSocket, Narrator, Reading, Story, Table, Voice};

/// A line is written this often, unless so many wait already: the loop's way to push back.
const PACE: Duration = Duration::from_millis(2);
const WAITING_MAX: usize = 100;
/// Says that there is a new address set. A connection's token is the number of its slot.
const NAMES: Token = Token(usize::MAX);

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let ledger = Ledger::default();
    let (narrator, voice) = Narrator::new();
    let (names, address_sets) = mpsc::channel();
    let poll = Poll::new()?;
    let waker = Waker::new(poll.registry(), NAMES)?;
    let publish = move |set| names.send(set).map_err(Into::into).and_then(|()| Ok(waker.wake()?));
    let story = Story::prepare(&ledger, voice.clone(), publish)?;

    let mut config = Config::default();
    config.connections_per_address = 2;
    let event_loop = EventLoop {
        uniform: Uniform::new(config, RoundRobin::new(), std::process::id().into())?,
        connections: BTreeMap::new(),
        unread: BTreeSet::new(),
        waiting: VecDeque::new(),
        next_line: Some(Instant::ZERO),
        deadline: None,
        is_closed: false,
        poll,
        address_sets,
        epoch: std::time::Instant::now(),
        now: Instant::ZERO,
        ledger: ledger.clone(),
        voice,
    };
    let story = std::thread::spawn(|| story.tell());
    event_loop.run(narrator, || story.is_finished())?;
    story.join().map_err(|_| "the story panicked")??.end()?;

    let report = ledger.report();
    println!("{report}");
    report.is_balanced().then_some(()).ok_or_else(|| "lines are not accounted for".into())
}

struct EventLoop {
    uniform: Uniform<SocketAddr>,
    /// By the number of the slot. Orders come in sequence, so its occupant is always the one meant.
    connections: BTreeMap<usize, Connection>,
    /// Those with something left to read, of which no event will tell again.
    unread: BTreeSet<usize>,
    /// Lines that no connection has taken yet.
    waiting: VecDeque<String>,
    /// When a line is due; never again once the pool closes.
    next_line: Option<Instant>,
    /// When the state machine wants to be called.
    deadline: Option<Instant>,
    is_closed: bool,
    poll: Poll,
    address_sets: mpsc::Receiver<AddressSet<SocketAddr>>,
    epoch: std::time::Instant,
    now: Instant,
    ledger: Ledger,
    voice: Voice,
}

impl EventLoop {
    fn run(mut self, mut narrator: Narrator, is_story_over: impl Fn() -> bool) -> io::Result<()> {
        let mut events = Events::with_capacity(64);
        while !self.is_closed {
            self.turn(&mut events)?;
            narrator.tell(|| Table::new(&self.uniform, &self.ledger));
            if self.next_line.is_some() && is_story_over() {
                self.next_line = None;
                self.uniform.close(self.now + Duration::from_secs(5), self.now);
                self.carry_out();
            }
        }
        self.waiting.iter().for_each(|line| self.ledger.undelivered(line, "the pool has closed"));
        narrator.end(|| Table::new(&self.uniform, &self.ledger));
        Ok(())
    }

    fn turn(&mut self, events: &mut Events) -> io::Result<()> {
        self.wait(events)?;
        let woken = events.iter().map(|event| event.token().0);
        for number in woken.chain(std::mem::take(&mut self.unread)) {
            self.progress(number);
        }
        if let Some(set) = self.address_sets.try_iter().last() {
            self.uniform.handle_addresses(&set, self.now);
        }
        self.uniform.handle_timeout(self.now);
        self.write_line_if_due();
        self.dispatch();
        self.carry_out();
        Ok(())
    }

    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let unread = (!self.unread.is_empty()).then_some(Instant::ZERO);
        let next = [self.deadline, self.next_line, unread].into_iter().flatten().min();
        let now = Instant::ZERO + self.epoch.elapsed();
        let polled = self.poll.poll(events, next.map(|next| next.saturating_duration_since(now)));
        self.now = Instant::ZERO + self.epoch.elapsed();
        polled.or_else(|error| if error.kind() == ErrorKind::Interrupted { Ok(()) } else { Err(error) })
    }

    fn carry_out(&mut self) {
        loop {
            match self.uniform.poll_output() {
                Output::Dial { slot, address } => self.dial(slot, address),
                // The slot is `Draining` by now. Its socket may have nothing to tell, so it goes on at once.
                Output::Drain { slot } => self.progress(slot.index()),
                // A socket that is dropped is closed, and leaves mio's poll by that.
                Output::Drop { slot } => {
                    self.connections.remove(&slot.index());
                    self.uniform.handle_slot(slot, SlotEvent::Dropped, self.now);
                }
                Output::Availability(availability) => self.voice.availability(availability),
                // The addresses are fixed.
                Output::Refresh => {}
                Output::Event(event) => self.voice.observe_core(&event, self.now),
                Output::Closed => self.is_closed = true,
                Output::Timeout(deadline) => return self.deadline = deadline,
            }
        }
    }

    fn dial(&mut self, slot: SlotId, address: SocketAddr) {
        match LineSocket::connect(address, self.poll.registry(), Token(slot.index())) {
            Ok(socket) => {
                let (ledger, unanswered) = (self.ledger.clone(), VecDeque::new());
                self.connections
                    .insert(slot.index(), Connection { slot, address, socket, unanswered, ledger });
            }
            Err(error) => self.fail(slot, address, error),
        }
    }

    /// Lets a connection, if it is still there, do what its socket allows, and reports its end.
    fn progress(&mut self, number: usize) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let Connection { slot, address, .. } = *connection;
        match connection.drive(&mut self.uniform, self.now) {
            Ok(Reading::Blocked) => return,
            Ok(Reading::More) => return self.unread.extend([number]),
            Ok(Reading::Closed) => _ = self.uniform.handle_slot(slot, SlotEvent::Closed, self.now),
            Err(error) => self.fail(slot, address, error),
        }
        self.connections.remove(&number);
    }

    fn fail(&mut self, slot: SlotId, address: SocketAddr, error: io::Error) {
        self.voice.error(address, error);
        self.uniform.handle_slot(slot, SlotEvent::Failed(FailureKind::Error), self.now);
    }

    fn write_line_if_due(&mut self) {
        let Some(due) = self.next_line.filter(|due| *due <= self.now) else { return };
        self.next_line = Some(due + PACE);
        if self.waiting.len() < WAITING_MAX {
            self.waiting.push_back(self.ledger.write_line());
        }
    }

    /// Sends lines to the connections whose turn it is. Each writes once for all it was sent.
    fn dispatch(&mut self) {
        let mut touched = BTreeSet::new();
        while !self.waiting.is_empty()
            && let Some(slot) = self.uniform.select(&PickArgs::any(), self.now)
            && let Some(connection) = self.connections.get_mut(&slot.index())
        {
            if connection.socket.is_full() {
                self.progress(slot.index()); // which reports `Busy` if it still is: select another
            } else if let Some(line) = self.waiting.pop_front() {
                connection.socket.push(&line);
                connection.unanswered.push_back(self.now);
                self.uniform.handle_slot(slot, SlotEvent::Sent, self.now);
                self.ledger.sent(&line, connection.address);
                touched.insert(slot.index());
            }
        }
        for number in touched {
            self.progress(number);
        }
        // A lazy pool dials for these, and one that closes waits for them.
        self.uniform.set_demand(self.waiting.len(), self.now);
    }
}

/// A connection, or a dial: which of them, the state machine knows.
struct Connection {
    slot: SlotId,
    address: SocketAddr,
    socket: LineSocket,
    /// When the lines were sent over that have no answer yet.
    unanswered: VecDeque<Instant>,
    ledger: Ledger,
}

impl Connection {
    /// Does what the socket allows, and reports it. Events may come for nothing: it always looks.
    fn drive(&mut self, pool: &mut Uniform<SocketAddr>, now: Instant) -> io::Result<Reading> {
        let state = pool.slot(self.slot).map(|status| status.state);
        if state == Some(SlotState::Dialling) {
            if !self.socket.is_connected()? {
                return Ok(Reading::Blocked);
            }
            pool.handle_slot(self.slot, SlotEvent::Connected, now);
        }
        let (reading, answers) = self.socket.read()?;
        for _ in 0..answers {
            let sent = self.unanswered.pop_front().ok_or(ErrorKind::InvalidData)?;
            let latency = now.saturating_duration_since(sent);
            pool.handle_outcome(self.slot, Outcome::Success { latency: Some(latency) }, now);
            self.ledger.answered();
        }
        if reading == Reading::Closed && !self.unanswered.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into()); // not in good order: answers are owed
        }
        let has_written_all = self.socket.write()?;
        pool.handle_slot(
            self.slot,
            if self.socket.is_full() { SlotEvent::Busy } else { SlotEvent::Ready },
            now,
        );
        if state == Some(SlotState::Draining) && has_written_all {
            self.socket.finish();
        }
        Ok(reading)
    }
}
