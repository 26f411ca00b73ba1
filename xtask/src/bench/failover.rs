//! What callers see of a server that dies, or hangs: with this pool and with others, each with three servers of its
//! own.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use super::KIND;
use super::bounds::{self, Scope};
use super::peers;
use super::program::Program;
use crate::report::bound::Bound;
use crate::report::figure::{Figure, Metric, Unit};
use crate::report::{Format, Report};
use crate::steps::{Steps, Verdict, or_skip_when_missing};

const POOL: &str = "pool-tokio";
/// It repeats what failed.
const RETRYING: &str = "pool-tokio-retry";
const CLIENTS: [&str; 6] = [POOL, RETRYING, "redis-rs", "fred", "bb8", "deadpool"];

/// Milliseconds of each phase.
struct Plan {
    before: u32,
    down: u32,
    after: u32,
}

const THOROUGH: Plan = Plan { before: 4000, down: 2000, after: 4000 };
const QUICK: Plan = Plan { before: 1000, down: 2000, after: 2000 };

const HUNG: Metric = Metric::new("hung", Unit::Count);
const UNACCOUNTED: Metric = Metric::new("unaccounted", Unit::Count);
const FAILED: Metric = Metric::new("failed", Unit::Count);
const IN_FLIGHT: Metric = Metric::new("in flight", Unit::Count);
/// Failed calls that can't have been on the dead server's connections.
const FAILED_ELSEWHERE: Metric = Metric::new("failed elsewhere", Unit::Count);
const DOWN: Metric = Metric::new("rate down", Unit::PerSecond);
const AFTER: Metric = Metric::new("rate after", Unit::PerSecond);
const SLOWEST: Metric = Metric::new("slowest call", Unit::Nanoseconds);
const STALL: Metric = Metric::new("stall", Unit::Nanoseconds);
const BACK: Metric = Metric::new("back after", Unit::Nanoseconds);
const PAUSE: Metric = Metric::new("pause", Unit::Nanoseconds);
const BEFORE: &str = "before";

pub(super) const BOUNDS: &[Bound] = &[
    of_kill(POOL, HUNG).at_most(0.0).on_any_machine(),
    of_kill(RETRYING, HUNG).at_most(0.0).on_any_machine(),
    of_kill(POOL, UNACCOUNTED).at_most(0.0).on_any_machine(),
    of_kill(RETRYING, UNACCOUNTED).at_most(0.0).on_any_machine(),
    of_kill(POOL, FAILED_ELSEWHERE).at_most(0.0).on_any_machine(),
    of_kill(RETRYING, FAILED_ELSEWHERE).at_most(0.0).on_any_machine(),
    of_kill(RETRYING, FAILED).at_most(0.0).on_any_machine(),
    of_kill(POOL, DOWN).to(BEFORE).at_least(0.95),
    of_kill(RETRYING, DOWN).to(BEFORE).at_least(0.95),
    of_kill(POOL, SLOWEST).at_most(100e6),
    of_kill(RETRYING, SLOWEST).at_most(100e6),
];

const fn of_kill(client: &'static str, metric: Metric) -> Bound {
    Bound::on("failover", "kill", client, metric)
}

pub(super) fn measure_kill(report: &mut Report) -> Result<()> {
    peers::ensure_installed()?;
    measure(report, &peers::build()?, "kill")
}

pub(super) fn measure_hang(report: &mut Report) -> Result<()> {
    peers::ensure_installed()?;
    measure(report, &peers::build()?, "hang")
}

/// For CI: what must hold on any machine, however slow.
pub(crate) fn add_to(steps: &mut Steps) {
    steps.check("failover", || {
        or_skip_when_missing(peers::ensure_provided(), |()| {
            let mut report = Report::new(KIND, Format::Nothing, true);
            report.begin("failover", "", bounds::of("failover", Scope::AnyMachine));
            measure(&mut report, &peers::build_for_tests()?, "kill")?;
            let missed = report.missed();
            ensure!(missed.is_empty(), "{}\n{}", missed.join("\n"), report.last_table());
            Ok(Verdict::Passed)
        })
    });
}

/// One client after the other.
fn measure(report: &mut Report, program: &Program, fault: &'static str) -> Result<()> {
    let Plan { before, down, after } = if report.quick { QUICK } else { THOROUGH };
    report.expect_steps(CLIENTS.len());
    report.table(title(fault, down), None);
    for client in CLIENTS {
        report.step(client);
        let printed = program.run(&format!("failover {client} {fault} {before} {down} {after}"))?;
        let printed = Printed::parse(&printed).with_context(|| format!("{client} printed:\n{printed}"))?;
        for figure in printed.figures(fault, client) {
            report.add(figure);
        }
    }
    Ok(())
}

fn title(fault: &str, down: u32) -> String {
    let what = match fault {
        "kill" => "is killed, and back",
        _ => "is stopped, and goes on",
    };
    format!(
        "One of three Redis servers {what} after {down} ms; 32 callers, each with a GET every 4 ms. In flight: calls \
         that its connections took along; with other clients, calls that waited for it. Stall: no call is answered. \
         Pause: how late a thread is that only sleeps; what takes no longer says nothing of a client."
    )
}

/// What the program prints: a name and a number each line.
struct Printed(BTreeMap<String, f64>);

impl Printed {
    fn parse(printed: &str) -> Result<Self> {
        let parse = |line: &str| {
            let (name, value) = line.split_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        let numbers: Option<BTreeMap<_, _>> = printed.lines().map(parse).collect();
        numbers.filter(|numbers| !numbers.is_empty()).map(Self).context("not names and numbers")
    }

    /// What is missing is no number, and keeps no bound.
    fn number(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or(f64::NAN)
    }

    fn failed(&self) -> f64 {
        self.number("not-sent") + self.number("maybe-sent") + self.number("errors") + self.number("timed-out")
    }

    fn failed_elsewhere(&self) -> f64 {
        let excess = (self.number("maybe-sent") - self.number("in-flight")).max(0.0);
        self.number("not-sent") + self.number("errors") + excess
    }

    fn figures(&self, fault: &'static str, client: &'static str) -> Vec<Figure> {
        let figure = |metric, value| Figure::new(fault, client, metric, value);
        let time = |metric, name| figure(metric, self.number(name) * 1e6);
        let rate =
            |metric, name| figure(metric, self.number(name)).against(BEFORE, self.number("rate-before"));
        vec![
            figure(FAILED, self.failed()),
            figure(IN_FLIGHT, self.number("in-flight")),
            figure(FAILED_ELSEWHERE, self.failed_elsewhere()),
            figure(HUNG, self.number("hung")),
            figure(UNACCOUNTED, self.number("unaccounted")),
            rate(DOWN, "rate-down"),
            rate(AFTER, "rate-after"),
            time(SLOWEST, "slowest"),
            time(STALL, "stall"),
            time(BACK, "back"),
            time(PAUSE, "pause"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(printed: &str) -> Printed {
        Printed::parse(printed).expect("names and numbers")
    }

    #[test]
    fn calls_may_fail_only_where_they_can_be_lost() {
        let within = printed("not-sent 0\nmaybe-sent 3\nerrors 0\ntimed-out 0\nin-flight 3");
        assert_eq!((within.failed(), within.failed_elsewhere()), (3.0, 0.0));
        let beyond = printed("not-sent 1\nmaybe-sent 3\nerrors 1\ntimed-out 1\nin-flight 2");
        assert_eq!((beyond.failed(), beyond.failed_elsewhere()), (6.0, 3.0));
    }

    #[test]
    fn what_is_no_figure_is_refused_and_what_is_missing_is_no_number() {
        for text in ["", "calls", "calls many", "calls 1\nerror"] {
            assert!(Printed::parse(text).is_err(), "{text}");
        }
        assert!(printed("calls 1").failed().is_nan());
    }
}
