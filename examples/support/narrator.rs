//! Tells on the terminal what happens, with a look at the pool after each change.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use pool_driver::{Event, Pool};

/// What is there to be told.
#[derive(Debug)]
pub struct Narrator {
    started: Instant,
    voice: Voice,
    notes: mpsc::Receiver<Note>,
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

impl Default for Narrator {
    fn default() -> Self {
        let (sender, notes) = mpsc::channel();
        Self { started: Instant::now(), voice: Voice { notes: sender }, notes }
    }
}

impl Narrator {
    /// Another handle to tell it something.
    #[must_use]
    pub fn voice(&self) -> Voice {
        self.voice.clone()
    }

    /// Prints on a thread of its own, which ends when the last voice is gone.
    #[must_use = "it ends with what there is to be told: join it before you print anything else"]
    pub fn start<T: Send + 'static>(self, pool: Pool<T>) -> thread::JoinHandle<()> {
        let Self { started, voice, notes } = self;
        drop(voice);
        thread::spawn(move || {
            while let Ok(first) = notes.recv() {
                let at = started.elapsed();
                let mut group = vec![first];
                while let Some(rest) = (at + SETTLE).checked_sub(started.elapsed()) {
                    let Ok(note) = notes.recv_timeout(rest) else { break };
                    group.push(note);
                }
                print(at, &group);
                if !group.iter().all(|note| matches!(note, Note::Attempt(_))) {
                    println!("\n{}", pool.snapshot());
                }
            }
        })
    }
}

fn print(at: Duration, notes: &[Note]) {
    let mut told: Vec<(&str, usize)> = Vec::new();
    for note in notes {
        match note {
            Note::Headline(text) => println!("{:5.2} s  == {text} ==", at.as_secs_f64()),
            Note::Change(text) | Note::Attempt(text) => match told.iter_mut().find(|(old, _)| old == text) {
                Some((_, times)) => *times += 1,
                None => told.push((text, 1)),
            },
        }
    }
    for (text, times) in told {
        let times = if times > 1 { format!(" (×{times})") } else { String::new() };
        println!("{:5.2} s  {text}{times}", at.as_secs_f64());
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

    /// Tells what the pool does; to be its observer.
    pub fn observe(&self, event: &Event<SocketAddr>) {
        match event {
            Event::Connected { address, .. } => self.tell(Note::Change(format!("{address}: connected"))),
            Event::SlotEnded { address, error: Some(error), sent, .. } => {
                let what = if *sent > 0 { "connection lost" } else { "dial failed" };
                self.tell(Note::Attempt(format!("{address}: {what}: {error}")));
            }
            Event::SlotEnded { address, .. } => {
                self.tell(Note::Change(format!("{address}: connection closed")));
            }
            Event::BackedOff { address, failures, retry_after } => {
                let wait =
                    if retry_after.is_zero() { "at once".into() } else { format!("in {retry_after:.0?}") };
                let text = format!("{address}: failure {failures}, next dial {wait}");
                self.tell(Note::Attempt(text));
            }
            _ => {}
        }
    }
}
