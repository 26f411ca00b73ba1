//! One of three servers hangs: it takes items, and answers nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use pool_core::{Balance, Config, Instant, LeastLoaded, RoundRobin};

use super::{IN_FLIGHT_MAX, millis, secs};
use crate::report::bound::Bound;
use crate::report::figure::{Metric, Unit};
use crate::report::{Chart, Line};
use crate::simulate::run::{Reading, Run, Simulation, number};
use crate::simulate::world::{Ended, Log, Server, Span, World, at};

pub(super) const SIMULATION: Simulation = Simulation {
    name: NAME,
    title: "One of three servers hangs from 3 s to 11 s, while 1,000 callers make a call every 100 ms each and wait for 2 s: \
            in the worst second, the rate of the callers that have no call with it, of what it would be, and that of all; \
            and how many calls that somebody waits for are with it at most.",
    run,
    bounds: &[
        of(LEAST_LOADED, OTHERS).at_least(99.0).each_run(),
        // About ten items are in flight to each server, and hardly ever thirty.
        of(LEAST_LOADED, ALL).at_least(97.0).each_run(),
        of(LEAST_LOADED, HELD).at_most(30.0).each_run(),
    ],
};

const NAME: &str = "hanging-server";
const CASE: &str = "10,000/s";
const LEAST_LOADED: &str = "least loaded";
const OTHERS: Metric = Metric::new("others' rate", Unit::Percent);
const ALL: Metric = Metric::new("all callers' rate", Unit::Percent);
const HELD: Metric = Metric::new("held", Unit::Count);
const CALLERS: u32 = 1_000;
const EVERY: Duration = millis(100);
const PATIENCE: Duration = secs(2);
const HANGS: u32 = 1;
const FROM: Duration = secs(3);
const TO: Duration = secs(11);
const END: u64 = 14;

const fn of(subject: &'static str, metric: Metric) -> Bound {
    Bound::on(NAME, CASE, subject, metric)
}

fn run(seed: u64) -> Run {
    let title = "Calls answered in a second, of 1,000 callers, while one of 3 servers hangs from 3 s to 11 s";
    let mut run = Run {
        readings: Vec::new(),
        chart: Chart::over_time(title, ("answered", Unit::PerSecond), Vec::new()),
    };
    add(&mut run, "round robin", RoundRobin::new(), seed);
    add(&mut run, LEAST_LOADED, LeastLoaded::new(), seed);
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
    world.run_until(secs(END + 1));

    let log = world.log();
    let seconds: Vec<Second> = (0..END).map(|second| Second::new(log, second)).collect();
    let callers = number(CALLERS as usize);
    let others =
        seconds.iter().map(|second| second.answered_to_others / (callers - number(second.held.len())));
    let reading = |metric, value| Reading { case: CASE, subject, metric, value };
    run.readings.extend([
        reading(OTHERS, worst_percent(others)),
        reading(ALL, worst_percent(seconds.iter().map(|second| second.answered / callers))),
        reading(HELD, most_held(log)),
    ]);
    run.chart.lines.push(Line::by_step(subject, 1.0, seconds.iter().map(|second| second.answered)));
}

/// Of the calls that a caller makes in a second. All have begun by the third.
fn worst_percent(rates: impl Iterator<Item = f64>) -> f64 {
    100.0 * EVERY.as_secs_f64() * rates.skip(2).fold(f64::INFINITY, f64::min)
}

struct Second {
    answered: f64,
    /// Of these, calls of callers that had none with the server that hangs.
    answered_to_others: f64,
    /// The callers that had one, at any time of the second.
    held: BTreeSet<usize>,
}

impl Second {
    fn new(log: &Log, second: u64) -> Self {
        let (from, to) = (at(secs(second)), at(secs(second + 1)));
        let held: BTreeSet<usize> =
            held(log).filter(|held| held.from < to && from < held.to).map(|held| held.caller).collect();
        let first = log.ended.partition_point(|ended| ended.at < from);
        let end = log.ended.partition_point(|ended| ended.at < to);
        let answered = || log.ended[first..end].iter().filter(|ended| ended.is_answered());
        let is_other = |ended: &&Ended| ended.caller.is_some_and(|caller| !held.contains(&caller));
        let answered_to_others = number(answered().filter(is_other).count());
        Self { answered: number(answered().count()), answered_to_others, held }
    }
}

/// A call that was with the server that hangs, while it did.
struct Held {
    caller: usize,
    from: Instant,
    to: Instant,
}

fn held(log: &Log) -> impl Iterator<Item = Held> {
    let with_it = log.ended.iter().filter(|ended| ended.server == Some(HANGS));
    let held = with_it.filter_map(|ended| {
        Some(Held { caller: ended.caller?, from: ended.arrived.max(at(FROM)), to: ended.at.min(at(TO)) })
    });
    held.filter(|held| held.from < held.to)
}

/// At any time.
fn most_held(log: &Log) -> f64 {
    let mut changes: Vec<(Instant, bool)> =
        held(log).flat_map(|held| [(held.from, true), (held.to, false)]).collect();
    // Those that end go first.
    changes.sort_unstable();
    let (mut held, mut most) = (0_usize, 0);
    for (_, begins) in changes {
        held = if begins { held + 1 } else { held - 1 };
        most = most.max(held);
    }
    number(most)
}
