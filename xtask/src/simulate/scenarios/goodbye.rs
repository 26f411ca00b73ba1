//! A server says goodbye after every item.

use std::time::Duration;

use pool_core::{Config, RoundRobin, Verdict};

use super::{IN_FLIGHT_MAX, millis, secs};
use crate::report::bound::Bound;
use crate::report::figure::{Metric, Unit};
use crate::report::{Chart, Line};
use crate::simulate::run::{BACKED_OFF, Reading, Run, SLOWEST, Simulation, UNANSWERED, number};
use crate::simulate::world::{Server, Span, World, at, per_step};

pub(super) const SIMULATION: Simulation = Simulation {
    name: NAME,
    title: "One of three servers says goodbye after every item, for a minute at 1,000 items a second: how often it is \
            dialled in the first second, how far apart its dials are after ten, and which share of the items it has then \
            (an item takes 2 ms, a dial 5 ms). And once all three servers say goodbye.",
    run,
    bounds: &[
        of(ONE, FIRST).at_most(5.0).each_run(),
        of(ONE, APART).at_least(2e9).each_run(),
        of(ONE, SHARE).at_most(1.0).each_run(),
        of(ONE, SLOWEST).at_most(10e6).each_run(),
        of(ONE, UNANSWERED).at_most(0.0).each_run(),
        of(ONE, BACKED_OFF).at_most(0.0).each_run(),
        // Items draw dials before their time, and none is lost. One waits for a dial at most, and for those before it.
        of(ALL, SLOWEST).at_most(50e6).each_run(),
        of(ALL, UNANSWERED).at_most(0.0).each_run(),
        of(ALL, BACKED_OFF).at_most(0.0).each_run(),
    ],
};

const NAME: &str = "goodbye";
const ONE: &str = "one of three";
const ALL: &str = "all three";
const SUBJECT: &str = "round robin";
const FIRST: Metric = Metric::new("dials in 1st s", Unit::Count);
const APART: Metric = Metric::new("dials apart", Unit::Nanoseconds);
const SHARE: Metric = Metric::new("share", Unit::Percent);
/// It is well until then.
const BEGIN: Duration = secs(10);
const LATER: Duration = secs(20);
const END: Duration = secs(70);

const fn of(case: &'static str, metric: Metric) -> Bound {
    Bound::on(NAME, case, SUBJECT, metric)
}

fn run(seed: u64) -> Run {
    let chart = Chart::over_time("Dials a second, to a server", ("dials", Unit::Count), Vec::new());
    let mut run = Run { readings: Vec::new(), chart };
    add(&mut run, ONE, 1, seed);
    add(&mut run, ALL, 3, seed);
    run
}

fn add(run: &mut Run, case: &'static str, servers: u32, seed: u64) {
    let mut world = World::new(seed);
    world.add_servers(3, &Server { dial: millis(5), service: Span::Fixed(millis(2)), ..Server::default() });
    world.add_client(Config::default(), RoundRobin::new(), IN_FLIGHT_MAX);
    world.name([0, 1, 2]);
    world.run_until(secs(1));
    world.load(0, Span::Exponential(millis(1)));
    world.run_until(BEGIN);
    (0..servers).for_each(|server| world.server(server).verdict = Verdict::Goodbye);
    world.run_until(END);
    world.stop_load(0);
    world.run_until(END + secs(1));

    let log = world.log();
    let dials: Vec<_> = log.dials.iter().filter(|dial| dial.server == 0).map(|dial| dial.at).collect();
    let first = dials.iter().filter(|dial| (at(BEGIN)..at(BEGIN + secs(1))).contains(dial)).count();
    let later = &dials[dials.partition_point(|dial| *dial < at(LATER))..];
    let apart = later.windows(2).map(|pair| pair[1].saturating_duration_since(pair[0]).as_secs_f64() * 1e9);
    let sent_later = || log.sent.iter().filter(|sent| sent.at >= at(LATER));
    let share = number(sent_later().filter(|sent| sent.server == 0).count()) / number(sent_later().count());
    let answered = log.ended.iter().filter(|ended| ended.is_answered()).count();
    let reading = |metric, value| Reading { case, subject: SUBJECT, metric, value };
    run.readings.extend([
        reading(FIRST, number(first)),
        reading(APART, apart.fold(f64::NAN, f64::min)),
        reading(SHARE, 100.0 * share),
        reading(SLOWEST, log.slowest_nanos()),
        reading(UNANSWERED, number(log.arrived - answered)),
        reading(BACKED_OFF, number(log.backed_off)),
    ]);
    if case == ONE {
        let to = |server| log.dials.iter().filter(move |dial| dial.server == server).map(|dial| dial.at);
        let by_second = |server| per_step(to(server), secs(1), END).into_iter().map(f64::from);
        run.chart.lines.push(Line::by_step("says goodbye after every item", 1.0, by_second(0)));
        run.chart.lines.push(Line::by_step("is well", 1.0, by_second(1)));
    }
}
