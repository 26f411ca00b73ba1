//! Faults that are planted on purpose, to see whether the suite catches them: in adapters (tests of
//! pool-conformance), and in the pool (patches in `xtask/mutants`, applied to a copy of the
//! workspace one at a time).

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, Result, ensure};
use pool_conformance::{Report, SEED_VARIABLE};
use serde_json::json;

use super::reports::Reports;
use crate::command::{command, output, root, target_dir};

/// A fault, and the scenarios that noticed it.
struct Mutant {
    fault: String,
    caught_by: Vec<String>,
    /// Whether one of them is about the promise that the fault breaks.
    is_named: bool,
}

pub(super) fn run(seed: u64, as_json: bool) -> Result<()> {
    let mut mutants = wrong_adapters()?;
    mutants.extend(in_pool(seed)?);
    report(&mutants, as_json)
}

/// For CI. The tests of the workspace have wrong adapters among them.
pub(super) fn check(seed: u64) -> Result<()> {
    if env::var_os("POOL_TESTED").is_none() { run(seed, false) } else { report(&in_pool(seed)?, false) }
}

/// Those in the pool.
fn in_pool(seed: u64) -> Result<Vec<Mutant>> {
    let (patches, next) = (patches()?, AtomicUsize::new(0));
    let worker = |number: usize| {
        let copy = Copy::make(number)?;
        if number == 0 {
            copy.check_baseline(seed)?;
        }
        let mut mutants = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(patch) = patches.get(index) else { return anyhow::Ok(mutants) };
            let mutant = copy.run(patch, seed);
            mutants.push((index, mutant.with_context(|| format!("{} is no good", patch.display()))?));
        }
    };
    let workers = thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|number| scope.spawn(move || worker(number))).collect();
        workers.into_iter().map(|worker| worker.join().expect("it doesn't panic")).collect::<Result<Vec<_>>>()
    })?;
    let mut mutants: Vec<_> = workers.into_iter().flatten().collect();
    mutants.sort_by_key(|(index, _)| *index);
    Ok(mutants.into_iter().map(|(_, mutant)| mutant).collect())
}

/// So many are built at a time: half of a build leaves all cores but one idle.
const WORKERS: usize = 2;

fn report(mutants: &[Mutant], as_json: bool) -> Result<()> {
    for mutant in mutants {
        mutant.print(as_json);
    }
    let missed = mutants.iter().filter(|mutant| !mutant.is_named).map(|mutant| mutant.fault.as_str());
    let missed: Vec<_> = missed.collect();
    if !as_json {
        println!("\n{} faults planted, {} caught", mutants.len(), mutants.len() - missed.len());
    }
    ensure!(
        missed.is_empty(),
        "not caught by a scenario of the promise that it breaks: {}",
        missed.join(", ")
    );
    Ok(())
}

/// The third line of a patch whose fault the tests of pool-core catch, as no scenario can see it.
const CAUGHT_BY_CORE: &str = "Caught by the tests of pool-core";

impl Mutant {
    /// It is named if one of the tests has the promise in its name.
    fn caught_by_tests(fault: String, breaks: &str, mut caught_by: Vec<String>) -> Self {
        let promise = format!("{}_", breaks.to_lowercase());
        caught_by.sort_by_key(|test| (!test.starts_with(&promise), test.clone()));
        let is_named = caught_by.first().is_some_and(|test| test.starts_with(&promise));
        Self { fault, caught_by, is_named }
    }

    fn print(&self, as_json: bool) {
        let Self { fault, caught_by, is_named } = self;
        if as_json {
            println!("{}", json!({ "fault": fault, "caught": is_named, "caught_by": caught_by }));
            return;
        }
        let verdict = if *is_named { "caught" } else { "NOT CAUGHT" };
        println!("{fault}: {verdict} by {} scenarios", caught_by.len());
        for scenario in caught_by.iter().take(SHOWN_MAX) {
            println!("    {scenario}");
        }
        if caught_by.len() > SHOWN_MAX {
            println!("    and {} more", caught_by.len() - SHOWN_MAX);
        }
    }
}

/// More scenarios than this say nothing new of a fault.
const SHOWN_MAX: usize = 5;

/// The tests see to it that each is caught by the right promise.
fn wrong_adapters() -> Result<Vec<Mutant>> {
    let mut test = command("cargo test --package pool-conformance --test wrong_adapters");
    let (reports, written, has_passed) = Reports::of(&mut test)?;
    ensure!(has_passed, "the tests of wrong adapters failed\n{written}");
    let mut mutants: Vec<Mutant> = Vec::new();
    for report in reports.failed() {
        match mutants.iter_mut().find(|mutant| mutant.fault == report.adapter) {
            Some(mutant) => mutant.caught_by.push(report.scenario.clone()),
            None => mutants.push(Mutant {
                fault: report.adapter.clone(),
                caught_by: vec![report.scenario.clone()],
                is_named: true,
            }),
        }
    }
    // What a wrong adapter breaks first of all is what it owes to a driver.
    for mutant in &mut mutants {
        mutant.caught_by.sort_by_key(|scenario| (!scenario.starts_with('r'), scenario.clone()));
    }
    Ok(mutants)
}

/// All patches, in order.
pub(crate) fn patches() -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(root().join("xtask/mutants"))?;
    let mut patches = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    patches.sort();
    Ok(patches)
}

/// A copy of the workspace, to be spoiled.
struct Copy {
    workspace: PathBuf,
    /// Where it builds.
    target: PathBuf,
}

impl Copy {
    fn make(number: usize) -> Result<Self> {
        let folder = target_dir().join(format!("mutants/{number}"));
        let (workspace, target) = (folder.join("workspace"), folder.join("target"));
        if workspace.exists() {
            fs::remove_dir_all(&workspace)?;
        }
        copy_dir(root(), &workspace)?;
        Ok(Self { workspace, target })
    }

    /// Without a fault nothing fails; otherwise a failure with one would mean nothing.
    fn check_baseline(&self, seed: u64) -> Result<()> {
        let reports = self.test(seed)?;
        let failed = reports.failed().map(|report| report.scenario.as_str()).collect::<Vec<_>>().join(", ");
        ensure!(failed.is_empty(), "fails without a fault: {failed}");
        Ok(())
    }

    /// Applies a patch, runs the suite on the simulated runtime, and takes the patch back.
    fn run(&self, patch: &Path, seed: u64) -> Result<Mutant> {
        let header = fs::read_to_string(patch)?;
        let mut header = header.lines();
        let fault = header.next().context("the first line says what the fault is")?.to_owned();
        let breaks = header.next().and_then(|line| line.strip_prefix("Breaks "));
        let breaks = breaks.context("the second line says which promise it breaks: `Breaks I6`")?;
        let is_of_core = header.next() == Some(CAUGHT_BY_CORE);
        self.git_apply(patch, &[])?;
        if is_of_core {
            let caught_by = self.test_core();
            self.git_apply(patch, &["--reverse"])?;
            return Ok(Mutant::caught_by_tests(fault, breaks, caught_by?));
        }
        let reports = self.test(seed);
        self.git_apply(patch, &["--reverse"])?;
        let reports = reports?;
        let is_named = |report: &Report| {
            report.scenario.strip_prefix(&breaks.to_lowercase()).is_some_and(|rest| rest.starts_with('_'))
        };
        // Those that say what is wrong come first.
        let mut failed: Vec<_> = reports.failed().collect();
        failed.sort_by_key(|report| (!is_named(report), report.scenario.clone()));
        Ok(Mutant {
            fault,
            is_named: failed.first().is_some_and(|report| is_named(report)),
            caught_by: failed.into_iter().map(|report| report.scenario.clone()).collect(),
        })
    }

    fn git_apply(&self, patch: &Path, options: &[&str]) -> Result<()> {
        let mut git = Command::new("git");
        git.args(["apply", "--whitespace=nowarn"]).args(options).arg(patch).current_dir(&self.workspace);
        // The copy may be inside of a repository, which is none of its business.
        output(git.env("GIT_CEILING_DIRECTORIES", self.workspace.parent().expect("it is in a folder")))?;
        Ok(())
    }

    /// A command that runs in the copy.
    fn in_copy(&self, line: &str) -> Command {
        let mut cargo = command(line);
        cargo.current_dir(&self.workspace).env("CARGO_TARGET_DIR", &self.target);
        // It is built for each of them, and nobody debugs it.
        cargo.env("CARGO_PROFILE_DEV_DEBUG", "false");
        cargo
    }

    /// Runs the tests of pool-core that are named for promises. Returns those that fail.
    fn test_core(&self) -> Result<Vec<String>> {
        let tests = "cargo test --package pool-core --lib --test policies --test priorities --test only";
        output(&mut self.in_copy(&format!("{tests} --no-run"))).context("with the patch it doesn't build")?;
        let ran = self.in_copy(&format!("{tests} --no-fail-fast")).output()?;
        let written = String::from_utf8_lossy(&ran.stdout).into_owned();
        let failed =
            written.lines().filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"));
        // Those of the library have paths.
        Ok(failed.map(|test| test.rsplit("::").next().unwrap_or(test).to_owned()).collect())
    }

    fn test(&self, seed: u64) -> Result<Reports> {
        let in_copy = |line: &str| self.in_copy(line);
        let suite = "cargo test --package pool-conformance --test conformance";
        output(&mut in_copy(&format!("{suite} --no-run"))).context("with the patch it doesn't build")?;
        let (reports, ..) = Reports::of(in_copy(suite).env(SEED_VARIABLE, seed.to_string()))?;
        Ok(reports)
    }
}

/// Copies what belongs to the workspace.
fn copy_dir(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, copy) = (entry.path(), to.join(entry.file_name()));
        if entry.file_name() == "target" || entry.file_name() == ".git" {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy_dir(&source, &copy)?;
        } else {
            fs::copy(&source, &copy)?;
        }
    }
    Ok(())
}
