//! Weights, and their changes.

use std::collections::BTreeMap;
use std::time::Duration;

use pool_core::{AddressSet, Config, Endpoint, WeightedRoundRobin};

use super::{IN_FLIGHT_MAX, millis, secs};
use crate::report::bound::Bound;
use crate::report::figure::{Metric, Unit};
use crate::report::{Chart, Line};
use crate::simulate::run::{Reading, Run, SLOWEST, Simulation, number};
use crate::simulate::world::{Server, Span, World, at, per_step};

pub(super) const SIMULATION: Simulation = Simulation {
    name: NAME,
    title: "Three servers of weights 1, 2 and 7, at 10,000 items a second; after 10 s the first weighs as much as the \
            third, and after 20 s nothing. How far the share of any is off from its weight, how many items any ten in a row \
            are off at most, and how many dials there are in all.",
    run,
    bounds: &[
        of(FIRST, OFF).at_most(0.1).each_run(),
        of(FIRST, WINDOW).at_most(1.0).each_run(),
        // A change takes a round of sixteen items to show, of 100,000.
        of(EQUAL, OFF).at_most(0.1).each_run(),
        of(ZERO, OFF).at_most(0.1).each_run(),
        of(ZERO, NOTHING).at_most(0.0).each_run(),
        of(ZERO, DIALS).at_most(3.0).each_run(),
        of(ZERO, SLOWEST).at_most(10e6).each_run(),
    ],
};

const NAME: &str = "weights";
const FIRST: &str = "1 : 2 : 7";
const EQUAL: &str = "7 : 2 : 7";
const ZERO: &str = "0 : 2 : 7";
const SUBJECT: &str = "weighted round robin";
const OFF: Metric = Metric::new("share off", Unit::Percent);
const WINDOW: Metric = Metric::new("off in 10", Unit::Count);
const NOTHING: Metric = Metric::new("items at weight 0", Unit::Count);
const DIALS: Metric = Metric::new("dials", Unit::Count);
const BEGIN: Duration = secs(1);
const PHASE: Duration = secs(10);

const fn of(case: &'static str, metric: Metric) -> Bound {
    Bound::on(NAME, case, SUBJECT, metric)
}

fn run(seed: u64) -> Run {
    let mut config = Config::default();
    // Item by item.
    config.sharing.items_per_turn = 1;
    let mut world = World::new(seed);
    world.add_servers(3, &Server { service: Span::Fixed(millis(2)), ..Server::default() });
    world.add_client(config, WeightedRoundRobin::new(), IN_FLIGHT_MAX);
    let phases = [(FIRST, [1, 2, 7]), (EQUAL, [7, 2, 7]), (ZERO, [0, 2, 7])];
    world.name(weighing(phases[0].1));
    world.run_until(BEGIN);
    world.load(0, Span::Fixed(millis(1) / 10));
    let mut end = BEGIN;
    for (_, weights) in phases {
        world.name(weighing(weights));
        end += PHASE;
        world.run_until(end);
    }
    world.stop_load(0);
    world.run_until(end + secs(1));

    let log = world.log();
    let mut readings = Vec::new();
    let mut from = BEGIN;
    for (case, weights) in phases {
        let of_phase = |time| at(from) <= time && time < at(from + PHASE);
        let sent: Vec<u32> =
            log.sent.iter().filter(|sent| of_phase(sent.at)).map(|sent| sent.server).collect();
        readings.push(Reading {
            case,
            subject: SUBJECT,
            metric: OFF,
            value: 100.0 * most_off(&sent, weights),
        });
        if case == FIRST {
            let value = sent.windows(10).map(|ten| 10.0 * most_off(ten, weights)).fold(0.0, f64::max);
            readings.push(Reading { case, subject: SUBJECT, metric: WINDOW, value });
        }
        if case == ZERO {
            let at_zero = sent.iter().filter(|server| **server == 0).count();
            let counts = [
                (NOTHING, number(at_zero)),
                (DIALS, number(log.dials.len())),
                (SLOWEST, log.slowest_nanos()),
            ];
            readings.extend(counts.map(|(metric, value)| Reading { case, subject: SUBJECT, metric, value }));
        }
        from += PHASE;
    }
    let line = |subject, server| {
        let sent = log.sent.iter().filter(|sent| sent.server == server).map(|sent| sent.at);
        let by_half_second = per_step(sent, secs(1) / 2, end).into_iter().map(|count| f64::from(2 * count));
        Line::by_step(subject, 0.5, by_half_second)
    };
    let lines = vec![line("1, then 7, then 0", 0), line("2", 1), line("7", 2)];
    Run { readings, chart: Chart::over_time("Items a second, by weight", ("items", Unit::PerSecond), lines) }
}

fn weighing(weights: [u32; 3]) -> AddressSet<u32> {
    (0..).zip(weights).map(|(server, weight)| Endpoint::new(server).with_weight(weight)).collect()
}

/// How far the share of any server is off from its weight.
fn most_off(sent: &[u32], weights: [u32; 3]) -> f64 {
    let mut by_server = BTreeMap::<u32, usize>::new();
    for server in sent {
        *by_server.entry(*server).or_default() += 1;
    }
    let all = f64::from(weights.iter().sum::<u32>());
    let off = (0..).zip(weights).map(|(server, weight)| {
        let share = number(by_server.get(&server).copied().unwrap_or(0)) / number(sent.len());
        (share - f64::from(weight) / all).abs()
    });
    off.fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_that_is_most_off_counts() {
        let off = most_off(&[0, 1, 1, 2, 2, 2, 2, 2, 2, 2], [1, 2, 7]);
        assert!(off < 1e-9, "{off}");
        let off = most_off(&[0, 0, 1, 2, 2, 2, 2, 2, 2, 2], [1, 2, 7]);
        assert!((off - 0.1).abs() < 1e-9, "{off}");
    }
}
