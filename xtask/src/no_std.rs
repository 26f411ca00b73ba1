//! `cargo xtask no-std`: whether pool-core builds where there is no std.
//!
//! A dependency that links std builds for the host and for WebAssembly, but not for these targets.
//! With `--qemu` it runs on an emulated microcontroller, too.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::command::{command, is_installed, output, root, target_dir};
use crate::steps::{Steps, Verdict, or_skip_when_missing};

const TARGETS: [&str; 2] = ["thumbv7em-none-eabihf", "x86_64-unknown-none"];

/// The target of the example for microcontrollers, and what emulates one.
const QEMU_TARGET: &str = "thumbv7m-none-eabi";
const QEMU: &str = "qemu-system-arm";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run examples/cortex-m on an emulated microcontroller, too.
    #[arg(long)]
    qemu: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut steps = Steps::new();
    add_to(&mut steps);
    if arguments.qemu {
        add_qemu_to(&mut steps);
    }
    steps.finish()
}

pub(crate) fn add_to(steps: &mut Steps) {
    for target in TARGETS {
        steps.check(&format!("no-std: {target}"), || {
            or_skip_when_missing(add_target(target), |()| {
                output(&mut command(&format!("cargo build -p pool-core --target {target}")))?;
                Ok(Verdict::Passed)
            })
        });
    }
}

pub(crate) fn add_qemu_to(steps: &mut Steps) {
    steps.check(&format!("no-std: {QEMU_TARGET} in qemu"), || {
        or_skip_when_missing(prepare_qemu(), |()| {
            output(&mut cortex_m("cargo clippy --locked -- -D warnings"))?;
            let (stdout, _) = output(&mut cortex_m("cargo run --locked"))?;
            println!("{}", stdout.lines().last().context("the example printed nothing")?);
            Ok(Verdict::Passed)
        })
    });
}

/// A command in the example's own workspace, which has settings of its own.
fn cortex_m(line: &str) -> Command {
    let mut command = command(line);
    command.current_dir(root().join("examples/cortex-m")).env("CARGO_TARGET_DIR", target_dir());
    command
}

fn prepare_qemu() -> Result<()> {
    ensure!(is_installed(QEMU), "{QEMU} is missing: `apt-get install {QEMU}`");
    add_target(QEMU_TARGET)?;
    output(&mut cortex_m("cargo fetch --locked")).context("its dependencies can't be fetched")?;
    Ok(())
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
