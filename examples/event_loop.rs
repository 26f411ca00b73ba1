//! A pool in an event loop of your own, without futures: `cargo run --example event_loop`.
//!
//! The story is that of `quickstart`; here one thread does it all, with mio and
//! [`pool_core::Uniform`]. The state machine decides whom to dial, which connection gets the next
//! line, when to try again and when to give up. It knows of no socket and no clock, and never
//! calls back. What is left to do is [`EventLoop::turn`], again and again:
//!
//! 1. **wait** for sockets, for a new address set, or for the time that `Output::Timeout` named;
//! 2. **report** what has happened: `handle_slot`, `handle_addresses`, `handle_timeout`;
//! 3. **carry out** what is to be done: `poll_output` until it returns `Output::Timeout`;
//! 4. **dispatch** the lines that wait: `select`, hand over, report `SlotEvent::Sent`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::mpsc;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token, Waker};
use pool_core::{
    AddressSet, Config, FailureKind, Instant, Outcome, Output, Pick, RoundRobin, SlotEvent, SlotId,
    SlotState, Uniform,
};
use pool_examples::{Ledger, Narrator, Story, Table, Voice};

/// A line is written this often, unless so many wait already: the loop's way to push back.
const PACE: Duration = Duration::from_millis(2);
const WAITING_MAX: usize = 100;
/// A connection with so many bytes still to write takes no more lines.
const OUTGOING_MAX: usize = 4096;
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
    /// By the number of the slot.
    connections: BTreeMap<usize, Connection>,
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
            if is_story_over() && self.next_line.take().is_some() {
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
        events.iter().for_each(|event| self.progress(event.token().0));
        if let Some(set) = self.address_sets.try_iter().last() {
            self.uniform.handle_addresses(&set, self.now);
        }
        self.uniform.handle_timeout(self.now);
        self.carry_out();
        while self.dispatch() {}
        self.carry_out();
        Ok(())
    }

    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let next = self.deadline.into_iter().chain(self.next_line).min();
        let timeout = next.map(|next| next.saturating_duration_since(self.now));
        let polled = self.poll.poll(events, timeout);
        self.now = Instant::ZERO + self.epoch.elapsed();
        polled.or_else(|error| if error.kind() == ErrorKind::Interrupted { Ok(()) } else { Err(error) })
    }

    fn carry_out(&mut self) {
        loop {
            match self.uniform.poll_output() {
                Output::Dial { slot, address } => match Connection::dial(slot, address, &self.poll) {
                    Ok(connection) => drop(self.connections.insert(slot.index(), connection)),
                    Err(error) => self.fail(slot, address, error),
                },
                // The slot is in its new state already, and the connection goes by that.
                Output::Drain { slot } => self.progress(slot.index()),
                // A socket that is dropped is closed.
                Output::Drop { slot } => drop(self.connections.remove(&slot.index())),
                Output::Availability(availability) => self.voice.availability(availability),
                Output::Event(event) => self.voice.observe_core(&event, self.now),
                Output::Closed => self.is_closed = true,
                Output::Timeout(deadline) => return self.deadline = deadline,
            }
        }
    }

    /// Lets a connection, if it is still there, do what its socket allows, and reports its end.
    fn progress(&mut self, number: usize) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let Connection { slot, address, .. } = *connection;
        match connection.drive(&mut self.uniform, &self.ledger, self.now) {
            Ok(true) => return,
            Ok(false) => _ = self.uniform.handle_slot(slot, SlotEvent::Closed, self.now),
            Err(error) => self.fail(slot, address, error),
        }
        self.connections.remove(&number);
    }

    fn fail(&mut self, slot: SlotId, address: SocketAddr, error: io::Error) {
        self.voice.error(address, error);
        self.uniform.handle_slot(slot, SlotEvent::Failed(FailureKind::Error), self.now);
    }

    /// Hands lines to those whose turn it is, who write them then. Returns whether to go on at once.
    fn dispatch(&mut self) -> bool {
        if let Some(due) = self.next_line.filter(|due| *due <= self.now) {
            self.next_line = Some(due + PACE);
            self.waiting.extend((self.waiting.len() < WAITING_MAX).then(|| self.ledger.write_line()));
        }
        let mut touched = BTreeSet::new();
        while !self.waiting.is_empty()
            && let Some(slot) = self.uniform.select(&Pick::any(), self.now)
            && let Some(connection) = self.connections.get_mut(&slot.index())
        {
            if connection.outgoing.len() >= OUTGOING_MAX {
                self.uniform.handle_slot(slot, SlotEvent::Busy, self.now); // and select another
            } else if let Some(line) = self.waiting.pop_front() {
                connection.outgoing.extend([line.as_bytes(), b"\n"].concat());
                connection.unanswered.push_back(self.now);
                self.uniform.handle_slot(slot, SlotEvent::Sent, self.now);
                self.ledger.handed(&line, connection.address);
                touched.insert(slot.index());
            }
        }
        // A pool that closes waits for these.
        self.uniform.set_demand(self.waiting.len(), self.now);
        for number in &touched {
            self.progress(*number);
        }
        !touched.is_empty() && !self.waiting.is_empty()
    }
}

/// A socket, and what it can't write yet. The state of its slot is the state machine's to know.
struct Connection {
    slot: SlotId,
    address: SocketAddr,
    stream: TcpStream,
    outgoing: Vec<u8>,
    /// When the lines were handed over that have no answer yet.
    unanswered: VecDeque<Instant>,
}

impl Connection {
    fn dial(slot: SlotId, address: SocketAddr, poll: &Poll) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut stream, Token(slot.index()), interest)?;
        Ok(Self { slot, address, stream, outgoing: Vec::new(), unanswered: VecDeque::new() })
    }

    /// Does what the socket allows, and reports it. Returns whether the connection is still open.
    fn drive(&mut self, pool: &mut Uniform<SocketAddr>, ledger: &Ledger, now: Instant) -> io::Result<bool> {
        let state = pool.slot(self.slot).map(|status| status.state);
        if state == Some(SlotState::Dialling) {
            self.stream.take_error()?.map_or(Ok(()), Err)?;
            if self.stream.peer_addr().is_err() {
                return Ok(true); // not connected yet
            }
            pool.handle_slot(self.slot, SlotEvent::Connected, now);
        }
        let mut answers = Vec::new();
        let read = self.stream.read_to_end(&mut answers);
        for _ in answers.iter().filter(|byte| **byte == b'\n') {
            let handed = self.unanswered.pop_front().ok_or(ErrorKind::InvalidData)?;
            let latency = now.saturating_duration_since(handed);
            pool.handle_outcome(self.slot, Outcome::Success { latency }, now);
            ledger.answered();
        }
        let is_open = match read {
            Ok(_) => false,
            Err(error) if error.kind() == ErrorKind::WouldBlock => true,
            Err(error) => return Err(error),
        };
        while !self.outgoing.is_empty() {
            match self.stream.write(&self.outgoing) {
                Ok(written) => drop(self.outgoing.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        if self.outgoing.len() < OUTGOING_MAX {
            pool.handle_slot(self.slot, SlotEvent::Ready, now);
        }
        if state == Some(SlotState::Draining) && self.outgoing.is_empty() {
            // Now the peer answers the rest and closes, which ends the reading. So does an error.
            let _ = self.stream.shutdown(Shutdown::Write);
        }
        Ok(is_open)
    }
}
