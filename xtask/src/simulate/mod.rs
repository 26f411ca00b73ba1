//! `cargo xtask simulate`: what the machine of `pool-core` makes of situations from the field, in virtual time, and
//! whether that is within the bounds. The same seeds give the same figures.

mod run;
mod scenarios;
mod world;

use std::num::NonZero;
use std::path::PathBuf;
use std::thread::{self, available_parallelism};

use anyhow::{Result, ensure};
use clap::ValueEnum;

use crate::report::figure::Figure;
use crate::report::{Format, Kind, Report, verdict};
use crate::steps::Verdict;
use run::{Run, Simulation};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[arg(value_enum)]
    simulation: Name,
    /// How many seeds each is run with: 1 and those that follow.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    seeds: u32,
    /// Writes report.md, figures.jsonl and plots there.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// A line of JSON for each figure instead of tables.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Name {
    /// Every simulation, one after the other.
    All,
    /// A thousand clients dial a server that returns, with jitter and without.
    Backoff,
    /// Items spill to servers of a worse priority, and come back.
    Failback,
    /// A server says goodbye after every item.
    Goodbye,
    /// One of three servers hangs.
    HangingServer,
    /// Servers close connections that are idle, and nobody sends.
    IdleClose,
    /// The replies of one of three servers say that it is overloaded.
    Overload,
    /// Twenty servers are replaced one by one.
    RollingDeploy,
    /// One of eleven servers is slow for a while.
    SlowServer,
    /// Fifty items come at once to a lazy pool.
    Spike,
    /// Weights, and their changes.
    Weights,
}

const KIND: Kind = Kind { title: "Simulations", command: "simulate" };

impl Name {
    fn simulations(self) -> Vec<Simulation> {
        let name = self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        scenarios::ALL.into_iter().filter(|simulation| self == Self::All || simulation.name == name).collect()
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let Arguments { simulation, seeds, out, json } = arguments;
    let mut report = Report::new(KIND, if *json { Format::Json } else { Format::Tables }, false);
    let simulations = simulation.simulations();
    for (number, simulation) in simulations.iter().enumerate() {
        let place = if simulations.len() > 1 {
            format!("{}/{} ", number + 1, simulations.len())
        } else {
            String::new()
        };
        add(&mut report, simulation, &place, *seeds);
    }
    report.finish();
    if let Some(folder) = out {
        report.write(folder)?;
    }
    verdict(&report.missed())
}

/// For CI: one seed of each.
pub(crate) fn check() -> Result<Verdict> {
    let mut report = Report::new(KIND, Format::Nothing, false);
    for simulation in &scenarios::ALL {
        add(&mut report, simulation, "", 1);
    }
    let missed = report.missed();
    ensure!(missed.is_empty(), "{}", missed.join("\n"));
    Ok(Verdict::Passed)
}

/// Runs a simulation with each seed. The picture is that of the first.
fn add(report: &mut Report, simulation: &Simulation, place: &str, seeds: u32) {
    report.begin(simulation.name, place, simulation.bounds.iter().collect());
    report.expect_steps(seeds as usize);
    let runs = runs(simulation.run, seeds, |done| report.step(&format!("{done} of {seeds} seeds")));
    report.table(simulation.title, None);
    report.chart(runs[0].chart.clone());
    for (place, reading) in runs[0].readings.iter().enumerate() {
        let values: Vec<f64> = runs.iter().map(|run| run.readings[place].value).collect();
        report.add(Figure::of_runs(reading.case, reading.subject, reading.metric, &values));
    }
}

/// The runs in the order of their seeds, as many at a time as there are cores.
fn runs(run: fn(u64) -> Run, seeds: u32, mut tell: impl FnMut(u32)) -> Vec<Run> {
    let at_a_time = available_parallelism().map_or(1, NonZero::get);
    let seeds: Vec<u32> = (1..=seeds).collect();
    let mut runs = Vec::new();
    for seeds in seeds.chunks(at_a_time) {
        tell(seeds[0] - 1);
        thread::scope(|scope| {
            let threads: Vec<_> = seeds.iter().map(|seed| scope.spawn(|| run((*seed).into()))).collect();
            runs.extend(threads.into_iter().map(|thread| thread.join().expect("a run without a panic")));
        });
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_simulation_has_a_name_to_call_it_by_and_the_name_of_its_bounds() {
        assert_eq!(Name::value_variants().len(), scenarios::ALL.len() + 1);
        for name in Name::value_variants().iter().filter(|name| **name != Name::All) {
            let [simulation] = &name.simulations()[..] else { panic!("one of each name") };
            assert!(simulation.bounds.iter().all(|bound| bound.section() == simulation.name));
        }
    }

    #[test]
    fn a_simulation_is_the_same_for_the_same_seed_and_another_for_another() {
        let [spike] = &Name::Goodbye.simulations()[..] else { panic!("one of this name") };
        assert_eq!((spike.run)(1), (spike.run)(1));
        assert_ne!((spike.run)(1), (spike.run)(2));
    }
}
