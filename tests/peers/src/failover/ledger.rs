//! Whether what the pool says it sent over, what the servers say they did, and what the callers
//! got add up.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::callers::{CallRecord, End};
use super::fault::Fault;
use super::servers::{LIVES, SECOND_LIFE, VICTIM};
use crate::clients::{Bookkeeping, Counting};

/// What is known of the calls in each life of the servers.
#[derive(Debug)]
pub(crate) struct Ledger {
    fault: Fault,
    lives: [Life; LIVES],
    failed: u64,
    repeats: bool,
}

#[derive(Clone, Copy, Default, Debug)]
struct Life {
    /// Calls given to connections, according to the pool.
    sent: u64,
    /// Calls executed, according to the server; one that was killed says nothing any more, and one that was stopped
    /// executes calls that nobody waits for, too.
    executed: Option<u64>,
    /// Calls answered, according to the callers.
    answered: u64,
}

/// The pool may look after its replies before its figures.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(2);

impl Ledger {
    /// What callers got, and what servers executed; all calls have ended.
    pub(crate) fn new(fault: Fault, calls: &[CallRecord], executed: &[u64]) -> Self {
        let mut ledger = Self { fault, lives: Default::default(), failed: 0, repeats: false };
        for call in calls {
            match call.end {
                End::Answered(life) => ledger.lives[life].answered += 1,
                End::Wrong | End::Failed(_) => ledger.failed += 1,
            }
        }
        for (server, executed) in executed.iter().enumerate() {
            ledger.lives[fault.last_life(server)].executed = Some(*executed);
        }
        ledger
    }

    /// Adds what the client sent over; `sent_before` is what the victim was sent until it came back.
    pub(crate) async fn settle(
        mut self,
        client: &impl Counting,
        servers: &[SocketAddr],
        sent_before: u64,
    ) -> Self {
        self.repeats = client.bookkeeping() == Bookkeeping::ExactWithRepeats;
        let deadline = Instant::now() + SETTLE_TIMEOUT;
        loop {
            for (server, address) in servers.iter().enumerate() {
                self.lives[self.fault.last_life(server)].sent = client.given(*address);
            }
            if self.fault == Fault::Kill {
                let second = &mut self.lives[SECOND_LIFE];
                second.sent = second.sent.saturating_sub(sent_before);
                self.lives[VICTIM].sent = sent_before;
            }
            if self.unaccounted() == 0 || Instant::now() > deadline {
                return self;
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Calls that were on the victim's connections when these broke or when their callers gave up, and that nobody
    /// will answer.
    pub(crate) fn lost(&self) -> u64 {
        self.lives[VICTIM].sent.saturating_sub(self.lives[VICTIM].answered)
    }

    /// Calls that one side knows of and another doesn't.
    pub(crate) fn unaccounted(&self) -> u64 {
        let mut unaccounted = 0;
        for (number, life) in self.lives.iter().enumerate() {
            let missing = if number == VICTIM { self.lost() } else { 0 };
            unaccounted += life.sent.abs_diff(life.answered + missing);
            // Of those that are lost, some may have been executed.
            unaccounted += life.executed.map_or(0, |executed| {
                executed.abs_diff(executed.clamp(life.answered, life.answered + missing))
            });
        }
        let failed = if self.repeats { self.failed } else { self.lost() };
        unaccounted + failed.abs_diff(self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(sent: u64, executed: Option<u64>) -> Life {
        Life { sent, executed, answered: executed.unwrap_or(sent - 1) }
    }

    /// Of the victim one call is lost.
    fn ledger(repeats: bool, failed: u64) -> Ledger {
        let lives = [life(10, None), life(20, Some(20)), life(20, Some(20)), life(5, Some(5))];
        Ledger { fault: Fault::Kill, lives, failed, repeats }
    }

    #[test]
    fn calls_that_a_killed_server_took_along_are_accounted_for() {
        assert_eq!((ledger(false, 1).lost(), ledger(false, 1).unaccounted()), (1, 0));
        assert_eq!((ledger(true, 0).lost(), ledger(true, 0).unaccounted()), (1, 0));
    }

    #[test]
    fn a_stopped_server_may_execute_what_it_never_answered_and_nothing_else() {
        for (executed, unaccounted) in [(11, 1), (12, 0), (13, 0), (14, 0), (15, 1)] {
            let victim = Life { sent: 14, executed: Some(executed), answered: 12 };
            let lives = [victim, life(20, Some(20)), life(20, Some(20)), Life::default()];
            let ledger = Ledger { fault: Fault::Hang, lives, failed: 2, repeats: false };
            assert_eq!((ledger.lost(), ledger.unaccounted()), (2, unaccounted), "{executed}");
        }
    }

    #[test]
    fn a_call_that_is_lost_elsewhere_or_made_twice_is_found() {
        assert_eq!(ledger(false, 0).unaccounted(), 1, "lost, and nobody was told");
        assert_eq!(ledger(false, 2).unaccounted(), 1, "it was on no connection that broke");
        for life in 1..LIVES {
            let mut ledger = ledger(false, 1);
            ledger.lives[life].answered -= 1;
            assert_eq!(ledger.unaccounted(), 2, "life {life}");
        }
        let mut twice = ledger(true, 0);
        twice.lives[1].sent += 1;
        assert_eq!(twice.unaccounted(), 1);
        let mut unknown = ledger(true, 0);
        unknown.lives[VICTIM].answered = 11;
        assert_eq!(unknown.unaccounted(), 1);
    }
}
