//! The load: callers that make one call at a time, each at a steady pace.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout_at};

use super::servers::life_of;
use crate::clients::{Answer, Client, Failure, Request};

/// Together 8,000 calls a second: many times less than what the servers can do, so that two of them
/// do as well as three.
pub(crate) const CALLERS: u32 = 32;
pub(crate) const PERIOD: Duration = Duration::from_millis(4);

/// How long a caller waits for an answer.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(1);

/// A call that has not ended so long after the last one began hangs: nobody minds its time.
const HANGS_AFTER: Duration = Duration::from_secs(10);

/// One call of one caller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallRecord {
    pub(crate) begun: Instant,
    pub(crate) ended: Instant,
    pub(crate) end: End,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    /// By a server in this life.
    Answered(usize),
    /// With a value that no server has.
    Wrong,
    Failed(Failure),
}

/// Callers at work.
pub(crate) struct Callers {
    tasks: Vec<JoinHandle<()>>,
    records: Receiver<CallRecord>,
    is_over: Arc<AtomicBool>,
}

impl Callers {
    pub(crate) fn start(client: &impl Client, start: Instant) -> Self {
        let (sender, records) = mpsc::channel();
        let is_over = Arc::new(AtomicBool::new(false));
        let spawn = |caller| {
            // They don't all call at the same time.
            let first = start + PERIOD * caller / CALLERS;
            tokio::spawn(call_steadily(client.clone(), first, sender.clone(), Arc::clone(&is_over)))
        };
        let tasks = (0..CALLERS).map(spawn).collect();
        Self { tasks, records, is_over }
    }

    /// Lets them end their calls. Returns all calls that have ended, and how many hang.
    pub(crate) async fn finish(mut self) -> (Vec<CallRecord>, u64) {
        self.is_over.store(true, Ordering::Relaxed);
        let deadline = Instant::now() + HANGS_AFTER;
        let ends = self.tasks.iter_mut().map(|task| timeout_at(deadline, task));
        let hung = join_all(ends).await.iter().filter(|end| end.is_err()).count() as u64;
        (self.records.try_iter().collect(), hung)
    }
}

async fn call_steadily(
    client: impl Client,
    first: Instant,
    records: Sender<CallRecord>,
    is_over: Arc<AtomicBool>,
) {
    let mut ticks = interval_at(first, PERIOD);
    // Who had to wait doesn't make up for it: the rate shows it.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        let begun = Instant::now();
        let answer = client.request_within(TIMEOUT, Request::Get).await;
        let ended = Instant::now();
        let end = match answer {
            Ok(Answer::Value(value)) => life_of(value.as_deref()).map_or(End::Wrong, End::Answered),
            Ok(_) => End::Wrong,
            Err(failure) => End::Failed(failure),
        };
        if records.send(CallRecord { begun, ended, end }).is_err() {
            return;
        }
    }
}
