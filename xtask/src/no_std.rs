//! `cargo xtask no-std`: whether pool-core builds where there is no std.
//!
//! A dependency that links std builds for the host and for WebAssembly, but not for these targets.

use anyhow::{Context, Result};

use crate::command::{command, output};
use crate::steps::{Steps, Verdict, or_skip_when_offline};

const TARGETS: [&str; 2] = ["thumbv7em-none-eabihf", "x86_64-unknown-none"];

pub(crate) fn run() -> Result<()> {
    let mut steps = Steps::new();
    add_to(&mut steps);
    steps.finish()
}

pub(crate) fn add_to(steps: &mut Steps) {
    for target in TARGETS {
        steps.check(&format!("no-std: {target}"), || {
            or_skip_when_offline(add_target(target), |()| {
                output(&mut command(&format!("cargo build -p pool-core --target {target}")))?;
                Ok(Verdict::Passed)
            })
        });
    }
    steps.run("no-std: tests", &mut command("cargo test -p pool-core --no-default-features"));
}

fn add_target(target: &str) -> Result<()> {
    let (installed, _) = output(&mut command("rustup target list --installed"))?;
    if !installed.lines().any(|line| line == target) {
        println!("installs the Rust target {target}");
        output(&mut command(&format!("rustup target add {target}")))
            .with_context(|| format!("the Rust target {target} can't be installed"))?;
    }
    Ok(())
}
