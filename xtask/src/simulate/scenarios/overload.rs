//! The replies of servers say that they are overloaded.

use std::time::Duration;

use pool_core::{Config, RoundRobin, Verdict};

use super::{IN_FLIGHT_MAX, millis, secs};
use crate::report::bound::Bound;
use crate::report::figure::{Metric, Unit};
use crate::report::{Chart, Line};
use crate::simulate::run::{Reading, Run, SLOWEST, Simulation, number};
use crate::simulate::world::{Ended, Server, Span, World, at, per_step};

pub(super) const SIMULATION: Simulation = Simulation {
    name: NAME,
    title: "The replies of one of three servers say for 32 s that it is overloaded, at 1,000 items a second: how many items \
            get such a reply, how soon one answers well again, and how soon all do, which share the first it has ten seconds later, and how \
            many connections it costs (an item takes 2 ms). Once they ask for a pause of 5 s, and once all three \
            servers are overloaded.",
    run,
    bounds: &[
        // A rest grows from 100 ms to 4 s, and is tried by one item.
        of(SILENT, REFUSED).at_most(20.0).each_run(),
        of(PAUSE, REFUSED).at_most(10.0).each_run(),
        // 4 s, jittered by a fifth, or the pause.
        of(SILENT, BACK).at_most(4.85e9).each_run(),
        of(PAUSE, BACK).at_most(5.05e9).each_run(),
        of(ALL, BACK).at_most(0.1e9).each_run(),
        of(ALL, ALL_BACK).at_most(4.85e9).each_run(),
        of(SILENT, SHARE).at_least(30.0).each_run(),
        of(PAUSE, SHARE).at_least(30.0).each_run(),
        of(ALL, SHARE).at_least(30.0).each_run(),
        of(SILENT, SLOWEST).at_most(10e6).each_run(),
        of(PAUSE, SLOWEST).at_most(10e6).each_run(),
        of(ALL, SLOWEST).at_most(10e6).each_run(),
        of(SILENT, GONE).at_most(0.0).each_run(),
        of(PAUSE, GONE).at_most(0.0).each_run(),
        of(ALL, GONE).at_most(0.0).each_run(),
    ],
};

const NAME: &str = "overload";
const SILENT: &str = "no pause asked for";
const PAUSE: &str = "a pause of 5 s";
const ALL: &str = "all three";
const SUBJECT: &str = "round robin";
const REFUSED: Metric = Metric::new("refused", Unit::Count);
const BACK: Metric = Metric::new("back after", Unit::Nanoseconds);
const ALL_BACK: Metric = Metric::new("all back after", Unit::Nanoseconds);
const SHARE: Metric = Metric::new("share then", Unit::Percent);
const GONE: Metric = Metric::new("connections gone", Unit::Count);
const BEGIN: Duration = secs(10);
const WELL: Duration = secs(42);
const LATER: Duration = secs(52);
const END: Duration = secs(62);

const fn of(case: &'static str, metric: Metric) -> Bound {
    Bound::on(NAME, case, SUBJECT, metric)
}

fn run(seed: u64) -> Run {
    let chart = Chart::over_time(
        "Items a second at a server that is overloaded from 10 s to 42 s",
        ("items", Unit::Count),
        Vec::new(),
    );
    let mut run = Run { readings: Vec::new(), chart };
    add(&mut run, SILENT, 1, None, seed);
    add(&mut run, PAUSE, 1, Some(secs(5)), seed);
    add(&mut run, ALL, 3, None, seed);
    run
}

fn add(run: &mut Run, case: &'static str, overloaded: u32, pause: Option<Duration>, seed: u64) {
    let mut world = World::new(seed);
    world.add_servers(3, &Server { dial: millis(5), service: Span::Fixed(millis(2)), ..Server::default() });
    world.add_client(Config::default(), RoundRobin::new(), IN_FLIGHT_MAX);
    world.name([0, 1, 2]);
    world.run_until(secs(1));
    world.load(0, Span::Exponential(millis(1)));
    for (time, verdict) in [(BEGIN, Verdict::Overloaded { pause }), (WELL, Verdict::Success)] {
        world.run_until(time);
        (0..overloaded).for_each(|server| world.server(server).verdict = verdict);
    }
    world.run_until(END);
    world.stop_load(0);
    world.run_until(END + secs(1));

    let log = world.log();
    let back = |server: u32| {
        let is_good = |ended: &&Ended| ended.server == Some(server) && ended.is_answered();
        let back = log.ended.iter().filter(is_good).find(|ended| ended.at >= at(WELL));
        back.map_or(f64::INFINITY, |ended| ended.at.saturating_duration_since(at(WELL)).as_secs_f64())
    };
    let sent_later = || log.sent.iter().filter(|sent| sent.at >= at(LATER));
    let share = number(sent_later().filter(|sent| sent.server == 0).count()) / number(sent_later().count());
    let reading = |metric, value| Reading { case, subject: SUBJECT, metric, value };
    run.readings.extend([
        reading(REFUSED, number(log.ended.iter().filter(|ended| !ended.is_answered()).count())),
        reading(BACK, 1e9 * (0..overloaded).map(back).fold(f64::INFINITY, f64::min)),
        reading(ALL_BACK, 1e9 * (0..overloaded).map(back).fold(0.0, f64::max)),
        reading(SHARE, 100.0 * share),
        reading(SLOWEST, log.slowest_nanos()),
        reading(GONE, number(log.gone.len())),
    ]);
    let to_it = log.sent.iter().filter(|sent| sent.server == 0).map(|sent| sent.at);
    let line = per_step(to_it, secs(1), END).into_iter().map(f64::from);
    run.chart.lines.push(Line::by_step(case, 1.0, line));
}
