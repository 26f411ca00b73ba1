//! A thousand clients dial a server that returns.

use std::time::Duration;

use pool_core::{Config, RoundRobin};

use super::{IN_FLIGHT_MAX, millis, secs};
use crate::report::bound::Bound;
use crate::report::figure::{Metric, Unit};
use crate::report::{Chart, Line};
use crate::simulate::run::{Reading, Run, Simulation};
use crate::simulate::world::{Server, World, at, per_step};

pub(super) const SIMULATION: Simulation = Simulation {
    name: NAME,
    title: "A server with 1,000 clients dies, and listens again after 2 s and after 20 s: the most dials in any tenth of a \
            second from then on, and when the last client is back; with the jitter of backoff and pace, and without.",
    run,
    bounds: &[
        // The last delay before the return is about half of the outage, and jittered by a fifth either way.
        of(SHORT, JITTER, PEAK).at_most(300.0).each_run(),
        of(LONG, JITTER, PEAK).at_most(50.0).each_run(),
        of(SHORT, JITTER, BACK).at_most(2e9).each_run(),
        of(LONG, JITTER, BACK).at_most(20e9).each_run(),
        // Or it would not be the jitter that does it.
        of(SHORT, NO_JITTER, PEAK).at_least(1000.0).each_run(),
        of(LONG, NO_JITTER, PEAK).at_least(1000.0).each_run(),
    ],
};

const NAME: &str = "backoff";
const SHORT: &str = "away for 2 s";
const LONG: &str = "away for 20 s";
const JITTER: &str = "jitter";
const NO_JITTER: &str = "no jitter";
const PEAK: Metric = Metric::new("dials in 100 ms", Unit::Count);
const BACK: Metric = Metric::new("last back after", Unit::Nanoseconds);
const CLIENTS: u32 = 1_000;
const DEATH: Duration = secs(5);
const END: Duration = secs(60);
const STEP: Duration = millis(100);

const fn of(case: &'static str, subject: &'static str, metric: Metric) -> Bound {
    Bound::on(NAME, case, subject, metric)
}

fn run(seed: u64) -> Run {
    let chart = Chart::over_time(
        "Dials of 1,000 clients in 100 ms, a server is away from 5 s to 25 s",
        ("dials", Unit::Count),
        Vec::new(),
    );
    let mut run = Run { readings: Vec::new(), chart };
    for (case, away) in [(SHORT, secs(2)), (LONG, secs(20))] {
        let mut plain = Config::default();
        plain.backoff.jitter_percent = 0;
        plain.pace.redial_spread = None;
        add(&mut run, case, JITTER, &Config::default(), away, seed);
        add(&mut run, case, NO_JITTER, &plain, away, seed);
    }
    run
}

fn add(run: &mut Run, case: &'static str, subject: &'static str, config: &Config, away: Duration, seed: u64) {
    let mut world = World::new(seed);
    world.add_servers(1, &Server { dial: millis(2), ..Server::default() });
    for _ in 0..CLIENTS {
        world.add_client(config.clone(), RoundRobin::new(), IN_FLIGHT_MAX);
    }
    world.name([0]);
    world.run_until(DEATH);
    world.kill(0);
    let back = DEATH + away;
    world.run_until(back);
    world.server(0).listens = true;
    world.run_until(END);

    let log = world.log();
    let dials = per_step(log.dials.iter().map(|dial| dial.at), STEP, END);
    let before = usize::try_from(back.as_nanos() / STEP.as_nanos()).expect("few steps");
    let is_up = |client: &u32| world.uniform(*client as usize).slots().any(|slot| slot.state.is_connected());
    let are_all_up = (0..CLIENTS).all(|client| is_up(&client));
    let last = log.connected.last().filter(|_| are_all_up);
    let last = last.map_or(f64::INFINITY, |last| last.at.saturating_duration_since(at(back)).as_secs_f64());
    let reading = |metric, value| Reading { case, subject, metric, value };
    run.readings.push(reading(PEAK, f64::from(dials[before..].iter().copied().max().unwrap_or(0))));
    run.readings.push(reading(BACK, 1e9 * last));
    if case == LONG {
        let line = dials.iter().copied().map(f64::from).take(400);
        run.chart.lines.push(Line::by_step(subject, STEP.as_secs_f64(), line));
    }
}
