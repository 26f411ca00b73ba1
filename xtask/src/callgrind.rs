//! Counts instructions: the same number at every run, whatever else the machine is doing.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::{self, output};

pub(crate) fn is_installed() -> bool {
    command::is_installed("valgrind")
}

/// Instructions for one unit of work: the difference of two runs of different length, which what
/// comes before and after the work is no part of.
///
/// `arguments` says how to run a number of units; with `function`, only that function counts.
pub(crate) fn instructions_per_unit(
    program: &Path,
    units: [u32; 2],
    function: Option<&str>,
    arguments: impl Fn(u32) -> String,
) -> Result<f64> {
    let [short, long] = units;
    let fewer = instructions(program, function, &arguments(short))?;
    let more = instructions(program, function, &arguments(long))?;
    Ok((more - fewer) / f64::from(long - short))
}

fn instructions(program: &Path, function: Option<&str>, arguments: &str) -> Result<f64> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    if let Some(function) = function {
        valgrind.arg("--collect-atstart=no").arg(format!("--toggle-collect=*{function}*"));
    }
    let (_, stderr) = output(valgrind.arg(program).args(arguments.split_whitespace()))?;
    let collected = stderr.lines().find_map(|line| line.split_once("Collected : "));
    let (_, count) = collected.context("callgrind printed no count")?;
    count.trim().parse().with_context(|| format!("not a count: {count}"))
}
