//! All that a scenario has on its stage: servers, a name service, a pool and its driver.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use parking_lot::Mutex;
use pool_driver::{BuildError, Ended, Event, Instant, Pool, PoolBuilder, RefusedReason, Snapshot};

use crate::adapter::Adapter;
use crate::balancer::ScriptedBalancer;
use crate::observation::{Observation, Value};
use crate::observed::{Observed, Stamp};
use crate::script::Setting;
use crate::simulated::Clock;
use crate::task::{DriverWatch, ScenarioDriver};
use crate::world::{Calls, End, EventLog, Feed, Item, Ledger, SettingsFeed, World};

/// What script, driver and users of the pool share.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) calls: Calls,
    pub(crate) world: World,
    pub(crate) feed: Feed,
    pub(crate) settings: SettingsFeed,
    pub(crate) ledger: Ledger,
    pub(crate) log: EventLog,
    pub(crate) balancer: ScriptedBalancer,
    pub(crate) driver: DriverWatch,
    pub(crate) stamp: Stamp,
    /// The script's own time, by which servers are slow too.
    pub(crate) clock: Clock,
    pub(crate) bell: Bell,
    pub(crate) users: Mutex<Users>,
    pub(crate) limits: Mutex<Limits>,
    /// The step that is played.
    pub(crate) progress: Mutex<String>,
    pool: Mutex<Option<Pool<Item, u16>>>,
    /// A handle that is kept for this would keep the pool alive.
    last_snapshot: Mutex<Option<Snapshot<u16>>>,
}

/// What those who use the pool have come to know.
#[derive(Debug, Default)]
pub(crate) struct Users {
    pub(crate) sending: BTreeMap<u32, Arc<Cancel>>,
    pub(crate) refusals: Vec<RefusedReason>,
    pub(crate) build_error: Option<String>,
    pub(crate) ready: Option<String>,
    pub(crate) seen_ends: Vec<Ended>,
    /// Polls of the driver when it was last marked.
    pub(crate) polls_mark: usize,
    /// The time that the driver had last seen when the script marked it.
    pub(crate) time_mark: Instant,
    /// How often the timer that the script set has fired.
    pub(crate) timer_fired: usize,
}

/// What must stay as it is, and the first thing that did not.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    pub(crate) limits: Vec<Limit>,
    pub(crate) broken: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) enum Limit {
    NeverAbove(Observation, u64),
    Stays(Observation, Value),
}

/// Wakes the script.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    script: Mutex<Option<Waker>>,
    has_given_up: AtomicBool,
}

impl Bell {
    pub(crate) fn listen(&self, waker: &Waker) {
        let previous = self.script.lock().replace(waker.clone());
        drop(previous);
    }

    pub(crate) fn ring(&self) {
        let script = self.script.lock().take();
        if let Some(script) = script {
            script.wake();
        }
    }

    /// The scenario has taken too long.
    pub(crate) fn give_up(&self) {
        self.has_given_up.store(true, Ordering::Release);
        self.ring();
    }

    pub(crate) fn has_given_up(&self) -> bool {
        self.has_given_up.load(Ordering::Acquire)
    }
}

/// Tells a sender to give up.
#[derive(Debug, Default)]
pub(crate) struct Cancel {
    is_cancelled: AtomicBool,
    sender: Mutex<Option<Waker>>,
}

impl Cancel {
    pub(crate) fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Release);
        let sender = self.sender.lock().take();
        if let Some(sender) = sender {
            sender.wake();
        }
    }

    pub(crate) fn is_cancelled(&self, waker: &Waker) -> bool {
        let previous = self.sender.lock().replace(waker.clone());
        drop(previous);
        self.is_cancelled.load(Ordering::Acquire)
    }
}

impl Scene {
    /// An empty stage: servers that accept, and no pool yet.
    pub(crate) fn new() -> Arc<Self> {
        let calls = Calls::default();
        let ledger = Ledger::new(&calls);
        let (stamp, clock) = (Stamp::default(), Clock::default());
        Arc::new(Self {
            world: World::new(&ledger, &calls, &clock),
            feed: Feed::new(&calls),
            settings: SettingsFeed::new(&calls),
            log: EventLog::new(&calls, &stamp),
            ledger,
            balancer: ScriptedBalancer::new(&calls),
            calls,
            driver: DriverWatch::default(),
            stamp,
            clock,
            bell: Bell::default(),
            users: Mutex::default(),
            limits: Mutex::default(),
            progress: Mutex::default(),
            pool: Mutex::default(),
            last_snapshot: Mutex::default(),
        })
    }

    /// Makes the pool. What is not set can't get in the way: no timeout of a scenario that is
    /// about something else comes within an hour.
    pub(crate) fn build<A: Adapter>(
        &self,
        adapter: &A,
        settings: &[Setting],
        seed: u64,
    ) -> Result<ScenarioDriver<A::Runtime>, BuildError> {
        let runtime = Observed::new(adapter.runtime(), A::TIME.speed(), &self.stamp);
        let builder = PoolBuilder::new(self.world.clone(), runtime)
            .follow(self.feed.clone())
            .settings_from(self.settings.clone())
            .item_policy(self.ledger.clone())
            .observer(self.log.clone())
            .balancer(self.balancer.clone())
            .seed(seed);
        let (pool, driver) = Setting::apply_all(builder, settings).build()?;
        *self.pool.lock() = Some(pool);
        Ok(driver)
    }

    /// A handle to the pool, if there is one.
    pub(crate) fn pool(&self) -> Option<Pool<Item, u16>> {
        self.pool.lock().clone()
    }

    /// Drops the script's handle.
    pub(crate) fn drop_pool(&self) {
        let pool = self.pool.lock().take();
        if let Some(pool) = pool {
            *self.last_snapshot.lock() = Some(pool.snapshot());
        }
    }

    pub(crate) fn snapshot(&self) -> Option<Snapshot<u16>> {
        let snapshot = self.pool.lock().as_ref().map(Pool::snapshot);
        snapshot.or_else(|| self.last_snapshot.lock().clone())
    }

    /// The end that the observer was told of.
    pub(crate) fn ended(&self) -> Option<Ended> {
        let ended = |event: &Event<u16>| match event {
            Event::Ended { ended } => Some(*ended),
            _ => None,
        };
        self.log.find(ended).or_else(|| self.snapshot().and_then(|snapshot| snapshot.ended))
    }

    /// What must always hold is looked at, and the script woken.
    pub(crate) fn after_poll(&self) {
        let neglected = self.world.neglected_link();
        self.note_broken(neglected.map(|link| {
            let (unflushed, address) = (link.unflushed(), link.address());
            format!("the driver sleeps, and {unflushed} items at {address} were not flushed")
        }));
        self.check_limits();
        self.bell.ring();
    }

    pub(crate) fn check_limits(&self) {
        self.note_broken(self.calls.contradiction().map(|sentence| format!("harness: {sentence}")));
        let limits = self.limits.lock().limits.clone();
        self.note_broken(limits.into_iter().find_map(|limit| limit.broken(self)));
    }

    /// The first counts.
    fn note_broken(&self, broken: Option<String>) {
        if broken.is_some() {
            let mut limits = self.limits.lock();
            limits.broken = limits.broken.take().or(broken);
        }
    }

    /// Every item has come to one end, and the pool has counted right and told everybody the same.
    pub(crate) fn audit(&self) -> Result<(), String> {
        self.ledger.audit()?;
        let Some(ended) = self.ended() else { return Ok(()) };
        let shown = self.snapshot().and_then(|snapshot| snapshot.ended);
        let mut seen = self.users.lock().seen_ends.clone();
        seen.extend(shown);
        if let Some(other) = seen.into_iter().find(|seen| *seen != ended) {
            return Err(format!("the pool ended as {ended:?}, but somebody saw {other:?}"));
        }
        let count = |end| self.ledger.ended(end).len() as u64;
        let (sent, undelivered) = (count(End::SentCount), count(End::Undelivered));
        let counts = ended.counts;
        let is_right =
            (counts.sent, counts.undelivered) == (sent, undelivered) && counts.accepted == sent + undelivered;
        if is_right {
            return Ok(());
        }
        Err(format!("the pool says {counts:?}, but {sent} were sent and {undelivered} undelivered"))
    }
}

impl Limit {
    fn broken(self, scene: &Scene) -> Option<String> {
        match self {
            Self::NeverAbove(observation, max) => {
                let seen = observation.of(scene);
                let is_right = seen == Value::Nothing || seen.number().is_some_and(|number| number <= max);
                (!is_right).then(|| format!("{observation:?} was {seen}, and never shall be above {max}"))
            }
            Self::Stays(observation, value) => {
                let seen = observation.of(scene);
                (seen != value).then(|| format!("{observation:?} became {seen} instead of staying {value}"))
            }
        }
    }
}
