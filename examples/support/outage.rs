//! Kills one of several servers in mid-run, brings it back, and watches what that does.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use pool_driver::Pool;
use pool_servers::RealServer;

use crate::counter_reader::CounterReader;

/// What was seen from start to end.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outage {
    /// Where the server listens that was killed.
    pub victim: SocketAddr,
    /// Its counter, as last seen before it was killed.
    pub counter_before: u64,
    /// What it had been sent when it was started again.
    pub sent_before: u64,
    killed: Duration,
    restarted: Duration,
    looks: Vec<Look>,
}

/// What the pool had sent over at one time.
#[derive(Clone, Copy, Debug)]
struct Look {
    at: Duration,
    to_victim: u64,
    to_others: u64,
}

/// How often it looks.
const PERIOD: Duration = Duration::from_millis(2);

impl Outage {
    /// Watches for so long. After a third of the time the server is killed, after another third
    /// it is started again.
    ///
    /// # Errors
    ///
    /// When the server doesn't answer, die or start.
    pub fn watch<T>(pool: &Pool<T>, server: &mut RealServer, duration: Duration) -> io::Result<Self> {
        let started = Instant::now();
        let mut outage = Self {
            victim: server.address(),
            counter_before: 0,
            sent_before: 0,
            killed: Duration::ZERO,
            restarted: Duration::ZERO,
            looks: Vec::new(),
        };
        let mut reader = CounterReader::connect(server.address())?;
        while started.elapsed() < duration / 3 {
            outage.look(pool, started);
            outage.counter_before = reader.read()?;
            thread::sleep(PERIOD);
        }
        outage.counter_before = reader.read()?;
        outage.killed = started.elapsed();
        server.kill()?;
        while started.elapsed() < duration / 3 * 2 {
            outage.sent_before = outage.look(pool, started).to_victim;
            thread::sleep(PERIOD);
        }
        outage.restarted = started.elapsed();
        server.restart()?;
        while started.elapsed() < duration {
            outage.look(pool, started);
            thread::sleep(PERIOD);
        }
        Ok(outage)
    }

    fn look<T>(&mut self, pool: &Pool<T>, started: Instant) -> Look {
        let mut look = Look { at: started.elapsed(), to_victim: 0, to_others: 0 };
        for row in pool.snapshot().addresses {
            if *row.address == self.victim {
                look.to_victim = row.sent;
            } else {
                look.to_others += row.sent;
            }
        }
        self.looks.push(look);
        look
    }

    /// How long after its start the victim was sent an item again.
    #[must_use]
    pub fn picked_up_after(&self) -> Option<Duration> {
        let first =
            self.looks.iter().find(|look| look.to_victim > self.sent_before && look.at > self.restarted);
        first.map(|look| look.at.saturating_sub(self.restarted))
    }

    fn phase(&self, from: Duration, to: Duration) -> Phase {
        // From the last look before on: the moment of the change itself counts too.
        let start = self.looks.partition_point(|look| look.at < from).saturating_sub(1);
        let end = self.looks.partition_point(|look| look.at < to);
        let looks = &self.looks[start..end];
        let (Some(first), Some(last)) = (looks.first(), looks.last()) else { return Phase::default() };
        let items = |look: &Look| look.to_victim + look.to_others;
        let mut phase = Phase {
            items: items(last) - items(first),
            duration: last.at.saturating_sub(first.at),
            pause_max: Duration::ZERO,
        };
        let mut moved = *first;
        for look in looks {
            if look.to_others > moved.to_others {
                moved = *look;
            }
            phase.pause_max = phase.pause_max.max(look.at.saturating_sub(moved.at));
        }
        phase
    }
}

/// What happened in one third of the time.
#[derive(Clone, Copy, Debug, Default)]
struct Phase {
    items: u64,
    duration: Duration,
    /// The longest time in which the other servers were sent nothing.
    pause_max: Duration,
}

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = Duration::MAX;
        let phases = [
            ("before", self.phase(Duration::ZERO, self.killed)),
            ("while it was down", self.phase(self.killed, self.restarted)),
            ("after its return", self.phase(self.restarted, end)),
        ];
        writeln!(f, "{:<20} {:>9} {:>9} {:>26}", "", "items", "items/s", "longest pause of the rest")?;
        for (name, Phase { items, duration, pause_max }) in phases {
            let rate = u128::from(items) * 1000 / duration.as_millis().max(1);
            writeln!(f, "{name:<20} {items:>9} {rate:>9} {:>23} ms", pause_max.as_millis())?;
        }
        Ok(())
    }
}
