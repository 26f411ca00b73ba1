//! `cargo xtask bench gate`: no hot path takes more instructions than it did.
//!
//! What each took is in a file of the repository, with the functions that took them and the reason of the last change.
//! The counts hold for one compiler: another inlines otherwise.

mod counts;
mod record;

use std::env;
use std::path::PathBuf;

use anyhow::{Result, bail, ensure};

use super::program::Program;
use crate::callgrind;
use crate::command::{command, output, root};
use crate::steps::{Steps, Verdict};
use counts::Counts;
use record::Record;

const FILE: &str = "xtask/instructions.json";
/// A count may be so many times what it was.
const MOST: f64 = 1.03;

/// Cases of the benchmarks `dispatch` and `core`, as these are called, without the number of items.
const CASES: [(&str, &str, &str); 8] = [
    ("oneway-1", "dispatch", "once pool-tokio 1 0 ct"),
    ("oneway-4", "dispatch", "once pool-tokio 4 0 ct"),
    ("w1-1", "dispatch", "once pool-call 1 1 ct"),
    ("w1-64", "dispatch", "once pool-call 64 1 ct"),
    ("w32-4", "dispatch", "once pool-call 4 32 ct"),
    ("w1-64-pipelined", "dispatch", "once pipelined 64 1 ct"),
    ("w32-4-pipelined", "dispatch", "once pipelined 4 32 ct"),
    ("choose-1000", "core", "choose round-robin 1000"),
];
const ITEMS: [u32; 2] = [20_000, 60_000];

/// Compares, or writes the file anew for this reason.
pub(super) fn run(reason: Option<&str>) -> Result<()> {
    ensure!(callgrind::is_installed(), "valgrind is missing: `apt-get install valgrind`");
    let found = measure()?;
    let Some(reason) = reason else { return compare(&found) };
    ensure!(!reason.trim().is_empty(), "say why: `cargo xtask bench gate --accept \"the reason\"`");
    Record { compiler: compiler()?, reason: reason.to_owned(), cases: found }.write(&file())
}

/// For CI, where the counts must have been taken with the compiler in use.
pub(crate) fn add_to(steps: &mut Steps) {
    steps.check("gate: instructions", || {
        let is_required = env::var_os("POOL_CI").is_some();
        if !callgrind::is_installed() && !is_required {
            return Ok(Verdict::Skipped("valgrind is missing: `apt-get install valgrind`".into()));
        }
        let (recorded, used) = (Record::read(&file())?.compiler, compiler()?);
        if recorded != used && !is_required {
            return Ok(Verdict::Skipped(format!("counted with {recorded}, and this is {used}")));
        }
        run(None).map(|()| Verdict::Passed)
    });
}

fn measure() -> Result<Vec<(String, Counts)>> {
    let programs = [("dispatch", Program::build("dispatch")?), ("core", Program::build("core")?)];
    let mut cases = Vec::new();
    for (name, bench, arguments) in CASES {
        let Some((_, program)) = programs.iter().find(|(of, _)| *of == bench) else { continue };
        let counts = Counts::per_item(&program.path, ITEMS, |items| format!("{arguments} {items}"))?;
        println!("{name:16} {:8.1} instructions an item", counts.total());
        cases.push((name.to_owned(), counts));
    }
    Ok(cases)
}

fn compare(found: &[(String, Counts)]) -> Result<()> {
    let record = Record::read(&file())?;
    let used = compiler()?;
    ensure!(
        record.compiler == used,
        "the counts are those of {}, and this is {used}: `cargo xtask bench gate --accept \"{used}\"`",
        record.compiler,
    );
    let mut grown = Vec::new();
    for (name, counts) in found {
        let Some(before) = record.case(name) else {
            grown.push(format!("{name}: not in {FILE}"));
            continue;
        };
        if counts.total() > before.total() * MOST {
            let (from, to) = (before.total(), counts.total());
            grown.push(format!("{name}: from {from:.1} to {to:.1}\n{}", counts.growth_since(before)));
        }
    }
    if !grown.is_empty() {
        bail!(
            "more instructions than allowed:\n{}\nIf that is right: `cargo xtask bench gate --accept \"the reason\"`",
            grown.join("\n"),
        );
    }
    println!("no hot path has grown by more than {:.0} %", (MOST - 1.0) * 100.0);
    Ok(())
}

fn file() -> PathBuf {
    root().join(FILE)
}

/// As it names itself.
fn compiler() -> Result<String> {
    let (version, _) = output(&mut command("rustc --version"))?;
    Ok(version.trim().to_owned())
}
