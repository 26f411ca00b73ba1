//! Looks at a fixture: what a script's observations are at the moment.

use std::time::Duration;

use pool_driver::{AddressSnapshot, AddressState, Event, Snapshot, SourceState};

use crate::fixture::Fixture;
use crate::script::{Observation, Value};
use crate::world::{End, Link, Tally, World};

/// What is seen now. Each of the functions below knows some of the observations.
pub(crate) fn observe(observation: Observation, fixture: &Fixture) -> Value {
    let world = &fixture.world;
    let snapshot = || fixture.snapshot();
    servers(observation, world)
        .or_else(|| streams(observation, world))
        .or_else(|| address_events(observation, world))
        .or_else(|| pool_events(observation, world))
        .or_else(|| address_snapshot(observation, &snapshot))
        .or_else(|| pool_snapshot(observation, &snapshot))
        .or_else(|| items(observation, fixture))
        .unwrap_or_else(|| users(observation, fixture))
}

fn servers(observation: Observation, world: &World) -> Option<Value> {
    use Observation as O;

    let servers = &world.servers;
    Some(match observation {
        O::Dials(address) => count(servers.dials(address)),
        O::DialsOpen(address) => count(servers.dialling(address)),
        O::DialContextFailures(address) => {
            Value::Number(servers.last_context(address).map_or(0, |context| context.failures).into())
        }
        O::Open(address) => count(servers.alive(address)),
        O::OpenLink(address, link) => {
            count(servers.links(address).get(link).is_some_and(Link::is_open).into())
        }
        O::Received(address) => count(servers.received(address).len()),
        O::ReceivedItems(address) => Value::Items(servers.received(address)),
        O::ReceivedOver(address, link) => {
            count(servers.links(address).get(link).map_or(0, |link| link.received().len()))
        }
        O::Unflushed(address) => count(servers.links(address).iter().map(Link::unflushed).sum()),
        O::UnflushedOver(address, link) => count(servers.links(address).get(link).map_or(0, Link::unflushed)),
        O::LatencyMillis(address, n) => {
            let latencies: Vec<_> = servers.links(address).iter().flat_map(Link::latencies).collect();
            latencies.get(n).copied().map_or(Value::Nothing, millis)
        }
        O::UnreadEvents(address) => count(servers.links(address).iter().map(Link::untold).sum()),
        O::CallsSinceMark(address) => count(servers.calls_since_mark(address)),
        O::EmptyEventPollsMax(address) => {
            let links = servers.links(address);
            count(links.iter().map(Link::empty_event_polls_max).max().unwrap_or_default())
        }
        O::Unasked => count(servers.all_links().iter().map(Link::unasked).sum()),
        _ => return None,
    })
}

fn streams(observation: Observation, world: &World) -> Option<Value> {
    Some(match observation {
        Observation::NamePollsAfterEnd => count(world.names.polls_after_end()),
        Observation::NamesUnread => count(world.names.len()),
        Observation::NameRefreshes => count(world.names.refreshes()),
        Observation::NamesReadAtOnce => count(world.names.read_at_once_max()),
        Observation::SettingsPollsAfterEnd => count(world.settings.polls_after_end()),
        _ => return None,
    })
}

fn address_events(observation: Observation, world: &World) -> Option<Value> {
    use Observation as O;

    let log = &world.log;
    let of = |address, look: fn(&Tally) -> usize| count(log.tally(address, look));
    let words = |address, look: fn(&Tally) -> &[String]| {
        Value::Text(log.tally(address, |tally| look(tally).join(", ")))
    };
    let time = |address, look: &dyn Fn(&Tally) -> Option<Duration>| {
        log.tally(address, look).map_or(Value::Nothing, millis)
    };
    Some(match observation {
        O::Added(address) => of(address, |tally| tally.added),
        O::Removed(address) => of(address, |tally| tally.removed),
        O::Connections(address) => of(address, |tally| tally.connections),
        O::Connected(address) => of(address, |tally| tally.connected.now),
        O::ConnectedMax(address) => of(address, |tally| tally.connected.max),
        O::DiallingTo(address) => of(address, |tally| tally.dialling.now),
        O::DiallingMaxTo(address) => of(address, |tally| tally.dialling.max),
        O::SlotsMax(address) => of(address, |tally| tally.slots_max),
        O::Draining(address) => of(address, |tally| tally.drains.level.now),
        O::DrainingMax(address) => of(address, |tally| tally.drains.level.max),
        O::DrainReasons(address) => words(address, |tally| &tally.drains.reasons),
        O::DrainMillis(address, n) => time(address, &|tally| tally.drains.durations.get(n).copied()),
        O::Ends(address) => words(address, |tally| &tally.ends),
        O::DialGapMillis(address, n) => time(address, &|tally| {
            let next = tally.dials.get(n + 1)?;
            Some(next.saturating_duration_since(tally.dials[n]))
        }),
        O::BackOffs(address) => of(address, |tally| tally.backoffs.len()),
        O::BackOffMillis(address, n) => time(address, &|tally| tally.backoffs.get(n).copied()),
        O::BackOffSpreadMillis(address, n) => time(address, &|tally| {
            let first = tally.backoffs.get(..n)?;
            Some(first.iter().max()?.saturating_sub(*first.iter().min()?))
        }),
        O::Recovered(address) => of(address, |tally| tally.recovered),
        O::Suspected(address) => of(address, |tally| tally.health.suspected),
        O::Cleared(address) => of(address, |tally| tally.health.cleared),
        O::Rests(address) => of(address, |tally| tally.health.rests.len()),
        O::RestMillis(address, n) => time(address, &|tally| tally.health.rests.get(n).copied()),
        O::Returned(address) => of(address, |tally| tally.health.returned),
        O::SentBeforeEnd(address) => Value::Number(log.tally(address, |tally| tally.sent)),
        O::InFlightAtEnd(address) => Value::Number(log.tally(address, |tally| tally.in_flight_at_end)),
        _ => return None,
    })
}

fn pool_events(observation: Observation, world: &World) -> Option<Value> {
    use Observation as O;

    let log = &world.log;
    let events = |is_meant: fn(&Event<u16>) -> bool| count(log.count(is_meant));
    Some(match observation {
        O::Dialling => count(log.dialling().now),
        O::DiallingMax => count(log.dialling().max),
        O::SetsRefused => events(|event| matches!(event, Event::AddressesRefused { .. })),
        O::NameErrors => events(|event| matches!(event, Event::AddressesFailed { .. })),
        O::NamesLost => events(|event| matches!(event, Event::NoSuchName)),
        O::NamesEnded => events(|event| matches!(event, Event::AddressesEnded { .. })),
        O::ConfigApplied => events(|event| matches!(event, Event::ConfigApplied { .. })),
        O::ConfigRefused => events(|event| matches!(event, Event::ConfigRefused { .. })),
        O::SettingsError => {
            let error = log.find_last(|event| match event {
                Event::ConfigRefused { error } => Some(error.to_string()),
                _ => None,
            });
            Value::Text(error.unwrap_or_default())
        }
        O::ConfigEnded => events(|event| matches!(event, Event::ConfigEnded { .. })),
        O::AvailabilityChanges => events(|event| matches!(event, Event::AvailabilityChanged { .. })),
        O::EndEvents => events(|event| matches!(event, Event::Ended { .. })),
        _ => return None,
    })
}

fn address_snapshot(observation: Observation, snapshot: &dyn Fn() -> Option<Snapshot<u16>>) -> Option<Value> {
    use Observation as O;

    let number = |address, look: fn(&AddressSnapshot<u16>) -> u32| {
        let snapshot = snapshot();
        Value::Number(of_address(snapshot.as_ref(), address).map_or(0, look).into())
    };
    Some(match observation {
        O::AddressState(address) => {
            let snapshot = snapshot();
            let shown = of_address(snapshot.as_ref(), address);
            Value::Text(shown.map_or("", |shown| address_state_name(shown.status.state)).to_owned())
        }
        O::Ready(address) => number(address, |shown| shown.status.slots.ready.into()),
        O::Failures(address) => number(address, |shown| shown.status.failures),
        O::Weight(address) => number(address, |shown| shown.status.weight),
        O::Priority(address) => number(address, |shown| shown.status.priority.into()),
        O::InFlight(address) => number(address, |shown| shown.status.in_flight),
        O::LastError(address) => {
            let snapshot = snapshot();
            let error = of_address(snapshot.as_ref(), address).and_then(|shown| shown.last_error.as_ref());
            Value::Text(error.map(ToString::to_string).unwrap_or_default())
        }
        _ => return None,
    })
}

fn pool_snapshot(observation: Observation, snapshot: &dyn Fn() -> Option<Snapshot<u16>>) -> Option<Value> {
    use Observation as O;

    let number = |look: fn(&Snapshot<u16>) -> usize| count(snapshot().as_ref().map_or(0, look));
    let text =
        |look: fn(&Snapshot<u16>) -> String| Value::Text(snapshot().as_ref().map(look).unwrap_or_default());
    Some(match observation {
        O::KnownAddresses => number(|snapshot| snapshot.addresses.len()),
        O::NamesError => text(|snapshot| {
            let error = snapshot.source.state.error();
            error.map(ToString::to_string).unwrap_or_default()
        }),
        O::NamesState => text(|snapshot| {
            let state = source_state_name(&snapshot.source.state);
            let has_answered = snapshot.source.answer_age.is_some();
            if has_answered { format!("{state}, with addresses") } else { state.to_owned() }
        }),
        O::Availability => text(|snapshot| format!("{:?}", snapshot.availability)),
        O::InBacklog => number(|snapshot| snapshot.queue.in_backlog),
        O::PermitsInUse => number(|snapshot| {
            let queue = snapshot.queue;
            queue.queued + queue.in_backlog + queue.granted
        }),
        O::Capacity => number(|snapshot| snapshot.queue.capacity),
        O::Waiting => number(|snapshot| snapshot.queue.waiting),
        O::Accepted => Value::Number(snapshot().map_or(0, |snapshot| snapshot.counts.accepted)),
        _ => return None,
    })
}

fn items(observation: Observation, fixture: &Fixture) -> Option<Value> {
    use Observation as O;

    let ledger = &fixture.world.ledger;
    Some(match observation {
        O::Sent => count(ledger.ended(End::Sent).len()),
        O::Undelivered => count(ledger.ended(End::Undelivered).len()),
        O::UndeliveredItems => Value::Items(ledger.undelivered()),
        O::UndeliveredReason => {
            Value::Text(ledger.reasons().last().map(ToString::to_string).unwrap_or_default())
        }
        O::Refused => count(ledger.ended(End::Refused).len()),
        O::Withdrawn => count(ledger.ended(End::Withdrawn).len()),
        O::Doubled => count(ledger.doubled().len()),
        O::Accounts => Value::Text(fixture.audit().err().unwrap_or_else(|| "balanced".into())),
        O::EndReason => {
            Value::Text(fixture.ended().map(|ended| ended.reason.to_string()).unwrap_or_default())
        }
        _ => return None,
    })
}

fn users(observation: Observation, fixture: &Fixture) -> Value {
    use Observation as O;

    let Fixture { world, driver, .. } = fixture;
    let users = fixture.users.lock();
    let sleepers = &users.sleepers;
    match observation {
        O::RefusedReason => Value::Text(users.refusals.last().map(ToString::to_string).unwrap_or_default()),
        O::Sending => count(users.sending.len()),
        O::Answer(number) => Value::Text(users.answers.get(&number).cloned().unwrap_or_default()),
        O::Replies => count(users.answers.values().filter(|answer| answer.starts_with("reply ")).count()),
        O::Sleeping => count(sleepers.sleeping.len()),
        O::Woken => Value::Items(sleepers.woken.clone()),
        O::WokenCount => count(sleepers.woken.len()),
        O::SleptMillis(number) => sleepers.slept.get(&number).copied().map_or(Value::Nothing, millis),
        O::StrayWakes => count(sleepers.stray_wakes),
        O::Upgrades => count(users.upgrades),
        O::ReconfigureError => Value::Text(users.settings_error.clone().unwrap_or_default()),
        O::ReadyAnswer => Value::Text(users.ready.clone().unwrap_or_default()),
        O::BuildError => Value::Text(users.build_error.clone().unwrap_or_default()),
        O::EndsSeen => count(users.seen_ends.len()),
        O::TimerFired => count(users.timer_fired),
        O::PollsSinceMark => count(driver.polls().count - users.polls_mark),
        O::PollsAfterEnd => count(driver.polls().after_end),
        O::SinceMarkMillis => millis(world.driver_clock.now().saturating_duration_since(users.time_mark)),
        O::Panics => count(world.calls.panics()),
        O::ClockWentBack => count(world.driver_clock.went_back()),
        other => unreachable!("{other:?} is seen elsewhere"),
    }
}

fn count(count: usize) -> Value {
    Value::Number(count as u64)
}

fn millis(duration: Duration) -> Value {
    Value::Number(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

fn of_address(snapshot: Option<&Snapshot<u16>>, address: u16) -> Option<&AddressSnapshot<u16>> {
    snapshot?.addresses.iter().find(|shown| *shown.address == address)
}

fn address_state_name(state: AddressState) -> &'static str {
    match state {
        AddressState::Ready => "ready",
        AddressState::Busy => "busy",
        AddressState::Resting => "resting",
        AddressState::Dialling => "dialling",
        AddressState::Waiting => "waiting",
        AddressState::Backoff => "backoff",
        AddressState::Departed => "departed",
        _ => "other",
    }
}

fn source_state_name(state: &SourceState) -> &'static str {
    match state {
        SourceState::Pending => "pending",
        SourceState::Answered => "answered",
        SourceState::Failed(_) => "failed",
        SourceState::NoSuchName => "no such name",
        SourceState::Ended(_) => "ended",
        _ => "unknown",
    }
}
