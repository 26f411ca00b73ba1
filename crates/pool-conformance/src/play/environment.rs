//! Plays what happens around the pool: what servers, streams and the harness do.

use std::task::Waker;

use pool_driver::Runtime;

use super::failure::Failure;
use super::timer_probe::TimerProbe;
use crate::fixture::Fixture;
use crate::script::{Dial, HarnessStep, ServerStep, Setting, StreamStep};
use crate::world::{ConfigEvent, ConfigFeed, Feed, FeedEvent, Link, Servers, World};

pub(crate) fn play_server(step: &ServerStep, servers: &Servers) -> Result<(), Failure> {
    match step {
        ServerStep::Serve(address, dial) => {
            servers.answer(*address, *dial);
            Ok(())
        }
        ServerStep::Behave(address, conduct) => {
            servers.behave(*address, |behaviour| conduct.change(behaviour));
            for link in servers.links(*address) {
                link.change(|behaviour| conduct.change(behaviour));
            }
            Ok(())
        }
        ServerStep::Kill(address) => {
            servers.answer(*address, Dial::Refuse);
            each_open_link(servers, *address, Link::break_off)
        }
        ServerStep::BreakConnections(address) => each_open_link(servers, *address, Link::break_off),
        ServerStep::HangUp(address) => each_open_link(servers, *address, Link::hang_up),
        ServerStep::GoAway(address) => each_open_link(servers, *address, Link::go_away),
        ServerStep::MakeProgress(address) => each_open_link(servers, *address, Link::make_progress),
        ServerStep::Abandon(address, items) => each_open_link(servers, *address, |link| link.abandon(*items)),
        ServerStep::Finish(address, items, outcome) => {
            each_open_link(servers, *address, |link| link.finish(*items, *outcome))
        }
        ServerStep::BeginReplies(address, items) => {
            each_open_link(servers, *address, |link| link.begin_replies(*items))
        }
        ServerStep::GiveBack(address) => each_open_link(servers, *address, Link::give_back),
        ServerStep::WakeStaleWakers(address) => wake_stale_wakers(servers, *address),
    }
}

fn each_open_link(servers: &Servers, address: u16, change: impl Fn(&Link)) -> Result<(), Failure> {
    let mut links = servers.links(address);
    links.retain(Link::is_open);
    if links.is_empty() {
        return Err("there is no connection".into());
    }
    links.iter().for_each(change);
    Ok(())
}

fn wake_stale_wakers(servers: &Servers, address: u16) -> Result<(), Failure> {
    let wakers = servers.stale_wakers(address);
    if wakers.is_empty() {
        return Err("no dial and no connection is over".into());
    }
    wakers.into_iter().for_each(Waker::wake);
    Ok(())
}

pub(crate) fn play_stream(step: &StreamStep, names: &Feed, settings: &ConfigFeed) {
    match step {
        StreamStep::SetAddresses(endpoints) => {
            names.push(FeedEvent::Set(endpoints.iter().copied().collect()));
        }
        StreamStep::FailNames(error) => names.push(FeedEvent::Error(error)),
        StreamStep::DelayNames => names.push(FeedEvent::Pending),
        StreamStep::LoseName => names.push(FeedEvent::NoSuchName),
        StreamStep::EndNames => names.push(FeedEvent::End),
        StreamStep::PanicNames => names.push(FeedEvent::Panic),
        StreamStep::HoldNames => names.hold(),
        StreamStep::ReleaseNames => names.release(),
        StreamStep::ChangeConfig(list) => {
            settings.push(ConfigEvent::Config(Setting::config(list).into()));
        }
        StreamStep::EndConfig => settings.push(ConfigEvent::End),
        StreamStep::PanicConfig => settings.push(ConfigEvent::Panic),
        StreamStep::HoldSettings => settings.hold(),
        StreamStep::ReleaseSettings => settings.release(),
    }
}

pub(crate) fn play_harness<R: Runtime>(
    step: &HarnessStep,
    fixture: &Fixture,
    timer: &TimerProbe<R>,
) -> Result<(), Failure> {
    let Fixture { world, driver, users, .. } = fixture;
    let World { log, balancer, ledger, .. } = world;
    match step {
        HarnessStep::DropDriver if fixture.ended().is_some() => return Err("the driver has ended".into()),
        HarnessStep::HoldDriver => {
            driver.hold();
            world.servers.all_links().iter().for_each(Link::unwatch);
        }
        HarnessStep::ReleaseDriver => driver.release(),
        HarnessStep::DropDriver => driver.condemn(),
        HarnessStep::PanicObserver => log.spoil(),
        HarnessStep::PanicBalancer => balancer.spoil(),
        HarnessStep::PanicUndelivered => ledger.spoil(),
        HarnessStep::MarkPolls => users.lock().polls_mark = driver.polls().count,
        HarnessStep::MarkCalls => world.servers.mark_calls(),
        HarnessStep::MarkTime => {
            // The driver may not have looked at its clock yet.
            let now = fixture.pool().map_or_else(|| world.driver_clock.now(), |pool| pool.now());
            users.lock().time_mark = now;
        }
        HarnessStep::SetTimer(duration) => timer.set(*duration),
    }
    Ok(())
}
