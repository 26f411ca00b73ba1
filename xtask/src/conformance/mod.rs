//! `cargo xtask conformance`: whether the pool keeps its promises on every runtime.

mod adapters;
mod mutants;
mod reports;
mod table;

use anyhow::{Context, Result, ensure};
use glob::Pattern;
use pool_conformance::{SEED, Scenario, scenarios};
use serde_json::json;

pub(crate) use mutants::patches;

use adapters::{ADAPTERS, Adapter};
use reports::Outcome;
use table::Table;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// One adapter only; all of them otherwise.
    #[arg(long, value_name = "NAME")]
    adapter: Option<String>,
    /// Only scenarios whose names match, such as 'c5_*'.
    #[arg(long, value_name = "GLOB", default_value = "*")]
    scenario: String,
    /// Tells which adapters and scenarios there are, and runs nothing.
    #[arg(long)]
    list: bool,
    /// What everything that is left to chance depends on.
    #[arg(long, value_name = "N", default_value_t = SEED)]
    seed: u64,
    /// A line of JSON for each scenario and each adapter instead of a table.
    #[arg(long)]
    json: bool,
    /// Plants faults in adapters and in the pool itself: each has to be caught.
    #[arg(long, conflicts_with_all = ["adapter", "scenario", "list"])]
    mutants: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let adapters = chosen_adapters(arguments.adapter.as_deref())?;
    let scenarios = chosen_scenarios(&arguments.scenario)?;
    if arguments.list {
        list(&adapters, &scenarios);
        return Ok(());
    }
    if arguments.mutants {
        return mutants::run(arguments.seed, arguments.json);
    }
    adapters::build(&adapters)?;
    let mut table = Table::new(&scenarios);
    for adapter in adapters {
        let outcome = adapter.run(&scenarios, arguments.seed)?;
        if arguments.json {
            print_json(adapter, &outcome);
        } else {
            eprintln!("{:>6.1} s  {}", outcome.seconds, adapter.name);
        }
        table.add(adapter.name, outcome);
    }
    if !arguments.json {
        println!("{table}");
    }
    let failures = table.failures();
    ensure!(failures.is_empty(), "{}", failures.join("\n\n"));
    Ok(())
}

/// The scenarios on all adapters, for CI.
pub(crate) fn check() -> Result<()> {
    run(&Arguments {
        adapter: None,
        scenario: "*".into(),
        list: false,
        seed: SEED,
        json: false,
        mutants: false,
    })
}

/// The mutants, for CI.
pub(crate) fn check_mutants() -> Result<()> {
    mutants::check(SEED)
}

fn chosen_adapters(name: Option<&str>) -> Result<Vec<&'static Adapter>> {
    let Some(name) = name else { return Ok(ADAPTERS.iter().collect()) };
    let chosen: Vec<_> = ADAPTERS.iter().filter(|adapter| adapter.name == name).collect();
    let names = ADAPTERS.map(|adapter| adapter.name).join(", ");
    ensure!(!chosen.is_empty(), "there is no adapter {name}; there are {names}");
    Ok(chosen)
}

fn chosen_scenarios(glob: &str) -> Result<Vec<Scenario>> {
    let pattern = Pattern::new(glob).with_context(|| format!("{glob} is not a pattern"))?;
    let chosen: Vec<_> = scenarios().into_iter().filter(|scenario| pattern.matches(scenario.name)).collect();
    ensure!(!chosen.is_empty(), "no scenario matches {glob}; `cargo xtask conformance --list` shows all");
    Ok(chosen)
}

fn list(adapters: &[&Adapter], scenarios: &[Scenario]) {
    println!("{} adapters:", adapters.len());
    for adapter in adapters {
        println!("  {}", adapter.name);
    }
    println!("{} scenarios:", scenarios.len());
    for scenario in scenarios {
        println!("  {}", scenario.name);
    }
}

fn print_json(adapter: &Adapter, outcome: &Outcome) {
    for report in outcome.reports.all() {
        println!("{}", serde_json::to_string(report).expect("a report is text and numbers"));
    }
    let [passed, failed, skipped] = outcome.reports.counts();
    let summary = json!({
        "adapter": adapter.name,
        "passed": passed,
        "failed": failed,
        "skipped": skipped,
        "not_reported": outcome.missing.len(),
        "seconds": outcome.seconds,
        "trace_hash": outcome.reports.trace_hash(),
    });
    println!("{summary}");
}
