//! Twenty servers are replaced one by one.

use std::collections::BTreeMap;

use pool_core::{Balance, Config, LeastLoaded, RoundRobin};

use super::{IN_FLIGHT_MAX, millis, secs};
use crate::report::bound::Bound;
use crate::report::figure::{Metric, Unit};
use crate::report::{Chart, Line};
use crate::simulate::run::{Reading, Run, Simulation, UNANSWERED, number};
use crate::simulate::world::{Log, Server, Span, World, at};

pub(super) const SIMULATION: Simulation = Simulation {
    name: NAME,
    title: "Twenty servers are replaced one by one, at 10,000 items a second: in the worst second, what the server with the \
            most items has of the mean of all twenty.",
    run,
    bounds: &[
        of(ROUND_ROBIN, MOST).at_most(1.3).each_run(),
        of(LEAST_LOADED, MOST).at_most(1.3).each_run(),
        of(ROUND_ROBIN, UNANSWERED).at_most(0.0).each_run(),
        of(LEAST_LOADED, UNANSWERED).at_most(0.0).each_run(),
    ],
};

const NAME: &str = "rolling-deploy";
const CASE: &str = "10,000/s";
const ROUND_ROBIN: &str = "round robin";
const LEAST_LOADED: &str = "least loaded";
const MOST: Metric = Metric::new("most / mean", Unit::Count);
const SERVERS: u32 = 20;
/// The first server is replaced after so many seconds, and as many follow on the last.
const CALM: u64 = 3;
const SECONDS: u64 = 2 * CALM + SERVERS as u64;

const fn of(subject: &'static str, metric: Metric) -> Bound {
    Bound::on(NAME, CASE, subject, metric)
}

fn run(seed: u64) -> Run {
    let title = "The busiest of 20 servers, of their mean";
    let chart = Chart::over_time(title, ("most / mean", Unit::Count), Vec::new()).from(0.9);
    let mut run = Run { readings: Vec::new(), chart };
    add(&mut run, ROUND_ROBIN, RoundRobin::new(), seed);
    add(&mut run, LEAST_LOADED, LeastLoaded::new(), seed);
    run
}

fn add<B: Balance>(run: &mut Run, subject: &'static str, balancer: B, seed: u64) {
    let mut world = World::new(seed);
    let server = Server { dial: millis(20), service: Span::Exponential(millis(5)), ..Server::default() };
    world.add_servers(2 * SERVERS, &server);
    world.add_client(Config::default(), balancer, IN_FLIGHT_MAX);
    world.name((0..SERVERS).collect::<Vec<_>>());
    world.run_until(secs(1));
    world.load(0, Span::Exponential(millis(1) / 10));
    for replaced in 1..=SERVERS {
        world.run_until(secs(CALM) + secs(1) * (replaced - 1) + millis(500));
        world.name((replaced..replaced + SERVERS).collect::<Vec<_>>());
    }
    world.run_until(secs(SECONDS));
    world.stop_load(0);
    world.run_until(secs(SECONDS + 1));
    let log = world.log();
    let most = most_of_mean(log);
    let answered = log.ended.iter().filter(|ended| ended.is_answered()).count();
    let reading = |metric, value| Reading { case: CASE, subject, metric, value };
    run.readings.push(reading(MOST, most.iter().copied().fold(0.0, f64::max)));
    run.readings.push(reading(UNANSWERED, number(log.arrived - answered)));
    let points = (1..).map(f64::from).zip(most).collect();
    run.chart.lines.push(Line { subject, points });
}

/// In each second, but for the first: nothing is sent in it.
fn most_of_mean(log: &Log) -> Vec<f64> {
    let in_second = |second: u64| {
        let mut by_server = BTreeMap::<u32, u32>::new();
        let from = log.sent.partition_point(|sent| sent.at < at(secs(second)));
        let to = log.sent.partition_point(|sent| sent.at < at(secs(second + 1)));
        for sent in &log.sent[from..to] {
            *by_server.entry(sent.server).or_default() += 1;
        }
        let most = f64::from(by_server.values().copied().max().unwrap_or(0));
        most * f64::from(SERVERS) / number(to - from)
    };
    (1..SECONDS).map(in_second).collect()
}
