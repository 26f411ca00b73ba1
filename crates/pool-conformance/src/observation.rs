//! What a script can see of its scene.

use std::fmt;
use std::time::Duration;

use pool_driver::{AddressSnapshot, AddressState, Snapshot, SourceState};

use crate::scene::Scene;
use crate::world::{End, Link, Tally};

/// Something that can be seen from outside of a pool. `u16`s are addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Observation {
    // What servers see.
    /// Dials that servers were ever asked for.
    Dials(u16),
    /// Connections that the pool has not dropped.
    Open(u16),
    /// Items that have arrived.
    Received(u16),
    /// Items that have arrived, in order, connection by connection.
    ReceivedItems(u16),
    /// Items that have arrived over the n-th connection, counted from 0.
    ReceivedOver(u16, usize),
    /// Items that connections hold and have not flushed.
    Unflushed(u16),
    /// Items that the n-th connection, counted from 0, holds and has not flushed.
    UnflushedOver(u16, usize),
    /// Failures that the connector was told of at the latest dial.
    ToldFailures(u16),
    /// Connections that have something to tell.
    Untold(u16),
    /// Polls of dials to the address and calls into its connections since the mark.
    CallsSinceMark(u16),
    /// How often at most a connection was asked in one poll of the driver for what it had to tell,
    /// and had nothing.
    VainLooksMax(u16),
    /// Whether the pool holds the n-th connection, counted from 0: 1 or 0.
    OpenLink(u16, usize),
    /// Polls of the stream of settings after its end.
    SettingsPollsAfterEnd,
    /// Polls of the address stream after its end.
    NamePollsAfterEnd,
    /// Answers of the name service that wait to be read.
    NamesUnread,
    /// How often the name service was asked to look again.
    NameRefreshes,
    /// Items that connections were sent without having been ready when asked just before.
    Unasked,
    /// The most answers that were read in one poll of the driver.
    NamesReadAtOnce,
    /// Dials that the pool has not dropped.
    DialsOpen(u16),

    // What the observer was told.
    /// How often the address joined the set.
    Added(u16),
    /// How often it left.
    Removed(u16),
    /// Connections that were ever up.
    Connections(u16),
    /// Connections that are up and don't drain.
    Connected(u16),
    /// The most of them that there ever were.
    ConnectedMax(u16),
    /// Dials in flight to all addresses, at most.
    DiallingMax,
    /// Dials in flight to this address, at most.
    DiallingMaxTo(u16),
    /// Connections that drain.
    Draining(u16),
    /// The most of them that there ever were.
    DrainingMax(u16),
    /// Why connections drained.
    DrainReasons(u16),
    /// How dials and connections ended.
    Ends(u16),
    /// How long the n-th drain that is over took, in milliseconds.
    DrainMillis(u16, usize),
    /// From the start of the n-th dial to that of the next, in milliseconds.
    DialGapMillis(u16, usize),
    /// How often the address was put into backoff.
    BackOffs(u16),
    /// For how long after its latest dial it was to be left alone at the n-th time, in
    /// milliseconds; the time that has passed since then, if that was longer.
    BackOffMillis(u16, usize),
    /// How often its failures were forgotten.
    Recovered(u16),
    /// Items that its connections were sent in their lives, of those that are over.
    SentBeforeEnd(u16),
    /// Items that its connections may have taken with them.
    InFlightAtEnd(u16),
    /// Sets that were refused.
    SetsRefused,
    /// Errors of the name service.
    NameErrors,
    /// How often it was said that there is no such name.
    NamesLost,
    /// Ends of the address stream.
    NamesEnded,
    /// Settings that were put in force while the pool ran.
    SettingsApplied,
    /// Settings that were refused while it ran.
    SettingsRefused,
    /// Why the latest of them were.
    SettingsError,
    /// Ends of the stream of settings.
    SettingsEnded,
    /// How often the pool became able and unable to take items.
    AvailabilityChanges,
    /// How often the observer was told of the pool's end.
    EndsTold,
    /// Dials in flight to all addresses.
    Dialling,
    /// Dials in flight to this address.
    DiallingTo(u16),
    /// Dials in flight and connections that are up and don't drain: the most there ever were.
    SlotsMax(u16),
    /// The longest less the shortest of its first n backoffs, in milliseconds.
    BackOffSpreadMillis(u16, usize),

    // What the snapshot shows.
    /// What the address does, in a word.
    State(u16),
    /// Connections that can take an item.
    Ready(u16),
    /// Failures since the address last worked.
    Failures(u16),
    /// Its weight.
    Weight(u16),
    /// Its priority.
    Priority(u16),
    /// Its latest error.
    LastError(u16),
    /// Items that its connections hold or have not reported on.
    InFlight(u16),
    /// Addresses that are known.
    Rows,
    /// The name service's error.
    NamesError,
    /// What the name service said last, in a word, as long as its answer can be told from none.
    NamesState,
    /// Whether items can be taken.
    Availability,
    /// Items in the driver's hand.
    InBacklog,
    /// Items in the queue and in the driver's hand, and places granted.
    Places,
    /// Places that the queue has.
    Capacity,
    /// Senders in line.
    Waiting,
    /// Items that the pool took.
    Accepted,

    // What became of items.
    /// Items that connections took, and did not give back.
    SentCount,
    /// Items that `on_undelivered` was given.
    Undelivered,
    /// The items that `on_undelivered` was given, in the order of their numbers.
    UndeliveredItems,
    /// Why the latest of them was.
    UndeliveredReason,
    /// Items that their senders got back.
    Refused,
    /// Why the latest of them was.
    RefusedReason,
    /// Items whose senders gave up.
    Withdrawn,
    /// Items that came to more than one end.
    Doubled,

    // What users of the pool see.
    /// Senders that have not been told yet.
    Sending,
    /// What `ready()` said.
    ReadyAnswer,
    /// Why the pool could not be built: the field.
    BuildError,
    /// How many of those who wait for the end have been told.
    EndsSeen,
    /// Why the pool is over.
    EndReason,
    /// Whether all items are accounted for, also by the pool.
    Accounts,

    // What the executor does.
    /// Polls of the driver since the mark.
    PollsSinceMark,
    /// Polls of the driver after it was over.
    PollsAfterEnd,
    /// From the mark to the time that the driver last saw, in milliseconds; at its end, for good.
    SinceMarkMillis,
    /// Panics that the script has ordered, and that came.
    Panics,
    /// How often the clock went back.
    ClockWentBack,
    /// How often the timer that the script set has fired.
    TimerFired,
}

/// What was seen.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Value {
    /// How many, or how long.
    Number(u64),
    /// A word or a sentence; empty if there is none.
    Text(String),
    /// Items, by their numbers.
    Items(Vec<u32>),
    /// It has not come to be yet.
    Nothing,
}

impl Value {
    pub(crate) fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(_) | Self::Items(_) | Self::Nothing => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Items(items) => write!(f, "{items:?}"),
            Self::Nothing => f.write_str("nothing yet"),
        }
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl<const N: usize> From<[u32; N]> for Value {
    fn from(items: [u32; N]) -> Self {
        Self::Items(items.into())
    }
}

impl From<std::ops::Range<u32>> for Value {
    fn from(items: std::ops::Range<u32>) -> Self {
        Self::Items(items.collect())
    }
}

impl Observation {
    /// Whether it is a time that passed, which may be longer than it should where time is real.
    pub(crate) fn is_time(self) -> bool {
        matches!(
            self,
            Self::DrainMillis(..) | Self::DialGapMillis(..) | Self::BackOffMillis(..) | Self::SinceMarkMillis
        )
    }

    /// What is seen now.
    pub(crate) fn of(self, scene: &Scene) -> Value {
        self.of_servers(scene)
            .or_else(|| self.of_events(scene))
            .or_else(|| self.of_snapshot(scene))
            .or_else(|| self.of_items(scene))
            .unwrap_or_else(|| self.of_users(scene))
    }

    fn of_servers(self, scene: &Scene) -> Option<Value> {
        let world = &scene.world;
        Some(match self {
            Self::Dials(address) => count(world.dials(address)),
            Self::Open(address) => count(world.alive(address)),
            Self::Received(address) => count(world.received(address).len()),
            Self::ReceivedItems(address) => Value::Items(world.received(address)),
            Self::ReceivedOver(address, link) => {
                count(world.links(address).get(link).map_or(0, |link| link.received().len()))
            }
            Self::Unflushed(address) => count(world.links(address).iter().map(Link::unflushed).sum()),
            Self::UnflushedOver(address, link) => {
                count(world.links(address).get(link).map_or(0, Link::unflushed))
            }
            Self::ToldFailures(address) => {
                Value::Number(world.last_context(address).map_or(0, |context| context.failures).into())
            }
            Self::Untold(address) => count(world.links(address).iter().map(Link::untold).sum()),
            Self::CallsSinceMark(address) => count(world.calls_since_mark(address)),
            Self::VainLooksMax(address) => {
                count(world.links(address).iter().map(Link::vain_looks_max).max().unwrap_or_default())
            }
            Self::OpenLink(address, link) => {
                count(world.links(address).get(link).is_some_and(Link::is_open).into())
            }
            Self::SettingsPollsAfterEnd => count(scene.settings.polls_after_end()),
            Self::NamePollsAfterEnd => count(scene.feed.polls_after_end()),
            Self::NamesUnread => count(scene.feed.len()),
            Self::Unasked => count(world.all_links().iter().map(Link::unasked).sum()),
            Self::NameRefreshes => count(scene.feed.refreshes()),
            Self::NamesReadAtOnce => count(scene.feed.read_at_once_max()),
            Self::DialsOpen(address) => count(world.dialling(address)),
            _ => return None,
        })
    }

    fn of_events(self, scene: &Scene) -> Option<Value> {
        use pool_driver::Event;

        let log = &scene.log;
        let of = |address, look: fn(&Tally) -> usize| count(log.tally(address, look));
        let words = |address, look: fn(&Tally) -> &[String]| {
            Value::Text(log.tally(address, |tally| look(tally).join(", ")))
        };
        let nth = |address, look: &dyn Fn(&Tally) -> Option<Duration>| {
            log.tally(address, look).map_or(Value::Nothing, millis)
        };
        Some(match self {
            Self::Added(address) => of(address, |tally| tally.added),
            Self::Removed(address) => of(address, |tally| tally.removed),
            Self::Connections(address) => of(address, |tally| tally.connections),
            Self::Connected(address) => of(address, |tally| tally.connected.now),
            Self::ConnectedMax(address) => of(address, |tally| tally.connected.max),
            Self::DiallingMax => count(log.dialling().max),
            Self::DiallingMaxTo(address) => of(address, |tally| tally.dialling.max),
            Self::Draining(address) => of(address, |tally| tally.draining.now),
            Self::DrainingMax(address) => of(address, |tally| tally.draining.max),
            Self::DrainReasons(address) => words(address, |tally| &tally.drain_reasons),
            Self::Ends(address) => words(address, |tally| &tally.ends),
            Self::DrainMillis(address, n) => nth(address, &|tally| tally.drains.get(n).copied()),
            Self::DialGapMillis(address, n) => nth(address, &|tally| {
                let next = tally.dials.get(n + 1)?;
                Some(next.saturating_duration_since(tally.dials[n]))
            }),
            Self::BackOffs(address) => of(address, |tally| tally.backoffs.len()),
            Self::BackOffMillis(address, n) => nth(address, &|tally| tally.backoffs.get(n).copied()),
            Self::Recovered(address) => of(address, |tally| tally.recovered),
            Self::SentBeforeEnd(address) => Value::Number(log.tally(address, |tally| tally.sent)),
            Self::InFlightAtEnd(address) => Value::Number(log.tally(address, |tally| tally.in_flight_at_end)),
            Self::SetsRefused => count(log.count(|event| matches!(event, Event::AddressesRefused { .. }))),
            Self::NameErrors => count(log.count(|event| matches!(event, Event::AddressesFailed { .. }))),
            Self::NamesLost => count(log.count(|event| matches!(event, Event::NoSuchName))),
            Self::SettingsApplied => count(log.count(|event| matches!(event, Event::SettingsApplied { .. }))),
            Self::SettingsRefused => count(log.count(|event| matches!(event, Event::SettingsRefused { .. }))),
            Self::SettingsError => {
                let mut latest = String::new();
                let _: Option<()> = log.find(|event| {
                    if let Event::SettingsRefused { error } = event {
                        latest = error.to_string();
                    }
                    None
                });
                Value::Text(latest)
            }
            Self::SettingsEnded => count(log.count(|event| matches!(event, Event::SettingsEnded { .. }))),
            Self::NamesEnded => count(log.count(|event| matches!(event, Event::AddressesEnded { .. }))),
            Self::AvailabilityChanges => {
                count(log.count(|event| matches!(event, Event::AvailabilityChanged { .. })))
            }
            Self::EndsTold => count(log.count(|event| matches!(event, Event::Ended { .. }))),
            Self::Dialling => count(log.dialling().now),
            Self::DiallingTo(address) => of(address, |tally| tally.dialling.now),
            Self::SlotsMax(address) => of(address, |tally| tally.slots_max),
            Self::BackOffSpreadMillis(address, n) => nth(address, &|tally| {
                let first = tally.backoffs.get(..n)?.iter();
                Some(first.clone().max()?.saturating_sub(*first.min()?))
            }),
            _ => return None,
        })
    }

    fn of_snapshot(self, scene: &Scene) -> Option<Value> {
        let number =
            |look: &dyn Fn(&Snapshot<u16>) -> usize| count(scene.snapshot().as_ref().map_or(0, look));
        let text = |look: &dyn Fn(&Snapshot<u16>) -> Option<String>| {
            Value::Text(scene.snapshot().as_ref().and_then(look).unwrap_or_default())
        };
        let row = |address, look: fn(&AddressSnapshot<u16>) -> u32| {
            number(&|snapshot| row_of(snapshot, address).map_or(0, look) as usize)
        };
        Some(match self {
            Self::State(address) => text(&|snapshot| {
                let state = row_of(snapshot, address)?.status.state;
                Some(state_name(state).to_owned())
            }),
            Self::Ready(address) => row(address, |row| row.status.ready.into()),
            Self::Failures(address) => row(address, |row| row.status.failures),
            Self::Weight(address) => row(address, |row| row.status.weight),
            Self::Priority(address) => row(address, |row| row.status.priority.into()),
            Self::InFlight(address) => row(address, |row| row.status.in_flight),
            Self::LastError(address) => text(&|snapshot| {
                let error = row_of(snapshot, address)?.last_error.as_ref()?;
                Some(error.to_string())
            }),
            Self::Rows => number(&|snapshot| snapshot.addresses.len()),
            Self::NamesError => text(&|snapshot| Some(snapshot.source.state.error()?.to_string())),
            Self::NamesState => text(&|snapshot| {
                let has_answered = snapshot.source.answer_age.is_some();
                let state = match snapshot.source.state {
                    SourceState::Pending => "pending",
                    SourceState::Answered => "answered",
                    SourceState::Failed(_) => "failed",
                    SourceState::NoSuchName => "no such name",
                    SourceState::Ended(_) => "ended",
                    _ => "unknown",
                };
                Some(if has_answered { format!("{state}, with addresses") } else { state.into() })
            }),
            Self::Availability => text(&|snapshot| Some(format!("{:?}", snapshot.availability))),
            Self::InBacklog => number(&|snapshot| snapshot.queue.in_backlog),
            Self::Places => number(&|snapshot| {
                let queue = snapshot.queue;
                queue.queued + queue.in_backlog + queue.granted
            }),
            Self::Capacity => number(&|snapshot| snapshot.queue.capacity),
            Self::Waiting => number(&|snapshot| snapshot.queue.waiting),
            Self::Accepted => Value::Number(scene.snapshot().map_or(0, |snapshot| snapshot.counts.accepted)),
            _ => return None,
        })
    }

    fn of_items(self, scene: &Scene) -> Option<Value> {
        let ledger = &scene.ledger;
        Some(match self {
            Self::SentCount => count(ledger.ended(End::SentCount).len()),
            Self::Undelivered => count(ledger.ended(End::Undelivered).len()),
            Self::UndeliveredItems => Value::Items(ledger.undelivered()),
            Self::UndeliveredReason => {
                Value::Text(ledger.reasons().last().map(ToString::to_string).unwrap_or_default())
            }
            Self::Refused => count(ledger.ended(End::Refused).len()),
            Self::Withdrawn => count(ledger.ended(End::Withdrawn).len()),
            Self::Doubled => count(ledger.doubled().len()),
            Self::Accounts => Value::Text(scene.audit().err().unwrap_or_else(|| "balanced".into())),
            _ => return None,
        })
    }

    fn of_users(self, scene: &Scene) -> Value {
        let users = scene.users.lock();
        match self {
            Self::RefusedReason => {
                Value::Text(users.refusals.last().map(ToString::to_string).unwrap_or_default())
            }
            Self::Sending => count(users.sending.len()),
            Self::ReadyAnswer => Value::Text(users.ready.clone().unwrap_or_default()),
            Self::BuildError => Value::Text(users.build_error.clone().unwrap_or_default()),
            Self::EndsSeen => count(users.seen_ends.len()),
            Self::TimerFired => count(users.timer_fired),
            Self::PollsSinceMark => count(scene.driver.polls().count - users.polls_mark),
            Self::PollsAfterEnd => count(scene.driver.polls().after_end),
            Self::SinceMarkMillis => millis(scene.stamp.now().saturating_duration_since(users.time_mark)),
            Self::Panics => count(scene.calls.panics()),
            Self::ClockWentBack => count(scene.stamp.went_back()),
            Self::EndReason => {
                drop(users);
                Value::Text(scene.ended().map(|ended| ended.reason.to_string()).unwrap_or_default())
            }
            other => unreachable!("{other:?} is seen elsewhere"),
        }
    }
}

fn count(count: usize) -> Value {
    Value::Number(count as u64)
}

fn millis(duration: Duration) -> Value {
    Value::Number(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

fn row_of(snapshot: &Snapshot<u16>, address: u16) -> Option<&AddressSnapshot<u16>> {
    snapshot.addresses.iter().find(|row| *row.address == address)
}

fn state_name(state: AddressState) -> &'static str {
    match state {
        AddressState::Ready => "ready",
        AddressState::Busy => "busy",
        AddressState::Dialling => "dialling",
        AddressState::Waiting => "waiting",
        AddressState::Backoff => "backoff",
        AddressState::Departed => "departed",
        _ => "other",
    }
}
