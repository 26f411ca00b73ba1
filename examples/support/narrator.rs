//! Tells on the terminal what happens, with a look at the pool after each change.

use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use pool_core::{Availability, SlotEnd, SlotState};
use pool_driver::Event;

/// What is there to be told.
#[derive(Debug)]
pub struct Narrator {
    started: Instant,
    notes: mpsc::Receiver<Note>,
    /// What is to be told together.
    group: Vec<Note>,
    /// When the first of the group came.
    since: Duration,
}

/// A handle by which a narrator is told what happened.
#[derive(Clone, Debug)]
pub struct Voice {
    notes: mpsc::Sender<Note>,
}

#[derive(Debug)]
enum Note {
    /// Something was done to the pool.
    Headline(String),
    /// Something the pool did, worth another look at it.
    Change(String),
    /// Something it did in vain.
    Attempt(String),
}

/// What comes within this time of the first note is told together.
const SETTLE: Duration = Duration::from_millis(150);
/// How long it rests before it looks at the time again.
const REST: Duration = Duration::from_millis(20);

impl Narrator {
    /// A narrator, and the first of the voices that tell it something.
    #[must_use]
    pub fn new() -> (Self, Voice) {
        let (sender, notes) = mpsc::channel();
        let started = Instant::now();
        (Self { started, notes, group: Vec::new(), since: Duration::ZERO }, Voice { notes: sender })
    }

    /// Prints on a thread of its own, which ends when the last voice is gone. `look` is asked for
    /// a look at the pool.
    #[must_use = "it ends with what there is to be told: join it before you print anything else"]
    pub fn start<L: Display>(mut self, look: impl Fn() -> L + Send + 'static) -> thread::JoinHandle<()> {
        thread::spawn(move || {
            loop {
                match self.notes.recv_timeout(REST) {
                    Ok(note) => self.hear(note),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return self.end(&look),
                }
                self.tell(&look);
            }
        })
    }

    /// Prints what is complete, on this thread: for an event loop, which calls it again and again.
    pub fn tell<L: Display>(&mut self, look: impl FnOnce() -> L) {
        while let Ok(note) = self.notes.try_recv() {
            self.hear(note);
        }
        if self.started.elapsed() >= self.since + SETTLE {
            self.print(look);
        }
    }

    /// Prints what is left.
    pub fn end<L: Display>(mut self, look: impl FnOnce() -> L) {
        while let Ok(note) = self.notes.try_recv() {
            self.hear(note);
        }
        self.print(look);
    }

    fn hear(&mut self, note: Note) {
        if self.group.is_empty() {
            self.since = self.started.elapsed();
        }
        self.group.push(note);
    }

    fn print<L: Display>(&mut self, look: impl FnOnce() -> L) {
        let seconds = self.since.as_secs_f64();
        let mut told: Vec<(&str, usize)> = Vec::new();
        for note in &self.group {
            match note {
                Note::Headline(text) => println!("{seconds:5.2} s  == {text} =="),
                Note::Change(text) | Note::Attempt(text) => {
                    match told.iter_mut().find(|(old, _)| old == text) {
                        Some((_, times)) => *times += 1,
                        None => told.push((text, 1)),
                    }
                }
            }
        }
        for (text, times) in told {
            let times = if times > 1 { format!(" (×{times})") } else { String::new() };
            println!("{seconds:5.2} s  {text}{times}");
        }
        if !self.group.iter().all(|note| matches!(note, Note::Attempt(_))) {
            println!("\n{}", look());
        }
        self.group.clear();
    }
}

impl Voice {
    fn tell(&self, note: Note) {
        // Without a narrator nobody listens.
        let _ = self.notes.send(note);
    }

    /// Tells what was done to the pool or its servers.
    pub fn headline(&self, text: impl Into<String>) {
        self.tell(Note::Headline(text.into()));
    }

    /// Why a dial or a connection failed.
    pub fn error(&self, address: SocketAddr, error: impl Display) {
        self.tell(Note::Attempt(format!("{address}: {error}")));
    }

    /// Tells what the pool does; to be its observer.
    pub fn observe(&self, event: &Event<SocketAddr>) {
        match event {
            Event::Connected { address, .. } => self.tell(Note::Change(format!("{address}: connected"))),
            Event::SlotEnded { address, error: Some(error), state, .. } => {
                let what = if *state == SlotState::Dialling { "dial failed" } else { "connection lost" };
                self.error(*address, format_args!("{what}: {error}"));
            }
            Event::SlotEnded { address, .. } => self.closed(*address),
            Event::BackedOff { address, failures, retry_after, .. } => {
                self.backed_off(*address, *failures, *retry_after);
            }
            Event::Paced { address, short_lives: 1.., retry_after, .. } => self.paced(*address, *retry_after),
            _ => {}
        }
    }

    /// Whether the pool can take anything has changed.
    pub fn availability(&self, availability: Availability) {
        let text = match availability {
            Availability::Usable => "the pool has a connection",
            Availability::Waiting => "the pool has no connection",
            Availability::FailingFast => "the pool has had no connection for too long",
        };
        self.tell(Note::Change(text.into()));
    }

    /// Tells what a state machine does that is driven by hand.
    pub fn observe_core(&self, event: &pool_core::Event<SocketAddr>, now: pool_core::Instant) {
        use pool_core::Event;
        match event {
            Event::SlotEnded { address, state: SlotState::Dialling, .. } => {
                self.error(*address, "dial failed");
            }
            Event::SlotEnded { address, end: SlotEnd::Closed, .. } => self.closed(*address),
            Event::SlotEnded { address, in_flight, .. } => {
                self.error(*address, format_args!("connection lost, {in_flight} lines not answered"));
            }
            Event::BackedOff { address, failures, until, .. } => {
                self.backed_off(*address, *failures, until.saturating_duration_since(now));
            }
            Event::Recovered { address, .. } => self.tell(Note::Change(format!("{address}: works again"))),
            Event::Rested { address, reason, .. } => {
                self.tell(Note::Change(format!("{address}: rests, as it says that it is {reason}")));
            }
            Event::Returned { address, .. } => {
                self.tell(Note::Change(format!("{address}: has its share again")));
            }
            _ => {}
        }
    }

    fn closed(&self, address: SocketAddr) {
        self.tell(Note::Change(format!("{address}: connection closed")));
    }

    fn paced(&self, address: SocketAddr, retry_after: Duration) {
        self.tell(Note::Change(format!("{address}: short-lived, next dial in {retry_after:.0?}")));
    }

    fn backed_off(&self, address: SocketAddr, failures: u32, retry_after: Duration) {
        let wait = if retry_after.is_zero() { "at once".into() } else { format!("in {retry_after:.0?}") };
        self.error(address, format_args!("failure {failures}, next dial {wait}"));
    }
}
