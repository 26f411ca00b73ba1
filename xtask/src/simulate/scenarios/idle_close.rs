//! Servers close connections that are idle, and nobody sends.

use std::time::Duration;

use pool_core::{Config, Instant, RoundRobin};

use super::{IN_FLIGHT_MAX, millis, secs};
use crate::report::bound::Bound;
use crate::report::figure::{Metric, Unit};
use crate::report::{Chart, Line};
use crate::simulate::run::{BACKED_OFF, Reading, Run, SLOWEST, Simulation, number};
use crate::simulate::world::{Server, World, per_step};

pub(super) const SIMULATION: Simulation = Simulation {
    name: NAME,
    title: "Servers close connections that are idle for 5 s, and nobody sends for three minutes: for what share of the \
            time a connection is up, how often a server is dialled within any 4 s, and how long an item takes that comes \
            when the first server has \
            closed one (a dial takes 10 ms, an item 1 ms).",
    run,
    bounds: &[
        of(ONE, USABLE).at_least(99.0).each_run(),
        // Even if all are closed in the same moment each time: the first of three is back after a dial and a quarter of
        // the spread of redials.
        of(THREE, USABLE).at_least(99.5).each_run(),
        of(ONE, DIALS).at_most(1.0).each_run(),
        of(THREE, DIALS).at_most(1.0).each_run(),
        of(ONE, SLOWEST).at_most(11e6).each_run(),
        of(THREE, SLOWEST).at_most(11e6).each_run(),
        of(ONE, BACKED_OFF).at_most(0.0).each_run(),
        of(THREE, BACKED_OFF).at_most(0.0).each_run(),
    ],
};

const NAME: &str = "idle-close";
const ONE: &str = "one server";
const THREE: &str = "three servers";
const SUBJECT: &str = "pool-core";
const USABLE: Metric = Metric::new("usable", Unit::Percent);
const DIALS: Metric = Metric::new("dials in 4 s", Unit::Count);
const QUIET: Duration = secs(180);

const fn of(case: &'static str, metric: Metric) -> Bound {
    Bound::on(NAME, case, SUBJECT, metric)
}

fn run(seed: u64) -> Run {
    let chart = Chart::over_time("Dials in 10 s, all servers", ("dials", Unit::Count), Vec::new());
    let mut run = Run { readings: Vec::new(), chart };
    add(&mut run, ONE, 1, seed);
    add(&mut run, THREE, 3, seed);
    run
}

fn add(run: &mut Run, case: &'static str, servers: u32, seed: u64) {
    let mut world = World::new(seed);
    world.add_servers(servers, &Server { dial: millis(10), idle_close: Some(secs(5)), ..Server::default() });
    world.add_client(Config::default(), RoundRobin::new(), IN_FLIGHT_MAX);
    world.name((0..servers).collect::<Vec<_>>());
    world.run_until(QUIET);
    let mut time = QUIET;
    while is_up(&world) {
        time += millis(1);
        world.run_until(time);
    }
    world.send(0, 1);
    world.run_until(time + secs(10));
    let log = world.log();
    let reading = |metric, value| Reading { case, subject: SUBJECT, metric, value };
    let dials = (0..servers).map(|server| {
        let to_server = log.dials.iter().filter(|dial| dial.server == server).map(|dial| dial.at);
        most_within(&to_server.filter(|dial| *dial < Instant::ZERO + QUIET).collect::<Vec<_>>(), secs(4))
    });
    run.readings.push(reading(USABLE, log.usable_percent(secs(1), QUIET)));
    run.readings.push(reading(DIALS, number(dials.max().unwrap_or(0))));
    run.readings.push(reading(SLOWEST, log.slowest_nanos()));
    run.readings.push(reading(BACKED_OFF, number(log.backed_off)));
    let dials = per_step(log.dials.iter().map(|dial| dial.at), secs(10), QUIET);
    run.chart.lines.push(Line::by_step(case, 10.0, dials.into_iter().map(f64::from)));
}

/// Whether the first server has a connection.
fn is_up(world: &World<RoundRobin>) -> bool {
    let machine = world.uniform(0);
    let first = machine.find_address(&0).and_then(|id| machine.address(id));
    first.is_some_and(|(_, status)| status.slots.connected() > 0)
}

/// The most of these times, which are in order, that lie within one window.
fn most_within(times: &[Instant], window: Duration) -> usize {
    let from_each = times
        .iter()
        .enumerate()
        .map(|(first, from)| times.partition_point(|time| *time < *from + window) - first);
    from_each.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::world::at;

    #[test]
    fn a_window_has_its_begin_and_not_its_end() {
        let times = [0, 3, 4, 5, 9].map(|time| at(secs(time)));
        assert_eq!(most_within(&times, secs(2)), 2);
        assert_eq!(most_within(&times, secs(3)), 3);
        assert_eq!(most_within(&[], secs(3)), 0);
    }
}
