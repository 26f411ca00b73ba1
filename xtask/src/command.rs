//! Other programs: cargo, rustup, and whatever they build.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Where the workspace is.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask/ is in the workspace")
}

/// Where cargo builds.
pub(crate) fn target_dir() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// A program with its arguments, to be run in the workspace. Arguments have no spaces here, so a
/// whole line can be given at once. Cargo says nothing of what goes well.
pub(crate) fn command(line: &str) -> Command {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().expect("a program"));
    command.args(words).current_dir(root()).env("CARGO_TERM_QUIET", "true");
    command
}

/// Runs a program to its end and returns what it wrote to its standard output and its standard
/// error. If it fails, both are in the error.
pub(crate) fn output(command: &mut Command) -> Result<(String, String)> {
    let output = command.output().with_context(|| format!("can't run {}", shown(command)))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        bail!("{stdout}{stderr}{} failed: {}", shown(command), output.status);
    }
    Ok((stdout, stderr))
}

/// Whether there is such a program; it must know `--version`.
pub(crate) fn is_installed(program: &str) -> bool {
    let status = Command::new(program).arg("--version").stdout(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn shown(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
