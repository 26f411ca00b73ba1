//! The adapters, and where their suites are.

use std::time::Instant;

use anyhow::{Context, Result};
use pool_conformance::{SEED_VARIABLE, Scenario};

use super::reports::{Outcome, Reports};
use crate::command::{command, output};

/// An adapter, and the tests that [`pool_conformance::conformance!`] made for it.
pub(super) struct Adapter {
    pub(super) name: &'static str,
    package: &'static str,
    /// The module of the tests, in the package's `tests/conformance.rs`.
    module: &'static str,
}

impl Adapter {
    const fn new(name: &'static str, package: &'static str, module: &'static str) -> Self {
        Self { name, package, module }
    }
}

/// All of them, in the order of the table's columns.
pub(super) const ADAPTERS: [Adapter; 8] = [
    Adapter::new("sim", "pool-conformance", ""),
    Adapter::new("tokio-current-thread", "pool-tokio", "on_the_current_thread::"),
    Adapter::new("tokio-multi-thread", "pool-tokio", "on_several_threads::"),
    Adapter::new("tokio-local", "pool-tokio", "on_a_local_set::"),
    Adapter::new("smol", "pool-smol", "on_the_global_executor::"),
    Adapter::new("smol-local", "pool-smol", "on_a_local_executor::"),
    Adapter::new("embassy", "pool-embassy", ""),
    Adapter::new("compio", "pool-compio", ""),
];

/// Builds their tests, all in one go.
pub(super) fn build(adapters: &[&Adapter]) -> Result<()> {
    let mut build = command("cargo test --test conformance --no-run");
    for adapter in adapters {
        build.args(["--package", adapter.package]);
    }
    output(&mut build).map(drop)
}

impl Adapter {
    /// Runs these scenarios.
    pub(super) fn run(&self, scenarios: &[Scenario], seed: u64) -> Result<Outcome> {
        let Self { name, package, module } = self;
        let mut test = command(&format!("cargo test --package {package} --test conformance -- --exact"));
        test.args(scenarios.iter().map(|scenario| format!("{module}{}", scenario.name)));
        test.env(SEED_VARIABLE, seed.to_string());
        let start = Instant::now();
        let (reports, output, _) =
            Reports::of(&mut test).with_context(|| format!("the suite of {name} can't be run"))?;
        let seconds = start.elapsed().as_secs_f64();
        let reports = reports.of_adapter(name);
        let missing = scenarios.iter().filter(|scenario| !reports.has(scenario.name));
        let missing = missing.map(|scenario| scenario.name).collect();
        Ok(Outcome { reports, missing, seconds, output })
    }
}
