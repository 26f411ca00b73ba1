//! Items spill to servers of a worse priority, and come back.

use std::time::Duration;

use pool_core::{AddressSet, Config, Endpoint, Instant, Priorities, RoundRobin};

use super::{IN_FLIGHT_MAX, millis, secs};
use crate::report::bound::Bound;
use crate::report::figure::{Metric, Unit};
use crate::report::{Chart, Line};
use crate::simulate::run::{Reading, Run, SLOWEST, Simulation, number};
use crate::simulate::world::{Log, Server, Span, World, at, per_step};

pub(super) const SIMULATION: Simulation = Simulation {
    name: NAME,
    title: "Twenty servers, of which fifteen die, five at a time, and return, with twenty of a worse priority; and one \
            server that comes and goes for a minute, with one of a worse priority: how far the share of the better ones \
            is off from Envoy's arithmetic, how long after fifteen are there again they have all items, how often items \
            come back to them, and how long after their server is back (an item takes 2 ms).",
    run,
    bounds: &[
        of(STEPS, SETTLED, OFF).at_most(1.0).each_run(),
        // Each bit that is back has items again after twice as long.
        of(STEPS, SETTLED, ALL_BACK).at_most(10e9).each_run(),
        of(STEPS, SETTLED, SLOWEST).at_most(10e6).each_run(),
        of(FLAPS, SETTLED, RETURNS).at_most(1.0).each_run(),
        of(FLAPS, SETTLED, BACK).at_least(5e9).each_run(),
        of(FLAPS, SETTLED, SLOWEST).at_most(10e6).each_run(),
        // Or it would not be the hysteresis that does it.
        of(FLAPS, AT_ONCE, RETURNS).at_least(10.0).each_run(),
    ],
};

const NAME: &str = "failback";
const STEPS: &str = "15 of 20 die and return";
const FLAPS: &str = "one comes and goes";
const SETTLED: &str = "back after 5 s";
const AT_ONCE: &str = "back at once";
const OFF: Metric = Metric::new("share off", Unit::Percent);
const ALL_BACK: Metric = Metric::new("all back after", Unit::Nanoseconds);
const RETURNS: Metric = Metric::new("returns", Unit::Count);
const BACK: Metric = Metric::new("back after", Unit::Nanoseconds);
const FAILBACK_AFTER: Duration = secs(5);
/// Of each priority.
const SERVERS: u32 = 20;
const DYING: u32 = 5;

const fn of(case: &'static str, subject: &'static str, metric: Metric) -> Bound {
    Bound::on(NAME, case, subject, metric)
}

fn run(seed: u64) -> Run {
    let title =
        "Items of the better priority: 15 of its 20 servers die from 10 s to 30 s, and return at 40 s";
    let chart = Chart::over_time(title, ("share", Unit::Percent), Vec::new());
    let mut run = Run { readings: Vec::new(), chart };
    add_steps(&mut run, seed);
    let spilling = Priorities::spilling();
    add_flaps(&mut run, SETTLED, spilling.with_failback_after(FAILBACK_AFTER), seed);
    add_flaps(&mut run, AT_ONCE, spilling, seed);
    run
}

/// So many servers of each of two priorities, and 1,000 items a second from the second second on.
fn world(servers: u32, priorities: Priorities, seed: u64) -> World<RoundRobin> {
    let mut config = Config::default();
    config.sharing.priorities = priorities;
    let mut world = World::new(seed);
    world.add_servers(2 * servers, &Server { service: Span::Fixed(millis(2)), ..Server::default() });
    world.add_client(config, RoundRobin::new(), IN_FLIGHT_MAX);
    let endpoint = |server| Endpoint::new(server).with_priority(u16::from(server >= servers));
    world.name((0..2 * servers).map(endpoint).collect::<AddressSet<u32>>());
    world.run_until(secs(1));
    world.load(0, Span::Exponential(millis(1)));
    world
}

fn add_steps(run: &mut Run, seed: u64) {
    let mut world = world(SERVERS, Priorities::spilling().with_failback_after(FAILBACK_AFTER), seed);
    let dying = [(10, 0..DYING), (20, DYING..2 * DYING), (30, 2 * DYING..3 * DYING)];
    for (time, servers) in dying {
        world.run_until(secs(time));
        servers.for_each(|server| world.kill(server));
    }
    let returning = secs(40);
    world.run_until(returning);
    (0..3 * DYING).for_each(|server| world.server(server).listens = true);
    world.run_until(secs(90));

    let log = world.log();
    let back: Vec<Instant> =
        log.connected.iter().map(|back| back.at).filter(|back| *back > at(returning)).collect();
    let first_back = back.first();
    let held_until = first_back.map_or(Duration::MAX, |first| since(*first, Instant::ZERO)) + FAILBACK_AFTER;
    let mut off = 0.0_f64;
    // As Envoy counts: 140 % of what is there, and 100 % at most.
    let envoy = [(2, 10, 1.0), (10, 20, 1.0), (20, 30, 0.7), (30, 40, 0.35)];
    let phases = envoy.map(|(from, to, share)| (secs(from), secs(to), share));
    for (from, to, share) in phases.into_iter().chain([(returning, held_until, 0.35)]) {
        off = off.max((better_share(log, from, to) - share).abs());
    }
    // With so many there is 1.4 times three quarters: that is enough for all items.
    let enough_back = back.get(2 * DYING as usize - 1).copied();
    let last_worse = log.sent.iter().rfind(|sent| sent.server >= SERVERS).map(|sent| sent.at);
    let all_back =
        enough_back.zip(last_worse).map_or(f64::NAN, |(back, worse)| 1e9 * since(worse, back).as_secs_f64());
    let reading = |metric, value| Reading { case: STEPS, subject: SETTLED, metric, value };
    run.readings.extend([
        reading(OFF, 100.0 * off),
        reading(ALL_BACK, all_back),
        reading(SLOWEST, log.slowest_nanos()),
    ]);
    let by_second = |better: bool| {
        let sent = log.sent.iter().filter(|sent| !better || sent.server < SERVERS);
        per_step(sent.map(|sent| sent.at), secs(1), secs(90))
    };
    let shares = by_second(true).into_iter().zip(by_second(false)).skip(1);
    let points =
        (1..).map(f64::from).zip(shares.map(|(better, all)| 100.0 * f64::from(better) / f64::from(all)));
    run.chart.lines.push(Line { subject: SETTLED, points: points.collect() });
}

/// Up for 2.5 s and down for half a second.
fn add_flaps(run: &mut Run, subject: &'static str, priorities: Priorities, seed: u64) {
    let mut world = world(1, priorities, seed);
    for flap in 1..=20 {
        world.run_until(secs(3) * flap);
        world.kill(0);
        world.run_until(secs(3) * flap + millis(500));
        world.server(0).listens = true;
    }
    world.run_until(secs(90));

    let log = world.log();
    let returns = log.sent.windows(2).filter(|pair| pair[0].server == 1 && pair[1].server == 0);
    let last_return = returns.clone().next_back().map(|pair| pair[1].at);
    let last_back = log.connected.last().map(|connected| connected.at);
    let back =
        last_return.zip(last_back).map_or(f64::NAN, |(items, back)| 1e9 * since(items, back).as_secs_f64());
    let reading = |metric, value| Reading { case: FLAPS, subject, metric, value };
    run.readings.extend([
        reading(RETURNS, number(returns.count())),
        reading(BACK, back),
        reading(SLOWEST, log.slowest_nanos()),
    ]);
}

/// What the better priority has of the items in this time.
fn better_share(log: &Log, from: Duration, to: Duration) -> f64 {
    let sent = || log.sent.iter().filter(|sent| at(from) <= sent.at && sent.at < at(to));
    number(sent().filter(|sent| sent.server < SERVERS).count()) / number(sent().count())
}

fn since(time: Instant, earlier: Instant) -> Duration {
    time.saturating_duration_since(earlier)
}
