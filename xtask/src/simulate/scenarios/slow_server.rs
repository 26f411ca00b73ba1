//! One of eleven servers is slow for a while.
//!
//! The situation, and about what balancers make of it (95, 99 and 99.9 % for round-robin, least loaded and peak EWMA),
//! are from Linkerd: 'Beyond round robin: load balancing for latency', 2016.

use std::time::Duration;

use pool_core::{Balance, Config, LeastLoaded, PeakEwma, RoundRobin};

use super::{IN_FLIGHT_MAX, millis, secs};
use crate::report::bound::Bound;
use crate::report::figure::{Metric, Unit};
use crate::report::{Chart, Line};
use crate::simulate::run::{Reading, Run, Simulation, number};
use crate::simulate::world::{Ended, Server, Span, World, at, per_step};

pub(super) const SIMULATION: Simulation = Simulation {
    name: NAME,
    title: "One of eleven servers takes 2 s instead of 167 ms (±5) from 15 s to 45 s, at 1,000 requests a second for 60 s: \
            the share of requests that are answered within 1 s, how many were sent to the slow server while it was slow, \
            and how long 99 % took at most.",
    run,
    bounds: &[
        of(ROUND_ROBIN).at_least(95.4).each_run(),
        of(LEAST_LOADED).at_least(99.4).each_run(),
        of(PEAK_EWMA).at_least(99.9).each_run(),
    ],
};

const NAME: &str = "slow-server";
const CASE: &str = "one of 11";
/// Each item is a turn.
const ROUND_ROBIN: &str = "round robin";
/// As by default. Their length goes by what is in flight, and here that is more whenever the slow server has its turn.
const LONG_TURNS: &str = "round robin, turns";
const LEAST_LOADED: &str = "least loaded";
const PEAK_EWMA: &str = "peak EWMA";
const SUCCESS: Metric = Metric::new("answered in 1 s", Unit::Percent);
const SENT: Metric = Metric::new("to the slow one", Unit::Count);
const P99: Metric = Metric::new("p99", Unit::Nanoseconds);
const SERVERS: u32 = 11;
const SLOW: u32 = 5;
/// All servers are connected when the first request comes.
const BEGIN: Duration = secs(1);
const LENGTH: Duration = secs(60);

const fn of(subject: &'static str) -> Bound {
    Bound::on(NAME, CASE, subject, SUCCESS)
}

fn run(seed: u64) -> Run {
    let title = "Requests that are answered within 1 s, while one of 11 servers takes 2 s from 15 s to 45 s";
    let mut run = Run {
        readings: Vec::new(),
        chart: Chart::over_time(title, (SUCCESS.name, SUCCESS.unit), Vec::new()).from(80.0),
    };
    let mut exact = Config::default();
    exact.sharing.items_per_turn = 1;
    add(&mut run, ROUND_ROBIN, exact, RoundRobin::new(), seed);
    add(&mut run, LONG_TURNS, Config::default(), RoundRobin::new(), seed);
    add(&mut run, LEAST_LOADED, Config::default(), LeastLoaded::new(), seed);
    add(&mut run, PEAK_EWMA, Config::default(), PeakEwma::new(), seed);
    run
}

fn add<B: Balance>(run: &mut Run, subject: &'static str, config: Config, balancer: B, seed: u64) {
    let mut world = World::new(seed);
    let usual = Span::Between(millis(162), millis(172));
    world.add_servers(SERVERS, &Server { service: usual, ..Server::default() });
    world.add_client(config, balancer, IN_FLIGHT_MAX);
    world.name((0..SERVERS).collect::<Vec<_>>());
    world.run_until(BEGIN);
    world.load(0, Span::Fixed(millis(1)));
    let (slow_from, slow_to) = (BEGIN + secs(15), BEGIN + secs(45));
    world.run_until(slow_from);
    world.server(SLOW).service = Span::Fixed(secs(2));
    world.run_until(slow_to);
    world.server(SLOW).service = usual;
    world.run_until(BEGIN + LENGTH);
    world.stop_load(0);
    world.run_until(BEGIN + LENGTH + secs(10));

    let log = world.log();
    let is_good = |ended: &&Ended| ended.is_answered() && ended.took() <= secs(1);
    let good = || log.ended.iter().filter(is_good);
    let to_slow =
        log.sent.iter().filter(|sent| sent.server == SLOW && (at(slow_from)..at(slow_to)).contains(&sent.at));
    let mut took: Vec<Duration> = log.ended.iter().map(Ended::took).collect();
    took.sort_unstable();
    let p99 = took.get(took.len() * 99 / 100).map_or(f64::NAN, Duration::as_secs_f64);
    let reading = |metric, value| Reading { case: CASE, subject, metric, value };
    run.readings.extend([
        reading(SUCCESS, 100.0 * number(good().count()) / number(log.arrived)),
        reading(SENT, number(to_slow.count())),
        reading(P99, 1e9 * p99),
    ]);
    if subject == LONG_TURNS {
        return;
    }
    let by_second = |times: Vec<_>| per_step(times, secs(1), BEGIN + LENGTH).split_off(1);
    let all = by_second(log.ended.iter().map(|ended| ended.arrived).collect());
    let good = by_second(good().map(|ended| ended.arrived).collect());
    let shares = good.into_iter().zip(all).map(|(good, all)| 100.0 * f64::from(good) / f64::from(all));
    run.chart.lines.push(Line::by_step(subject, 1.0, shares));
}
