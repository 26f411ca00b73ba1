//! A list of checks: a line for each as it finishes, and a verdict on all of them at the end.

use std::env;
use std::process::Command;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::command;

/// The checks of one command. All of them run, even when one fails.
pub(crate) struct Steps {
    start: Instant,
    passed: usize,
    skipped: usize,
    failed: Vec<String>,
}

/// How a check that didn't fail went.
pub(crate) enum Verdict {
    Passed,
    Skipped(String),
}

impl Steps {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), passed: 0, skipped: 0, failed: Vec::new() }
    }

    /// A check that is one program, whose output matters only if it fails.
    pub(crate) fn run(&mut self, name: &str, command: &mut Command) {
        self.check(name, || command::output(command).map(|_| Verdict::Passed));
    }

    pub(crate) fn check(&mut self, name: &str, check: impl FnOnce() -> Result<Verdict>) {
        let start = Instant::now();
        let result = check();
        let seconds = start.elapsed().as_secs_f64();
        match result {
            Ok(Verdict::Passed) => {
                self.passed += 1;
                println!("passed   {seconds:6.1} s  {name}");
            }
            Ok(Verdict::Skipped(reason)) => {
                self.skipped += 1;
                println!("skipped: {seconds:6.1} s  {name}: {reason}");
            }
            Err(error) => {
                println!("FAILED   {seconds:6.1} s  {name}\n{error:#}\n");
                self.failed.push(name.to_owned());
            }
        }
    }

    pub(crate) fn finish(self) -> Result<()> {
        let Self { start, passed, skipped, failed } = self;
        println!("\nIn {:.0} s:", start.elapsed().as_secs_f64());
        println!("{passed} passed, {} failed, {skipped} skipped", failed.len());
        if !failed.is_empty() {
            bail!("failed: {}", failed.join(", "));
        }
        Ok(())
    }
}

/// For what the network or the machine must provide: without it a developer's check is skipped,
/// but CI's fails.
pub(crate) fn or_skip_when_missing<T>(
    provided: Result<T>,
    check: impl FnOnce(T) -> Result<Verdict>,
) -> Result<Verdict> {
    match provided {
        Ok(provided) => check(provided),
        Err(error) if env::var_os("POOL_CI").is_some() => Err(error),
        Err(error) => Ok(Verdict::Skipped(error.to_string())),
    }
}
