//! Where the figures were taken.

use std::fs;
use std::thread::available_parallelism;

use anyhow::Result;

use crate::command::{command, output};

/// Processor, memory, system, compiler, and what was measured.
pub(super) fn description() -> Result<String> {
    let processor =
        first_value("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".to_owned());
    let cores = available_parallelism().map_or(1, usize::from);
    let memory = first_value("/proc/meminfo", "MemTotal").unwrap_or_else(|| "unknown".to_owned());
    let run = |line: &str| output(&mut command(line)).map(|(printed, _)| printed.trim().to_owned());
    let (system, compiler) = (run("uname -srm")?, run("rustc --version")?);
    // Not everybody measures a clone.
    let commit = run("git describe --always --dirty").unwrap_or_else(|_| "unknown".to_owned());
    let date = run("date -u +%Y-%m-%d")?;
    Ok(format!("{date}, commit {commit}: {processor}, {cores} cores, memory {memory}, {system}, {compiler}."))
}

/// Of a file of lines `key : value`.
fn first_value(file: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
