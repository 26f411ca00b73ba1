//! Fifty items come at once to a lazy pool.

use std::time::Duration;

use pool_core::{Config, Opening, RoundRobin};

use super::{millis, secs};
use crate::report::bound::Bound;
use crate::report::figure::{Metric, Unit};
use crate::report::{Chart, Line};
use crate::simulate::run::{Reading, Run, SLOWEST, Simulation, UNANSWERED, number};
use crate::simulate::world::{Server, Span, World, at};

pub(super) const SIMULATION: Simulation = Simulation {
    name: NAME,
    title: "Fifty items come at once to a lazy pool of 50 connections, each of which has one item at a time: how many dials \
            they draw, and how long the last takes (a dial takes 150 ms, an item 2 ms).",
    run,
    bounds: &[
        // As many as are up: these have done all by the time the dials are done.
        of(FIVE, DIALS).at_most(5.0).each_run(),
        of(NONE, DIALS).at_most(5.0).each_run(),
        // Ten rounds of five; a dial and fifty items, one after the other.
        of(FIVE, SLOWEST).at_most(20e6).each_run(),
        of(NONE, SLOWEST).at_most(250e6).each_run(),
        of(FIVE, UNANSWERED).at_most(0.0).each_run(),
        of(NONE, UNANSWERED).at_most(0.0).each_run(),
    ],
};

const NAME: &str = "spike";
const FIVE: &str = "5 connections are up";
const NONE: &str = "none is up";
const SUBJECT: &str = "round robin";
const DIALS: Metric = Metric::new("dials", Unit::Count);
const ITEMS: usize = 50;
const BEGIN: Duration = secs(60);

const fn of(case: &'static str, metric: Metric) -> Bound {
    Bound::on(NAME, case, SUBJECT, metric)
}

fn run(seed: u64) -> Run {
    let chart = Chart::over_time("Items of a spike that are answered", ("items", Unit::Count), Vec::new());
    let mut run = Run { readings: Vec::new(), chart };
    add(&mut run, FIVE, 5, seed);
    add(&mut run, NONE, 0, seed);
    run
}

fn add(run: &mut Run, case: &'static str, connections: usize, seed: u64) {
    let mut config = Config::default();
    config.opening = Opening::Lazy;
    config.connections_per_address = 50;
    let mut world = World::new(seed);
    world.add_servers(1, &Server { dial: millis(150), ..Server::default() });
    world.add_client(config, RoundRobin::new(), 1);
    world.name([0]);
    // Items that take long draw a connection each.
    world.server(0).service = Span::Fixed(secs(10));
    for opened in 0..connections {
        world.send(0, 1);
        world.run_until(secs(1) * (u32::try_from(opened).expect("few") + 1));
    }
    world.server(0).service = Span::Fixed(millis(2));
    world.run_until(BEGIN);
    assert_eq!(world.uniform(0).slots().count(), connections, "the connections that are up");
    world.send(0, ITEMS);
    world.run_until(BEGIN + secs(5));

    let log = world.log();
    let spike: Vec<_> = log.ended.iter().filter(|ended| ended.arrived == at(BEGIN)).collect();
    let took = || spike.iter().map(|ended| ended.took().as_secs_f64());
    let dials = log.dials.iter().filter(|dial| dial.at >= at(BEGIN)).count();
    let reading = |metric, value| Reading { case, subject: SUBJECT, metric, value };
    run.readings.push(reading(DIALS, number(dials)));
    run.readings.push(reading(SLOWEST, 1e9 * took().fold(0.0, f64::max)));
    run.readings
        .push(reading(UNANSWERED, number(ITEMS - spike.iter().filter(|ended| ended.is_answered()).count())));
    let points = (1..).zip(took()).map(|(items, took)| (took, f64::from(items)));
    run.chart.lines.push(Line { subject: case, points: [(0.0, 0.0)].into_iter().chain(points).collect() });
}
