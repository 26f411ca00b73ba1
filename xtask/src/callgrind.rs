//! Counts instructions: the same number at every run, whatever else the machine is doing.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::{self, output, target_dir};

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

/// Instructions of a run, by function.
pub(crate) fn instructions_by_function(program: &Path, arguments: &str) -> Result<BTreeMap<String, f64>> {
    let file = target_dir().join("callgrind.out");
    let mut valgrind = Command::new("valgrind");
    valgrind.arg("--tool=callgrind").arg(format!("--callgrind-out-file={}", file.display()));
    output(valgrind.arg(program).args(arguments.split_whitespace()))?;
    let mut annotate = Command::new("callgrind_annotate");
    let annotate = annotate.args(["--threshold=100", "--show-percs=no", "--auto=no"]).arg(&file);
    let (functions, _) = output(annotate)?;
    let mut counts = BTreeMap::new();
    for (function, count) in functions.lines().filter_map(function_and_count) {
        *counts.entry(function).or_default() += count;
    }
    Ok(counts)
}

/// Of a line like `1,234  src/file.rs:a::function<T> [/path/to/object]`.
fn function_and_count(line: &str) -> Option<(String, f64)> {
    let (count, place) = line.trim_start().split_once(' ')?;
    let count = count.replace(',', "").parse().ok()?;
    let place = place.trim_start().rsplit_once(" [").map_or(place, |(place, _)| place);
    let (_, function) = place.trim_start().split_once(':')?;
    Some((short_name(function), count))
}

/// A function's name without the types that it was made for, which are long.
fn short_name(name: &str) -> String {
    let mut depth = 0_usize;
    let mut short = String::new();
    for character in name.chars() {
        match character {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            _ if depth == 0 => short.push(character),
            _ => {}
        }
    }
    let short = short.replace("::::", "::");
    let short = short.trim_matches(':');
    if short.is_empty() { name.to_owned() } else { short.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_count_and_a_function_without_the_types_it_was_made_for() {
        let parsed = |line| function_and_count(line);
        let line = "  1,234  crates/a/src/b.rs:pool_core::uniform::Uniform<A,B>::select [/target/dispatch]";
        assert_eq!(parsed(line), Some(("pool_core::uniform::Uniform::select".to_owned(), 1234.0)));
        assert_eq!(
            parsed("12  ./malloc/malloc.c:malloc [/lib/libc.so.6]"),
            Some(("malloc".to_owned(), 12.0))
        );
        assert_eq!(parsed("5,678  PROGRAM TOTALS"), None);
        let line = "5  a.rs:a::<impl a::B<C>>::d [/target/dispatch]";
        assert_eq!(parsed(line), Some(("a::d".to_owned(), 5.0)));
        assert_eq!(parsed("-----"), None);
    }
}
