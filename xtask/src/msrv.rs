//! `cargo xtask msrv`: whether the libraries build with the oldest Rust they promise to support.

use std::fs;

use anyhow::{Context, Result};

use crate::command::{command, output, root};
use crate::steps::{Steps, Verdict, or_skip_when_missing};

pub(crate) fn run() -> Result<()> {
    let mut steps = Steps::new();
    add_to(&mut steps);
    steps.finish()
}

pub(crate) fn add_to(steps: &mut Steps) {
    steps.check("msrv", || or_skip_when_missing(toolchain(), |name| check(&name)));
}

fn check(toolchain: &str) -> Result<Verdict> {
    let mut check = command(&format!("rustup run {toolchain} cargo check"));
    for library in fs::read_dir(root().join("crates"))? {
        check.arg("--package").arg(library?.file_name());
    }
    check.args(["--features", "pool-resolve/dns"]);
    output(&mut check)?;
    Ok(Verdict::Passed)
}

/// `rust-version` in the root Cargo.toml.
fn rust_version() -> Result<String> {
    let manifest = fs::read_to_string(root().join("Cargo.toml"))?;
    let value = manifest.lines().find_map(|line| line.strip_prefix("rust-version = "));
    let value = value.context("the root Cargo.toml has no rust-version")?;
    Ok(value.trim_matches('"').to_owned())
}

/// The name of an installed toolchain of that Rust; installs one if there is none.
pub(crate) fn toolchain() -> Result<String> {
    let version = &*rust_version()?;
    let (installed, _) = output(&mut command("rustup toolchain list"))?;
    let mut names = installed.split_whitespace();
    let is_it = |name: &&str| name.strip_prefix(version).is_some_and(|rest| rest.starts_with(['.', '-']));
    if let Some(name) = names.find(is_it) {
        return Ok(name.to_owned());
    }
    println!("installs Rust {version}");
    output(&mut command(&format!("rustup toolchain install {version} --profile minimal")))
        .with_context(|| format!("Rust {version} can't be installed"))?;
    Ok(version.to_owned())
}
