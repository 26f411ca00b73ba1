//! The program that has this pool and others: `tests/peers`, a workspace of its own.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::program::Program;
use crate::command::{command, is_installed, output, root, target_dir};
use crate::steps::{Steps, Verdict, or_skip_when_missing};

const WORKSPACE: &str = "tests/peers";
const SERVER: &str = "redis-server";

/// For CI: that the program is in order.
pub(crate) fn add_to(steps: &mut Steps) {
    steps.run("format: peers", &mut cargo("fmt --check -- --color=never"));
    for check in ["clippy --locked --all-targets -- -D warnings", "test --locked"] {
        let name = check.split_whitespace().next().unwrap_or_default();
        steps.check(&format!("peers: {name}"), || {
            or_skip_when_missing(fetch(), |()| output(&mut cargo(check)).map(|_| Verdict::Passed))
        });
    }
}

/// Builds the program to measure with.
pub(super) fn build() -> Result<Program> {
    build_by("measured")
}

/// Builds the program as its tests are.
pub(super) fn build_for_tests() -> Result<Program> {
    build_by("dev")
}

fn build_by(profile: &str) -> Result<Program> {
    output(&mut cargo(&format!("build --locked --profile {profile}")))?;
    let folder = if profile == "dev" { "debug" } else { profile };
    Ok(Program { path: target().join(folder).join("pool-peers") })
}

/// The servers and the other clients are there.
pub(super) fn ensure_provided() -> Result<()> {
    ensure_installed()?;
    fetch()
}

pub(super) fn ensure_installed() -> Result<()> {
    ensure!(is_installed(SERVER), "{SERVER} is missing: `apt-get install {SERVER}`");
    Ok(())
}

/// Cargo in the program's workspace.
fn cargo(arguments: &str) -> Command {
    let mut cargo = command(&format!("cargo {arguments}"));
    cargo.current_dir(root().join(WORKSPACE)).env("CARGO_TARGET_DIR", target());
    cargo
}

/// Where it builds: it has its own versions of what others build too.
fn target() -> PathBuf {
    target_dir().join("peers")
}

/// The other clients, which nothing else needs.
fn fetch() -> Result<()> {
    output(&mut cargo("fetch --locked")).context("its dependencies can't be fetched")?;
    Ok(())
}
