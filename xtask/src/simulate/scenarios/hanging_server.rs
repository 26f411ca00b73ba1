//! One of three servers hangs: it takes items, and answers nothing.

use std::time::Duration;

use pool_core::{Balance, Config, Instant, RoundRobin};

use super::{IN_FLIGHT_MAX, millis, secs};
use crate::report::figure::{Metric, Unit};
use crate::report::{Chart, Line};
use crate::simulate::run::{Reading, Run, Simulation, number};
use crate::simulate::world::{Log, Server, Span, World, at, per_step};

pub(super) const SIMULATION: Simulation = Simulation {
    name: NAME,
    title: "One of three servers hangs from 5 s to 15 s; 1,000 callers make a call every 100 ms each, and wait for 2 s. In \
            the worst second: the rate of the callers of the other servers, of what it would be, and that of all callers. \
            And how many calls are with the hanging server at most that somebody waits for.",
    run,
    bounds: &[],
};

const NAME: &str = "hanging-server";
const CASE: &str = "10,000/s";
const OTHERS: Metric = Metric::new("others' rate", Unit::Percent);
const ALL: Metric = Metric::new("all callers' rate", Unit::Percent);
const HELD: Metric = Metric::new("held", Unit::Count);
const CALLERS: u32 = 1_000;
const EVERY: Duration = millis(100);
const PATIENCE: Duration = secs(2);
const HANGS: u32 = 1;
const FROM: Duration = secs(5);
const TO: Duration = secs(15);
const END: u64 = 20;

fn run(seed: u64) -> Run {
    let title = "Calls answered in a second, of 1,000 callers, while one of 3 servers hangs from 5 s to 15 s";
    let mut run = Run {
        readings: Vec::new(),
        chart: Chart::over_time(title, ("answered", Unit::PerSecond), Vec::new()),
    };
    add(&mut run, "round robin", RoundRobin::new(), seed);
    run
}

fn add<B: Balance>(run: &mut Run, subject: &'static str, balancer: B, seed: u64) {
    let mut config = Config::default();
    // The defaults of pools of calls.
    config.silence.suspect_after = Some(secs(5));
    config.silence.outcome_timeout = Some(secs(30));
    let mut world = World::new(seed);
    world.add_servers(3, &Server { service: Span::Exponential(millis(2)), ..Server::default() });
    world.add_client(config, balancer, IN_FLIGHT_MAX);
    world.name([0, 1, 2]);
    world.run_until(secs(1));
    world.call(0, CALLERS, EVERY, PATIENCE);
    world.run_until(FROM);
    world.server(HANGS).hangs = true;
    world.run_until(TO);
    world.resume(HANGS);
    // All calls of the last second that is looked at have ended then.
    world.run_until(secs(END) + 2 * PATIENCE);

    let log = world.log();
    let answered = answered(log);
    let full = f64::from(CALLERS) / EVERY.as_secs_f64();
    let held = held_seconds(log);
    let others =
        answered.iter().zip(&held).map(|(answered, held)| answered / (full - held / EVERY.as_secs_f64()));
    let least = |rates: &mut dyn Iterator<Item = f64>| 100.0 * rates.skip(2).fold(f64::INFINITY, f64::min);
    let reading = |metric, value| Reading { case: CASE, subject, metric, value };
    run.readings.extend([
        reading(OTHERS, least(&mut { others })),
        reading(ALL, least(&mut answered.iter().map(|answered| answered / full))),
        reading(HELD, most_held(log)),
    ]);
    run.chart.lines.push(Line::by_step(subject, 1.0, answered));
}

/// In each second.
fn answered(log: &Log) -> Vec<f64> {
    let answered = log.ended.iter().filter(|ended| ended.is_answered()).map(|ended| ended.at);
    per_step(answered, secs(1), secs(END)).into_iter().map(f64::from).collect()
}

/// The calls that were with the server that hangs, while it did: from when to when.
fn held(log: &Log) -> impl Iterator<Item = (Instant, Instant)> {
    let with_it = log.ended.iter().filter(|ended| ended.server == Some(HANGS));
    let times = with_it.map(|ended| (ended.arrived.max(at(FROM)), ended.at.min(at(TO))));
    times.filter(|(from, to)| from < to)
}

/// In each second, how many seconds all callers together spent with the server that hangs.
fn held_seconds(log: &Log) -> Vec<f64> {
    let mut held_in = vec![0.0; usize::try_from(END).expect("few seconds")];
    for (from, to) in held(log) {
        for (second, held) in (0..).zip(&mut held_in) {
            let (begin, end) = (from.max(at(secs(second))), to.min(at(secs(second + 1))));
            *held += end.saturating_duration_since(begin).as_secs_f64();
        }
    }
    held_in
}

/// At any time.
fn most_held(log: &Log) -> f64 {
    let mut changes: Vec<(Instant, bool)> =
        held(log).flat_map(|(from, to)| [(from, true), (to, false)]).collect();
    // Those that end go first.
    changes.sort_unstable();
    let (mut held, mut most) = (0_usize, 0);
    for (_, begins) in changes {
        held = if begins { held + 1 } else { held - 1 };
        most = most.max(held);
    }
    number(most)
}
